/* Timer heap: sift up, sift down, and the places that keep removal cheap. */
#include "base/timer_heap.h"

#include <string.h>

void timer_heap_init(struct timer_heap *timers, struct heap *heap)
{
    memset(timers, 0, sizeof(*timers));
    timers->heap = heap;
}

void timer_heap_deinit(struct timer_heap *timers)
{
    size_t i;

    for (i = 0; i < timers->count; i++)
        timers->timers[i]->place = 0;
    heap_free(timers->heap, timers->timers, timers->capacity * sizeof(*timers->timers));
    timer_heap_init(timers, timers->heap);
}

maiko_status timer_heap_reserve(struct timer_heap *timers, size_t count)
{
    size_t capacity = timers->capacity > 0 ? timers->capacity : 8;
    struct timer **grown;

    if (count <= timers->capacity)
        return MAIKO_OK;
    if (count > SIZE_MAX / 2 / sizeof(*grown))
        return MAIKO_ENOMEM;
    while (capacity < count)
        capacity *= 2;
    grown = heap_resize(timers->heap, timers->timers, timers->capacity * sizeof(*grown), capacity * sizeof(*grown));
    if (grown == NULL)
        return MAIKO_ENOMEM;
    timers->timers = grown;
    timers->capacity = capacity;
    return MAIKO_OK;
}

static bool timer_is_before(const struct timer *a, const struct timer *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->order < b->order;
}

static void timer_place(struct timer_heap *timers, size_t index, struct timer *timer)
{
    timers->timers[index] = timer;
    timer->place = index + 1;
}

static void timer_sift_up(struct timer_heap *timers, size_t index, struct timer *timer)
{
    while (index > 0) {
        const size_t parent = (index - 1) / 2;

        if (!timer_is_before(timer, timers->timers[parent]))
            break;
        timer_place(timers, index, timers->timers[parent]);
        index = parent;
    }
    timer_place(timers, index, timer);
}

static void timer_sift_down(struct timer_heap *timers, size_t index, struct timer *timer)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && timer_is_before(timers->timers[child + 1], timers->timers[child]))
            child++;
        if (!timer_is_before(timers->timers[child], timer))
            break;
        timer_place(timers, index, timers->timers[child]);
        index = child;
    }
    timer_place(timers, index, timer);
}

/* Puts a timer where it belongs, starting from an index that is free or its own. */
static void timer_settle(struct timer_heap *timers, size_t index, struct timer *timer)
{
    if (index > 0 && timer_is_before(timer, timers->timers[(index - 1) / 2]))
        timer_sift_up(timers, index, timer);
    else
        timer_sift_down(timers, index, timer);
}

maiko_status timer_heap_insert(struct timer_heap *timers, struct timer *timer, uint64_t deadline_ns)
{
    if (!timer_is_queued(timer)) {
        if (timer_heap_reserve(timers, timers->count + 1) != MAIKO_OK)
            return MAIKO_ENOMEM;
        timers->count++;
        timer->place = timers->count;
    }
    timer->deadline_ns = deadline_ns;
    timer->order = timers->next_order++;
    timer_settle(timers, timer->place - 1, timer);
    return MAIKO_OK;
}

void timer_heap_remove(struct timer_heap *timers, struct timer *timer)
{
    const size_t gap = timer->place - 1;
    struct timer *last;

    if (!timer_is_queued(timer))
        return;
    last = timers->timers[--timers->count];
    timer->place = 0;
    if (last != timer)
        timer_settle(timers, gap, last);
}

struct timer *timer_heap_pop_due(struct timer_heap *timers, uint64_t now_ns)
{
    struct timer *first;

    if (timers->count == 0 || timers->timers[0]->deadline_ns > now_ns)
        return NULL;
    first = timers->timers[0];
    timer_heap_remove(timers, first);
    return first;
}
