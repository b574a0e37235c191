/* Sources: three tables, and the memory of who sent lately. */
#include "node/source.h"

#include <string.h>

#include "base/hash.h"
#include "message/envelope.h"
#include "node/node.h"
#include "node/rename.h"

static const char *topic_name(const void *topic)
{
    return ((const struct source_topic *)topic)->name;
}

void sources_init(struct sources *sources, struct heap *heap, const struct node_pattern *patterns)
{
    *sources = (struct sources){.heap = heap, .patterns = patterns};
    hash_table_init_u64(&sources->sources, heap);
    hash_table_init(&sources->topics, heap, topic_name);
    hash_table_init_u64(&sources->plans, heap);
}

static void free_topic(struct heap *heap, struct source_topic *topic)
{
    heap_strfree(heap, topic->outside);
    heap_free(heap, topic, sizeof(*topic) + strlen(topic->name) + 1);
}

void sources_free_all(struct heap *heap, struct fifo *given_up)
{
    struct fifo_link *link;

    while ((link = fifo_pop(given_up)) != NULL) {
        struct source *source = CONTAINER_OF(link, struct source, link);

        heap_free(heap, source, sizeof(*source) + strlen(source->sender) + 1);
    }
}

void sources_deinit(struct sources *sources)
{
    struct fifo rest = sources_give_up(sources);
    struct source_topic *topic;
    struct payload_plan *plan;
    size_t position = 0;

    sources_free_all(sources->heap, &rest);
    while ((topic = hash_table_next(&sources->topics, &position)) != NULL)
        free_topic(sources->heap, topic);
    position = 0;
    while ((plan = hash_table_next(&sources->plans, &position)) != NULL)
        payload_plan_free(plan);
    hash_table_deinit(&sources->sources);
    hash_table_deinit(&sources->topics);
    hash_table_deinit(&sources->plans);
}

bool sources_are_full(const struct sources *sources)
{
    return sources->sources.count >= SOURCES_MAX;
}

struct fifo sources_give_up(struct sources *sources)
{
    struct fifo all = {.first = NULL};
    struct source *source;
    size_t position = 0;

    while ((source = hash_table_next(&sources->sources, &position)) != NULL)
        fifo_push(&all, &source->link);
    hash_table_deinit(&sources->sources);
    hash_table_init_u64(&sources->sources, sources->heap);
    sources->last = NULL;
    memset(sources->seen, 0, sizeof(sources->seen));
    return all;
}

/* ---- what a source is made of ---- */

static const struct node_pattern *pattern_of(const struct sources *sources, const char *topic)
{
    size_t i;

    for (i = 0; i < sources->pattern_count; i++)
        if (maiko_topic_matches(sources->patterns[i].pattern, topic))
            return &sources->patterns[i];
    return NULL;
}

static char *name_outside(struct sources *sources, struct source_topic *topic)
{
    const struct node_pattern *pattern = pattern_of(sources, topic->name);
    char renamed[MAIKO_TOPIC_MAX + 1];

    topic->is_relayed = pattern != NULL && pattern->relay;
    if (pattern == NULL || pattern->as[0] == '\0')
        return heap_strdup(sources->heap, topic->name);
    if (rename_topic(pattern->pattern, pattern->as, topic->name, renamed))
        return heap_strdup(sources->heap, renamed);
    topic->status = MAIKO_ETOOLONG;
    return heap_strdup(sources->heap, topic->name);
}

static struct source_topic *find_topic(struct sources *sources, const char *name)
{
    struct source_topic *topic = hash_table_find(&sources->topics, name);
    size_t len = strlen(name);

    if (topic != NULL)
        return topic;
    topic = heap_alloc_zeroed(sources->heap, 1, sizeof(*topic) + len + 1);
    if (topic == NULL)
        return NULL;
    memcpy(topic->name, name, len + 1);
    list_init(&topic->held_link);
    topic->outside = name_outside(sources, topic);
    if (topic->outside != NULL && hash_table_insert(&sources->topics, topic) == MAIKO_OK)
        return topic;
    free_topic(sources->heap, topic);
    return NULL;
}

static maiko_status find_plan(struct sources *sources, const maiko_event_type *type, const struct payload_plan **ret_plan)
{
    struct payload_plan *plan = hash_table_find_u64(&sources->plans, (uint64_t)(uintptr_t)type);
    maiko_status status = MAIKO_OK;

    if (plan == NULL) {
        status = payload_plan_new(sources->heap, type, NULL, &plan, NULL);
        if (status == MAIKO_OK)
            status = hash_table_insert_u64(&sources->plans, (uint64_t)(uintptr_t)type, plan);
        if (status != MAIKO_OK)
            plan = payload_plan_free(plan);
    }
    *ret_plan = plan;
    return status;
}

/* ---- finding ---- */

/* What tells one source from another, asked of the envelope once. */
struct wanted {
    const maiko_event_type *type;
    const char *topic;
    const char *sender;
    uint64_t prefix;
    uint32_t hops;
};

static bool is_wanted(const struct source *source, const struct wanted *wanted)
{
    return source->type == wanted->type && source->prefix == wanted->prefix && source->hops == wanted->hops &&
           strcmp(source->topic->name, wanted->topic) == 0 && strcmp(source->sender, wanted->sender) == 0;
}

static uint64_t key_of(const struct sources *sources, const struct wanted *wanted)
{
    uint64_t hash = hash_bytes(wanted->topic, strlen(wanted->topic), wanted->prefix ^ sources->sources.seed);

    hash = hash_bytes(wanted->sender, strlen(wanted->sender), hash);
    return hash ^ hash_u64((uint64_t)(uintptr_t)wanted->type ^ wanted->hops);
}

static struct source *add_source(struct sources *sources, const struct wanted *wanted, uint64_t key)
{
    size_t len = strlen(wanted->sender);
    struct source *source = heap_alloc_zeroed(sources->heap, 1, sizeof(*source) + len + 1);

    if (source == NULL)
        return NULL;
    source->type = wanted->type;
    source->prefix = wanted->prefix;
    source->hops = wanted->hops;
    source->key = key;
    memcpy(source->sender, wanted->sender, len + 1);
    source->topic = find_topic(sources, wanted->topic);
    source->status = source->topic == NULL ? MAIKO_ENOMEM : find_plan(sources, wanted->type, &source->plan);
    if (source->status == MAIKO_ENOMEM || hash_table_insert_u64(&sources->sources, key, source) != MAIKO_OK) {
        heap_free(sources->heap, source, sizeof(*source) + len + 1);
        return NULL;
    }
    if (source->status == MAIKO_OK)
        source->status = source->topic->status;
    if (source->status != MAIKO_OK)
        source->plan = NULL;
    return source;
}

/* Two sources of one hash: the next key is tried. */
static struct source *find(struct sources *sources, const struct wanted *wanted)
{
    uint64_t key;

    for (key = key_of(sources, wanted);; key++) {
        struct source *source = hash_table_find_u64(&sources->sources, key);

        if (source == NULL)
            source = add_source(sources, wanted, key);
        else if (!is_wanted(source, wanted))
            continue;
        if (source != NULL)
            sources->last = source;
        return source;
    }
}

static struct source *look_up(struct sources *sources, const maiko_envelope *envelope)
{
    const struct wanted wanted = {.type = envelope->type,
                                  .topic = maiko_envelope_topic(envelope),
                                  .sender = maiko_envelope_sender(envelope),
                                  .prefix = maiko_envelope_id(envelope).hi,
                                  .hops = maiko_envelope_hops(envelope)};

    if (sources->last != NULL && is_wanted(sources->last, &wanted))
        return sources->last;
    return find(sources, &wanted);
}

/* Events on the heap bring their own copies of topic and sender; senders of other processes have one id. */
static bool says_it_at_a_glance(const struct envelope *event)
{
    return event->home == HOME_POOL && event->hops == 0 && event->sender->id != UINT64_MAX;
}

static bool is_seen(const struct source_seen *seen, const struct envelope *event)
{
    return seen->topic == event->topic && seen->type == event->head.type && seen->sender_id == event->sender->id &&
           seen->prefix == event->id.hi;
}

struct source *sources_find(struct sources *sources, const maiko_envelope *envelope)
{
    const struct envelope *event = envelope_of(envelope);
    struct source_seen *seen;

    if (!says_it_at_a_glance(event))
        return look_up(sources, envelope);
    seen = &sources->seen[(event->sender->id ^ event->topic->id) & (SOURCES_SEEN - 1)];
    if (!is_seen(seen, event))
        *seen = (struct source_seen){.type = event->head.type,
                                     .topic = event->topic,
                                     .sender_id = event->sender->id,
                                     .prefix = event->id.hi,
                                     .source = look_up(sources, envelope)};
    if (seen->source == NULL)
        seen->topic = NULL; /* without memory now, perhaps with it the next time */
    return seen->source;
}
