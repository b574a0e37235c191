/* Shared heap, see shared_heap.h. */
#include "runtime/shared_heap.h"

#include "runtime/supervisor_internal.h"

struct heap *maiko_supervisor_heap(maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup) || (sup->config.allocator == NULL && sup->config.memory_cap_bytes == 0))
        return NULL;
    return &sup->root->heap;
}
