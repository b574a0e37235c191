/* Counters view: what of a snapshot the public calls hand out. */
#include <string.h>

#include "monitor/counters_reader.h"

/* Fills the caller's struct, which an older or newer program made smaller or larger than ours. */
static maiko_status hand_out(maiko_status status, const void *ours, size_t our_size, void *theirs, size_t their_size)
{
    if (theirs == NULL)
        return MAIKO_EINVAL;
    memset(theirs, 0, their_size);
    memcpy(theirs, ours, our_size < their_size ? our_size : their_size);
    return status;
}

#define HAND_OUT(status, ours, theirs, size) hand_out(status, &(ours), sizeof(ours), theirs, size)

maiko_status maiko_counters_info_sized(const maiko_counters *counters, maiko_counters_info *ret_info, size_t size)
{
    maiko_counters_info info = {.name = "", .path = ""};
    const struct counters_header *header;

    if (counters == NULL)
        return HAND_OUT(MAIKO_EINVAL, info, ret_info, size);
    header = counters->now.header;
    info.name = header->name;
    info.path = counters->path;
    info.pid = header->pid;
    info.state = counters->now.state;
    info.is_kept = (header->flags & COUNTERS_KEEP) != 0;
    info.is_complete = counters->now.is_complete;
    info.started_ns = header->started_ns;
    info.stopped_ns = header->stopped_ns;
    info.unfinished = header->unfinished;
    return HAND_OUT(MAIKO_OK, info, ret_info, size);
}

size_t maiko_counters_actor_count(const maiko_counters *counters)
{
    return counters == NULL ? 0 : counters->now.actor_count;
}

size_t maiko_counters_topic_count(const maiko_counters *counters)
{
    return counters == NULL ? 0 : counters->now.topic_count;
}

size_t maiko_counters_shard_count(const maiko_counters *counters)
{
    return counters == NULL ? 0 : counters->now.shard_count;
}

size_t maiko_counters_drop_count(const maiko_counters *counters)
{
    return counters == NULL ? 0 : counters->now.drop_count;
}

size_t maiko_counters_link_count(const maiko_counters *counters)
{
    return counters == NULL ? 0 : counters->now.link_count;
}

size_t maiko_counters_export_count(const maiko_counters *counters)
{
    return counters == NULL ? 0 : counters->now.export_count;
}

size_t maiko_counters_field_count(const maiko_counters *counters)
{
    return counters == NULL ? 0 : counters->now.header->field_count;
}

/* Adds the figures of one row; names in the public structs are those of the layout's tables. */
static void add_actor(maiko_counters_actor *actor, const struct counters_actor *line)
{
    const uint64_t settled = line->handled + line->dropped;

    actor->depth += line->received > settled ? line->received - settled : 0;
    actor->received += line->received;
    actor->handled += line->handled;
    actor->sent += line->sent;
    actor->refused += line->refused;
    actor->dropped += line->dropped;
    actor->errors += line->errors;
    actor->activations += line->activations;
    if (actor->high_water < line->high_water)
        actor->high_water = line->high_water;
}

static void add_times(maiko_counters_actor *actor, const struct counters_times *line)
{
    actor->samples += line->samples;
    actor->handler_ns += line->handler_ns;
    actor->retries += line->retries;
    if (actor->handler_max_ns < line->handler_max_ns)
        actor->handler_max_ns = line->handler_max_ns;
}

static maiko_counters_actor actor_at(const struct counters_snapshot *now, uint32_t index)
{
    const struct counters_row *row = &now->rows[index];
    const struct counters_times *times = counters_times_of(now, row);
    maiko_counters_actor actor = {.name = counters_name(now, index),
                                  .id = row->label.id,
                                  .shard = row->label.shard,
                                  .capacity = row->label.number,
                                  .phase = (maiko_actor_phase)row->label.phase,
                                  .has_ended = row->label.state == COUNTERS_ENDED};

    add_actor(&actor, COUNTERS_AS(actor, row));
    if (times != NULL)
        add_times(&actor, times);
    if (actor.has_ended)
        actor.depth = 0;
    return actor;
}

maiko_status maiko_counters_actor_sized(const maiko_counters *counters, size_t index, maiko_counters_actor *ret_actor,
                                        size_t size)
{
    maiko_counters_actor actor = {.name = ""};

    if (index >= maiko_counters_actor_count(counters))
        return HAND_OUT(MAIKO_EINVAL, actor, ret_actor, size);
    actor = actor_at(&counters->now, counters->now.lists[index]);
    return HAND_OUT(MAIKO_OK, actor, ret_actor, size);
}

maiko_status maiko_counters_find_actor_sized(const maiko_counters *counters, const char *name, maiko_counters_actor *ret_actor,
                                             size_t size)
{
    maiko_counters_actor actor = {.name = ""};
    uint32_t i;

    if (counters == NULL || name == NULL)
        return HAND_OUT(MAIKO_EINVAL, actor, ret_actor, size);
    for (i = 0; i < counters->now.actor_count; i++) {
        const uint32_t row = counters->now.lists[i];

        if (counters->now.rows[row].label.state != COUNTERS_LIVE || strcmp(counters_name(&counters->now, row), name) != 0)
            continue;
        actor = actor_at(&counters->now, row);
        return HAND_OUT(MAIKO_OK, actor, ret_actor, size);
    }
    return HAND_OUT(MAIKO_ENOTFOUND, actor, ret_actor, size);
}

maiko_status maiko_counters_totals_sized(const maiko_counters *counters, maiko_counters_actor *ret_totals, size_t size)
{
    maiko_counters_actor totals = {.name = ""};
    uint32_t i;

    if (counters == NULL)
        return HAND_OUT(MAIKO_EINVAL, totals, ret_totals, size);
    for (i = 1; i < counters->now.row_count; i++) {
        const struct counters_row *row = &counters->now.rows[i];

        if (row->label.state != COUNTERS_LIVE && row->label.state != COUNTERS_TOTAL)
            continue;
        if (row->label.kind == COUNTERS_ROW_ACTOR)
            add_actor(&totals, COUNTERS_AS(actor, row));
        if (row->label.kind == COUNTERS_ROW_TIMES)
            add_times(&totals, COUNTERS_AS(times, row));
    }
    return HAND_OUT(MAIKO_OK, totals, ret_totals, size);
}

maiko_status maiko_counters_topic_sized(const maiko_counters *counters, size_t index, maiko_counters_topic *ret_topic,
                                        size_t size)
{
    maiko_counters_topic topic = {.name = ""};

    if (index >= maiko_counters_topic_count(counters))
        return HAND_OUT(MAIKO_EINVAL, topic, ret_topic, size);
    topic = counters->now.topics[index];
    return HAND_OUT(MAIKO_OK, topic, ret_topic, size);
}

maiko_status maiko_counters_shard_sized(const maiko_counters *counters, size_t index, maiko_counters_shard *ret_shard,
                                        size_t size)
{
    maiko_counters_shard shard = {.name = ""};
    const struct counters_shard *line;
    uint32_t row;

    if (index >= maiko_counters_shard_count(counters))
        return HAND_OUT(MAIKO_EINVAL, shard, ret_shard, size);
    row = counters->now.lists[counters->now.actor_count + index];
    line = COUNTERS_AS(shard, &counters->now.rows[row]);
    shard.name = counters_name(&counters->now, row);
    shard.shard = counters->now.rows[row].label.shard;
    shard.routed = line->routed;
    shard.dispatched = line->dispatched;
    shard.ring_dropped = line->ring_dropped;
    shard.turns = line->turns;
    shard.sleeps = line->sleeps;
    shard.current_actor = line->current_actor;
    return HAND_OUT(MAIKO_OK, shard, ret_shard, size);
}

maiko_status maiko_counters_drop_sized(const maiko_counters *counters, size_t index, maiko_counters_drop *ret_drop, size_t size)
{
    maiko_counters_drop drop = {.topic = "", .actor = "", .peer = ""};
    const struct counters_snapshot *now;
    const struct counters_row *row;
    const struct counters_row *actor;

    if (index >= maiko_counters_drop_count(counters))
        return HAND_OUT(MAIKO_EINVAL, drop, ret_drop, size);
    now = &counters->now;
    index += now->actor_count + now->shard_count;
    row = &now->rows[now->lists[index]];
    actor = row->label.id == 0 ? NULL : counters_actor_of_id(now, row->label.id);
    drop.peer = counters_link_of_drop(now, row) == 0 ? "" : counters_name(now, counters_link_of_drop(now, row));
    drop.topic = counters_name(now, now->lists[index]);
    drop.actor = actor == NULL ? "" : counters_name(now, (uint32_t)(actor - now->rows));
    drop.actor_id = (row->label.id & COUNTERS_OF_LINK) != 0 ? 0 : row->label.id;
    drop.shard = row->label.shard;
    drop.reason = (maiko_drop_reason)row->label.number;
    drop.events = COUNTERS_AS(drop, row)->events;
    return HAND_OUT(MAIKO_OK, drop, ret_drop, size);
}

static void add_inflow(maiko_counters_link *link, const struct counters_inflow *line)
{
    link->delivered = line->delivered;
    link->lost_here = line->lost_here;
    link->gaps = line->gaps;
    link->gaps_unknown = line->gaps_unknown;
    link->repeated = line->repeated;
    link->turned_away = line->turned_away;
    link->sessions = line->sessions;
    link->frames = line->frames;
}

/* What its other end would not have; of the sum of links that have ended, the sum. */
static uint64_t refused_there(const struct counters_snapshot *now, uint32_t link)
{
    const bool is_total = now->rows[link].label.state == COUNTERS_TOTAL;
    const uint32_t *drops = &now->lists[now->actor_count + now->shard_count];
    uint64_t events = 0;
    uint32_t i;

    for (i = 0; i < now->drop_count; i++) {
        const struct counters_row *drop = &now->rows[drops[i]];

        if (is_total ? drop->label.state == COUNTERS_TOTAL && drop->label.number >= MAIKO_DROPPED_LINK_DENIED
                     : counters_link_of_drop(now, drop) == link)
            events += COUNTERS_AS(drop, drop)->events;
    }
    return events;
}

maiko_status maiko_counters_link_sized(const maiko_counters *counters, size_t index, maiko_counters_link *ret_link, size_t size)
{
    maiko_counters_link link = {.peer = ""};
    const struct counters_snapshot *now;
    const struct counters_inflow *inflow;
    const struct counters_link *line;
    const struct counters_row *row;

    if (index >= maiko_counters_link_count(counters))
        return HAND_OUT(MAIKO_EINVAL, link, ret_link, size);
    now = &counters->now;
    index += now->actor_count + now->shard_count + now->drop_count;
    row = &now->rows[now->lists[index]];
    line = COUNTERS_AS(link, row);
    inflow = counters_inflow_of(now, row);
    link.peer = counters_name(now, now->lists[index]);
    link.has_ended = row->label.state == COUNTERS_ENDED;
    link.window = row->label.state == COUNTERS_TOTAL ? 0 : row->label.number;
    link.offered = line->offered;
    link.acknowledged = line->acknowledged;
    link.lost_window = line->lost_window;
    link.lost_oldest = line->lost_oldest;
    link.lost_deadline = line->lost_deadline;
    link.lost_log = line->lost_log;
    link.lost_peer = line->lost_peer;
    link.lost = line->lost_window + line->lost_oldest + line->lost_deadline + line->lost_log + line->lost_peer;
    link.queued = row->label.state == COUNTERS_LIVE ? line->queued : 0;
    link.refused_there = refused_there(now, now->lists[index]);
    if (inflow != NULL)
        add_inflow(&link, inflow);
    return HAND_OUT(MAIKO_OK, link, ret_link, size);
}

maiko_status maiko_counters_export_sized(const maiko_counters *counters, size_t index, maiko_counters_export *ret_export,
                                         size_t size)
{
    maiko_counters_export exported = {.topic = ""};
    const struct counters_snapshot *now;
    const struct counters_export *line;

    if (index >= maiko_counters_export_count(counters))
        return HAND_OUT(MAIKO_EINVAL, exported, ret_export, size);
    now = &counters->now;
    index += now->actor_count + now->shard_count + now->drop_count + now->link_count;
    line = COUNTERS_AS(export, &now->rows[now->lists[index]]);
    exported.topic = counters_name(now, now->lists[index]);
    exported.queued = line->queued;
    exported.high_water = line->high_water;
    exported.oldest_ns = line->oldest_ns;
    return HAND_OUT(MAIKO_OK, exported, ret_export, size);
}

static uint64_t lost_for(const maiko_counters_link *link, maiko_drop_reason reason)
{
    switch (reason) {
    case MAIKO_DROPPED_LINK_WINDOW:
        return link->lost_window;
    case MAIKO_DROPPED_LINK_OLDEST:
        return link->lost_oldest;
    case MAIKO_DROPPED_LINK_DEADLINE:
        return link->lost_deadline;
    case MAIKO_DROPPED_LINK_LOG:
        return link->lost_log;
    case MAIKO_DROPPED_LINK_PEER:
        return link->lost_peer;
    default:
        return 0;
    }
}

static uint64_t lost_by_links(const maiko_counters *counters, maiko_drop_reason reason)
{
    maiko_counters_link link;
    uint64_t events = 0;
    size_t i;

    for (i = 0; maiko_counters_get_link(counters, i, &link) == MAIKO_OK; i++)
        events += link.has_ended ? 0 : lost_for(&link, reason);
    return events;
}

uint64_t maiko_counters_dropped_for(const maiko_counters *counters, maiko_drop_reason reason)
{
    uint64_t events = lost_by_links(counters, reason);
    uint32_t i;

    for (i = 0; i < maiko_counters_drop_count(counters); i++) {
        const struct counters_snapshot *now = &counters->now;
        const struct counters_row *row = &now->rows[now->lists[now->actor_count + now->shard_count + i]];

        if (row->label.number == (uint32_t)reason)
            events += COUNTERS_AS(drop, row)->events;
    }
    return events;
}

maiko_status maiko_counters_field_sized(const maiko_counters *counters, size_t index, maiko_counters_field *ret_field,
                                        size_t size)
{
    static const char *const kinds[] = {[COUNTERS_COUNTER] = "counter", [COUNTERS_GAUGE] = "gauge", [COUNTERS_MAX] = "max"};
    maiko_counters_field field = {.name = "", .unit = "", .kind = "", .text = ""};
    const struct counters_field *described;

    if (index >= maiko_counters_field_count(counters))
        return HAND_OUT(MAIKO_EINVAL, field, ret_field, size);
    described = &counters->now.header->fields[index];
    field.name = described->name;
    field.unit = described->unit;
    field.kind = described->kind <= COUNTERS_MAX ? kinds[described->kind] : "";
    field.text = described->text;
    return HAND_OUT(MAIKO_OK, field, ret_field, size);
}

const char *maiko_drop_reason_text(maiko_drop_reason reason)
{
    switch (reason) {
#define REASON_TEXT(name, number, before_dispatch, text)                                                                         \
    case MAIKO_DROPPED_##name:                                                                                                   \
        return text;
        MAIKO_DROP_REASON_MAP(REASON_TEXT)
#undef REASON_TEXT
    }
    return "unknown reason";
}

const char *maiko_actor_phase_name(maiko_actor_phase phase)
{
    switch (phase) {
#define PHASE_NAME(name, number, text)                                                                                           \
    case MAIKO_ACTOR_##name:                                                                                                     \
        return text;
        MAIKO_ACTOR_PHASE_MAP(PHASE_NAME)
#undef PHASE_NAME
    }
    return "unknown";
}
