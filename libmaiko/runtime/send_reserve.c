/* Send, in place: reserve, commit, abandon; the sender fills the room it was given. */
#include "runtime/send.h"

#include "runtime/rooms.h"
#include "runtime/supervisor_internal.h"
#include <maiko/send.h>
#include <string.h>

/* Reserved room is the payload of an envelope to be: one of the shard's pool, or on the heap with room for its names.  The commit
 * sends that envelope.  Those of the hook that runs are listed on its shard.  Before room that is foreign stands something like
 * an envelope, which leads to its own. */
#define ROOM_MAGIC UINT64_C(0x6d61696b6f2d726d)
#define FOREIGN_ROOM_MAGIC UINT64_C(0x6d61696b6f2d7266)

static struct envelope *room_of(void *event)
{
    struct envelope *envelope = event == NULL ? NULL : (struct envelope *)event - 1;

    if (envelope != NULL && envelope->room.magic == FOREIGN_ROOM_MAGIC)
        envelope = envelope->room.next;
    return envelope != NULL && envelope->room.magic == ROOM_MAGIC ? envelope : NULL;
}

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

static void list_room(struct actor *actor, struct envelope *envelope)
{
    char *end = room_bytes(envelope) + envelope->head.payload_len;

    envelope->room = (struct envelope_room){.magic = ROOM_MAGIC};
    if (is_foreign(envelope))
        ((struct envelope *)(void *)room_bytes(envelope) - 1)->room =
            (struct envelope_room){.magic = FOREIGN_ROOM_MAGIC, .next = envelope};
    envelope->origin = actor;
    memory_poison(end, (size_t)(block_end(envelope) - end));
    if (actor->is_gate)
        return;
    envelope->room.next = actor->shard->reserved;
    if (envelope->room.next != NULL)
        envelope->room.next->room.prev = envelope;
    actor->shard->reserved = envelope;
}

static void unlist_room(struct envelope *envelope)
{
    struct envelope_room *room = &envelope->room;
    struct actor *actor = envelope->origin;
    char *payload = room_bytes(envelope);

    if (!actor->is_gate) {
        if (room->prev != NULL)
            room->prev->room.next = room->next;
        else
            actor->shard->reserved = room->next;
        if (room->next != NULL)
            room->next->room.prev = room->prev;
    }
    room->magic = 0;
    if (is_foreign(envelope))
        ((struct envelope *)(void *)payload - 1)->room.magic = 0;
    memory_unpoison(payload, (size_t)(block_end(envelope) - payload));
}

/* Once it is not listed any more. */
static void free_room(struct envelope *envelope)
{
    if (envelope->home == HOME_POOL)
        pool_give(&envelope->origin->shard->pool, envelope);
    else
        envelope_free_heap(envelope);
}

static void abandon(struct envelope *envelope)
{
    unlist_room(envelope);
    free_room(envelope);
}

void send_abandon_forgotten_slow(struct shard *shard)
{
    while (shard->reserved != NULL)
        abandon(shard->reserved);
}

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

void *maiko_reserve_bytes(maiko_context *ctx, const maiko_event_type *type, size_t len)
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
    list_room(actor, envelope);
    return room_bytes(envelope);
}

/* Would a copy be better?  An event that needs less than half of its room would take up the rest as long as it lives, and one
 * of an outside thread that fits into a pool enters through the inbox. */
static bool should_be_copied(const struct envelope *envelope, size_t len)
{
    if (envelope->origin->is_gate && len <= POOL_LARGEST && envelope->head.type->destroy == NULL)
        return true;
    return len < envelope->head.payload_len / 2;
}

/* Its pool and its list are the shard's thread's; of a gate it has neither. */
static bool is_of_this_thread(const struct actor *actor)
{
    return actor->is_gate || actor->shard == shard_of_this_thread;
}

maiko_status maiko_commit_options(maiko_context *ctx, const maiko_send_opts *opts, void *event)
{
    struct actor *actor = actor_of_context(ctx);
    struct envelope *envelope = room_of(event);
    bool is_copied;
    maiko_status status;
    size_t len;

    if (actor == NULL || envelope == NULL || envelope->origin != actor)
        return actor == NULL && ctx != NULL ? MAIKO_ECLOSED : MAIKO_EINVAL;
    if (supervisor_is_forked(actor->shard->sup))
        return MAIKO_EFORKED;
    if (!is_of_this_thread(actor))
        return MAIKO_ETHREAD;
    len = maiko_event_len(envelope->head.type, event);
    is_copied = should_be_copied(envelope, len);
    unlist_room(envelope);
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

void maiko_abandon(maiko_context *ctx, void *event)
{
    struct envelope *envelope = room_of(event);

    if (envelope != NULL && envelope->origin == actor_of_context(ctx) && is_of_this_thread(envelope->origin))
        abandon(envelope);
}
