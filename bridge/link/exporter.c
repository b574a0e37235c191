/* Exporter: encodes once, appends, offers to everybody. */
#include "link/exporter.h"

#include <string.h>

#include "base/hash.h"
#include "link/peer.h"
#include "wire/limits.h"

enum { LOG_BYTES = 4 * 1024 * 1024 };

/* Channels that were given names of their own; texts are owned. */
struct channel_entry {
    struct export_channel channel;
    struct retained_topic *topic;
    char *sender;
};

struct exporter {
    struct heap *heap;
    struct retained log;
    struct list peers;
    uint64_t next_stream;
    struct pack pack;        /* the record being encoded */
    struct hash_table types; /* by descriptor */
    struct export_type **type_list;
    size_t type_count;
    size_t type_capacity;
    struct hash_table channels; /* by hash of what they stand for */
    struct channel_entry **channel_list;
    size_t channel_count;
    size_t channel_capacity;
    struct channel_entry *last_channel; /* senders mostly send again */
    struct export_end *ends;
    size_t end_count;
    size_t end_capacity;
};

maiko_status exporter_new(const struct exporter_config *config, struct exporter **ret_exporter)
{
    struct exporter *exporter = heap_alloc_zeroed(config->heap, 1, sizeof(*exporter));

    if (exporter == NULL)
        return MAIKO_ENOMEM;
    exporter->heap = config->heap;
    exporter->next_stream = config->stream_seed > 0 ? config->stream_seed : 1;
    retained_init(&exporter->log, config->heap, config->log_bytes > 0 ? config->log_bytes : LOG_BYTES);
    list_init(&exporter->peers);
    pack_init(&exporter->pack, config->heap, WIRE_FRAME_MAX - WIRE_BATCH_MAX);
    hash_table_init_u64(&exporter->types, config->heap);
    hash_table_init_u64(&exporter->channels, config->heap);
    *ret_exporter = exporter;
    return MAIKO_OK;
}

static void free_end(struct exporter *exporter, struct export_end *end)
{
    char **publish = (char **)(uintptr_t)end->publish;
    size_t count = 0;

    for (; publish != NULL && publish[count] != NULL; count++)
        heap_strfree(exporter->heap, publish[count]);
    if (publish != NULL)
        heap_free(exporter->heap, publish, (count + 1) * sizeof(*publish));
    heap_strfree(exporter->heap, (char *)(uintptr_t)end->publisher);
}

static void free_channel(struct exporter *exporter, struct channel_entry *entry)
{
    heap_strfree(exporter->heap, entry->sender);
    heap_free(exporter->heap, entry, sizeof(*entry));
}

static void free_type(struct exporter *exporter, struct export_type *type)
{
    payload_plan_free(type->plan);
    heap_free(exporter->heap, type, sizeof(*type));
}

struct exporter *exporter_free(struct exporter *exporter)
{
    struct heap *heap;
    size_t i;

    if (exporter == NULL)
        return NULL;
    heap = exporter->heap;
    for (i = 0; i < exporter->channel_count; i++)
        free_channel(exporter, exporter->channel_list[i]);
    for (i = 0; i < exporter->type_count; i++)
        free_type(exporter, exporter->type_list[i]);
    for (i = 0; i < exporter->end_count; i++)
        free_end(exporter, &exporter->ends[i]);
    heap_free(heap, exporter->channel_list, exporter->channel_capacity * sizeof(*exporter->channel_list));
    heap_free(heap, exporter->type_list, exporter->type_capacity * sizeof(*exporter->type_list));
    heap_free(heap, exporter->ends, exporter->end_capacity * sizeof(*exporter->ends));
    hash_table_deinit(&exporter->channels);
    hash_table_deinit(&exporter->types);
    pack_deinit(&exporter->pack);
    retained_deinit(&exporter->log);
    heap_free(heap, exporter, sizeof(*exporter));
    return NULL;
}

/* Room for one more in an array that doubles. */
static bool grow(struct heap *heap, void **array, size_t *capacity, size_t count, size_t size)
{
    size_t larger = *capacity > 0 ? 2 * *capacity : 8;
    void *grown;

    if (count < *capacity)
        return true;
    grown = heap_resize(heap, *array, *capacity * size, larger * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *capacity = larger;
    return true;
}

/* ---- Types and channels ---- */

static maiko_status add_type(struct exporter *exporter, const maiko_event_type *descriptor, struct export_type **ret_type)
{
    struct export_type *type;
    maiko_status status;

    if (exporter->type_count == WIRE_TYPES_MAX)
        return MAIKO_ELIMIT;
    if (!grow(exporter->heap, (void **)&exporter->type_list, &exporter->type_capacity, exporter->type_count, sizeof(type)))
        return MAIKO_ENOMEM;
    type = heap_alloc_zeroed(exporter->heap, 1, sizeof(*type));
    if (type == NULL)
        return MAIKO_ENOMEM;
    type->index = (uint32_t)exporter->type_count;
    type->type = descriptor;
    type->hash = maiko_schema_hash(descriptor);
    status = payload_plan_new(exporter->heap, descriptor, NULL, &type->plan, NULL);
    if (status == MAIKO_OK)
        status = hash_table_insert_u64(&exporter->types, (uint64_t)(uintptr_t)descriptor, type);
    if (status != MAIKO_OK) {
        free_type(exporter, type);
        return status;
    }
    exporter->type_list[exporter->type_count++] = type;
    *ret_type = type;
    return MAIKO_OK;
}

static maiko_status find_type(struct exporter *exporter, const maiko_event_type *descriptor, struct export_type **ret_type)
{
    *ret_type = hash_table_find_u64(&exporter->types, (uint64_t)(uintptr_t)descriptor);
    return *ret_type != NULL ? MAIKO_OK : add_type(exporter, descriptor, ret_type);
}

static bool is_channel_of(const struct channel_entry *entry, const struct export_event *event)
{
    const struct export_channel *channel = &entry->channel;

    return channel->type->type == event->type && channel->prefix == event->id.hi && channel->hops == event->hops &&
           maiko_id_equal(channel->origin, event->origin) && strcmp(channel->topic, event->topic) == 0 &&
           strcmp(channel->sender, event->sender) == 0;
}

static uint64_t channel_key(const struct export_event *event)
{
    uint64_t hash = hash_bytes(event->topic, strlen(event->topic), event->id.hi);

    hash = hash_bytes(event->sender, strlen(event->sender), hash);
    return hash ^ hash_u64((uint64_t)(uintptr_t)event->type ^ event->origin.hi ^ event->origin.lo ^ event->hops);
}

static maiko_status add_channel(struct exporter *exporter, const struct export_event *event, uint64_t key,
                                struct channel_entry **ret_entry)
{
    struct export_type *type;
    struct channel_entry *entry;
    maiko_status status = find_type(exporter, event->type, &type);

    if (status != MAIKO_OK)
        return status;
    if (exporter->channel_count == WIRE_CHANNELS_MAX)
        return MAIKO_ELIMIT;
    if (!grow(exporter->heap, (void **)&exporter->channel_list, &exporter->channel_capacity, exporter->channel_count,
              sizeof(entry)))
        return MAIKO_ENOMEM;
    entry = heap_alloc_zeroed(exporter->heap, 1, sizeof(*entry));
    if (entry == NULL)
        return MAIKO_ENOMEM;
    entry->sender = heap_strdup(exporter->heap, event->sender);
    status = entry->sender == NULL ? MAIKO_ENOMEM : retained_topic(&exporter->log, event->topic, event->overflow, &entry->topic);
    if (status == MAIKO_OK)
        status = hash_table_insert_u64(&exporter->channels, key, entry);
    if (status != MAIKO_OK) {
        free_channel(exporter, entry);
        return status;
    }
    entry->channel = (struct export_channel){.number = (uint32_t)exporter->channel_count,
                                             .topic = entry->topic->name,
                                             .sender = entry->sender,
                                             .type = type,
                                             .prefix = event->id.hi,
                                             .origin = event->origin,
                                             .hops = event->hops};
    exporter->channel_list[exporter->channel_count++] = entry;
    *ret_entry = entry;
    return MAIKO_OK;
}

/* Two channels of one hash: the next number is tried. */
static maiko_status find_channel(struct exporter *exporter, const struct export_event *event, struct channel_entry **ret_entry)
{
    uint64_t key = channel_key(event);
    maiko_status status = MAIKO_OK;

    *ret_entry = exporter->last_channel;
    if (*ret_entry != NULL && is_channel_of(*ret_entry, event))
        return MAIKO_OK;
    for (;; key++) {
        *ret_entry = hash_table_find_u64(&exporter->channels, key);
        if (*ret_entry == NULL)
            status = add_channel(exporter, event, key, ret_entry);
        else if (!is_channel_of(*ret_entry, event))
            continue;
        if (status == MAIKO_OK)
            exporter->last_channel = *ret_entry;
        return status;
    }
}

/* ---- Publishing ---- */

static maiko_status encode(struct exporter *exporter, const struct export_event *event, const struct channel_entry *entry)
{
    bool begins_chain = maiko_id_equal(event->correlation, event->id);
    struct record record = {.channel = entry->channel.number,
                            .id_lo = event->id.lo,
                            .time_ns = event->time_ns,
                            .parent = event->parent,
                            .correlation = begins_chain ? (maiko_id){0, 0} : event->correlation};

    pack_clear(&exporter->pack);
    record_begin_event(&exporter->pack, &record);
    payload_write_array(entry->channel.type->plan, &exporter->pack, event->payload);
    return pack_status(&exporter->pack);
}

static void evict(struct exporter *exporter)
{
    uint64_t first = exporter->log.first;
    struct list *link;

    if (exporter->log.bytes <= exporter->log.max_bytes)
        return;
    retained_evict(&exporter->log);
    if (exporter->log.first == first)
        return;
    LIST_FOR_EACH (link, &exporter->peers)
        peer_trim(peer_of_link(link));
}

maiko_status exporter_publish(struct exporter *exporter, const struct export_event *event, uint64_t now_ns,
                              uint64_t *ret_position)
{
    struct channel_entry *channel;
    struct retained_entry *entry;
    struct list *link;
    maiko_status status = find_channel(exporter, event, &channel);

    if (status == MAIKO_OK)
        status = encode(exporter, event, channel);
    if (status == MAIKO_OK)
        status = retained_append(&exporter->log, channel->topic, channel->channel.number, exporter->pack.data, exporter->pack.len,
                                 &entry);
    if (status != MAIKO_OK)
        return status;
    if (ret_position != NULL)
        *ret_position = entry->position;
    LIST_FOR_EACH (link, &exporter->peers)
        peer_offer(peer_of_link(link), entry, now_ns);
    evict(exporter);
    return MAIKO_OK;
}

uint64_t exporter_held_from(const struct exporter *exporter)
{
    uint64_t held = UINT64_MAX;
    struct list *link;

    LIST_FOR_EACH (link, &exporter->peers) {
        uint64_t from = peer_held_from(peer_of_link(link));

        if (from < held)
            held = from;
    }
    return held;
}

/* ---- Ends ---- */

static maiko_status copy_end(struct exporter *exporter, const char *publisher, const char *const *publish,
                             struct export_end *ret_end)
{
    struct export_end end = {.publisher = heap_strdup(exporter->heap, publisher)};
    size_t count = 0;
    char **copies;
    size_t i;

    while (publish != NULL && publish[count] != NULL)
        count++;
    copies = heap_alloc_zeroed(exporter->heap, count + 1, sizeof(*copies));
    end.publish = (const char *const *)copies;
    for (i = 0; copies != NULL && i < count; i++) {
        copies[i] = heap_strdup(exporter->heap, publish[i]);
        if (copies[i] == NULL)
            break;
    }
    if (end.publisher == NULL || copies == NULL || i < count) {
        while (copies != NULL && i > 0)
            heap_strfree(exporter->heap, copies[--i]);
        heap_free(exporter->heap, copies, (count + 1) * sizeof(*copies));
        heap_strfree(exporter->heap, (char *)(uintptr_t)end.publisher);
        return MAIKO_ENOMEM;
    }
    *ret_end = end;
    return MAIKO_OK;
}

maiko_status exporter_finish(struct exporter *exporter, const char *publisher, const char *const *publish, uint64_t now_ns)
{
    struct list *link;
    maiko_status status;

    if (!grow(exporter->heap, (void **)&exporter->ends, &exporter->end_capacity, exporter->end_count, sizeof(*exporter->ends)))
        return MAIKO_ENOMEM;
    status = copy_end(exporter, publisher, publish, &exporter->ends[exporter->end_count]);
    if (status != MAIKO_OK)
        return status;
    exporter->end_count++;
    LIST_FOR_EACH (link, &exporter->peers)
        peer_offer_ends(peer_of_link(link), now_ns);
    return MAIKO_OK;
}

/* ---- Looking ---- */

size_t exporter_subscribers(const struct exporter *exporter, const char *topic)
{
    struct list *link;
    size_t count = 0;

    LIST_FOR_EACH (link, &exporter->peers)
        count += peer_is_subscribed(peer_of_link(link), topic);
    return count;
}

bool exporter_is_drained(const struct exporter *exporter)
{
    struct list *link;

    LIST_FOR_EACH (link, &exporter->peers)
        if (peer_state(peer_of_link(link)) == PEER_UP && !peer_is_drained(peer_of_link(link)))
            return false;
    return true;
}

const struct retained *exporter_log(const struct exporter *exporter)
{
    return &exporter->log;
}

struct retained *exporter_log_for_stream(struct exporter *exporter)
{
    return &exporter->log;
}

const struct export_channel *exporter_channel(const struct exporter *exporter, uint32_t number)
{
    return &exporter->channel_list[number]->channel;
}

size_t exporter_channel_count(const struct exporter *exporter)
{
    return exporter->channel_count;
}

size_t exporter_type_count(const struct exporter *exporter)
{
    return exporter->type_count;
}

const struct export_end *exporter_end(const struct exporter *exporter, uint32_t index)
{
    return &exporter->ends[index];
}

size_t exporter_end_count(const struct exporter *exporter)
{
    return exporter->end_count;
}

uint64_t exporter_next_stream(struct exporter *exporter)
{
    return exporter->next_stream++;
}

void exporter_attach(struct exporter *exporter, struct list *link)
{
    list_push_back(&exporter->peers, link);
}
