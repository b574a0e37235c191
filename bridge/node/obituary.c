/* Obituary: accepted, by the counters file that a dead process left, less what came or was reported lost. */
#include "node/obituary.h"

#include "node/peers.h"
#include "node/rename.h"
#include <maiko/counters.h>

/* The list by the names in its counters; one that says nothing of them has no others. */
static const struct text_list *inside_of(const struct text_list *outside, const struct text_list *inside)
{
    return inside->count == outside->count ? inside : outside;
}

static bool was_imported_there(const struct node_record *record, const char *topic)
{
    const struct text_list *inside = inside_of(&record->imports, &record->imports_inside);
    size_t i;

    for (i = 0; i < inside->count; i++)
        if (maiko_topic_matches(inside->items[i], topic))
            return true;
    return false;
}

/* What a topic of its counters was called here; the first pattern decides, as it did there. */
static bool was_exported_as(const struct node_record *record, const char *topic, char ret_outside[MAIKO_TOPIC_MAX + 1])
{
    const struct text_list *inside = inside_of(&record->exports, &record->exports_inside);
    size_t i;

    for (i = 0; i < inside->count; i++)
        if (maiko_topic_matches(inside->items[i], topic))
            return rename_check(inside->items[i], record->exports.items[i]) == MAIKO_OK &&
                   rename_topic(inside->items[i], record->exports.items[i], topic, ret_outside);
    return false;
}

static bool is_imported(const maiko_bridge *bridge, const char *topic)
{
    size_t i;

    for (i = 0; i < bridge->import_count; i++)
        if (maiko_topic_matches(bridge->imports[i].pattern, topic))
            return true;
    return false;
}

/* Has it anything that we want? */
static bool was_for_us(const maiko_bridge *bridge, const struct node_record *record)
{
    size_t i;
    size_t j;

    for (i = 0; i < bridge->import_count; i++)
        for (j = 0; j < record->exports.count; j++)
            if (maiko_patterns_overlap(bridge->imports[i].pattern, record->exports.items[j]))
                return true;
    return false;
}

/* What other nodes sent to it stands on the same topics as what it sent itself: nobody can tell them apart then. */
static uint64_t add_topics(const maiko_bridge *bridge, const struct node_record *record, const maiko_counters *counters)
{
    char outside[MAIKO_TOPIC_MAX + 1];
    maiko_counters_topic topic;
    uint64_t accepted = 0;
    size_t i;

    for (i = 0; maiko_counters_get_topic(counters, i, &topic) == MAIKO_OK; i++) {
        if (!was_exported_as(record, topic.name, outside) || !is_imported(bridge, outside))
            continue;
        if (was_imported_there(record, topic.name))
            return OBITUARY_UNKNOWN;
        accepted += topic.sent;
    }
    return accepted;
}

/* Had no shard taken them over yet, events have no topic: then it is unknown as well.  A shard, or one foreign thread, that was
 * killed between two counts of one event is off by one; that is no waiting.  The reader says so itself of a process that it finds
 * dead, but one that has just closed its files may look alive for a moment longer. */
static bool had_events_waiting(const maiko_counters *counters)
{
    maiko_counters_balance balance;

    return maiko_counters_check_balance(counters, &balance) != MAIKO_OK ||
           balance.waiting > maiko_counters_shard_count(counters) + 1;
}

static uint64_t read_accepted(const maiko_bridge *bridge, const struct node_record *record)
{
    maiko_counters *counters;
    uint64_t accepted = OBITUARY_UNKNOWN;

    if (maiko_counters_open(record->counters_path, &counters) != MAIKO_OK)
        return OBITUARY_UNKNOWN;
    if (!had_events_waiting(counters))
        accepted = add_topics(bridge, record, counters);
    maiko_counters_free(counters);
    return accepted;
}

static enum departure departure_of(const maiko_counters *counters)
{
    maiko_counters_info info = {.state = MAIKO_COUNTERS_LIVE};

    (void)!maiko_counters_get_info(counters, &info);
    return info.state == MAIKO_COUNTERS_DEAD      ? DEPARTURE_DEATH
           : info.state == MAIKO_COUNTERS_STOPPED ? DEPARTURE_IN_ORDER
                                                  : DEPARTURE_LIVES;
}

/* Who ends in order takes its file along. */
void obituary_ask(struct node_peer *peer, const struct node_record *record)
{
    bool has_file = record->counters_path != NULL && record->counters_path[0] != '\0';
    maiko_status status = MAIKO_EINVAL;

    obituary_close(peer);
    if (has_file)
        status = maiko_counters_open(record->counters_path, &peer->books);
    if (status == MAIKO_OK)
        peer->departure = departure_of(peer->books);
    else
        peer->departure = status == MAIKO_ENOTFOUND ? DEPARTURE_IN_ORDER : DEPARTURE_UNKNOWN;
}

void obituary_ask_again(struct node_peer *peer)
{
    if (peer->books != NULL && maiko_counters_refresh(peer->books) == MAIKO_OK)
        peer->departure = departure_of(peer->books);
}

void obituary_close(struct node_peer *peer)
{
    maiko_counters_free(peer->books);
    peer->books = NULL;
}

void obituary_prepare(struct node_peer *peer, const struct node_record *record)
{
    peer->accepted = was_for_us(peer->bridge, record) ? read_accepted(peer->bridge, record) : 0;
}

void obituary_write(struct node_peer *peer)
{
    struct peer_notice notice = {.news = PEER_NEWS_GAP, .reason = "died", .lost = LOST_UNKNOWN};
    uint64_t received;
    bool is_whole = peer_received(peer->peer, &received);

    if (peer->accepted == 0 || peer_awaits_nothing(peer->peer))
        return;
    if (is_whole && peer->accepted != OBITUARY_UNKNOWN)
        notice.lost = peer->accepted > received ? peer->accepted - received : 0;
    if (notice.lost > 0)
        machine_tell(peer, &notice);
}
