/* Pool: free slots by size, last used first, and who has the others. */
#include "shm/shm_pool.h"

#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "shm/shm_fault.h"

enum {
    NONE = SHM_SLOTS_MAX,
    BITS = SHM_KEPT_BITS,
    USED_WELL = 8 * 1048576, /* bytes */
    LOOK_EVERY = 8 * 65536,  /* bytes of slots taken: what comes back early is still in the caches */
    ASK_EVERY_MAX = 63       /* times that the pool is tidied */
};

struct slot {
    struct shm_pool *pool;
    struct slot *next;    /* free, or released */
    uint32_t claims;      /* lent and not returned, all readers together */
    bool is_held;         /* taken, and not known to be released */
    size_t backed;        /* bytes with memory behind them */
    unsigned char *begin; /* of what is shared */
};

struct shm_pool {
    struct heap heap; /* uncounted: events outlive the supervisor */
    struct shm_area area;
    struct shm_slots slots;
    unsigned char *base;
    _Atomic uint32_t refs; /* the owner's, and one per slot that is held */
    /* Pushed by whoever releases, taken by whoever looks for a slot; a lock might be taken for ever in a forked child. */
    _Atomic(struct slot *) released;
    /* under the owner's lock */
    bool is_closed;
    struct slot *free[SHM_CLASSES];
    struct list claims; /* struct shm_claims, those whose link is over last */
    uint64_t starved;
    size_t used; /* bytes of the slots that are not free */
    size_t taken; /* bytes of slots since all readers' returns were looked at */
    struct slot list[];
};

struct shm_claims {
    struct list link;
    struct shm_pool *pool;
    struct shm_area returns;
    bool is_over;
    bool is_due;        /* to be asked whether its reader still has the memory of returns */
    unsigned tidied;    /* since the last question */
    unsigned ask_after; /* how often that has to be before the next */
    const char *fault;
    uint64_t out[SHM_SLOTS_MAX / BITS]; /* bit per slot that is lent */
    uint32_t lent[SHM_SLOTS_MAX];       /* how often, ever */
    uint32_t seen[SHM_SLOTS_MAX];       /* how often it came back */
};

static size_t pool_bytes(uint32_t count)
{
    return sizeof(struct shm_pool) + count * sizeof(struct slot);
}

/* ---- making and ending ---- */

static void put_free(struct shm_pool *pool, struct slot *slot)
{
    uint32_t size_class = shm_slots_class(&pool->slots, (uint32_t)(slot - pool->list));

    slot->next = pool->free[size_class];
    pool->free[size_class] = slot;
    pool->used -= shm_slots_class_size(size_class);
}

/* The lowest of each size is taken first. */
static void lay_out(struct shm_pool *pool)
{
    uint32_t i;

    pool->used = shm_slots_contents(&pool->slots);
    for (i = pool->slots.count; i-- > 0;) {
        pool->list[i].pool = pool;
        pool->list[i].begin = pool->base + shm_slots_place(&pool->slots, i);
        put_free(pool, &pool->list[i]);
    }
}

static maiko_status make_memory(struct shm_pool *pool)
{
    maiko_status status = shm_area_create_unmapped(SHM_AREA_POOL, shm_slots_contents(&pool->slots), 0, &pool->area, NULL);
    size_t len = sizeof(pool->slots.counts);

    if (status != MAIKO_OK)
        return status;
    if (pwrite(pool->area.fd, pool->slots.counts, len, offsetof(struct shm_pool_header, counts)) != (ssize_t)len)
        return MAIKO_ESYSTEM;
    status = shm_slots_map(&pool->slots, pool->area.fd, &pool->base);
    return status == MAIKO_OK ? shm_area_seal(&pool->area) : status;
}

/* The last reference: nobody else has the pool. */
static void pool_free(struct shm_pool *pool)
{
    struct heap heap = pool->heap;

    shm_slots_unmap(&pool->slots, pool->base);
    shm_area_deinit(&pool->area);
    heap_free(&heap, pool, pool_bytes(pool->slots.count));
}

static void pool_unref(struct shm_pool *pool)
{
    bool is_last;

    FAULT_POINT(before_pool_unref);
    /* Acquire and release: who frees comes behind all that the others did. */
    is_last = atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) == 1;
    FAULT_POINT(after_pool_unref);
    if (is_last)
        pool_free(pool);
}

maiko_status shm_pool_new(struct heap *heap, uint64_t bytes, struct shm_pool **ret_pool)
{
    struct shm_slots slots = shm_slots_plan(bytes);
    struct heap own = heap_uncounted(heap);
    struct shm_pool *pool = slots.count > 0 ? heap_alloc_zeroed(&own, 1, pool_bytes(slots.count)) : NULL;
    maiko_status status;

    if (pool == NULL)
        return slots.count > 0 ? MAIKO_ENOMEM : MAIKO_EINVAL;
    pool->heap = own;
    pool->slots = slots;
    pool->area.fd = -1;
    list_init(&pool->claims);
    status = make_memory(pool);
    if (status != MAIKO_OK) {
        pool_free(pool);
        return status;
    }
    lay_out(pool);
    FAULT_POINT(before_pool_begins);
    atomic_init(&pool->refs, 1);
    FAULT_POINT(after_pool_begins);
    *ret_pool = pool;
    return MAIKO_OK;
}

int shm_pool_fd(const struct shm_pool *pool)
{
    return pool->area.fd;
}

/* ---- what comes back ---- */

static void free_if_unused(struct shm_pool *pool, struct slot *slot)
{
    if (!slot->is_held && slot->claims == 0)
        put_free(pool, slot);
}

/* Acquire: behind everything that who released it has read; partner in shm_pool_release(). */
static void collect_released(struct shm_pool *pool)
{
    struct slot *slot = atomic_load_explicit(&pool->released, memory_order_relaxed);

    if (slot == NULL)
        return;
    FAULT_POINT(before_collect_released);
    slot = atomic_exchange_explicit(&pool->released, NULL, memory_order_acquire);
    FAULT_POINT(after_collect_released);
    while (slot != NULL) {
        struct slot *next = slot->next;

        slot->is_held = false;
        free_if_unused(pool, slot);
        slot = next;
    }
}

static void come_back(struct shm_claims *claims, uint32_t number, uint32_t times)
{
    struct slot *slot = &claims->pool->list[number];

    claims->seen[number] += times;
    slot->claims -= times;
    if (claims->seen[number] == claims->lent[number])
        claims->out[number / BITS] &= ~((uint64_t)1 << number % BITS);
    free_if_unused(claims->pool, slot);
}

static void collect_slot(struct shm_claims *claims, uint32_t number)
{
    struct shm_returns *returns = claims->returns.base;
    /* Acquire: the reader's loads of the slot come before our next stores into it; partner in give_back() of shm_view.c. */
    uint32_t told = atomic_load_explicit(&returns->returned[number], memory_order_acquire); /* step: load_slot_returned */
    uint32_t times = told - claims->seen[number];

    if (times > claims->lent[number] - claims->seen[number])
        claims->fault = "it returned a slot it did not have";
    else if (times > 0)
        come_back(claims, number, times);
}

static void collect(struct shm_claims *claims)
{
    uint32_t word;

    for (word = 0; word < SHM_SLOTS_MAX / BITS && claims->returns.base != NULL; word++) {
        uint64_t out = claims->out[word];

        for (; out != 0 && claims->fault == NULL; out &= out - 1)
            collect_slot(claims, word * BITS + (uint32_t)__builtin_ctzll(out));
    }
}

static void take_back_word(struct shm_claims *claims, uint32_t word)
{
    struct shm_returns *returns = claims->returns.base;
    /* Acquire: the reader's loads of these slots come before our next stores into them; partner in clear_kept() of shm_view.c. */
    uint64_t kept = atomic_load_explicit(&returns->kept[word], memory_order_acquire); /* step: load_kept */
    uint64_t back = claims->out[word] & ~kept;

    for (; back != 0; back &= back - 1) {
        uint32_t number = word * BITS + (uint32_t)__builtin_ctzll(back);

        come_back(claims, number, claims->lent[number] - claims->seen[number]);
    }
}

/* What a reader that takes nothing more does not read; a lie takes from the liar. */
static void take_back(struct shm_claims *claims)
{
    struct shm_returns *returns = claims->returns.base;
    uint32_t word;

    /* Acquire: what it keeps was said before; partner in close_view() of shm_view.c. */
    if (returns == NULL || atomic_load_explicit(&returns->is_closed, memory_order_acquire) == 0) /* step: load_closed */
        return;
    for (word = 0; word < SHM_SLOTS_MAX / BITS; word++)
        take_back_word(claims, word);
}

static void claims_free(struct shm_claims *claims)
{
    list_remove(&claims->link);
    shm_area_deinit(&claims->returns);
    heap_free(&claims->pool->heap, claims, sizeof(*claims));
}

/* Everything comes back at once. */
static void drop(struct shm_claims *claims)
{
    uint32_t number;

    for (number = 0; number < claims->pool->slots.count; number++)
        if (claims->lent[number] != claims->seen[number])
            come_back(claims, number, claims->lent[number] - claims->seen[number]);
    claims_free(claims);
}

static bool has_none(const struct shm_claims *claims)
{
    uint32_t word;

    for (word = 0; word < SHM_SLOTS_MAX / BITS; word++)
        if (claims->out[word] != 0)
            return false;
    return true;
}

/* A link that is over: when its reader has nothing any more, the claims go; never while the kernel is asked, as nothing comes
 * back then.  What was returned is looked at first: it was, whether or not the reader has closed. */
static void settle(struct shm_claims *claims)
{
    collect(claims);
    take_back(claims);
    if (has_none(claims))
        drop(claims);
}

/* Of the links that live. */
static void collect_all(struct shm_pool *pool)
{
    struct list *link;

    pool->taken = 0;
    collect_released(pool);
    LIST_FOR_EACH (link, &pool->claims) {
        struct shm_claims *claims = CONTAINER_OF(link, struct shm_claims, link);

        if (!claims->is_over)
            collect(claims);
    }
}

/* Of those that are over. */
static void settle_all(struct shm_pool *pool)
{
    struct list *after;
    struct list *link;

    LIST_FOR_EACH_SAFE (link, after, &pool->claims) {
        struct shm_claims *claims = CONTAINER_OF(link, struct shm_claims, link);

        if (claims->is_over)
            settle(claims);
    }
}

/* ---- slots ---- */

/* Memory behind the first bytes of a slot, so that touching them cannot end in SIGBUS. */
static bool back(struct shm_pool *pool, struct slot *slot, size_t len)
{
    size_t pages = (len + SHM_PAGE - 1) / SHM_PAGE * SHM_PAGE;
    size_t offset = SHM_PAGE + shm_slots_offset(&pool->slots, (uint32_t)(slot - pool->list));

    if (pages <= slot->backed)
        return true;
    if (shm_area_back(&pool->area, offset + slot->backed, pages - slot->backed) != MAIKO_OK)
        return false;
    slot->backed = pages;
    return true;
}

/* A size larger than needed will do, when there is none left of the right one. */
static struct slot *pop_free(struct shm_pool *pool, uint32_t size_class)
{
    struct slot *slot = pool->free[size_class];

    if (slot == NULL && size_class + 1 < SHM_CLASSES)
        slot = pool->free[++size_class];
    if (slot != NULL) {
        pool->free[size_class] = slot->next;
        pool->used += shm_slots_class_size(size_class);
    }
    return slot;
}

static struct slot *find_free(struct shm_pool *pool, uint32_t size_class)
{
    struct slot *slot;

    pool->taken += shm_slots_class_size(size_class);
    if (pool->taken >= LOOK_EVERY)
        collect_all(pool);
    else
        collect_released(pool);
    slot = pop_free(pool, size_class);
    if (slot != NULL)
        return slot;
    collect_all(pool);
    slot = pop_free(pool, size_class);
    if (slot != NULL)
        return slot;
    settle_all(pool);
    return pop_free(pool, size_class);
}

static struct slot *take(struct shm_pool *pool, uint32_t size_class, size_t shared)
{
    struct slot *slot = pool->is_closed ? NULL : find_free(pool, size_class);

    if (slot != NULL && !back(pool, slot, shared)) {
        put_free(pool, slot);
        slot = NULL;
    }
    if (slot == NULL) {
        pool->starved++;
        return NULL;
    }
    slot->is_held = true;
    FAULT_POINT(before_pool_ref);
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed); /* the owner has one */
    FAULT_POINT(after_pool_ref);
    return slot;
}

void *shm_pool_take(struct shm_pool *pool, size_t size, size_t len, void **ret_slot)
{
    size_t begin = shm_slots_private(size);
    size_t shared = len > begin ? len - begin : 0;
    uint32_t size_class = shm_slots_class_for(shared);
    struct slot *slot;

    if (size_class == SHM_CLASSES || begin > SHM_SLOT_PRIVATE)
        return NULL;
    slot = take(pool, size_class, shared);
    if (slot == NULL)
        return NULL;
    memset(slot->begin - begin, 0, begin);
    *ret_slot = slot;
    return slot->begin - begin;
}

void shm_pool_release(void *released)
{
    struct slot *slot = released;
    struct shm_pool *pool = slot->pool;

    slot->next = atomic_load_explicit(&pool->released, memory_order_relaxed);
    FAULT_POINT(before_release_slot);
    /* Release: what was read and written there comes before the next one's stores. */
    while (!atomic_compare_exchange_weak_explicit(&pool->released, &slot->next, slot, memory_order_release, memory_order_relaxed))
        continue;
    FAULT_POINT(after_release_slot);
    pool_unref(pool);
}

uint32_t shm_pool_find(const struct shm_pool *pool, const void *event)
{
    uintptr_t base = (uintptr_t)pool->base;

    return (uintptr_t)event < base ? NONE : shm_slots_find(&pool->slots, (uintptr_t)event - base);
}

bool shm_pool_is_scarce(const struct shm_pool *pool)
{
    return pool->used >= USED_WELL || pool->used >= shm_slots_contents(&pool->slots) / 2;
}

uint64_t shm_pool_starved(const struct shm_pool *pool)
{
    return pool->starved;
}

uint32_t shm_pool_used(struct shm_pool *pool)
{
    uint32_t used = pool->slots.count;
    uint32_t size_class;

    collect_all(pool);
    settle_all(pool);
    for (size_class = 0; size_class < SHM_CLASSES; size_class++) {
        const struct slot *slot;

        for (slot = pool->free[size_class]; slot != NULL; slot = slot->next)
            used--;
    }
    return used;
}

void shm_pool_close(struct shm_pool *pool)
{
    pool->is_closed = true;
    while (!list_is_empty(&pool->claims)) /* of links that are over: nothing is written any more */
        claims_free(CONTAINER_OF(list_first(&pool->claims), struct shm_claims, link));
    pool_unref(pool);
}

/* ---- readers ---- */

maiko_status shm_claims_new(struct shm_pool *pool, uint64_t link, struct shm_claims **ret_claims)
{
    struct shm_claims *claims = heap_alloc_zeroed(&pool->heap, 1, sizeof(*claims));
    maiko_status status;

    if (claims == NULL)
        return MAIKO_ENOMEM;
    claims->pool = pool;
    status = shm_area_create(SHM_AREA_RETURNS, 0, link, &claims->returns, NULL);
    if (status != MAIKO_OK) {
        heap_free(&pool->heap, claims, sizeof(*claims));
        return status;
    }
    list_push_back(&pool->claims, &claims->link);
    *ret_claims = claims;
    return MAIKO_OK;
}

int shm_claims_fd(const struct shm_claims *claims)
{
    return claims->returns.fd;
}

void shm_claims_lend(struct shm_claims *claims, uint32_t slot)
{
    claims->lent[slot]++;
    claims->out[slot / BITS] |= (uint64_t)1 << slot % BITS;
    claims->pool->list[slot].claims++;
}

const char *shm_claims_fault(const struct shm_claims *claims)
{
    return claims->fault;
}

void shm_claims_leave(struct shm_claims *claims)
{
    if (claims == NULL)
        return;
    claims->is_over = claims->is_due = true;
    settle(claims);
}

/* ---- readers that have left ---- */

static void tidy(struct shm_claims *claims)
{
    if (!claims->is_over || ++claims->tidied < claims->ask_after)
        return;
    claims->tidied = 0;
    claims->is_due = true;
}

void shm_pool_tidy(struct shm_pool *pool)
{
    struct list *link;

    collect_released(pool);
    settle_all(pool);
    LIST_FOR_EACH (link, &pool->claims)
        tidy(CONTAINER_OF(link, struct shm_claims, link));
}

/* Our own mapping would be in the way of the answer. */
struct shm_claims *shm_pool_ask_next(struct shm_pool *pool)
{
    struct list *link;

    LIST_FOR_EACH (link, &pool->claims) {
        struct shm_claims *claims = CONTAINER_OF(link, struct shm_claims, link);

        if (!claims->is_due)
            continue;
        claims->is_due = false;
        shm_area_unmap(&claims->returns);
        return claims;
    }
    return NULL;
}

bool shm_claims_ask(const struct shm_claims *claims)
{
    return shm_area_is_forsaken(&claims->returns);
}

void shm_claims_answer(struct shm_claims *claims, bool is_forsaken)
{
    claims->ask_after = claims->ask_after < ASK_EVERY_MAX ? 2 * claims->ask_after + 1 : ASK_EVERY_MAX;
    if (is_forsaken)
        drop(claims);
    else
        (void)!shm_area_map_again(&claims->returns); /* else only the end of its reader's mapping is seen */
}
