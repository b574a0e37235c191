/* What a space sleeps on, and what it does when descriptors or memory run out: tell it once, and try again. */
#include "space/space_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "space/control.h"
#include "space/shortage.h"

maiko_status space_source_add(struct space *space, struct source *source, enum source_kind kind, int fd, void *owner)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = source}};

    *source = (struct source){.kind = kind, .fd = fd, .owner = owner};
    if (fd < 0)
        return MAIKO_ESYSTEM;
    if (epoll_ctl(space->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return MAIKO_OK;
    close(fd);
    source->fd = -1;
    return MAIKO_ESYSTEM;
}

void space_source_close(struct source *source)
{
    if (source->fd >= 0)
        close(source->fd); /* leaves the epoll set by itself unless a forked child has it; then its owner pointer is stale */
    source->fd = -1;
}

/* A forked child keeps the open file alive, so closing alone would leave it in the epoll set. */
void space_source_remove(struct space *space, struct source *source)
{
    if (source->fd >= 0)
        epoll_ctl(space->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    space_source_close(source);
}

void space_channel_close(struct space *space, struct space_channel *channel)
{
    void *owner = channel->owner;

    space_source_remove(space, &channel->source);
    channel->name[0] = '\0';
    channel->owner = NULL;
    if (owner != NULL)
        space->hooks.channel_ended(owner, space->hooks.userdata);
}

/* One message.  False: the other side is gone. */
bool space_channel_read(struct space *space, struct space_channel *channel)
{
    struct control_message message;
    maiko_status status = control_receive(channel->source.fd, &message);

    if (status == MAIKO_OK && space->hooks.message != NULL)
        space->hooks.message(channel, channel->name, &message, space->hooks.userdata);
    if (status == MAIKO_OK)
        control_message_close(&message);
    return status == MAIKO_OK || status == MAIKO_ENOTFOUND;
}

/* The first message of the other side.  MAIKO_OK, MAIKO_ENOTFOUND (not there yet), or the connection is of no use. */
maiko_status space_channel_greeted(struct space_channel *channel, struct greeting *ret_greeting, int *ret_pidfd)
{
    maiko_status status = control_receive_greeting(channel->source.fd, ret_greeting, ret_pidfd);

    if (status == MAIKO_OK) {
        memcpy(channel->name, ret_greeting->name, sizeof(channel->name));
        channel->version = ret_greeting->version;
    }
    return status;
}

maiko_status space_greet(struct space *space, int fd)
{
    struct greeting greeting = {.version = GREETING_VERSION, .epoch = space->record.epoch};

    memcpy(greeting.name, space->record.name, sizeof(greeting.name));
    return control_send_greeting(fd, &greeting);
}

void space_arm_retry(struct space *space)
{
    struct itimerspec in = {
        .it_value = {.tv_sec = (time_t)(space->retry_ns / 1000000000u), .tv_nsec = (long)(space->retry_ns % 1000000000u)}};

    timerfd_settime(space->retry.fd, 0, &in, NULL);
}

/* Whatever it was is tried again with everything else. */
void space_starve(struct space *space, const char *text)
{
    if (!space->is_told_starved) {
        space->is_told_starved = true;
        space->retry_ns = space_retry_min_ns;
        if (space->hooks.starved != NULL)
            space->hooks.starved(text, space->hooks.userdata);
    }
    space->is_starved = true;
    space_arm_retry(space);
}

/* Other failures are tried again, too, but not told. */
void space_starve_by_errno(struct space *space, const char *what)
{
    char reason[256];
    struct text text;

    if (!errno_is_shortage(errno)) {
        space_arm_retry(space);
        return;
    }
    text_init_buffer(&text, reason, sizeof(reason));
    text_append_format(&text, "%s: %s", what, ERRNO_TEXT(errno));
    space_starve(space, reason);
}

void space_note_plenty(struct space *space)
{
    if (space->is_starved || !space->is_told_starved)
        return;
    space->is_told_starved = false;
    if (space->hooks.starved != NULL)
        space->hooks.starved(NULL, space->hooks.userdata);
}
