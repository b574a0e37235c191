/* Handover, see handover.h. */
#include "node/handover.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

maiko_status handover_init(struct handover *handover, struct heap *heap)
{
    *handover = (struct handover){.heap = heap, .has_room = true};
    handover->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (handover->wake_fd < 0)
        return MAIKO_ESYSTEM;
    if (pthread_mutex_init(&handover->lock, NULL) == 0)
        return MAIKO_OK;
    close(handover->wake_fd);
    handover->wake_fd = -1;
    return MAIKO_ESYSTEM;
}

void handed_free(struct heap *heap, struct handed *handed)
{
    maiko_envelope_unref(handed->envelope);
    heap_free(heap, handed, sizeof(*handed));
}

static void drop_all(struct handover *handover, struct fifo *queue)
{
    struct fifo_link *link;

    while ((link = fifo_pop(queue)) != NULL)
        handed_free(handover->heap, CONTAINER_OF(link, struct handed, link));
}

void handover_deinit(struct handover *handover)
{
    if (handover->wake_fd < 0)
        return;
    handover_close(handover);
    close(handover->wake_fd);
    pthread_mutex_destroy(&handover->lock);
    handover->wake_fd = -1;
}

void handover_wake(struct handover *handover)
{
    uint64_t one = 1;

    while (write(handover->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

void handover_clear_wake(struct handover *handover)
{
    uint64_t count;

    while (read(handover->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
}

bool handover_give(struct handover *handover, struct fifo *batch, size_t count)
{
    struct fifo_link *link;
    bool was_empty;
    bool is_closed;
    bool is_full;

    pthread_mutex_lock(&handover->lock);
    is_closed = handover->is_closed;
    was_empty = fifo_is_empty(&handover->queue);
    while (!is_closed && (link = fifo_pop(batch)) != NULL)
        fifo_push(&handover->queue, link);
    handover->count += is_closed ? 0 : count;
    is_full = !is_closed && (!handover->has_room || handover->count > HANDOVER_MARK);
    pthread_mutex_unlock(&handover->lock);
    drop_all(handover, batch);
    if (was_empty && !is_closed)
        handover_wake(handover);
    return is_full;
}

bool handover_hold(struct handover *handover, maiko_hold *hold)
{
    bool is_taken;

    pthread_mutex_lock(&handover->lock);
    is_taken = !handover->is_closed && handover->hold == NULL && (!handover->has_room || handover->count > HANDOVER_MARK);
    if (is_taken)
        handover->hold = hold;
    pthread_mutex_unlock(&handover->lock);
    return is_taken;
}

struct fifo handover_take(struct handover *handover, size_t *ret_count)
{
    struct fifo queue;

    pthread_mutex_lock(&handover->lock);
    queue = handover->queue;
    *ret_count = handover->count;
    handover->queue = (struct fifo){.first = NULL};
    handover->count = 0;
    pthread_mutex_unlock(&handover->lock);
    return queue;
}

void handover_set_room(struct handover *handover, bool has_room)
{
    maiko_hold *hold = NULL;

    pthread_mutex_lock(&handover->lock);
    handover->has_room = has_room;
    if (has_room && handover->count <= HANDOVER_MARK) {
        hold = handover->hold;
        handover->hold = NULL;
    }
    pthread_mutex_unlock(&handover->lock);
    maiko_hold_release(hold);
}

void handover_close(struct handover *handover)
{
    struct fifo queue;
    maiko_hold *hold;

    pthread_mutex_lock(&handover->lock);
    handover->is_closed = true;
    queue = handover->queue;
    hold = handover->hold;
    handover->queue = (struct fifo){.first = NULL};
    handover->count = 0;
    handover->hold = NULL;
    pthread_mutex_unlock(&handover->lock);
    drop_all(handover, &queue);
    maiko_hold_release(hold);
}
