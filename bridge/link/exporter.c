/* Exporter: encodes once, appends, offers to everybody. */
#include "link/exporter.h"

#include <string.h>

#include "link/channels.h"
#include "link/peer.h"
#include "wire/limits.h"
#include <maiko/topic.h>

struct exporter {
    struct heap *heap;
    struct retained log;
    struct list peers;
    uint64_t next_stream;
    struct pack pack; /* the record being encoded */
    struct channels channels;
    struct export_end *ends;
    size_t end_count;
    size_t end_capacity;
    uint32_t survey; /* number of the last one */
    bool is_surveyed;
    uint64_t looks; /* at streams, for surveys */
};

maiko_status exporter_new(const struct exporter_config *config, struct exporter **ret_exporter)
{
    struct exporter *exporter = heap_alloc_zeroed(config->heap, 1, sizeof(*exporter));

    if (exporter == NULL)
        return MAIKO_ENOMEM;
    exporter->heap = config->heap;
    exporter->next_stream = config->stream_seed > 0 ? config->stream_seed : 1;
    retained_init(&exporter->log, config->heap, config->log_bytes > 0 ? config->log_bytes : EXPORTER_LOG_BYTES);
    list_init(&exporter->peers);
    pack_init(&exporter->pack, config->heap, WIRE_FRAME_MAX - WIRE_BATCH_MAX);
    channels_init(&exporter->channels, config->heap, &exporter->log,
                  config->channels > 0 && config->channels < WIRE_CHANNELS_MAX ? config->channels : WIRE_CHANNELS_MAX);
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

struct exporter *exporter_free(struct exporter *exporter)
{
    struct heap *heap;
    size_t i;

    if (exporter == NULL)
        return NULL;
    heap = exporter->heap;
    for (i = 0; i < exporter->end_count; i++)
        free_end(exporter, &exporter->ends[i]);
    heap_free(heap, exporter->ends, exporter->end_capacity * sizeof(*exporter->ends));
    pack_deinit(&exporter->pack);
    retained_deinit(&exporter->log);
    channels_deinit(&exporter->channels);
    heap_free(heap, exporter, sizeof(*exporter));
    return NULL;
}

/* ---- Publishing ---- */

maiko_status exporter_channel(struct exporter *exporter, const struct export_event *event, struct export_channel **ret_channel)
{
    struct list *link;
    bool is_new;
    maiko_status status = channels_find(&exporter->channels, event, ret_channel, &is_new);

    if (status != MAIKO_OK || !is_new || (*ret_channel)->generation == 1)
        return status;
    LIST_FOR_EACH (link, &exporter->peers)
        peer_forget_channel(peer_of_link(link), (*ret_channel)->base.number);
    return MAIKO_OK;
}

/* Into a block of its own. */
static maiko_status encode(struct exporter *exporter, const struct export_event *event, const struct export_channel *channel,
                           bool is_native, struct retained_block **ret_block)
{
    struct event_head head = {.channel = channel->base.number,
                              .id_lo = event->id.lo,
                              .time_ns = event->time_ns,
                              .parent = event->parent,
                              .correlation = event->correlation};
    size_t len;
    uint8_t *data;

    if (maiko_id_equal(event->correlation, event->id))
        head.correlation = (maiko_id){0, 0};
    pack_clear(&exporter->pack);
    record_begin_event(&exporter->pack, &head);
    if (is_native)
        payload_write_native(channel->type->plan, &exporter->pack, event->payload);
    else
        payload_write_array(channel->type->plan, &exporter->pack, event->payload);
    if (pack_status(&exporter->pack) != MAIKO_OK)
        return pack_status(&exporter->pack);
    len = exporter->pack.len;
    data = heap_alloc(exporter->heap, len);
    *ret_block = data != NULL ? retained_block_new(exporter->heap, data, len) : NULL;
    if (*ret_block == NULL) {
        heap_free(exporter->heap, data, len);
        return MAIKO_ENOMEM;
    }
    memcpy(data, exporter->pack.data, len);
    return MAIKO_OK;
}

void exporter_evict(struct exporter *exporter)
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

maiko_status exporter_append(struct exporter *exporter, struct export_channel *channel, struct export_run *run, uint64_t now_ns,
                             size_t *ret_count)
{
    struct retained_run entries = {.topic = channel->topic,
                                   .channel = &channel->base,
                                   .block = run->block,
                                   .bytes = run->records,
                                   .len = run->len,
                                   .count = run->count,
                                   .is_native = run->is_native};
    uint64_t first = exporter->log.next;
    struct list *link;
    maiko_status status;
    size_t i;

    for (i = 0; run->channel != channel->base.number && i < run->count; i++)
        record_set_channel(run->records + i * run->len, channel->base.number);
    run->channel = channel->base.number;
    status = retained_append_run(&exporter->log, &entries, ret_count);
    LIST_FOR_EACH (link, &exporter->peers)
        peer_offer(peer_of_link(link), channel->topic, first, exporter->log.next, now_ns);
    return status;
}

maiko_status exporter_publish(struct exporter *exporter, const struct export_event *event, uint64_t now_ns)
{
    struct export_channel *channel;
    struct retained_block *block;
    struct export_run run;
    bool is_native = false;
    size_t count;
    maiko_status status = exporter_channel(exporter, event, &channel);

    if (status == MAIKO_OK) {
        is_native = channel->type->is_native && payload_event_is_compact(channel->type->plan, event->payload);
        status = encode(exporter, event, channel, is_native, &block);
    }
    if (status != MAIKO_OK)
        return status;
    run = (struct export_run){.block = block,
                              .records = block->data,
                              .len = block->size,
                              .count = 1,
                              .channel = channel->base.number,
                              .is_native = is_native};
    status = exporter_append(exporter, channel, &run, now_ns, &count);
    retained_block_unref(block);
    exporter_evict(exporter);
    return status;
}

bool exporter_holds(const struct exporter *exporter, const char *topic)
{
    const struct retained_topic *known = retained_find_topic(&exporter->log, topic);

    return known != NULL && known->holding > 0;
}

/* ---- Native bytes ---- */

const struct export_type *exporter_find_type(const struct exporter *exporter, struct slice name, uint64_t hash,
                                             const struct export_type *after)
{
    size_t i;

    for (i = after != NULL ? after->index + 1 : 0; i < exporter->channels.type_count; i++) {
        const struct export_type *type = exporter->channels.type_list[i];

        if (type->hash == hash && slice_is(name, type->type->name))
            return type;
    }
    return NULL;
}

void exporter_review_type(struct exporter *exporter, uint32_t index)
{
    struct export_type *type = exporter->channels.type_list[index];
    struct list *link;
    bool is_wanted = false;
    bool is_read_by_all = payload_is_compact(type->plan);

    LIST_FOR_EACH (link, &exporter->peers) {
        const struct peer *peer = peer_of_link(link);

        is_wanted = is_wanted || peer_takes_native(peer, index);
        is_read_by_all = is_read_by_all && (!peer_knows_type(peer, index) || peer_takes_native(peer, index));
    }
    type->is_native = is_wanted && is_read_by_all;
}

void exporter_review_types(struct exporter *exporter)
{
    uint32_t i;

    for (i = 0; i < exporter->channels.type_count; i++)
        exporter_review_type(exporter, i);
}

/* ---- Ends ---- */

static bool grow_ends(struct exporter *exporter)
{
    size_t capacity = exporter->end_capacity > 0 ? 2 * exporter->end_capacity : 8;
    void *grown;

    if (exporter->end_count < exporter->end_capacity)
        return true;
    grown = heap_resize(exporter->heap, exporter->ends, exporter->end_capacity * sizeof(*exporter->ends),
                        capacity * sizeof(*exporter->ends));
    if (grown == NULL)
        return false;
    exporter->ends = grown;
    exporter->end_capacity = capacity;
    return true;
}

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

    if (exporter->end_count == WIRE_ACTORS_MAX)
        return MAIKO_ELIMIT;
    if (!grow_ends(exporter))
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

/* How many topics have events in streams? */
static size_t begin_survey(struct exporter *exporter)
{
    struct retained *log = &exporter->log;
    bool is_new = !exporter->is_surveyed;
    size_t topics = 0;
    uint32_t i;

    exporter->survey += is_new;
    exporter->is_surveyed = true;
    log->has_new_high = log->has_new_high && !is_new;
    for (i = 0; i < log->topic_count; i++) {
        struct retained_topic *topic = log->topic_list[i];

        topic->found_ns = is_new ? 0 : topic->found_ns;
        topics += topic->queued > 0;
    }
    return topics;
}

static void end_survey(struct exporter *exporter)
{
    struct retained *log = &exporter->log;
    uint32_t i;

    exporter->is_surveyed = false;
    for (i = 0; i < log->topic_count; i++)
        log->topic_list[i]->oldest_ns = log->topic_list[i]->queued > 0 ? log->topic_list[i]->found_ns : 0;
}

bool exporter_survey(struct exporter *exporter, size_t most)
{
    size_t topics = begin_survey(exporter);
    size_t looked = 0;
    struct list *link;

    LIST_FOR_EACH (link, &exporter->peers) {
        if (looked >= most)
            return false;
        looked += peer_survey(peer_of_link(link), exporter->survey, ++exporter->looks, topics);
    }
    end_survey(exporter);
    return true;
}

size_t exporter_subscribers(const struct exporter *exporter, const char *topic)
{
    struct list *link;
    size_t count = 0;

    if (maiko_topic_check(topic) != MAIKO_OK)
        return 0;
    LIST_FOR_EACH (link, &exporter->peers)
        count += peer_is_subscribed(peer_of_link(link), topic);
    return count;
}

bool exporter_is_drained(const struct exporter *exporter)
{
    struct list *link;

    LIST_FOR_EACH (link, &exporter->peers)
        if (peer_is_owed(peer_of_link(link)))
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
