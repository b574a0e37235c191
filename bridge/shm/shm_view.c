/* View: mappings, and which slots have events that are read here. */
#include "shm/shm_view.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/shm_area.h"
#include "shm/shm_fault.h"

enum loan_state {
    LOAN_NONE,
    LOAN_OUT, /* an event in this slot is read here */
    LOAN_KEPT /* the same, and our memory of returns says so: the view is closed; for ever */
};

struct loan {
    struct shm_view *view;
    _Atomic uint32_t state; /* `enum loan_state` */
    void *copy;             /* of the event that is read; NULL: it is read in place */
    size_t copy_len;
    /* the bridge's thread */
    bool is_mapped;
    size_t present; /* bytes of the slot that are mapped and have memory */
};

struct shm_view {
    struct heap heap; /* uncounted: events outlive the supervisor */
    struct shm_slots slots;
    int fd;              /* of the pool */
    unsigned char *base; /* private, but for the slots that were read in place */
    struct shm_budget *budget;
    uint32_t mapped; /* of it; the bridge's thread */
    uint64_t copied; /* events; the bridge's thread */
    struct shm_area returns;
    volatile uint64_t *fork_word; /* a page that is empty in a forked child, which has nothing to return */
    _Atomic uint32_t refs;        /* the bridge's, and one per event */
    struct loan loans[];
};

static size_t view_bytes(uint32_t count)
{
    return sizeof(struct shm_view) + count * sizeof(struct loan);
}

/* ---- making and ending ---- */

static void view_free(struct shm_view *view)
{
    struct heap heap = view->heap;

    shm_slots_unmap(&view->slots, view->base);
    shm_area_deinit(&view->returns);
    if (view->fd >= 0)
        close(view->fd);
    if (view->budget != NULL)
        shm_budget_give(view->budget, view->mapped);
    shm_budget_unref(view->budget);
    if (view->fork_word != NULL)
        munmap((void *)(uintptr_t)view->fork_word, SHM_PAGE);
    heap_free(&heap, view, view_bytes(view->slots.count));
}

static void view_unref(struct shm_view *view)
{
    bool is_last;

    FAULT_POINT(before_view_unref);
    /* Acquire and release: who frees comes behind all that the others did. */
    is_last = atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) == 1;
    FAULT_POINT(after_view_unref);
    if (is_last)
        view_free(view);
}

static bool mark_process(struct shm_view *view)
{
    void *page = mmap(NULL, SHM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return false;
    view->fork_word = page;
    *view->fork_word = 1;
    return madvise(page, SHM_PAGE, MADV_WIPEONFORK) == 0;
}

static maiko_status map_all(struct shm_view *view, int pool_fd, int returns_fd, uint64_t link, const char **reason)
{
    maiko_status status = shm_area_attach(SHM_AREA_RETURNS, returns_fd, link, &view->returns, reason);

    if (status == MAIKO_OK) {
        view->fd = fcntl(pool_fd, F_DUPFD_CLOEXEC, 0);
        status = view->fd >= 0 ? shm_slots_reserve(&view->slots, &view->base) : MAIKO_ELIMIT;
    }
    if (status == MAIKO_OK && !mark_process(view))
        status = MAIKO_ENOMEM;
    return status;
}

/* The counts are read once, by a system call, and believed as far as they agree with the size. */
static maiko_status read_slots(int fd, struct shm_slots *ret_slots, const char **reason)
{
    uint32_t counts[SHM_CLASSES];
    size_t bytes = 0;
    maiko_status status = shm_area_check(SHM_AREA_POOL, fd, 0, &bytes, reason);

    if (status != MAIKO_OK)
        return status;
    *reason = "slots that cannot be";
    if (pread(fd, counts, sizeof(counts), offsetof(struct shm_pool_header, counts)) != (ssize_t)sizeof(counts))
        return MAIKO_ESYSTEM;
    return shm_slots_believe(counts, bytes - SHM_PAGE, ret_slots) ? MAIKO_OK : MAIKO_EPROTOCOL;
}

maiko_status shm_view_new(struct heap *heap, struct shm_budget *budget, int pool_fd, int returns_fd, uint64_t link,
                          struct shm_view **ret_view, const char **reason)
{
    struct heap own = heap_uncounted(heap);
    struct shm_slots slots;
    struct shm_view *view;
    maiko_status status;
    uint32_t i;

    *reason = "";
    status = read_slots(pool_fd, &slots, reason);
    if (status != MAIKO_OK)
        return status;
    view = heap_alloc_zeroed(&own, 1, view_bytes(slots.count));
    if (view == NULL)
        return MAIKO_ENOMEM;
    view->heap = own;
    view->slots = slots;
    view->budget = shm_budget_ref(budget);
    view->returns.fd = view->fd = -1;
    for (i = 0; i < slots.count; i++)
        view->loans[i].view = view;
    status = map_all(view, pool_fd, returns_fd, link, reason);
    if (status != MAIKO_OK) {
        view_free(view);
        return status;
    }
    FAULT_POINT(before_view_begins);
    atomic_init(&view->refs, 1);
    FAULT_POINT(after_view_begins);
    *ret_view = view;
    return MAIKO_OK;
}

/* ---- the end ---- */

static uint64_t kept_bit(uint32_t slot)
{
    return (uint64_t)1 << slot % SHM_KEPT_BITS;
}

static _Atomic uint64_t *kept_word(struct shm_view *view, uint32_t slot)
{
    struct shm_returns *returns = view->returns.base;

    return &returns->kept[slot / SHM_KEPT_BITS];
}

static void clear_kept(struct shm_view *view, uint32_t slot)
{
    FAULT_POINT(before_kept_ends);
    /* Release: our last loads of the slot come before the writer's next stores; partner in take_back() of shm_pool.c. */
    atomic_fetch_and_explicit(kept_word(view, slot), ~kept_bit(slot), memory_order_release); /* step: clear_kept */
    FAULT_POINT(after_kept_ends);
}

/* From then on who returns the event clears the bit, which therefore is set before. */
static bool hand_over(struct loan *loan)
{
    uint32_t out = LOAN_OUT;
    bool is_kept;

    FAULT_POINT(before_loan_is_kept);
    /* Release: the bit comes before its end; partner in shm_view_return().  Acquire: so does what was read by who was faster. */
    is_kept = atomic_compare_exchange_strong_explicit(&loan->state, &out, LOAN_KEPT, /* step: keep_loan */
                                                      memory_order_acq_rel, memory_order_acquire);
    FAULT_POINT(after_loan_is_kept);
    return is_kept;
}

static void keep(struct shm_view *view, uint32_t slot)
{
    struct loan *loan = &view->loans[slot];

    /* Acquire: what was read there comes before `is_closed`; partner in shm_view_return(). */
    if (atomic_load_explicit(&loan->state, memory_order_acquire) != LOAN_OUT)
        return;
    FAULT_POINT(before_kept);
    atomic_fetch_or_explicit(kept_word(view, slot), kept_bit(slot), memory_order_relaxed); /* step: set_kept */
    FAULT_POINT(after_kept);
    if (!hand_over(loan))
        clear_kept(view, slot); /* it was returned meanwhile */
}

/* Without it the owner of the pool would wait for what never arrived here until the last event is returned. */
static void close_view(struct shm_view *view)
{
    struct shm_returns *returns = view->returns.base;
    uint32_t slot;

    if (*view->fork_word == 0)
        return; /* the parent's has not ended, and its memory of returns is not here */
    for (slot = 0; slot < view->slots.count; slot++)
        keep(view, slot);
    FAULT_POINT(before_view_closes);
    /* Release: all that is kept was said before; partner in take_back() of shm_pool.c. */
    atomic_store_explicit(&returns->is_closed, 1, memory_order_release); /* step: store_closed */
    FAULT_POINT(after_view_closes);
}

void shm_view_close(struct shm_view *view)
{
    if (view == NULL)
        return;
    close_view(view);
    view_unref(view);
}

/* ---- events ---- */

bool shm_view_has(const struct shm_view *view, uint32_t slot, size_t size, size_t len)
{
    size_t begin = shm_slots_private(size);

    return slot < view->slots.count && begin <= SHM_SLOT_PRIVATE && len >= size &&
           (len <= begin || len - begin <= shm_slots_size(&view->slots, slot));
}

static void give_back(struct shm_view *view, uint32_t slot)
{
    struct shm_returns *returns = view->returns.base;

    FAULT_POINT(before_return_event);
    /* Release: our last loads of the slot come before the writer's next stores; partner in collect_slot() of shm_pool.c. */
    atomic_fetch_add_explicit(&returns->returned[slot], 1, memory_order_release); /* step: store_slot_returned */
    FAULT_POINT(after_return_event);
}

void shm_view_pass(struct shm_view *view, uint32_t slot)
{
    if (slot < view->slots.count)
        give_back(view, slot);
}

/* Is there memory behind the shared bytes?  The kernel would make what is not there when it was looked at, and it would be ours
 * to pay for; what there is stays, as the seals forbid holes.  (What the kernel has swapped out is not there either.) */
static bool has_memory(const unsigned char *begin, size_t len)
{
    unsigned char pages[SHM_SLOT_LARGEST / SHM_PAGE];
    size_t count = (len + SHM_PAGE - 1) / SHM_PAGE;
    size_t i = 0;

    if (mincore((void *)(uintptr_t)begin, len, pages) != 0)
        return false;
    while (i < count && (pages[i] & 1) != 0)
        i++;
    return i == count;
}

static bool map_slot(struct shm_view *view, uint32_t slot)
{
    struct loan *loan = &view->loans[slot];

    if (loan->is_mapped)
        return true;
    if (!shm_budget_take(view->budget))
        return false;
    loan->is_mapped = shm_slots_put(&view->slots, slot, view->fd, false, view->base) == MAIKO_OK;
    view->mapped += loan->is_mapped;
    if (!loan->is_mapped)
        shm_budget_give(view->budget, 1);
    return loan->is_mapped;
}

static bool is_in_place(struct shm_view *view, uint32_t slot, size_t shared)
{
    struct loan *loan = &view->loans[slot];

    if (shared <= loan->present)
        return true;
    if (!map_slot(view, slot) || !has_memory(view->base + shm_slots_place(&view->slots, slot), shared))
        return false;
    loan->present = shared;
    return true;
}

/* Holes are read as zeros, and stay holes. */
static unsigned char *copy(struct shm_view *view, uint32_t slot, size_t begin, size_t len)
{
    struct loan *loan = &view->loans[slot];
    off_t place = (off_t)(SHM_PAGE + shm_slots_offset(&view->slots, slot));
    unsigned char *event = heap_alloc(&view->heap, len);

    if (event == NULL)
        return NULL;
    if (pread(view->fd, event + begin, len - begin, place) != (ssize_t)(len - begin)) {
        heap_free(&view->heap, event, len);
        return NULL;
    }
    loan->copy = event;
    loan->copy_len = len;
    view->copied++;
    return event;
}

static unsigned char *find_place(struct shm_view *view, uint32_t slot, size_t begin, size_t len)
{
    size_t shared = len > begin ? len - begin : 0;

    if (is_in_place(view, slot, shared))
        return view->base + shm_slots_place(&view->slots, slot) - begin;
    return copy(view, slot, begin, len);
}

bool shm_view_is_read(const struct shm_view *view, uint32_t slot)
{
    /* Acquire: the reads of who had it last come before our stores; partner in shm_view_return(). */
    return atomic_load_explicit(&view->loans[slot].state, memory_order_acquire) != LOAN_NONE;
}

void *shm_view_take(struct shm_view *view, uint32_t slot, size_t size, size_t len, const void *head, void **ret_loan)
{
    size_t begin = shm_slots_private(size);
    struct loan *loan = &view->loans[slot];
    unsigned char *event = shm_view_is_read(view, slot) ? NULL : find_place(view, slot, begin, len);

    if (event == NULL)
        return NULL;
    FAULT_POINT(before_loan);
    atomic_store_explicit(&loan->state, LOAN_OUT, memory_order_relaxed); /* nobody but us sets it */
    FAULT_POINT(after_loan);
    FAULT_POINT(before_view_ref);
    atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed); /* we have one */
    FAULT_POINT(after_view_ref);
    memcpy(event, head, len < begin ? len : begin);
    *ret_loan = loan;
    return event;
}

uint64_t shm_view_copied(const struct shm_view *view)
{
    return view->copied;
}

void shm_view_return(void *returned)
{
    struct loan *loan = returned;
    struct shm_view *view = loan->view;
    uint32_t slot = (uint32_t)(loan - view->loans);
    uint32_t out = LOAN_OUT;
    bool is_ours;

    if (*view->fork_word == 0)
        return; /* it is the parent's */
    if (loan->copy != NULL)
        heap_free(&view->heap, loan->copy, loan->copy_len);
    loan->copy = NULL;
    FAULT_POINT(before_loan_ends);
    /* Release: partner in shm_view_take() and keep().  Acquire where it is kept: partner in hand_over(). */
    is_ours = atomic_compare_exchange_strong_explicit(&loan->state, &out, LOAN_NONE, memory_order_acq_rel,
                                                      memory_order_acquire); /* step: loan_ends */
    FAULT_POINT(after_loan_ends);
    if (is_ours)
        give_back(view, slot);
    else
        clear_kept(view, slot);
    view_unref(view);
}
