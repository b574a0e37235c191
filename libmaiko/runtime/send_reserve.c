/* Send, in place: reserve, commit, abandon; the sender fills the room it was given. */
#include "runtime/send.h"

#include "runtime/offline.h"
#include "runtime/rooms.h"
#include "runtime/supervisor_internal.h"
#include <maiko/send.h>
#include <string.h>

/* Reserved room is the payload of an envelope to be: one of the shard's pool, or on the heap with room for its names.  The commit
 * sends that envelope.  What is open stands in a ring: of the hook that runs on its shard, of outside threads in their inbox,
 * under its lock.  Nothing else is room, so that memory a caller hands in is not read before it was found there. */

static bool is_foreign(const struct envelope *envelope)
{
    return envelope->home == HOME_HEAP && envelope->is_foreign;
}

static char *room_bytes(const struct envelope *envelope)
{
    return (char *)(uintptr_t)envelope->head.payload;
}

/* The end of the block, behind the room. */
static char *block_end(const struct envelope *envelope)
{
    size_t size = envelope->home == HOME_HEAP ? envelope->home_size : pool_block_size(envelope->size_class);

    if (is_foreign(envelope))
        return room_bytes(envelope) + envelope->head.payload_len;
    return (char *)(uintptr_t)envelope + size;
}

/* --- which are open --- */

static struct envelope **lock_rooms(struct actor *actor)
{
    if (!actor->is_gate)
        return &actor->shard->reserved;
    pthread_mutex_lock(&actor_inbox(actor)->lock);
    return &actor_inbox(actor)->reserved;
}

static void unlock_rooms(struct actor *actor)
{
    if (actor->is_gate)
        pthread_mutex_unlock(&actor_inbox(actor)->lock);
}

static void ring_add(struct envelope **first, struct envelope *envelope)
{
    struct envelope *next = *first == NULL ? envelope : *first;

    envelope->room.next = next;
    envelope->room.prev = *first == NULL ? envelope : next->room.prev;
    envelope->room.prev->room.next = envelope;
    next->room.prev = envelope;
    *first = envelope;
}

static void ring_remove(struct envelope **first, struct envelope *envelope)
{
    struct envelope *next = envelope->room.next;

    if (next == envelope) {
        *first = NULL;
        return;
    }
    next->room.prev = envelope->room.prev;
    next->room.prev->room.next = next;
    if (*first == envelope)
        *first = next;
}

/* From both ends: who has several open commits the last or the first, mostly. */
static struct envelope *ring_find(struct envelope *first, const void *event)
{
    struct envelope *young = first;
    struct envelope *old = first == NULL ? NULL : first->room.prev;

    while (young != NULL && room_bytes(young) != event) {
        if (room_bytes(old) == event)
            return old;
        if (young == old || young->room.next == old)
            return NULL;
        young = young->room.next;
        old = old->room.prev;
    }
    return young;
}

static void open_room(struct actor *actor, struct envelope *envelope)
{
    char *end = room_bytes(envelope) + envelope->head.payload_len;

    envelope->origin = actor;
    memory_poison(end, (size_t)(block_end(envelope) - end));
    ring_add(lock_rooms(actor), envelope);
    unlock_rooms(actor);
}

/* Takes it from the open ones.  NULL: it is none of the actor's, or not any more.  The ring is the shard's: what it has may be of
 * the hook that runs, and not of the context that was handed in. */
static struct envelope *close_room(struct actor *actor, const void *event)
{
    struct envelope **first = lock_rooms(actor);
    struct envelope *envelope = ring_find(*first, event);

    if (envelope != NULL && envelope->origin != actor)
        envelope = NULL;
    if (envelope != NULL)
        ring_remove(first, envelope);
    unlock_rooms(actor);
    if (envelope != NULL)
        memory_unpoison(room_bytes(envelope), (size_t)(block_end(envelope) - room_bytes(envelope)));
    return envelope;
}

/* Once it is not open any more. */
static void free_room(struct envelope *envelope)
{
    if (envelope->home == HOME_POOL)
        pool_give(&envelope->origin->shard->pool, envelope);
    else
        envelope_free_heap(envelope);
}

static void abandon(struct actor *actor, const void *event)
{
    struct envelope *envelope = close_room(actor, event);

    if (envelope != NULL)
        free_room(envelope);
}

void send_abandon_forgotten_slow(struct shard *shard)
{
    while (shard->reserved != NULL)
        abandon(shard->reserved->origin, room_bytes(shard->reserved));
}

void send_abandon_outside(struct inbox *inbox)
{
    while (inbox->reserved != NULL)
        abandon(inbox->gate, room_bytes(inbox->reserved));
}

/* --- reserve, commit, abandon --- */

static maiko_status check_reserve(maiko_context *ctx, struct actor *actor, const maiko_event_type *type, size_t len)
{
    char buffer[256];
    struct text error;
    const struct type_entry *entry;
    maiko_status status;

    if (actor == NULL)
        return ctx == NULL ? MAIKO_EINVAL : MAIKO_ECLOSED;
    if (supervisor_is_forked(actor->shard->sup))
        return MAIKO_EFORKED;
    status = !actor->is_gate ? send_check_sender(actor) : MAIKO_OK;
    if (status != MAIKO_OK)
        return status;
    text_init_buffer(&error, buffer, sizeof buffer);
    status = registry_type(&actor->shard->sup->registry, type, &error, &entry);
    if (status != MAIKO_OK)
        return status;
    if (len > actor->shard->sup->config.max_payload_bytes)
        return MAIKO_ETOOLONG;
    if (len < type->size || (type->tail_size == 0 && len != type->size))
        return MAIKO_ETYPE;
    return MAIKO_OK;
}

/* NULL: nobody has any. */
static struct envelope *foreign_room(const struct actor *actor, const maiko_event_type *type, size_t len)
{
    struct maiko_supervisor *sup = actor->shard->sup;
    struct maiko_rooms *rooms = len >= ROOMS_FROM && type->destroy == NULL ? sup->rooms : NULL;
    struct envelope *envelope;
    struct maiko_room room = {.is_scarce = false};

    while (rooms != NULL && !rooms->take(rooms, type, len, &room))
        rooms = rooms->next;
    if (room.is_scarce && !actor->is_gate) {
        actor->shard->scarce_for = actor->index + 1;
        actor->shard->scarce_in = actor->activations;
    }
    if (rooms == NULL)
        return NULL;
    envelope = envelope_new_foreign_room(sup->root, type, room.event, len, &actor->sender,
                                         (struct envelope_foreign){.release = room.release, .owner = room.owner});
    if (envelope == NULL)
        room.release(room.owner);
    return envelope;
}

/* NULL when out of memory. */
static struct envelope *new_room(struct actor *actor, const maiko_event_type *type, size_t len)
{
    struct shard *shard = actor->shard;
    struct envelope *envelope = shard->sup->rooms != NULL ? foreign_room(actor, type, len) : NULL;

    if (envelope != NULL)
        return envelope;
    if (actor->is_gate || len > POOL_LARGEST || type->destroy != NULL)
        return envelope_new_room(shard->sup->root, type, len, &actor->sender);
    envelope = pool_take(&shard->pool, pool_class(len), len);
    if (envelope != NULL) {
        envelope->head.type = type;
        memset(envelope_payload(envelope), 0, type->size);
    }
    return envelope;
}

static void *reserve_bytes(maiko_context *ctx, const maiko_event_type *type, size_t len)
{
    struct actor *actor = actor_of_context(ctx);
    maiko_status status = check_reserve(ctx, actor, type, len);
    struct envelope *envelope = NULL;

    if (status == MAIKO_OK) {
        envelope = new_room(actor, type, len);
        status = envelope == NULL ? MAIKO_ENOMEM : MAIKO_OK;
    }
    if (status != MAIKO_OK) {
        if (actor != NULL)
            actor->last_refusal = status;
        return NULL;
    }
    open_room(actor, envelope);
    return room_bytes(envelope);
}

void *maiko_reserve_bytes(maiko_context *ctx, const maiko_event_type *type, size_t len)
{
    struct shard *left = offline_return();
    void *event = reserve_bytes(ctx, type, len);

    offline_leave(left);
    return event;
}

/* Would a copy be better?  An event that needs less than half of its room would take up the rest as long as it lives, and one
 * of an outside thread that fits into a pool enters through the inbox. */
static bool should_be_copied(const struct envelope *envelope, size_t len)
{
    if (envelope->origin->is_gate && len <= POOL_LARGEST && envelope->head.type->destroy == NULL)
        return true;
    return len < envelope->head.payload_len / 2;
}

/* Its pool and its open rooms are the shard's thread's; those of a gate are everybody's. */
static maiko_status check_committer(const maiko_context *ctx, struct actor *actor)
{
    if (actor == NULL)
        return ctx == NULL ? MAIKO_EINVAL : MAIKO_ECLOSED;
    if (supervisor_is_forked(actor->shard->sup))
        return MAIKO_EFORKED;
    return actor->is_gate || actor->shard == shard_of_this_thread ? MAIKO_OK : send_check_sender(actor);
}

static maiko_status commit(maiko_context *ctx, const maiko_send_opts *opts, void *event)
{
    struct actor *actor = actor_of_context(ctx);
    maiko_status status = check_committer(ctx, actor);
    struct envelope *envelope;
    bool is_copied;
    size_t len;

    if (status != MAIKO_OK)
        return status;
    envelope = close_room(actor, event);
    if (envelope == NULL)
        return MAIKO_EINVAL;
    len = maiko_event_len(envelope->head.type, event);
    is_copied = should_be_copied(envelope, len);
    if (len > envelope->head.payload_len)
        status = send_refuse(actor, MAIKO_ETYPE);
    else if (is_copied)
        status = maiko_send_options(ctx, opts, envelope->head.type, event, len);
    else
        status = send_in_place(actor, opts, envelope, len);
    if (status != MAIKO_OK || is_copied)
        free_room(envelope);
    return status;
}

maiko_status maiko_commit_options(maiko_context *ctx, const maiko_send_opts *opts, void *event)
{
    struct shard *left = offline_return();
    maiko_status status = commit(ctx, opts, event);

    offline_leave(left);
    return status;
}

void maiko_abandon(maiko_context *ctx, void *event)
{
    struct shard *left = offline_return();
    struct actor *actor = actor_of_context(ctx);

    if (check_committer(ctx, actor) == MAIKO_OK)
        abandon(actor, event);
    offline_leave(left);
}

/* --- rooms of others --- */

void maiko_supervisor_use_rooms(maiko_supervisor *sup, struct maiko_rooms *rooms)
{
    struct maiko_rooms **end = &sup->rooms;

    if (sup->root->heap.cap != 0) { /* the cap is the host's word on what events may take */
        rooms->let_go(rooms);
        return;
    }
    while (*end != NULL)
        end = &(*end)->next;
    rooms->next = NULL;
    *end = rooms;
}

void send_free_rooms(struct maiko_supervisor *sup)
{
    while (sup->rooms != NULL) {
        struct maiko_rooms *rooms = sup->rooms;

        sup->rooms = rooms->next;
        rooms->let_go(rooms);
    }
}
