/* Send, in place: reserve, commit, abandon; the sender fills the room it was given. */
#include "runtime/send.h"

#include "runtime/supervisor_internal.h"
#include <maiko/send.h>
#include <string.h>

/* Reserved room: an allocation of its own, sent like any other bytes by the commit.  The rooms of the hook that runs are
 * listed on its shard. */
struct room {
    uint64_t magic;
    struct room *next;
    struct room *prev;
    struct actor *actor;
    struct maiko_supervisor *sup;
    const maiko_event_type *type;
    size_t len;
    size_t size;
    max_align_t payload[];
};

#define ROOM_MAGIC UINT64_C(0x6d61696b6f2d726d)

static struct room *room_of(void *event)
{
    struct room *room;

    if (event == NULL)
        return NULL;
    room = (struct room *)(void *)((char *)event - offsetof(struct room, payload));
    return room->magic == ROOM_MAGIC ? room : NULL;
}

static void room_free(struct room *room)
{
    struct maiko_supervisor *sup = room->sup;

    if (!room->actor->is_gate) {
        if (room->prev != NULL)
            room->prev->next = room->next;
        else
            room->actor->shard->reserved = room->next;
        if (room->next != NULL)
            room->next->prev = room->prev;
    }
    room->magic = 0;
    heap_free(&sup->root->heap, room, room->size);
}

void send_abandon_forgotten_slow(struct shard *shard)
{
    while (shard->reserved != NULL)
        room_free(shard->reserved);
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

void *maiko_reserve_bytes(maiko_context *ctx, const maiko_event_type *type, size_t len)
{
    struct actor *actor = actor_of_context(ctx);
    maiko_status status = check_reserve(ctx, actor, type, len);
    struct maiko_supervisor *sup;
    struct room *room;

    if (status != MAIKO_OK) {
        if (actor != NULL)
            actor->last_refusal = status;
        return NULL;
    }
    sup = actor->shard->sup;
    room = heap_alloc(&sup->root->heap, sizeof *room + len);
    if (room == NULL) {
        actor->last_refusal = MAIKO_ENOMEM;
        return NULL;
    }
    *room = (struct room){.magic = ROOM_MAGIC, .actor = actor, .sup = sup, .type = type, .len = len, .size = sizeof *room + len};
    memset(room->payload, 0, type->size);
    if (!actor->is_gate) {
        room->next = actor->shard->reserved;
        if (room->next != NULL)
            room->next->prev = room;
        actor->shard->reserved = room;
    }
    return room->payload;
}

maiko_status maiko_commit_options(maiko_context *ctx, const maiko_send_opts *opts, void *event)
{
    struct actor *actor = actor_of_context(ctx);
    struct room *room = room_of(event);
    maiko_status status;
    size_t len;

    if (actor == NULL || room == NULL || room->actor != actor)
        return actor == NULL && ctx != NULL ? MAIKO_ECLOSED : MAIKO_EINVAL;
    if (supervisor_is_forked(room->sup))
        return MAIKO_EFORKED;
    len = maiko_event_len(room->type, event);
    status = len <= room->len ? maiko_send_options(ctx, opts, room->type, event, len) : send_refuse(actor, MAIKO_ETYPE);
    room_free(room);
    return status;
}

void maiko_abandon(maiko_context *ctx, void *event)
{
    struct room *room = room_of(event);

    if (room != NULL && room->actor == actor_of_context(ctx))
        room_free(room);
}
