/* Handover, see handover.h. */
#include "node/handover.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

maiko_status handover_init(struct handover *handover, struct heap *heap)
{
    *handover = (struct handover){.heap = heap, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (handover->wake_fd < 0)
        return MAIKO_ESYSTEM;
    if (pthread_mutex_init(&handover->lock, NULL) == 0)
        return MAIKO_OK;
    close(handover->wake_fd);
    handover->wake_fd = -1;
    return MAIKO_ESYSTEM;
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

/* Release: what was made ready is seen by who clears this; its partner is handover_clear_wake(). */
void handover_wake(struct handover *handover)
{
    uint64_t one = 1;

    if (atomic_exchange_explicit(&handover->is_woken, true, memory_order_acq_rel))
        return;
    while (write(handover->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

void handover_clear_wake(struct handover *handover)
{
    uint64_t count;

    while (read(handover->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
    /* Behind the reading.  Acquire: what was made ready before a wake-up that wrote nothing is seen from here on. */
    (void)atomic_exchange_explicit(&handover->is_woken, false, memory_order_acq_rel); /* step: listen_again */
}

/* relaxed: a counter */
static void drop(struct handover *handover, struct batch *batch)
{
    atomic_fetch_add_explicit(&handover->dropped, batch->events, memory_order_relaxed);
    batch_free(batch);
}

static bool is_full(const struct handover *handover)
{
    return !handover->is_closed && (handover->events > HANDOVER_MARK_EVENTS || handover->bytes > HANDOVER_MARK_BYTES);
}

bool handover_give(struct handover *handover, struct batch *batch, bool *ret_is_asleep)
{
    bool is_closed;
    bool was_too_much;

    pthread_mutex_lock(&handover->lock);
    is_closed = handover->is_closed;
    /* set under this lock; one wake-up is enough */
    *ret_is_asleep = atomic_load_explicit(&handover->is_asleep, memory_order_relaxed) && !is_closed;
    atomic_store_explicit(&handover->is_asleep, false, memory_order_relaxed);
    if (!is_closed) {
        fifo_push(&handover->queue, &batch->link);
        atomic_store_explicit(&handover->has_some, true, memory_order_relaxed);
        handover->events += batch->events;
        handover->bytes += batch->len;
    }
    was_too_much = is_full(handover);
    pthread_mutex_unlock(&handover->lock);
    if (is_closed)
        drop(handover, batch);
    return was_too_much;
}

bool handover_hold(struct handover *handover, maiko_hold *hold)
{
    bool is_taken;

    pthread_mutex_lock(&handover->lock);
    is_taken = handover->hold == NULL && is_full(handover);
    if (is_taken)
        handover->hold = hold;
    pthread_mutex_unlock(&handover->lock);
    return is_taken;
}

bool handover_hold_sender(struct handover *handover, struct sender_hold *hold)
{
    bool is_taken;

    pthread_mutex_lock(&handover->lock);
    is_taken = is_full(handover);
    if (is_taken)
        fifo_push(&handover->senders, &hold->link);
    pthread_mutex_unlock(&handover->lock);
    return is_taken;
}

bool handover_is_empty(struct handover *handover)
{
    bool is_empty;

    pthread_mutex_lock(&handover->lock);
    is_empty = fifo_is_empty(&handover->queue);
    pthread_mutex_unlock(&handover->lock);
    return is_empty;
}

bool handover_rest(struct handover *handover)
{
    bool is_empty;

    pthread_mutex_lock(&handover->lock);
    is_empty = fifo_is_empty(&handover->queue);
    atomic_store_explicit(&handover->is_asleep, is_empty, memory_order_relaxed); /* read under this lock */
    pthread_mutex_unlock(&handover->lock);
    return is_empty;
}

void handover_rise(struct handover *handover)
{
    atomic_store_explicit(&handover->is_asleep, false, memory_order_relaxed); /* see its comment */
}

/* Empties it. */
static struct fifo take(struct handover *handover, bool and_close)
{
    struct fifo queue;
    struct fifo senders;
    struct fifo_link *link;
    maiko_hold *hold;

    pthread_mutex_lock(&handover->lock);
    handover->is_closed = handover->is_closed || and_close;
    queue = handover->queue;
    hold = handover->hold;
    senders = handover->senders;
    handover->senders = (struct fifo){.first = NULL};
    handover->queue = (struct fifo){.first = NULL};
    atomic_store_explicit(&handover->has_some, false, memory_order_relaxed);
    handover->events = handover->bytes = 0;
    handover->hold = NULL;
    pthread_mutex_unlock(&handover->lock);
    maiko_hold_release(hold);
    while ((link = fifo_pop(&senders)) != NULL)
        sender_hold_release(handover->heap, CONTAINER_OF(link, struct sender_hold, link));
    return queue;
}

struct fifo handover_take(struct handover *handover)
{
    return take(handover, false);
}

void handover_close(struct handover *handover)
{
    struct fifo queue = take(handover, true);
    struct fifo_link *link;

    while ((link = fifo_pop(&queue)) != NULL)
        drop(handover, CONTAINER_OF(link, struct batch, link));
}
