/* Pool: the memory itself is shm/shm_pool.h (ours) and shm/shm_view.h (a peer's). */
#include "node/pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/node.h"
#include "node/shm.h"
#include "runtime/rooms.h"
#include "shm/shm_fault.h"
#include "shm/shm_pool.h"
#include "shm/shm_view.h"
#include "space/attach.h"

static const uint64_t tidy_every_ns = MAIKO_SECONDS(1);
static const uint64_t default_bytes = UINT64_C(64) * 1024 * 1024;

/* A slot that is mapped takes two mappings; a quarter of what a process may have are for slots. */
enum { USUAL_MAPPINGS = 65530, MAPPINGS_PER_SLOT = 8 };

/* The bridge's and its supervisor's, whoever is freed last. */
struct node_pool {
    struct maiko_rooms rooms;
    struct heap heap; /* of the supervisor's allocator, uncounted */
    pthread_mutex_t lock;
    struct shm_pool *pool; /* under the lock; NULL: there is none yet, or none any more */
    uint64_t bytes;
    uint32_t refs;    /* under the lock */
    bool has_tried;   /* the bridge's thread: there is one, or there will be none */
    uint64_t tidy_ns; /* whose turn it is: when to tidy it next */
    bool is_due;      /* whose turn it is: somebody has left, who is to be asked about at once */
    /* Of events that are worth a slot.  Release and acquire: the type's own fields were written before. */
    _Atomic(const maiko_event_type *) types[POOL_TYPES];
    atomic_bool is_wanted;
    bool has_told; /* the export actor's: that it is one type too many */
};

/* ---- on the shards ---- */

static bool is_noted(struct node_pool *pool, const maiko_event_type *type)
{
    size_t i;

    for (i = 0; i < POOL_TYPES; i++) {
        const maiko_event_type *noted = atomic_load_explicit(&pool->types[i], memory_order_acquire);

        if (noted == NULL || noted == type)
            return noted != NULL;
    }
    return false;
}

static bool take_room(struct maiko_rooms *rooms, const maiko_event_type *type, size_t len, struct maiko_room *ret_room)
{
    struct node_pool *pool = CONTAINER_OF(rooms, struct node_pool, rooms);
    struct maiko_room room = {.release = shm_pool_release};

    if (len < POOL_FROM || !is_noted(pool, type))
        return false;
    pthread_mutex_lock(&pool->lock);
    if (pool->pool != NULL) {
        room.event = shm_pool_take(pool->pool, type->size, len, &room.owner);
        room.is_scarce = shm_pool_is_scarce(pool->pool);
    }
    pthread_mutex_unlock(&pool->lock);
    *ret_room = room;
    return room.event != NULL;
}

/* One export actor notes them, so nobody else writes. */
void node_pool_note(maiko_bridge *bridge, const struct payload_plan *plan)
{
    struct node_pool *pool = bridge->pool;
    const maiko_event_type *type = payload_plan_type(plan);
    size_t i;

    if (pool == NULL || is_noted(pool, type) || type->destroy != NULL || type->size > SHM_SLOT_PRIVATE ||
        !payload_can_be_shared(plan))
        return;
    for (i = 0; i < POOL_TYPES; i++) {
        if (atomic_load_explicit(&pool->types[i], memory_order_relaxed) != NULL)
            continue;
        FAULT_POINT(before_pool_type);
        atomic_store_explicit(&pool->types[i], type, memory_order_release);
        FAULT_POINT(after_pool_type);
        FAULT_POINT(before_pool_is_wanted);
        atomic_store(&pool->is_wanted, true);
        FAULT_POINT(after_pool_is_wanted);
        return;
    }
    if (!pool->has_told)
        node_log(bridge, MAIKO_LOG_WARNING, "%d types use the pool of large events; those of %s and more are copied", POOL_TYPES,
                 type->name);
    pool->has_told = true;
}

/* ---- making and ending ---- */

static void unref(struct node_pool *pool)
{
    struct heap heap = pool->heap;
    bool is_last;

    pthread_mutex_lock(&pool->lock);
    is_last = --pool->refs == 0;
    pthread_mutex_unlock(&pool->lock);
    if (!is_last)
        return;
    pthread_mutex_destroy(&pool->lock);
    heap_free(&heap, pool, sizeof(*pool));
}

static void let_go(struct maiko_rooms *rooms)
{
    unref(CONTAINER_OF(rooms, struct node_pool, rooms));
}

/* Events outlive the bridge and the supervisor, so nothing is counted; a supervisor with a cap never asks for room. */
maiko_status node_pool_set_up(maiko_bridge *bridge)
{
    struct heap heap = heap_uncounted(bridge->heap);
    struct node_pool *pool;

    if (bridge->space == NULL || bridge->config.transport == MAIKO_TRANSPORT_ZMQ || bridge->export_count == 0 ||
        bridge->heap->cap != 0)
        return MAIKO_OK;
    pool = heap_alloc_zeroed(&heap, 1, sizeof(*pool));
    if (pool == NULL)
        return MAIKO_ENOMEM;
    pool->heap = heap;
    pthread_mutex_init(&pool->lock, NULL);
    pool->bytes = bridge->config.pool_bytes != 0 ? bridge->config.pool_bytes : default_bytes;
    pool->rooms.take = take_room;
    pool->rooms.let_go = let_go;
    pool->refs = 2;
    bridge->pool = pool;
    maiko_supervisor_use_rooms(bridge->sup, &pool->rooms);
    return MAIKO_OK;
}

void node_pool_tear_down(maiko_bridge *bridge)
{
    struct node_pool *pool = bridge->pool;

    shm_budget_unref(bridge->view_budget);
    bridge->view_budget = NULL;
    if (pool == NULL)
        return;
    bridge->pool = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->pool != NULL)
        shm_pool_close(pool->pool);
    pool->pool = NULL;
    pthread_mutex_unlock(&pool->lock);
    unref(pool);
}

/* Once; without memory for it everything goes on as it does. */
static void make(maiko_bridge *bridge)
{
    struct node_pool *pool = bridge->pool;
    struct shm_pool *made = NULL;
    maiko_status status;

    pool->has_tried = true;
    status = shm_pool_new(&pool->heap, pool->bytes, &made);
    if (status != MAIKO_OK && status != MAIKO_EINVAL) /* it was set to less than a slot: none is wanted */
        node_log(bridge, MAIKO_LOG_WARNING, "no pool for large events: %s", maiko_strerror(status));
    pthread_mutex_lock(&pool->lock);
    pool->pool = made;
    pthread_mutex_unlock(&pool->lock);
}

/* ---- our pool and a peer ---- */

static maiko_status make_claims(struct node_peer *peer, struct node_pool *pool)
{
    maiko_status status = MAIKO_ENOTFOUND;

    pthread_mutex_lock(&pool->lock);
    if (pool->pool != NULL)
        status = shm_claims_new(pool->pool, node_shm_id(peer), &peer->claims);
    pthread_mutex_unlock(&pool->lock);
    return status;
}

void node_pool_offer(struct node_peer *peer)
{
    struct node_pool *pool = peer->bridge->pool;
    int fds[ATTACH_POOL_FDS];

    if (space_group(peer->bridge->space) != SPACE_NO_GROUP)
        return; /* another user would see what is in it and not sent to him */
    if (peer->was_offered_pool || pool == NULL || !atomic_load_explicit(&pool->is_wanted, memory_order_relaxed))
        return;
    if (!pool->has_tried)
        make(peer->bridge);
    peer->was_offered_pool = true;
    if (make_claims(peer, pool) != MAIKO_OK)
        return;                                    /* events go there as they always do */
    fds[ATTACH_FD_POOL] = shm_pool_fd(pool->pool); /* set once, by this thread */
    fds[ATTACH_FD_RETURNS] = shm_claims_fd(peer->claims);
    FAULT_POINT(before_offer_pool);
    node_shm_tell(peer, ATTACH_POOL, fds, ATTACH_POOL_FDS);
    FAULT_POINT(after_offer_pool);
}

void node_pool_taken(struct node_peer *peer)
{
    peer->has_pool = peer->claims != NULL;
}

/* Under the lock, but for the questions: senders must not wait for what they take. */
static void ask(struct node_pool *pool)
{
    struct shm_claims *claims;
    bool is_forsaken;

    while ((claims = shm_pool_ask_next(pool->pool)) != NULL) {
        pthread_mutex_unlock(&pool->lock);
        is_forsaken = shm_claims_ask(claims);
        pthread_mutex_lock(&pool->lock);
        shm_claims_answer(claims, is_forsaken);
    }
}

void node_pool_tidy(maiko_bridge *bridge, uint64_t now_ns)
{
    struct node_pool *pool = bridge->pool;

    if (pool == NULL || pool->pool == NULL || (!pool->is_due && now_ns < pool->tidy_ns)) /* set by this thread */
        return;
    pool->is_due = false;
    pthread_mutex_lock(&pool->lock);
    if (now_ns >= pool->tidy_ns) {
        pool->tidy_ns = now_ns + tidy_every_ns;
        shm_pool_tidy(pool->pool);
    }
    ask(pool);
    pthread_mutex_unlock(&pool->lock);
}

void node_pool_leave(struct node_peer *peer)
{
    struct node_pool *pool = peer->bridge->pool;

    shm_view_close(peer->view);
    peer->view = NULL;
    if (peer->claims != NULL) {
        pthread_mutex_lock(&pool->lock);
        shm_claims_leave(peer->claims);
        pthread_mutex_unlock(&pool->lock);
        pool->is_due = true; /* the bridge's thread asks: this may be a shard, which has other things to do */
    }
    peer->claims = NULL;
    peer->has_pool = peer->was_offered_pool = false;
}

const char *node_pool_fault(struct node_peer *peer)
{
    struct node_pool *pool = peer->bridge->pool;
    const char *fault;

    if (peer->claims == NULL)
        return NULL;
    pthread_mutex_lock(&pool->lock);
    fault = shm_claims_fault(peer->claims);
    pthread_mutex_unlock(&pool->lock);
    return fault;
}

bool node_pool_lend(struct node_peer *peer, const maiko_event_type *type, const void *event, size_t len,
                    struct payload_reference *ret_reference)
{
    struct node_pool *pool = peer->bridge->pool;
    size_t head = shm_slots_private(type->size);
    uint32_t slot;

    if (!peer->has_pool)
        return false;
    slot = shm_pool_find(pool->pool, event);
    if (slot == SHM_SLOTS_MAX)
        return false;
    pthread_mutex_lock(&pool->lock);
    shm_claims_lend(peer->claims, slot);
    pthread_mutex_unlock(&pool->lock);
    *ret_reference = (struct payload_reference){.slot = slot, .len = len, .head = {event, head < len ? head : len}};
    return true;
}

bool node_pool_has(const maiko_bridge *bridge, const void *event)
{
    const struct node_pool *pool = bridge->pool;

    return pool != NULL && pool->pool != NULL && shm_pool_find(pool->pool, event) != SHM_SLOTS_MAX;
}

uint64_t node_pool_starved(const maiko_bridge *bridge)
{
    struct node_pool *pool = bridge->pool;
    uint64_t starved;

    if (pool == NULL)
        return 0;
    pthread_mutex_lock(&pool->lock);
    starved = pool->pool != NULL ? shm_pool_starved(pool->pool) : 0;
    pthread_mutex_unlock(&pool->lock);
    return starved;
}

/* ---- a peer's pool ---- */

static uint32_t mappings_of_a_process(void)
{
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    char text[16] = "";
    ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    unsigned long count = len > 0 ? strtoul(text, NULL, 10) : 0;

    if (fd >= 0)
        close(fd);
    return count > 0 && count <= UINT32_MAX ? (uint32_t)count : USUAL_MAPPINGS;
}

/* Made for the first pool that comes. */
static maiko_status make_budget(maiko_bridge *bridge)
{
    if (bridge->view_budget != NULL)
        return MAIKO_OK;
    return shm_budget_new(bridge->heap, mappings_of_a_process() / MAPPINGS_PER_SLOT, &bridge->view_budget);
}

static maiko_status make_view(struct node_peer *peer, const struct control_message *message, const char **reason)
{
    maiko_bridge *bridge = peer->bridge;
    maiko_status status = make_budget(bridge);

    *reason = "";
    if (status != MAIKO_OK)
        return status;
    return shm_view_new(bridge->heap, bridge->view_budget, message->fds[ATTACH_FD_POOL], message->fds[ATTACH_FD_RETURNS],
                        node_shm_id(peer), &peer->view, reason);
}

void node_pool_came(struct node_peer *peer, const struct control_message *message)
{
    const char *reason = "not two descriptors";
    maiko_status status = MAIKO_EPROTOCOL;

    if (peer->view != NULL)
        return;
    if (message->fd_count == ATTACH_POOL_FDS)
        status = make_view(peer, message, &reason);
    FAULT_POINT(before_take_pool);
    if (status == MAIKO_OK) {
        node_shm_tell(peer, ATTACH_TAKEN, NULL, 0);
        FAULT_POINT(after_take_pool);
        return;
    }
    node_log(peer->bridge, MAIKO_LOG_WARNING, "no pool of node %s: %s: %s", peer->name, maiko_strerror(status), reason);
}

void node_pool_pass(struct node_peer *peer, uint32_t slot)
{
    if (peer->view != NULL)
        shm_view_pass(peer->view, slot);
}

static maiko_status refuse(struct node_peer *peer, const struct payload_reference *reference, struct text *error,
                           const char *reason)
{
    if (reference != NULL)
        node_pool_pass(peer, reference->slot);
    if (error->len == 0)
        text_append_format(error, "a reference: %s", reason);
    return MAIKO_ETYPE;
}

/* What may be read of it at all. */
static maiko_status look(struct node_peer *peer, const struct payload_plan *plan, struct slice payload,
                         struct payload_reference *reference, struct text *error)
{
    const maiko_event_type *type = payload_plan_type(plan);
    size_t head = shm_slots_private(type->size);

    if (!payload_read_reference(payload, reference))
        return refuse(peer, NULL, error, "none");
    if (peer->view == NULL || !payload_can_be_shared(plan))
        return refuse(peer, reference, error, "to nothing that was taken");
    if (!shm_view_has(peer->view, reference->slot, type->size, reference->len))
        return refuse(peer, reference, error, "to what is not there");
    if (reference->head.len != (head < reference->len ? head : reference->len))
        return refuse(peer, reference, error, "without its head");
    return MAIKO_OK;
}

static maiko_status refuse_now(struct node_peer *peer, const struct payload_reference *reference, struct text *error)
{
    bool is_read = shm_view_is_read(peer->view, reference->slot);

    (void)refuse(peer, reference, error, is_read ? "to an event that is read here" : "no memory for a copy");
    return is_read ? MAIKO_ELIMIT : MAIKO_ENOMEM;
}

static void tell_of_copies(struct node_peer *peer)
{
    if (peer->has_told_copies || shm_view_copied(peer->view) == 0)
        return;
    peer->has_told_copies = true;
    node_log(peer->bridge, MAIKO_LOG_WARNING,
             "large events of node %s are copied: no more of them can be mapped (vm.max_map_count), or their memory is not there",
             peer->name);
}

maiko_status node_pool_take(struct node_peer *peer, const struct payload_plan *plan, struct slice payload, const void **ret_event,
                            void **ret_loan, size_t *ret_len, struct text *error)
{
    struct payload_reference reference;
    maiko_status status = look(peer, plan, payload, &reference, error);

    if (status != MAIKO_OK)
        return status;
    *ret_len = reference.len;
    *ret_event =
        shm_view_take(peer->view, reference.slot, payload_plan_type(plan)->size, reference.len, reference.head.data, ret_loan);
    if (*ret_event == NULL)
        return refuse_now(peer, &reference, error);
    tell_of_copies(peer);
    status = payload_check_native(plan, *ret_event, reference.len, error);
    if (status != MAIKO_OK)
        shm_view_return(*ret_loan);
    return status;
}
