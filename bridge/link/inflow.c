/* Inflow: positions are three numbers; types and channels are two tables that go with the session. */
#include "link/inflow.h"

#include <string.h>

#include <maiko/topic.h>

void inflow_init(struct inflow *inflow, struct heap *heap)
{
    *inflow = (struct inflow){.heap = heap};
    refusals_init(&inflow->refusals, heap);
}

static void free_channel(const struct inflow *inflow, struct inflow_channel *channel)
{
    struct heap *heap = inflow->heap;

    if (channel == NULL)
        return;
    if (inflow->forgotten != NULL)
        inflow->forgotten(&channel->channel, inflow->userdata);
    if (channel->origin != NULL)
        origins_leave(inflow->origins, channel->origin);
    heap_strfree(heap, channel->topic);
    heap_strfree(heap, channel->sender);
    heap_free(heap, channel, sizeof(*channel));
}

void inflow_begin_session(struct inflow *inflow)
{
    size_t i;

    for (i = 0; i < inflow->channel_capacity; i++)
        free_channel(inflow, inflow->channels[i]);
    for (i = 0; i < inflow->type_count; i++)
        foreign_type_free(inflow->types[i]);
    heap_free(inflow->heap, inflow->channels, inflow->channel_capacity * sizeof(*inflow->channels));
    heap_free(inflow->heap, inflow->types, inflow->type_capacity * sizeof(*inflow->types));
    inflow->channels = NULL;
    inflow->types = NULL;
    inflow->channel_capacity = inflow->type_capacity = inflow->type_count = 0;
    inflow->is_ready = false;
    inflow->acked = 0;
    inflow->unacked_bytes = 0;
}

void inflow_deinit(struct inflow *inflow)
{
    inflow_begin_session(inflow);
    refusals_deinit(&inflow->refusals);
}

void inflow_restart(struct inflow *inflow, uint64_t stream, uint64_t next)
{
    inflow->stream = stream;
    inflow->next = next;
    inflow->undelivered = inflow->last_pending = next;
    inflow->acked = next;
    refusals_restart(&inflow->refusals);
}

/* ---- Types and channels ---- */

static struct foreign_type *find_type(const struct inflow *inflow, struct slice name, uint64_t hash)
{
    size_t i;

    for (i = inflow->type_count; i-- > 0;)
        if (inflow->types[i]->hash == hash && slice_is(name, inflow->types[i]->type->name))
            return inflow->types[i];
    return NULL;
}

static maiko_status add_type(struct inflow *inflow, struct foreign_type *type)
{
    size_t capacity = inflow->type_capacity > 0 ? 2 * inflow->type_capacity : 8;
    void *types;

    if (inflow->type_count == WIRE_TYPES_MAX)
        return MAIKO_ELIMIT;
    if (inflow->type_count == inflow->type_capacity) {
        types = heap_resize(inflow->heap, inflow->types, inflow->type_capacity * sizeof(*inflow->types),
                            capacity * sizeof(*inflow->types));
        if (types == NULL)
            return MAIKO_ENOMEM;
        inflow->types = types;
        inflow->type_capacity = capacity;
    }
    inflow->types[inflow->type_count++] = type;
    return MAIKO_OK;
}

/* A type that is told again (after a replay) is known already. */
static maiko_status learn_type(struct inflow *inflow, struct reader *reader, struct text *error)
{
    struct foreign_type *type;
    struct slice bytes;
    maiko_status status;

    if (!reader_skip(reader, &bytes))
        return MAIKO_EPROTOCOL;
    status = foreign_type_read(inflow->heap, bytes, &type, error);
    if (status != MAIKO_OK)
        return status;
    if (find_type(inflow, slice_of(type->type->name), type->hash) == NULL)
        status = add_type(inflow, type);
    else
        type = foreign_type_free(type);
    if (status != MAIKO_OK)
        foreign_type_free(type);
    return status;
}

static maiko_status grow_channels(struct inflow *inflow, uint64_t number)
{
    size_t capacity = inflow->channel_capacity > 0 ? inflow->channel_capacity : 16;
    struct inflow_channel **channels;

    if (number < inflow->channel_capacity)
        return MAIKO_OK;
    while (capacity <= number)
        capacity *= 2;
    channels = heap_alloc_zeroed(inflow->heap, capacity, sizeof(*channels));
    if (channels == NULL)
        return MAIKO_ENOMEM;
    if (inflow->channel_capacity > 0)
        memcpy(channels, inflow->channels, inflow->channel_capacity * sizeof(*channels));
    heap_free(inflow->heap, inflow->channels, inflow->channel_capacity * sizeof(*channels));
    inflow->channels = channels;
    inflow->channel_capacity = capacity;
    return MAIKO_OK;
}

/* Events of a channel without an origin began at the other side. */
static maiko_id origin_of(const struct inflow *inflow, const struct frame_channel *told)
{
    return maiko_id_is_nil(told->origin) ? inflow->remote : told->origin;
}

static struct inflow_channel *make_channel(const struct inflow *inflow, const struct frame_channel *told,
                                           const struct foreign_type *type)
{
    struct heap *heap = inflow->heap;
    struct inflow_channel *channel = heap_alloc_zeroed(heap, 1, sizeof(*channel));

    if (channel == NULL)
        return NULL;
    channel->topic = heap_strndup(heap, (const char *)told->topic.data, told->topic.len);
    channel->sender = heap_strndup(heap, told->sender.len > 0 ? (const char *)told->sender.data : "", told->sender.len);
    if (channel->topic == NULL || channel->sender == NULL) {
        free_channel(inflow, channel);
        return NULL;
    }
    channel->channel = (struct inbound_channel){.number = (uint32_t)told->number,
                                                .topic = channel->topic,
                                                .sender = channel->sender,
                                                .type = type,
                                                .prefix = told->prefix,
                                                .origin = origin_of(inflow, told),
                                                .hops = told->hops < UINT32_MAX ? (uint32_t)told->hops + 1 : UINT32_MAX};
    return channel;
}

static bool is_same(const struct inflow *inflow, const struct inflow_channel *known, const struct frame_channel *told,
                    const struct foreign_type *type)
{
    return known != NULL && slice_is(told->topic, known->topic) && slice_is(told->sender, known->sender) &&
           known->channel.type == type && known->channel.prefix == told->prefix &&
           maiko_id_equal(known->channel.origin, origin_of(inflow, told)) && known->channel.hops == told->hops + 1;
}

static bool is_topic(struct slice text)
{
    char topic[WIRE_NAME_MAX + 1];

    memcpy(topic, text.data, text.len); /* at most WIRE_NAME_MAX, see map_read_name() */
    topic[text.len] = '\0';
    return maiko_topic_check(topic) == MAIKO_OK;
}

static maiko_status learn_channel(struct inflow *inflow, struct reader *reader, struct text *error)
{
    struct frame_channel told;
    struct foreign_type *type;
    struct inflow_channel *channel;
    maiko_status status = frame_next_channel(reader, &told, error);

    if (status == MAIKO_OK)
        status = grow_channels(inflow, told.number);
    if (status != MAIKO_OK)
        return status;
    type = find_type(inflow, told.type, told.schema);
    if (type == NULL || !is_topic(told.topic)) {
        if (error != NULL)
            text_append(error, type == NULL ? "channel: of a type that was not told" : "channel: not a topic");
        return MAIKO_EPROTOCOL;
    }
    if (is_same(inflow, inflow->channels[told.number], &told, type))
        return MAIKO_OK;
    channel = make_channel(inflow, &told, type);
    if (channel == NULL)
        return MAIKO_ENOMEM;
    free_channel(inflow, inflow->channels[told.number]);
    inflow->channels[told.number] = channel;
    return MAIKO_OK;
}

maiko_status inflow_learn(struct inflow *inflow, const struct frame *frame, struct text *error)
{
    struct reader reader;
    maiko_status status = MAIKO_OK;
    uint32_t count = frame_array(frame->types, &reader);
    uint32_t i;

    for (i = 0; status == MAIKO_OK && i < count; i++)
        status = learn_type(inflow, &reader, error);
    count = frame_array(frame->channels, &reader);
    for (i = 0; status == MAIKO_OK && i < count; i++)
        status = learn_channel(inflow, &reader, error);
    return status;
}

void inflow_take_native(struct inflow *inflow, const struct inflow_channel *channel)
{
    size_t i;

    for (i = 0; i < inflow->type_count; i++)
        if (inflow->types[i] == channel->channel.type)
            inflow->types[i]->is_native = true;
}

struct inflow_channel *inflow_channel(const struct inflow *inflow, uint64_t number)
{
    return number < inflow->channel_capacity ? inflow->channels[number] : NULL;
}

/* ---- Positions ---- */

void inflow_pending(struct inflow *inflow, uint64_t position, uint32_t count)
{
    if (inflow->last_pending <= inflow->undelivered)
        inflow->undelivered = position;
    inflow->last_pending = position + count;
}

void inflow_delivered(struct inflow *inflow, uint64_t position)
{
    if (position >= inflow->undelivered && position < inflow->next)
        inflow->undelivered = position + 1;
}

uint64_t inflow_done(const struct inflow *inflow)
{
    return inflow_waits(inflow) ? inflow->undelivered : inflow->next;
}
