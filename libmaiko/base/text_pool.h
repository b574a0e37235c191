/* Text pool: equal texts stored once and counted, so that a million subscriptions to one pattern hold it once. */
#ifndef BASE_TEXT_POOL_H
#define BASE_TEXT_POOL_H

#include "base/hash_table.h"
#include <pthread.h>
#include <stdbool.h>

/* Calls may overlap from any threads, init and deinit excepted. */
struct text_pool {
    struct heap *heap;
    pthread_mutex_t lock;
    struct hash_table texts;
    struct pooled_text *last; /* most recently taken: the same again needs no look-up; NULL: none */
};

void text_pool_init(struct text_pool *pool, struct heap *heap);

/* Frees what was never given back, too. */
void text_pool_deinit(struct text_pool *pool);

/* The pool's copy, one reference of which is the caller's; NULL when out of memory. */
MAIKO_MUST_CHECK const char *text_pool_take(struct text_pool *pool, const char *text);

/* Gives back what text_pool_take() returned.  NULL is allowed. */
void text_pool_give(struct text_pool *pool, const char *text);

/* Is an equal text in use now? */
bool text_pool_has(struct text_pool *pool, const char *text);

#endif
