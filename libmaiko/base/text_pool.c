/* Text pool: a hash table of counted texts behind a lock. */
#include "base/text_pool.h"

#include "base/list.h"
#include <stdint.h>
#include <string.h>

struct pooled_text {
    uint32_t count; /* references */
    char text[];
};

static const char *key_of(const void *value)
{
    return ((const struct pooled_text *)value)->text;
}

static size_t size_of(const struct pooled_text *pooled)
{
    return sizeof *pooled + strlen(pooled->text) + 1;
}

void text_pool_init(struct text_pool *pool, struct heap *heap)
{
    pool->heap = heap;
    pool->last = NULL;
    pthread_mutex_init(&pool->lock, NULL);
    hash_table_init(&pool->texts, heap, key_of);
}

void text_pool_deinit(struct text_pool *pool)
{
    struct pooled_text *pooled;
    size_t position = 0;

    while ((pooled = hash_table_next(&pool->texts, &position)) != NULL)
        heap_free(pool->heap, pooled, size_of(pooled));
    hash_table_deinit(&pool->texts);
    pthread_mutex_destroy(&pool->lock);
}

static struct pooled_text *find(const struct text_pool *pool, const char *text)
{
    if (pool->last != NULL && strcmp(pool->last->text, text) == 0)
        return pool->last;
    return hash_table_find(&pool->texts, text);
}

static struct pooled_text *add(struct text_pool *pool, const char *text)
{
    const size_t len = strlen(text);
    struct pooled_text *pooled = heap_alloc(pool->heap, sizeof *pooled + len + 1);

    if (pooled == NULL)
        return NULL;
    pooled->count = 0;
    memcpy(pooled->text, text, len + 1);
    if (hash_table_insert(&pool->texts, pooled) == MAIKO_OK)
        return pooled;
    heap_free(pool->heap, pooled, size_of(pooled));
    return NULL;
}

const char *text_pool_take(struct text_pool *pool, const char *text)
{
    struct pooled_text *pooled;

    pthread_mutex_lock(&pool->lock);
    pooled = find(pool, text);
    if (pooled == NULL)
        pooled = add(pool, text);
    if (pooled != NULL) {
        pooled->count++;
        pool->last = pooled;
    }
    pthread_mutex_unlock(&pool->lock);
    return pooled == NULL ? NULL : pooled->text;
}

void text_pool_give(struct text_pool *pool, const char *text)
{
    struct pooled_text *pooled;

    if (text == NULL)
        return;
    pooled = CONTAINER_OF(text, struct pooled_text, text);
    pthread_mutex_lock(&pool->lock);
    if (--pooled->count == 0) {
        (void)hash_table_remove(&pool->texts, pooled->text);
        pool->last = pool->last == pooled ? NULL : pool->last;
        heap_free(pool->heap, pooled, size_of(pooled));
    }
    pthread_mutex_unlock(&pool->lock);
}

bool text_pool_has(struct text_pool *pool, const char *text)
{
    bool has;

    pthread_mutex_lock(&pool->lock);
    has = find(pool, text) != NULL;
    pthread_mutex_unlock(&pool->lock);
    return has;
}
