/* Who connected to this node of a space. */
#include "space/space_internal.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "space/control.h"

enum { VISITORS_MAX = 1024 };

/* While there is no descriptor for a visitor the listener would be ready without end. */
static void listen_to_visitors(struct space *space, bool is_on)
{
    struct epoll_event event = {.events = is_on ? EPOLLIN : 0, .data = {.ptr = &space->listener}};

    space->is_deaf = !is_on;
    epoll_ctl(space->epoll_fd, EPOLL_CTL_MOD, space->listener.fd, &event);
}

/* True: there was one. */
bool space_accept_visitor(struct space *space)
{
    struct visitor *visitor;
    char reason[256];
    struct text why;
    maiko_status status;
    int fd = -1;

    text_init_buffer(&why, reason, sizeof(reason));
    status = control_accept(space->listener.fd, space->place.group, &fd, &why);
    if (status == MAIKO_ELIMIT)
        space_starve(space, reason);
    else if (status != MAIKO_OK && status != MAIKO_ENOTFOUND)
        space_warn(space, reason);
    if (status == MAIKO_ELIMIT || status == MAIKO_ESYSTEM) {
        listen_to_visitors(space, false);
        space_arm_retry(space);
    }
    if (status != MAIKO_OK)
        return status == MAIKO_EPERM;
    visitor = space->visitor_count < VISITORS_MAX ? heap_alloc_zeroed(space->heap, 1, sizeof(*visitor)) : NULL;
    if (visitor == NULL || space_source_add(space, &visitor->channel.source, SOURCE_VISITOR, fd, visitor) != MAIKO_OK) {
        if (visitor == NULL)
            close(fd);
        heap_free(space->heap, visitor, sizeof(*visitor));
        space_warn(space, "a control connection was turned away: too many");
        return true;
    }
    list_init(&visitor->link);
    list_push_back(&space->visitors, &visitor->link);
    space->visitor_count++;
    if (space_greet(space, fd) != MAIKO_OK)
        space_warn(space, "greeting a visitor failed");
    return true;
}

/* Those who came meanwhile, while there are descriptors for them. */
void space_accept_waiting(struct space *space)
{
    listen_to_visitors(space, true);
    while (space_accept_visitor(space))
        ;
}

void space_visitor_free(struct space *space, struct visitor *visitor)
{
    list_remove(&visitor->link);
    space_channel_close(space, &visitor->channel);
    heap_free(space->heap, visitor, sizeof(*visitor));
    space->visitor_count--;
}

void space_read_visitor(struct space *space, struct visitor *visitor)
{
    struct greeting greeting;
    maiko_status status = MAIKO_OK;
    int pidfd = -1;

    if (visitor->channel.name[0] != '\0') {
        if (!space_channel_read(space, &visitor->channel))
            space_visitor_free(space, visitor);
        return;
    }
    status = space_channel_greeted(&visitor->channel, &greeting, &pidfd);
    if (pidfd >= 0)
        close(pidfd); /* our own connection to this node brings one */
    if (status != MAIKO_OK && status != MAIKO_ENOTFOUND)
        space_visitor_free(space, visitor);
}
