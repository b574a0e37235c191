/* Failing allocator: counters around malloc. */
#include "lib/failing_allocator.h"

#include <stdlib.h>

static bool fails_now(struct failing_allocator *failing)
{
    if (atomic_load(&failing->until_failure) < 0)
        return false;
    if (atomic_fetch_sub(&failing->until_failure, 1) > 0)
        return false;
    if (atomic_load(&failing->stay_failed))
        atomic_store(&failing->until_failure, 0);
    return true;
}

static void *allocate(size_t size, void *userdata)
{
    struct failing_allocator *failing = userdata;
    void *ptr = NULL;

    atomic_fetch_add(&failing->attempts, 1);
    if (!fails_now(failing))
        ptr = malloc(size);
    if (ptr == NULL) {
        atomic_fetch_add(&failing->failures, 1);
        return NULL;
    }
    atomic_fetch_add(&failing->blocks_out, 1);
    atomic_fetch_add(&failing->bytes_out, (long)size);
    return ptr;
}

static void release(void *ptr, size_t size, void *userdata)
{
    struct failing_allocator *failing = userdata;

    atomic_fetch_sub(&failing->blocks_out, 1);
    atomic_fetch_sub(&failing->bytes_out, (long)size);
    free(ptr);
}

void failing_allocator_init(struct failing_allocator *failing)
{
    *failing = (struct failing_allocator){
        .allocator = {.allocate = allocate, .release = release, .userdata = failing},
        .until_failure = -1,
    };
}

void failing_allocator_fail_nth(struct failing_allocator *failing, long nth)
{
    atomic_store(&failing->stay_failed, false);
    atomic_store(&failing->failures, 0);
    atomic_store(&failing->until_failure, nth);
}

void failing_allocator_fail_from(struct failing_allocator *failing, long nth)
{
    failing_allocator_fail_nth(failing, nth);
    atomic_store(&failing->stay_failed, true);
}

bool failing_allocator_has_failed(const struct failing_allocator *failing)
{
    return atomic_load(&failing->failures) > 0;
}

bool failing_allocator_is_balanced(const struct failing_allocator *failing)
{
    return atomic_load(&failing->blocks_out) == 0 && atomic_load(&failing->bytes_out) == 0;
}
