/* Peer, away: gone for longer than the deadline.  What it was sent and has not acknowledged stays in its stream; of all the rest
 * that it wants only a position in the log and a sum are kept, so that events cost nothing however many peers are away.  When it
 * is back it gets what the log has of them, and the rest is lost and counted.  Until then, or until the stream ends, none of it
 * is offered. */
#include "link/peer_state.h"

static bool wants(struct peer *peer, const struct retained_topic *topic)
{
    maiko_overflow overflow;

    return peer->interest.count > 0 && patterns_want(&peer->interest, topic, &overflow);
}

/* Events ever, on the topics it wants. */
static uint64_t published(struct peer *peer)
{
    const struct retained *log = peer->stream.log;
    uint64_t count = 0;
    uint32_t i;

    for (i = 0; i < log->topic_count; i++)
        if (wants(peer, log->topic_list[i]))
            count += log->topic_list[i]->count;
    return count;
}

uint64_t peer_missed(struct peer *peer)
{
    struct absence *absence = &peer->absence;
    uint64_t next = peer->stream.log->next;

    if (!absence->is_away)
        return 0;
    if (absence->counted != next) {
        absence->missed = published(peer) - absence->before;
        absence->counted = next;
    }
    return absence->missed;
}

/* How many records at the end of the queue are all that it wants of the log from *ret_position on? */
static size_t find_tail(struct peer *peer, uint64_t *ret_position)
{
    const struct retained *log = peer->stream.log;
    size_t count = 0;
    uint64_t position;

    *ret_position = log->next;
    for (position = log->next; position > log->first; position--) {
        if (!wants(peer, retained_at(log, position - 1)->topic))
            continue;
        if (!stream_ends_with(&peer->stream, count, position - 1))
            break;
        *ret_position = position - 1;
        count++;
    }
    return count;
}

void peer_consider_away(struct peer *peer)
{
    struct absence *absence = &peer->absence;
    size_t count;

    if (absence->is_away || peer->stream.is_connected || !peer->stream.is_lossy)
        return;
    *absence = (struct absence){.is_away = true, .ends = exporter_end_count(peer->config.exporter)};
    count = find_tail(peer, &absence->position);
    stream_take_back(&peer->stream, count);
    stream_trim(&peer->stream);
    absence->missed = count;
    absence->counted = peer->stream.log->next;
    absence->before = published(peer) - count;
    exporter_set_away(peer->config.exporter, &peer->link, true);
}

static void end_absence(struct peer *peer)
{
    peer->absence.is_away = false;
    exporter_set_away(peer->config.exporter, &peer->link, false);
}

/* Of what it has missed, the first position that the log still has. */
static uint64_t first_there(const struct peer *peer)
{
    uint64_t first = peer->stream.log->first;

    return peer->absence.position > first ? peer->absence.position : first;
}

static uint64_t count_there(struct peer *peer)
{
    const struct retained *log = peer->stream.log;
    uint64_t count = 0;
    uint64_t position;

    for (position = first_there(peer); position < log->next; position++)
        count += wants(peer, retained_at(log, position)->topic);
    return count;
}

void peer_come_back(struct peer *peer)
{
    struct retained *log = peer->stream.log;
    uint64_t missed = peer_missed(peer);
    uint64_t there;
    uint64_t position;

    if (!peer->absence.is_away)
        return;
    there = count_there(peer);
    if (missed > there)
        stream_push_lost(&peer->stream, missed - there);
    for (position = first_there(peer); position < log->next; position++) {
        struct retained_entry *entry = retained_at(log, position);

        if (wants(peer, entry->topic))
            stream_push_past(&peer->stream, entry, retained_index(entry, position));
    }
    end_absence(peer);
}

void peer_restart_stream(struct peer *peer, uint64_t id)
{
    uint64_t missed = peer_missed(peer);

    if (peer->absence.is_away) {
        peer->stream.counters.offered += missed;
        peer->stream.counters.dropped += missed;
        end_absence(peer);
    }
    stream_restart(&peer->stream, id);
}

bool peer_is_drained(struct peer *peer)
{
    return peer->stream.count == 0 && peer_missed(peer) == 0;
}

bool peer_is_owed(struct peer *peer)
{
    bool has_ended = peer->absence.is_away && exporter_end_count(peer->config.exporter) > peer->absence.ends;

    return (has_ended || !peer_is_drained(peer)) && !peer->has_left;
}

void peer_depth(struct peer *peer, uint64_t *ret_events, uint64_t *ret_bytes)
{
    *ret_events = peer->stream.count + peer_missed(peer);
    *ret_bytes = peer->stream.admitted_bytes + peer->stream.waiting_bytes;
}
