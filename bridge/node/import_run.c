/* Import of runs: native events of one channel come in together, or wait together. */
#include <string.h>

#include "node/import_plan.h"

enum { FEW_BYTES = 256 };

/* A few blocks of 16 bytes, which slots have and records that others follow, take less time than a call of memcpy() does. */
static inline void copy_blocks(void *to, const void *from, size_t len)
{
    size_t at;

    if (len > FEW_BYTES) {
        memcpy(to, from, len);
        return;
    }
    for (at = 0; at < len; at += 16)
        memcpy((char *)to + at, (const char *)from + at, 16);
}

static inline void fill_slot(struct maiko_import_slot *slot, const uint8_t *record)
{
    slot->id_lo = reader_eight_at(record + EVENT_ID + 1);
    slot->time_ns = reader_eight_at(record + EVENT_TIME + 1);
}

static void fill_slots(const struct maiko_import_run *room, const struct record_run *records)
{
    const uint8_t *record = records->first;
    size_t len = records->size - records->head;
    char *slot = (char *)room->first;
    uint32_t i;

    for (i = 1; i < room->count; i++, record += records->size, slot += room->step) {
        fill_slot((void *)slot, record);
        copy_blocks(slot + sizeof(struct maiko_import_slot), record + records->head, len);
    }
    fill_slot((void *)slot, record);
    memcpy(slot + sizeof(struct maiko_import_slot), record + records->head, len); /* behind the last there may be nothing */
}

/* Up to the first that is not legal; they are looked at where nobody changes them any more.  How many. */
static uint32_t commit(maiko_bridge *bridge, struct import_plan *plan, uint64_t id_hi, uint64_t stream, uint32_t count)
{
    count = maiko_import_commit_run(plan->path, id_hi, plan->meta.hops, count);
    if (count > 0)
        import_note_staged(bridge, plan, stream, count);
    return count;
}

/* As many as there is room for.  MAIKO_OK, MAIKO_EFULL, or why nothing was done. */
static maiko_status take(maiko_bridge *bridge, const struct inbound_run *run, struct import_plan *plan, uint32_t *ret_count)
{
    const struct record_run *records = &run->records;
    struct maiko_import_run room;
    maiko_status status = maiko_import_reserve_run(plan->path, record_run_native(records, 0).len, records->count, &room);

    if (status != MAIKO_OK)
        return status;
    fill_slots(&room, records);
    *ret_count = commit(bridge, plan, run->channel->prefix, run->stream, room.count);
    return MAIKO_OK;
}

/* They are not looked at before there is room for them.  How many; 0: no memory. */
static uint32_t let_wait(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_run *run, struct import_plan *plan)
{
    size_t len = record_run_native(&run->records, 0).len;
    struct maiko_import_run slots = {.step = maiko_import_slot_step(len), .count = run->records.count};
    struct waiting_import *waiting = heap_alloc(bridge->large, sizeof(*waiting) + slots.count * slots.step);

    if (waiting == NULL)
        return 0;
    *waiting = (struct waiting_import){.peer = peer,
                                       .stream = run->stream,
                                       .position = run->position,
                                       .plan = plan,
                                       .import = {.id.hi = run->channel->prefix},
                                       .count = slots.count,
                                       .len = len,
                                       .is_run = true};
    plan->refs++;
    slots.first = (struct maiko_import_slot *)(void *)waiting->payload;
    fill_slots(&slots, &run->records);
    import_push_waiting(bridge, plan->importer, waiting);
    return slots.count;
}

uint32_t node_import_run(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_run *run, bool *ret_waits)
{
    struct import_plan *plan = run->channel->user;
    bool is_native = plan != NULL && run->channel->type->is_native && plan->plan == NULL;
    bool has_ids = run->channel->prefix != 0; /* else some would be made */
    maiko_status status = MAIKO_EFULL;
    uint32_t count = 0;

    if (run->records.count < 2 || !is_native || !has_ids)
        return 0;
    if (!import_must_wait(bridge, plan->importer))
        status = take(bridge, run, plan, &count);
    *ret_waits = status == MAIKO_EFULL;
    return *ret_waits ? let_wait(bridge, peer, run, plan) : count;
}

/* ---- runs that waited ---- */

static struct maiko_import_run slots_of(struct waiting_import *waiting)
{
    return (struct maiko_import_run){.first = (struct maiko_import_slot *)(void *)waiting->payload,
                                     .step = maiko_import_slot_step(waiting->len),
                                     .count = waiting->count};
}

/* As many as there is room for, up to the first that is not legal. */
static maiko_status bring_in_some(maiko_bridge *bridge, struct waiting_import *waiting, uint32_t *ret_count)
{
    struct import_plan *plan = waiting->plan;
    struct maiko_import_run slots = slots_of(waiting);
    struct maiko_import_run room;
    maiko_status status = maiko_import_reserve_run(plan->path, waiting->len, waiting->count - waiting->done, &room);

    if (status != MAIKO_OK)
        return status;
    memcpy(room.first, maiko_import_slot_at(&slots, waiting->done), room.count * room.step);
    *ret_count = commit(bridge, plan, waiting->import.id.hi, waiting->stream, room.count);
    return MAIKO_OK;
}

/* The next, which could not come in with others: it is not legal, has no time, or memory is short. */
static maiko_status bring_in_next(maiko_bridge *bridge, struct waiting_import *waiting)
{
    struct maiko_import_run slots = slots_of(waiting);
    const struct maiko_import_slot *slot = maiko_import_slot_at(&slots, waiting->done);
    struct slice native = {.data = (const uint8_t *)(slot + 1), .len = waiting->len};
    maiko_import meta = waiting->plan->meta;

    meta.id = meta.correlation = (maiko_id){waiting->import.id.hi, slot->id_lo};
    meta.parent = (maiko_id){0, 0};
    meta.time_ns = slot->time_ns;
    return import_native(bridge, waiting->plan, &meta, native, waiting->stream);
}

bool import_settle_run(maiko_bridge *bridge, struct waiting_import *waiting)
{
    while (waiting->done < waiting->count) {
        uint32_t count = 0;
        maiko_status status = bring_in_some(bridge, waiting, &count);

        if (count == 0 && status != MAIKO_EFULL) {
            status = bring_in_next(bridge, waiting);
            count = 1;
        }
        if (status == MAIKO_EFULL)
            return false;
        if (status != MAIKO_OK)
            import_refuse_waiting(bridge, waiting, status);
        waiting->done += count;
    }
    return true;
}
