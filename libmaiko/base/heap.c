/* Heap: the cap and the count around the host's allocator. */
#include "base/heap.h"

#include <stdlib.h>
#include <string.h>

static void *malloc_allocate(size_t size, void *userdata)
{
    (void)userdata;
    return malloc(size);
}

static void malloc_release(void *ptr, size_t size, void *userdata)
{
    (void)size;
    (void)userdata;
    free(ptr);
}

static const maiko_allocator malloc_allocator = {.allocate = malloc_allocate, .release = malloc_release};

void heap_init(struct heap *heap, const maiko_allocator *allocator, size_t cap)
{
    const bool given = allocator != NULL && allocator->allocate != NULL && allocator->release != NULL;

    heap->allocator = given ? *allocator : malloc_allocator;
    heap->cap = cap;
    heap->counted = true;
    heap->shelf = NULL;
    atomic_init(&heap->used, 0);
}

void heap_use_shelf(struct heap *heap, struct shelf *shelf)
{
    if (heap->cap != 0 || heap->allocator.allocate != malloc_allocate)
        return;
    shelf_init(shelf);
    heap->shelf = shelf;
}

void heap_clear_shelf(struct heap *heap)
{
    size_t size;
    void *block;

    while (heap->shelf != NULL && (block = shelf_empty(heap->shelf, &size)) != NULL)
        heap->allocator.release(block, size, heap->allocator.userdata);
}

struct heap *heap_default(void)
{
    /* const although handed out without it: `counted` is false, so nothing ever writes to it */
    static const struct heap shared = {.allocator = {.allocate = malloc_allocate, .release = malloc_release}};

    return (struct heap *)&shared;
}

size_t heap_used(struct heap *heap)
{
    return atomic_load_explicit(&heap->used, memory_order_relaxed);
}

/* Exact also when threads race: a request that does not fit never makes another one fail. */
bool heap_charge(struct heap *heap, size_t size)
{
    size_t used;

    if (!heap->counted)
        return true;
    if (heap->cap == 0) {
        atomic_fetch_add_explicit(&heap->used, size, memory_order_relaxed);
        return true;
    }
    used = atomic_load_explicit(&heap->used, memory_order_relaxed);
    do {
        if (size > heap->cap || used > heap->cap - size)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&heap->used, &used, used + size, memory_order_relaxed, memory_order_relaxed));
    return true;
}

void heap_discharge(struct heap *heap, size_t size)
{
    if (heap->counted)
        atomic_fetch_sub_explicit(&heap->used, size, memory_order_relaxed);
}

static void *take(struct heap *heap, size_t size)
{
    void *ptr;

    if (heap->shelf == NULL || !shelf_keeps(size))
        return heap->allocator.allocate(size, heap->allocator.userdata);
    ptr = shelf_take(heap->shelf, size);
    return ptr != NULL ? ptr : heap->allocator.allocate(shelf_round(size), heap->allocator.userdata);
}

void *heap_alloc(struct heap *heap, size_t size)
{
    void *ptr;

    if (size == 0)
        size = 1;
    if (!heap_charge(heap, size))
        return NULL;
    ptr = take(heap, size);
    if (ptr == NULL)
        heap_discharge(heap, size);
    return ptr;
}

void *heap_alloc_zeroed(struct heap *heap, size_t n, size_t size)
{
    size_t total;
    void *ptr;

    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    ptr = heap_alloc(heap, total);
    if (ptr != NULL)
        memset(ptr, 0, total);
    return ptr;
}

void *heap_resize(struct heap *heap, void *ptr, size_t old_size, size_t new_size)
{
    void *moved = heap_alloc(heap, new_size);

    if (moved == NULL || ptr == NULL)
        return moved;
    memcpy(moved, ptr, old_size < new_size ? old_size : new_size);
    heap_free(heap, ptr, old_size);
    return moved;
}

char *heap_strndup(struct heap *heap, const char *text, size_t len)
{
    char *copy = heap_alloc(heap, len + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *heap_strdup(struct heap *heap, const char *text)
{
    return heap_strndup(heap, text, strlen(text));
}

void heap_free(struct heap *heap, void *ptr, size_t size)
{
    if (ptr == NULL)
        return;
    if (size == 0)
        size = 1;
    if (heap->shelf == NULL || !shelf_keeps(size))
        heap->allocator.release(ptr, size, heap->allocator.userdata);
    else if (!shelf_put(heap->shelf, ptr, size))
        heap->allocator.release(ptr, shelf_round(size), heap->allocator.userdata);
    heap_discharge(heap, size);
}

void heap_strfree(struct heap *heap, char *text)
{
    if (text != NULL)
        heap_free(heap, text, strlen(text) + 1);
}
