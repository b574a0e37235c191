/* Channels: two tables and the search for a number that is free again. */
#include "link/channels.h"

#include <string.h>

#include "base/hash.h"
#include "wire/limits.h"

void channels_init(struct channels *channels, struct heap *heap, struct retained *log, size_t most)
{
    *channels = (struct channels){.heap = heap, .log = log, .most = most};
    hash_table_init_u64(&channels->types, heap);
    hash_table_init_u64(&channels->by_meaning, heap);
}

static void free_type(struct channels *channels, struct export_type *type)
{
    payload_plan_free(type->plan);
    heap_free(channels->heap, type, sizeof(*type));
}

static void free_channel(struct channels *channels, struct export_channel *channel)
{
    heap_strfree(channels->heap, channel->sender);
    heap_free(channels->heap, channel, sizeof(*channel));
}

void channels_deinit(struct channels *channels)
{
    size_t i;

    for (i = 0; i < channels->count; i++)
        free_channel(channels, channels->list[i]);
    for (i = 0; i < channels->type_count; i++)
        free_type(channels, channels->type_list[i]);
    heap_free(channels->heap, channels->list, channels->capacity * sizeof(*channels->list));
    heap_free(channels->heap, channels->type_list, channels->type_capacity * sizeof(*channels->type_list));
    hash_table_deinit(&channels->by_meaning);
    hash_table_deinit(&channels->types);
}

/* Room for one more pointer in an array that doubles. */
static bool grow(struct heap *heap, void **array, size_t *capacity, size_t count)
{
    size_t larger = *capacity > 0 ? 2 * *capacity : 8;
    void *grown;

    if (count < *capacity)
        return true;
    grown = heap_resize(heap, *array, *capacity * sizeof(void *), larger * sizeof(void *));
    if (grown == NULL)
        return false;
    *array = grown;
    *capacity = larger;
    return true;
}

/* ---- Types ---- */

static maiko_status add_type(struct channels *channels, const maiko_event_type *descriptor, struct export_type **ret_type)
{
    struct export_type *type;
    maiko_status status;

    if (channels->type_count == WIRE_TYPES_MAX)
        return MAIKO_ELIMIT;
    if (!grow(channels->heap, (void **)&channels->type_list, &channels->type_capacity, channels->type_count))
        return MAIKO_ENOMEM;
    type = heap_alloc_zeroed(channels->heap, 1, sizeof(*type));
    if (type == NULL)
        return MAIKO_ENOMEM;
    type->index = (uint32_t)channels->type_count;
    type->type = descriptor;
    type->hash = maiko_schema_hash(descriptor);
    status = payload_plan_new(channels->heap, descriptor, NULL, &type->plan, NULL);
    if (status == MAIKO_OK)
        status = hash_table_insert_u64(&channels->types, (uint64_t)(uintptr_t)descriptor, type);
    if (status != MAIKO_OK) {
        free_type(channels, type);
        return status;
    }
    channels->type_list[channels->type_count++] = type;
    *ret_type = type;
    return MAIKO_OK;
}

static maiko_status find_type(struct channels *channels, const maiko_event_type *descriptor, struct export_type **ret_type)
{
    *ret_type = hash_table_find_u64(&channels->types, (uint64_t)(uintptr_t)descriptor);
    return *ret_type != NULL ? MAIKO_OK : add_type(channels, descriptor, ret_type);
}

/* ---- Numbers ---- */

/* A new number; NULL when there is none, or no memory. */
static struct export_channel *new_number(struct channels *channels)
{
    struct export_channel *channel;

    if (!grow(channels->heap, (void **)&channels->list, &channels->capacity, channels->count))
        return NULL;
    channel = heap_alloc_zeroed(channels->heap, 1, sizeof(*channel));
    if (channel == NULL)
        return NULL;
    channel->base.number = (uint32_t)channels->count;
    channels->list[channels->count++] = channel;
    return channel;
}

/* One round at most. */
static struct export_channel *find_idle(struct channels *channels)
{
    size_t i;

    for (i = 0; i < channels->count; i++) {
        struct export_channel *channel = channels->list[channels->hand];

        channels->hand = (channels->hand + 1) % channels->count;
        if (channel->base.refs == 0)
            return channel;
    }
    return NULL;
}

/* When all numbers are taken.  What the log has longest is given up first: an eighth of the numbers per search, so that the
 * searches stay cheap. */
static struct export_channel *take_number_back(struct channels *channels)
{
    struct export_channel *channel = find_idle(channels);
    size_t given_up;

    while (channel == NULL) {
        for (given_up = 0; given_up <= channels->most / 8 && retained_give_up(channels->log); given_up++)
            continue;
        channel = find_idle(channels);
        if (given_up == 0)
            break;
    }
    if (channel == NULL)
        return NULL;
    if (channel->type != NULL)
        hash_table_remove_u64(&channels->by_meaning, channel->key);
    heap_strfree(channels->heap, channel->sender);
    channel->sender = NULL;
    channel->type = NULL;
    if (channels->last == channel)
        channels->last = NULL;
    return channel;
}

/* ---- Meanings ---- */

static bool is_channel_of(const struct export_channel *channel, const struct export_event *event)
{
    return channel->type->type == event->type && channel->prefix == event->id.hi && channel->hops == event->hops &&
           maiko_id_equal(channel->origin, event->origin) && strcmp(channel->topic->name, event->topic) == 0 &&
           strcmp(channel->sender, event->sender) == 0;
}

static uint64_t key_of(const struct channels *channels, const struct export_event *event)
{
    uint64_t hash = hash_bytes(event->topic, strlen(event->topic), event->id.hi ^ channels->by_meaning.seed);

    hash = hash_bytes(event->sender, strlen(event->sender), hash);
    return hash ^ hash_u64((uint64_t)(uintptr_t)event->type ^ event->origin.hi ^ event->origin.lo ^ event->hops);
}

/* Without a meaning (no `type`) when there is no memory for it; found again as idle. */
static maiko_status give_meaning(struct channels *channels, struct export_channel *channel, const struct export_event *event,
                                 struct export_type *type, uint64_t key)
{
    char *sender = heap_strdup(channels->heap, event->sender);
    maiko_status status =
        sender == NULL ? MAIKO_ENOMEM : retained_topic(channels->log, event->topic, event->overflow, &channel->topic);

    if (status == MAIKO_OK)
        status = hash_table_insert_u64(&channels->by_meaning, key, channel);
    if (status != MAIKO_OK) {
        heap_strfree(channels->heap, sender);
        return status;
    }
    channel->generation++;
    channel->key = key;
    channel->sender = sender;
    channel->type = type;
    channel->prefix = event->id.hi;
    channel->origin = event->origin;
    channel->hops = event->hops;
    return MAIKO_OK;
}

static maiko_status add_channel(struct channels *channels, const struct export_event *event, uint64_t key,
                                struct export_channel **ret_channel)
{
    struct export_type *type;
    struct export_channel *channel;
    bool has_number = channels->count < channels->most;
    maiko_status status = find_type(channels, event->type, &type);

    if (status != MAIKO_OK)
        return status;
    channel = has_number ? new_number(channels) : take_number_back(channels);
    if (channel == NULL)
        return has_number ? MAIKO_ENOMEM : MAIKO_ELIMIT;
    *ret_channel = channel;
    return give_meaning(channels, channel, event, type, key);
}

/* Two meanings of one hash: the next key is tried. */
maiko_status channels_find(struct channels *channels, const struct export_event *event, struct export_channel **ret_channel,
                           bool *ret_is_new)
{
    uint64_t key = key_of(channels, event);
    maiko_status status = MAIKO_OK;

    *ret_is_new = false;
    *ret_channel = channels->last;
    if (*ret_channel != NULL && is_channel_of(*ret_channel, event))
        return MAIKO_OK;
    for (;; key++) {
        *ret_channel = hash_table_find_u64(&channels->by_meaning, key);
        if (*ret_channel == NULL) {
            status = add_channel(channels, event, key, ret_channel);
            *ret_is_new = status == MAIKO_OK;
        } else if (!is_channel_of(*ret_channel, event)) {
            continue;
        }
        if (status == MAIKO_OK)
            channels->last = *ret_channel;
        return status;
    }
}
