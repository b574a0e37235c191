/* Budget: a count that several views share. */
#include "shm/shm_budget.h"

#include <stdatomic.h>

#include "shm/shm_fault.h"

struct shm_budget {
    struct heap heap;
    _Atomic uint32_t refs;
    _Atomic uint32_t left; /* relaxed: nothing but the sum matters */
};

maiko_status shm_budget_new(struct heap *heap, uint32_t slots, struct shm_budget **ret_budget)
{
    struct heap own = heap_uncounted(heap);
    struct shm_budget *budget = heap_alloc_zeroed(&own, 1, sizeof(*budget));

    if (budget == NULL)
        return MAIKO_ENOMEM;
    budget->heap = own;
    FAULT_POINT(before_budget_begins);
    atomic_init(&budget->refs, 1);
    FAULT_POINT(after_budget_begins);
    FAULT_POINT(before_budget_is_set);
    atomic_init(&budget->left, slots);
    FAULT_POINT(after_budget_is_set);
    *ret_budget = budget;
    return MAIKO_OK;
}

struct shm_budget *shm_budget_ref(struct shm_budget *budget)
{
    FAULT_POINT(before_budget_ref);
    atomic_fetch_add_explicit(&budget->refs, 1, memory_order_relaxed); /* the caller has one */
    FAULT_POINT(after_budget_ref);
    return budget;
}

void shm_budget_unref(struct shm_budget *budget)
{
    struct heap heap;
    bool is_last;

    if (budget == NULL)
        return;
    heap = budget->heap;
    FAULT_POINT(before_budget_unref);
    /* Acquire and release: who frees comes behind all that the others did. */
    is_last = atomic_fetch_sub_explicit(&budget->refs, 1, memory_order_acq_rel) == 1;
    FAULT_POINT(after_budget_unref);
    if (is_last)
        heap_free(&heap, budget, sizeof(*budget));
}

/* Relaxed here and below: a number of its own, nothing else is read because of it. */
bool shm_budget_take(struct shm_budget *budget)
{
    uint32_t left = atomic_load_explicit(&budget->left, memory_order_relaxed);
    bool is_taken = false;

    while (left > 0 && !is_taken) {
        FAULT_POINT(before_budget_take);
        is_taken =
            atomic_compare_exchange_weak_explicit(&budget->left, &left, left - 1, memory_order_relaxed, memory_order_relaxed);
        FAULT_POINT(after_budget_take);
    }
    return is_taken;
}

/* As above. */
void shm_budget_give(struct shm_budget *budget, uint32_t slots)
{
    FAULT_POINT(before_budget_give);
    atomic_fetch_add_explicit(&budget->left, slots, memory_order_relaxed);
    FAULT_POINT(after_budget_give);
}
