/* Inbox: the lock, the buffers, the waiting. */
#include "runtime/inbox_record.h"

#include "message/schema.h"
#include "runtime/send.h"
#include "runtime/shard.h"
#include "runtime/supervisor_internal.h"
#include <string.h>

#define FIRST_BUFFER ((size_t)4096)

maiko_status inbox_init(struct inbox *inbox, struct maiko_supervisor *sup)
{
    memset(inbox, 0, sizeof *inbox);
    inbox->sup = sup;
    pthread_mutex_init(&inbox->lock, NULL);
    pthread_cond_init(&inbox->room, NULL);
    inbox->limit_events = sup->config.outbox_limit_events;
    inbox->limit_bytes = sup->config.outbox_limit_bytes;
    if (sup->config.mode != MAIKO_DETERMINISTIC)
        return id_source_init(&inbox->ids);
    id_source_init_seeded(&inbox->ids, sup->config.seed, SHARD_MAX + sup->inbox_count);
    return MAIKO_OK;
}

static void buffer_free(struct heap *heap, struct inbox_buffer *buffer, size_t from)
{
    while (from < buffer->used) {
        struct inbox_record *record = inbox_record_at(buffer, from);

        if (record->large != NULL && envelope_unref_heap(record->large))
            envelope_destroy_heap(record->large);
        from += record->size;
    }
    heap_free(heap, buffer->bytes, buffer->size);
}

/* A closed inbox lets its senders go; the last of them is out when we get the lock. */
static void wait_for_senders(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    while (inbox->waiting > 0)
        pthread_cond_wait(&inbox->room, &inbox->lock);
    pthread_mutex_unlock(&inbox->lock);
}

void inbox_deinit(struct inbox *inbox)
{
    struct heap *heap = &inbox->sup->root->heap;

    wait_for_senders(inbox);
    send_abandon_outside(inbox);
    buffer_free(heap, &inbox->stage, 0);
    buffer_free(heap, &inbox->fill, 0);
    buffer_free(heap, &inbox->drain, inbox->drain_at);
    pthread_cond_destroy(&inbox->room);
    pthread_mutex_destroy(&inbox->lock);
}

/* --- outside threads --- */

static size_t record_size(size_t inline_len)
{
    return (sizeof(struct inbox_record) + inline_len + 15) & ~(size_t)15;
}

static bool has_room(const struct inbox *inbox, size_t payload_len)
{
    if (inbox->fill.events == 0)
        return true; /* one event always passes */
    return inbox->fill.events < inbox->limit_events && inbox->fill.used + inbox->fill.large + payload_len <= inbox->limit_bytes;
}

bool inbox_is_full(struct inbox *inbox)
{
    bool is_full;

    pthread_mutex_lock(&inbox->lock);
    is_full = !has_room(inbox, 0);
    pthread_mutex_unlock(&inbox->lock);
    return is_full;
}

static char *grow(struct inbox *inbox, struct inbox_buffer *buffer, size_t size)
{
    size_t new_size = buffer->size == 0 ? FIRST_BUFFER : buffer->size;
    char *bytes;

    while (new_size < buffer->used + size)
        new_size *= 2;
    if (new_size != buffer->size) {
        bytes = heap_resize(&inbox->sup->root->heap, buffer->bytes, buffer->size, new_size);
        if (bytes == NULL)
            return NULL;
        buffer->bytes = bytes;
        buffer->size = new_size;
    }
    return buffer->bytes + buffer->used;
}

static inline char *reserve(struct inbox *inbox, struct inbox_buffer *buffer, size_t size)
{
    return __builtin_expect(size <= buffer->size - buffer->used, 1) ? buffer->bytes + buffer->used : grow(inbox, buffer, size);
}

static inline bool is_large(const struct inbox_event *event)
{
    return event->payload_len > POOL_LARGEST || event->foreign.release != NULL ||
           (event->entry != NULL && event->entry->type->destroy != NULL);
}

static struct envelope *new_large(struct inbox *inbox, const struct inbox_event *event, const struct sender *sender)
{
    struct envelope_root *root = inbox->sup->root;

    if (event->foreign.release != NULL)
        return envelope_new_foreign(root, event->entry->type, event->payload, event->payload_len, event->topic, sender,
                                    event->foreign);
    return envelope_new_heap(root, event->entry->type, event->payload_len, event->topic, sender);
}

/* A record with room for the payload, of a buffer that does not count it yet.  NULL: no memory. */
static inline struct inbox_record *new_record(struct inbox *inbox, struct inbox_buffer *buffer, const struct inbox_event *event)
{
    bool takes_place_elsewhere = is_large(event);
    size_t size = record_size(takes_place_elsewhere ? 0 : event->payload_len);
    const struct sender *sender = event->sender == NULL ? &inbox->gate->sender : event->sender;
    struct inbox_record *record = (struct inbox_record *)(void *)reserve(inbox, buffer, size);

    if (record == NULL)
        return NULL;
    record->large = event->made;
    if (__builtin_expect(takes_place_elsewhere && event->made == NULL, 0)) {
        record->large = new_large(inbox, event, sender);
        if (record->large == NULL)
            return NULL;
    }
    record->size = size;
    record->entry = event->entry;
    record->topic = event->topic;
    record->payload_len = event->payload_len;
    record->sender = sender;
    record->run = 0;
    record->is_finish = event->is_finish;
    if (__builtin_expect(event->made != NULL, 0))
        envelope_name_heap(event->made, event->payload_len, event->topic, sender);
    return record;
}

static void *record_payload(struct inbox_record *record)
{
    return record->large != NULL ? (void *)(uintptr_t)record->large->head.payload : record + 1;
}

/* Under the lock when id or time have to be made. */
static void set_meta(struct inbox *inbox, struct inbox_record *record, const struct inbox_event *event)
{
    record->id = maiko_id_is_nil(event->id) ? id_source_next(&inbox->ids) : event->id;
    record->parent = event->parent;
    record->correlation = maiko_id_is_nil(event->correlation) ? record->id : event->correlation;
    record->time_ns = event->time_ns != 0 ? event->time_ns : clock_wall_clamped(&inbox->sup->clock, &inbox->wall_last);
    record->hops = event->hops;
}

static void add_record(struct inbox_buffer *buffer, const struct inbox_record *record)
{
    buffer->used += record->size;
    buffer->large += record->large != NULL ? record->payload_len : 0;
    buffer->events += record->run > 0 ? record->run : 1;
}

static maiko_status append(struct inbox *inbox, const struct inbox_event *event)
{
    struct inbox_record *record = new_record(inbox, &inbox->fill, event);

    if (record == NULL)
        return MAIKO_ENOMEM;
    if (event->payload_len > 0 && event->made == NULL)
        memcpy(record_payload(record), event->payload, event->payload_len);
    set_meta(inbox, record, event);
    add_record(&inbox->fill, record);
    return MAIKO_OK;
}

/* Would the thread wait for itself?  Shards do, and everybody before start and in the polled modes. */
static bool may_wait(const struct inbox *inbox)
{
    return shard_of_caller() == NULL && inbox->sup->config.mode == MAIKO_THREADS && supervisor_state(inbox->sup) == SUP_RUNNING;
}

static maiko_status wait_for_room(struct inbox *inbox, size_t payload_len, bool try_only)
{
    while (!inbox->is_closed && !has_room(inbox, payload_len)) {
        if (try_only || !may_wait(inbox)) {
            inbox->was_full = true;
            return MAIKO_EFULL;
        }
        inbox->waiting++;
        pthread_cond_wait(&inbox->room, &inbox->lock);
        inbox->waiting--;
    }
    if (inbox->is_closed && inbox->waiting == 0)
        pthread_cond_broadcast(&inbox->room); /* somebody may be about to free it */
    return inbox->is_closed ? MAIKO_ECLOSED : MAIKO_OK;
}

maiko_status inbox_send(struct inbox *inbox, const struct inbox_event *event, bool try_only)
{
    maiko_status status;
    bool was_empty = false;

    pthread_mutex_lock(&inbox->lock);
    if (event->is_finish && !inbox->is_closed)
        status = MAIKO_OK; /* the last record of an importer: behind a full inbox, too */
    else
        status = wait_for_room(inbox, event->payload_len, try_only);
    if (status == MAIKO_OK) {
        was_empty = inbox->fill.events == 0;
        status = append(inbox, event);
    }
    if (status == MAIKO_OK) {
        atomic_store_explicit(&inbox->has_events, true, memory_order_relaxed);
        COUNT_SHARED(inbox->gate->counters, sent, event->is_finish ? 0 : 1);
    } else if (!event->is_finish) {
        COUNT_SHARED(inbox->gate->counters, refused, 1);
        inbox->gate->last_refusal = status;
    }
    pthread_mutex_unlock(&inbox->lock);
    if (status == MAIKO_OK && was_empty)
        shard_wake(inbox->gate->shard);
    return status;
}

/* --- many under one lock --- */

/* Asks for the room there is, and remembers it: it only grows while nobody but the stage's thread adds. */
static maiko_status begin_stage(struct inbox *inbox, size_t payload_len)
{
    maiko_status status;

    pthread_mutex_lock(&inbox->lock);
    status = wait_for_room(inbox, payload_len, true);
    if (status == MAIKO_OK) {
        size_t taken = inbox->fill.used + inbox->fill.large;

        inbox->stage_room_events = inbox->limit_events - inbox->fill.events;
        inbox->stage_room_bytes = taken < inbox->limit_bytes ? inbox->limit_bytes - taken : 0;
        inbox->is_staging = true;
    }
    pthread_mutex_unlock(&inbox->lock);
    return status;
}

static bool stage_has_room(const struct inbox *inbox, size_t payload_len)
{
    const struct inbox_buffer *stage = &inbox->stage;

    return inbox->is_staging && (stage->events == 0 || (stage->events < inbox->stage_room_events &&
                                                        stage->used + stage->large + payload_len <= inbox->stage_room_bytes));
}

/* What is staged makes room by going. */
static maiko_status make_room(struct inbox *inbox, size_t payload_len)
{
    bool has_stage = inbox->stage.events > 0;
    maiko_status status;

    if (stage_has_room(inbox, payload_len))
        return MAIKO_OK;
    status = inbox_flush(inbox);
    inbox->has_lost_stage |= has_stage && status == MAIKO_ECLOSED;
    return status == MAIKO_OK ? begin_stage(inbox, payload_len) : status;
}

maiko_status inbox_reserve(struct inbox *inbox, const struct inbox_event *event, void **ret_payload)
{
    maiko_status status = make_room(inbox, event->payload_len);
    struct inbox_record *record;

    if (status != MAIKO_OK)
        return status;
    record = new_record(inbox, &inbox->stage, event);
    if (record == NULL)
        return MAIKO_ENOMEM;
    *ret_payload = record_payload(record);
    return MAIKO_OK;
}

/* Id or time have to be made. */
static void complete_meta(struct inbox *inbox, struct inbox_record *record, const maiko_import *meta)
{
    struct inbox_event event = {
        .id = meta->id, .parent = meta->parent, .correlation = meta->correlation, .time_ns = meta->time_ns, .hops = meta->hops};

    pthread_mutex_lock(&inbox->lock);
    set_meta(inbox, record, &event);
    pthread_mutex_unlock(&inbox->lock);
}

void inbox_commit(struct inbox *inbox, const maiko_import *meta)
{
    struct inbox_record *record = inbox_record_at(&inbox->stage, inbox->stage.used);

    if (__builtin_expect(maiko_id_is_nil(meta->id) || meta->time_ns == 0, 0)) {
        complete_meta(inbox, record, meta);
    } else {
        record->id = meta->id;
        record->parent = meta->parent;
        record->correlation = maiko_id_is_nil(meta->correlation) ? meta->id : meta->correlation;
        record->time_ns = meta->time_ns;
        record->hops = meta->hops;
    }
    add_record(&inbox->stage, record);
}

void inbox_abandon(struct inbox *inbox)
{
    struct inbox_record *record = inbox_record_at(&inbox->stage, inbox->stage.used);

    if (record->large != NULL && envelope_unref_heap(record->large))
        envelope_destroy_heap(record->large);
    record->large = NULL;
}

/* As many of a run as there is room for: one always passes. */
static uint32_t room_for_run(const struct inbox *inbox, size_t step, uint32_t most)
{
    const struct inbox_buffer *stage = &inbox->stage;
    size_t taken = stage->used + stage->large + sizeof(struct inbox_record);
    size_t bytes = inbox->stage_room_bytes > taken ? inbox->stage_room_bytes - taken : 0;
    uint32_t events = inbox->stage_room_events > stage->events ? inbox->stage_room_events - stage->events : 0;
    uint32_t count = events < most ? events : most;

    if (bytes / step < count)
        count = (uint32_t)(bytes / step);
    return count > 0 ? count : 1;
}

maiko_status inbox_reserve_run(struct inbox *inbox, const struct inbox_event *event, uint32_t most,
                               struct maiko_import_run *ret_run)
{
    size_t step = maiko_import_slot_step(event->payload_len);
    maiko_status status = make_room(inbox, event->payload_len);
    struct inbox_record *record;
    uint32_t count;

    if (status != MAIKO_OK)
        return status;
    count = room_for_run(inbox, step, most);
    record = (struct inbox_record *)(void *)reserve(inbox, &inbox->stage, sizeof *record + count * step);
    if (record == NULL)
        return MAIKO_ENOMEM;
    *record = (struct inbox_record){
        .entry = event->entry, .topic = event->topic, .payload_len = event->payload_len, .sender = event->sender};
    *ret_run = (struct maiko_import_run){.first = (void *)(record + 1), .step = step, .count = count};
    return MAIKO_OK;
}

/* How many of a run come before the first that is not legal. */
static uint32_t legal_in_run(const struct maiko_import_run *run, const struct inbox_record *record)
{
    uint32_t count = 0;

    while (count < run->count && maiko_import_slot_at(run, count)->time_ns != 0)
        count++;
    return (uint32_t)schema_legal_in_run(record->entry->type, run->first + 1, run->step, count, record->payload_len);
}

uint32_t inbox_commit_run(struct inbox *inbox, uint64_t id_hi, uint8_t hops, uint32_t count)
{
    struct inbox_record *record = inbox_record_at(&inbox->stage, inbox->stage.used);
    const struct maiko_import_run run = {(void *)(record + 1), maiko_import_slot_step(record->payload_len), count};

    count = legal_in_run(&run, record);
    if (count == 0)
        return 0;
    record->size = sizeof *record + count * run.step;
    record->id.hi = id_hi;
    record->hops = hops;
    record->run = count;
    add_record(&inbox->stage, record);
    return count;
}

/* The stage becomes what is to be drained, or is copied behind it. */
static maiko_status give_stage(struct inbox *inbox)
{
    struct inbox_buffer *stage = &inbox->stage;
    struct inbox_buffer *fill = &inbox->fill;

    if (fill->events == 0) {
        struct inbox_buffer empty = *fill;

        *fill = *stage;
        *stage = empty;
    } else {
        char *room = reserve(inbox, fill, stage->used);

        if (room == NULL)
            return MAIKO_ENOMEM;
        memcpy(room, stage->bytes, stage->used);
        fill->used += stage->used;
        fill->large += stage->large;
        fill->events += stage->events;
    }
    stage->used = stage->large = 0;
    stage->events = 0;
    return MAIKO_OK;
}

/* After the end nobody takes it: the events are refused.  Without the lock: what was lent goes back to whoever lent it. */
static void drop_stage(struct inbox *inbox)
{
    struct inbox_buffer rest = inbox->stage;

    inbox->stage = (struct inbox_buffer){.bytes = NULL};
    buffer_free(&inbox->sup->root->heap, &rest, 0);
}

maiko_status inbox_flush(struct inbox *inbox)
{
    uint32_t events = inbox->stage.events;
    maiko_status status = MAIKO_ECLOSED;
    bool was_empty = false;

    inbox->is_staging = false;
    if (events == 0)
        return inbox->has_lost_stage ? MAIKO_ECLOSED : MAIKO_OK;
    pthread_mutex_lock(&inbox->lock);
    if (!inbox->is_closed) {
        was_empty = inbox->fill.events == 0;
        status = give_stage(inbox);
    }
    if (status == MAIKO_OK) {
        atomic_store_explicit(&inbox->has_events, true, memory_order_relaxed);
        COUNT_SHARED(inbox->gate->counters, sent, events);
    } else if (status == MAIKO_ECLOSED) {
        COUNT_SHARED(inbox->gate->counters, refused, events);
    }
    pthread_mutex_unlock(&inbox->lock);
    if (status == MAIKO_ECLOSED)
        drop_stage(inbox);
    if (was_empty && status == MAIKO_OK && shard_of_this_thread != inbox->gate->shard) /* which is awake and looks on its own */
        shard_wake(inbox->gate->shard);
    return status;
}

void inbox_close(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->is_closed = true;
    pthread_cond_broadcast(&inbox->room);
    pthread_mutex_unlock(&inbox->lock);
}
