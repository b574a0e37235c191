/* Counters image: a copy in which nothing moves, and whose streaks belong to its rows. */
#include "runtime/counters_image.h"

#include <string.h>

/* Whole, or without a number when it changed meanwhile. */
static void copy_streak(const struct counters_streak *from, struct counters_streak *to)
{
    /* Acquire: the rest is of this streak or a later one. */
    const uint64_t number = atomic_load_explicit(&from->number, memory_order_acquire);
    int i;

    atomic_init(&to->next, atomic_load_explicit(&from->next, memory_order_relaxed));
    for (i = 0; i < COUNTERS_ROLES; i++) {
        atomic_init(&to->from[i], atomic_load_explicit(&from->from[i], memory_order_relaxed));
        atomic_init(&to->rows[i], atomic_load_explicit(&from->rows[i], memory_order_relaxed));
    }
    atomic_thread_fence(memory_order_acquire); /* of this one, if the number still is */
    /* Acquire: if it has ended, the words of its rows, which are copied after this, have it. */
    atomic_init(&to->number, atomic_load_explicit(&from->number, memory_order_acquire) == number ? number : 0);
}

static void copy_header(const struct counters_header *from, struct counters_header *to)
{
    int i;

    memcpy(to, from, offsetof(struct counters_header, streaks));
    memset(to->streaks, 0, COUNTERS_HEADER_SIZE - offsetof(struct counters_header, streaks));
    for (i = 0; i < COUNTERS_STREAKS; i++)
        copy_streak(&from->streaks[i].streak, &to->streaks[i].streak);
}

maiko_status counters_image_make(const struct counters_rows *rows, struct heap *heap, void **ret_bytes, size_t *ret_len)
{
    const uint32_t count = rows->fresh;
    const size_t len = COUNTERS_HEADER_SIZE + (size_t)count * COUNTERS_ROW_SIZE;
    struct counters_header *copy = heap_alloc(heap, len);

    if (copy == NULL)
        return MAIKO_ENOMEM;
    /* first: a streak that ends meanwhile may leave more in its words, never less, and nobody else gets its rows */
    copy_header(rows->header, copy);
    copy->rows_in_file = count; /* nothing is missing here */
    counters_rows_copy(rows, (struct counters_row *)((char *)copy + COUNTERS_HEADER_SIZE), count);
    *ret_bytes = copy;
    *ret_len = len;
    return MAIKO_OK;
}
