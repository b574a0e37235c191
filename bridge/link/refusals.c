/* Refusals: a short list, searched from its begin; who refuses refuses few topics. */
#include "link/refusals.h"

#include <string.h>

void refusals_init(struct refusals *refusals, struct heap *heap)
{
    *refusals = (struct refusals){.heap = heap};
}

void refusals_deinit(struct refusals *refusals)
{
    heap_free(refusals->heap, refusals->list, REFUSALS_MAX * sizeof(*refusals->list));
    refusals->list = NULL;
    refusals->count = 0;
}

const struct refusal *refusals_at(const struct refusals *refusals, size_t index)
{
    return index < refusals->count ? &refusals->list[index] : index == refusals->count ? &refusals->others : NULL;
}

static struct refusal *row_at(struct refusals *refusals, size_t index)
{
    return index < refusals->count ? &refusals->list[index] : &refusals->others;
}

/* The row of a topic and reason, made when there is room; else the one for all others. */
static struct refusal *row_of(struct refusals *refusals, struct slice topic, struct slice reason)
{
    struct refusal *row;
    size_t i;

    if (topic.len == 0)
        return &refusals->others;
    if (reason.len == 0)
        reason = slice_of("");
    for (i = 0; i < refusals->count; i++)
        if (slice_is(topic, refusals->list[i].topic) && slice_is(reason, refusals->list[i].reason))
            return &refusals->list[i];
    if (refusals->list == NULL)
        refusals->list = heap_alloc_zeroed(refusals->heap, REFUSALS_MAX, sizeof(*refusals->list));
    if (refusals->list == NULL || refusals->count == REFUSALS_MAX || reason.len >= REFUSAL_REASON_SIZE)
        return &refusals->others;
    row = &refusals->list[refusals->count++];
    *row = (struct refusal){.events = 0};
    memcpy(row->topic, topic.data, topic.len); /* at most WIRE_NAME_MAX, see map_read_name() */
    memcpy(row->reason, reason.data, reason.len);
    return row;
}

/* ---- importer ---- */

void refusals_restart(struct refusals *refusals)
{
    refusals->count = 0;
    refusals->others = (struct refusal){.events = 0};
    refusals->closed_below = 0;
}

void refusals_note(struct refusals *refusals, const char *topic, const char *reason)
{
    row_of(refusals, slice_of(topic), slice_of(reason))->open++;
}

static void close_rows(struct refusals *refusals, uint64_t next)
{
    size_t i;

    for (i = 0; i <= refusals->count; i++) {
        struct refusal *row = row_at(refusals, i);

        row->events += row->closed;
        row->closed = row->open;
        row->open = 0;
    }
    refusals->closed_below = next;
}

void refusals_settle(struct refusals *refusals, uint64_t acked, uint64_t next)
{
    if (acked >= refusals->closed_below)
        close_rows(refusals, next);
    if (acked >= next)
        close_rows(refusals, next);
}

void refusals_write(const struct refusals *refusals, struct pack *pack)
{
    size_t count = 0;
    size_t place;
    size_t i;

    pack_clear(pack);
    for (i = 0; i <= refusals->count; i++)
        count += refusals_at(refusals, i)->events > 0;
    if (count == 0)
        return;
    place = pack_array_begin(pack);
    for (i = 0; i <= refusals->count; i++) {
        const struct refusal *row = refusals_at(refusals, i);

        if (row->events > 0)
            frame_write_refusal(pack, &(struct frame_refusal){
                                          .topic = slice_of(row->topic), .reason = slice_of(row->reason), .events = row->events});
    }
    pack_array_end(pack, place, count);
}

/* ---- exporter ---- */

static void begin_stream(struct refusals *refusals, uint64_t stream)
{
    size_t i;

    for (i = 0; i <= refusals->count; i++)
        row_at(refusals, i)->events = 0;
    refusals->stream = stream;
}

/* Counts only grow: an older frame says nothing new. */
static bool raise_row(struct refusals *refusals, struct refusal *row, uint64_t events, uint64_t limit)
{
    uint64_t more = events > row->events ? events - row->events : 0;

    if (more > limit - refusals->sum)
        more = limit - refusals->sum;
    row->events += more;
    row->sum += more;
    refusals->sum += more;
    return more > 0;
}

/* Who is told of rows that grew, once per session each. */
struct listener {
    uint64_t session;
    uint64_t limit;
    void (*heard)(const struct refusal *refusal, void *userdata);
    void *userdata;
};

static void hear_row(struct refusals *refusals, struct refusal *row, uint64_t events, const struct listener *listener)
{
    if (!raise_row(refusals, row, events, listener->limit) || row->session == listener->session)
        return;
    row->session = listener->session;
    listener->heard(row, listener->userdata);
}

maiko_status refusals_hear(struct refusals *refusals, struct slice array, uint64_t stream, uint64_t session, uint64_t limit,
                           void (*heard)(const struct refusal *refusal, void *userdata), void *userdata, struct text *error)
{
    const struct listener listener = {.session = session, .limit = limit, .heard = heard, .userdata = userdata};
    struct reader reader;
    uint32_t count = frame_array(array, &reader);
    uint64_t others = 0;
    uint32_t i;

    if (count > WIRE_REFUSED_MAX) {
        text_append(error, "refused: more than 4096");
        return MAIKO_EPROTOCOL;
    }
    if (count > 0 && refusals->stream != stream)
        begin_stream(refusals, stream);
    for (i = 0; i < count; i++) {
        struct frame_refusal told;
        struct refusal *row;
        maiko_status status = frame_next_refusal(&reader, &told, error);

        if (status != MAIKO_OK)
            return status;
        row = row_of(refusals, told.topic, told.reason);
        if (row != &refusals->others)
            hear_row(refusals, row, told.events, &listener);
        else
            others += told.events < UINT64_MAX - others ? told.events : UINT64_MAX - others;
    }
    if (others > 0)
        hear_row(refusals, &refusals->others, others, &listener);
    return MAIKO_OK;
}
