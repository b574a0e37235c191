/* Counters balance: closes the books of one program. */
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "monitor/counters_reader.h"

struct books {
    const struct counters_snapshot *now;
    maiko_counters_balance balance;
    struct text text; /* into balance.text: the first thing that does not agree */
    uint64_t topic_sent;
    uint64_t entering;  /* sent from outside the shards: by other threads and through importers */
    uint64_t explained; /* drops of actors by the drop rows */
    uint64_t ring_explained;
};

static void object(struct books *books, const char *format, ...) MAIKO_PRINTF(2, 3);

static void object(struct books *books, const char *format, ...)
{
    va_list args;

    if (books->text.len > 0)
        return;
    va_start(args, format);
    text_append_vformat(&books->text, format, args);
    va_end(args);
}

/* Shown rows have names; the totals row has none. */
static const char *name_of(const struct books *books, uint32_t row)
{
    return books->now->rows[row].label.state == COUNTERS_TOTAL ? "(ended actors)" : counters_name(books->now, row);
}

static void add_actor(struct books *books, uint32_t row)
{
    const struct counters_actor *line = COUNTERS_AS(actor, &books->now->rows[row]);
    const uint64_t settled = line->handled + line->dropped;

    books->balance.matched += line->received;
    books->balance.handled += line->handled;
    books->balance.dropped += line->dropped;
    books->balance.sent += line->sent;
    if (books->now->rows[row].label.state == COUNTERS_LIVE && books->now->rows[row].label.number == 0) /* without a mailbox */
        books->entering += line->sent;
    books->balance.refused += line->refused;
    if (line->received >= settled)
        books->balance.unfinished += line->received - settled;
    else
        object(books, "actor \"%s\": received %llu, but handled %llu and dropped %llu", name_of(books, row),
               (unsigned long long)line->received, (unsigned long long)line->handled, (unsigned long long)line->dropped);
}

static void add_topic(struct books *books, uint32_t row)
{
    const struct counters_topic *line = COUNTERS_AS(topic, &books->now->rows[row]);

    books->topic_sent += line->sent;
    books->balance.unrouted += line->unrouted;
    if (line->unrouted > line->sent)
        object(books, "topic \"%s\": %llu sent, but %llu unrouted", name_of(books, row), (unsigned long long)line->sent,
               (unsigned long long)line->unrouted);
}

static void add_shard(struct books *books, uint32_t row)
{
    const struct counters_shard *line = COUNTERS_AS(shard, &books->now->rows[row]);

    books->balance.routed += line->routed;
    books->balance.dispatched += line->dispatched;
    books->balance.ring_dropped += line->ring_dropped;
}

static bool is_before_dispatch(uint32_t reason)
{
#define BEFORE_DISPATCH(name, number, before_dispatch, text) [number] = before_dispatch,
    static const bool before[] = {MAIKO_DROP_REASON_MAP(BEFORE_DISPATCH)};
#undef BEFORE_DISPATCH

    return reason < sizeof(before) / sizeof(before[0]) && before[reason];
}

static void add_drop(struct books *books, uint32_t row)
{
    const struct counters_row *drop = &books->now->rows[row];

    if (drop->label.number >= MAIKO_DROPPED_LINK_WINDOW) /* by other nodes: their actors' books */
        return;
    if (is_before_dispatch(drop->label.number))
        books->ring_explained += COUNTERS_AS(drop, drop)->events;
    else
        books->explained += COUNTERS_AS(drop, drop)->events;
}

static void add_row(struct books *books, uint32_t row)
{
    switch (books->now->rows[row].label.kind) {
    case COUNTERS_ROW_ACTOR:
        add_actor(books, row);
        break;
    case COUNTERS_ROW_TOPIC:
        add_topic(books, row);
        break;
    case COUNTERS_ROW_SHARD:
        add_shard(books, row);
        break;
    case COUNTERS_ROW_DROP:
        add_drop(books, row);
        break;
    default:
        break;
    }
}

/* One thread per shard, and one foreign one, may have been between two counts of one event when the program was killed. */
static uint64_t slack(const struct books *books)
{
    return books->now->state == MAIKO_COUNTERS_DEAD ? (uint64_t)books->now->shard_count + 1 : 0;
}

static void compare(struct books *books, const char *what, uint64_t a, const char *other, uint64_t b)
{
    if ((a > b ? a - b : b - a) > slack(books))
        object(books, "%s %llu, but %s %llu", what, (unsigned long long)a, other, (unsigned long long)b);
}

/* What came from outside the shards is sent when it is accepted, and carried when a shard takes it over: until then it waits. */
static void check_sent(struct books *books)
{
    maiko_counters_balance *balance = &books->balance;

    if (books->now->state != MAIKO_COUNTERS_STOPPED && balance->sent > books->topic_sent + slack(books) &&
        balance->sent - books->topic_sent <= books->entering)
        balance->waiting = balance->sent - books->topic_sent;
    else
        compare(books, "actors sent", balance->sent, "topics carried", books->topic_sent);
}

static void check_sums(struct books *books)
{
    maiko_counters_balance *balance = &books->balance;
    const uint64_t settled = balance->dispatched + balance->ring_dropped;

    if (balance->routed >= settled)
        balance->in_flight = balance->routed - settled;
    else
        object(books, "shards: routed %llu copies, but dispatched %llu and dropped %llu", (unsigned long long)balance->routed,
               (unsigned long long)balance->dispatched, (unsigned long long)balance->ring_dropped);
    check_sent(books);
    compare(books, "actors dropped", balance->dropped, "drop rows explain", books->explained);
    compare(books, "shards dropped", balance->ring_dropped, "drop rows explain", books->ring_explained);
    if (books->now->state != MAIKO_COUNTERS_STOPPED)
        return;
    compare(books, "after the stop copies in flight are", balance->in_flight, "should be", 0);
    compare(books, "events unfinished are", balance->unfinished, "the stop reported", books->now->header->unfinished);
}

static void check(struct books *books)
{
    uint32_t row;

    text_init_buffer(&books->text, books->balance.text, sizeof(books->balance.text));
    for (row = 1; row < books->now->row_count; row++) {
        const uint8_t state = books->now->rows[row].label.state;

        if (state == COUNTERS_LIVE || state == COUNTERS_TOTAL)
            add_row(books, row);
    }
    check_sums(books);
    books->balance.is_final = books->now->state != MAIKO_COUNTERS_LIVE;
    books->balance.is_balanced = books->text.len == 0;
}

maiko_status maiko_counters_balance_sized(const maiko_counters *counters, maiko_counters_balance *ret_balance, size_t size)
{
    struct books books = {.now = counters == NULL ? NULL : &counters->now};

    if (ret_balance == NULL)
        return MAIKO_EINVAL;
    if (counters != NULL && counters->now.is_complete)
        check(&books);
    memset(ret_balance, 0, size);
    memcpy(ret_balance, &books.balance, size < sizeof(books.balance) ? size : sizeof(books.balance));
    return counters == NULL ? MAIKO_EINVAL : counters->now.is_complete ? MAIKO_OK : MAIKO_ENOTSUP;
}
