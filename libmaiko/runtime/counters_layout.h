/* Layout of a counters file: a header that describes itself, then an array of rows of 128 bytes.
 * Shared by the writer (runtime/counters_file) and the reader (monitor/counters_reader); every name, unit and
 * sentence a counter has stands in the tables of this file and nowhere else. */
#ifndef RUNTIME_COUNTERS_LAYOUT_H
#define RUNTIME_COUNTERS_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* First word of a file, written last when it is made: "MAIKOCNT" on a little-endian machine.  Read on a machine of
 * the other byte order it does not match. */
#define COUNTERS_MAGIC UINT64_C(0x544e434f4b49414d)
#define COUNTERS_VERSION 3

#define COUNTERS_ROW_SIZE 128
#define COUNTERS_WORDS 8
#define COUNTERS_NAME_SIZE 256 /* a name of at most 255 bytes and its NUL */

/* Header and rows together; beyond it the writer goes on in private memory and the reader refuses. */
#define COUNTERS_FILE_MAX (UINT64_C(1) << 30)

/* What a counter does: COUNTER only grows, GAUGE goes up and down, MAX keeps the largest.  When the owner of a row ends,
 * its COUNTERs are added to the totals of ended rows, MAX is kept, GAUGE is dropped. */
enum counters_kind { COUNTERS_COUNTER = 0, COUNTERS_GAUGE = 1, COUNTERS_MAX = 2 };

/* One table per kind of row: X(name, unit, kind, sentence), at most eight lines, never reordered within a version. */
#define COUNTERS_ACTOR_MAP(X)                                                                                                    \
    X(received, "events", COUNTER, "events that matched a subscription of the actor when they were dispatched")                  \
    X(handled, "events", COUNTER, "events whose handler returned, with or without an error")                                     \
    X(sent, "events", COUNTER, "events the actor sent and that were accepted")                                                   \
    X(refused, "events", COUNTER, "sends of the actor that were refused with an error and are not in sent")                      \
    X(dropped, "events", COUNTER, "received events that were dropped; the drop rows say why")                                    \
    X(errors, "errors", COUNTER, "errors returned by the actor's hooks")                                                         \
    X(high_water, "events", MAX, "the most events that ever waited for the actor at once")                                       \
    X(activations, "runs", COUNTER, "times the actor was run: batches of events and steps")

#define COUNTERS_TIMES_MAP(X)                                                                                                    \
    X(samples, "runs", COUNTER, "activations whose duration was taken: one of 64, the first only when it was slow")              \
    X(handler_ns, "ns", COUNTER, "sum of the sampled durations")                                                                 \
    X(handler_max_ns, "ns", MAX, "the longest sampled duration")                                                                 \
    X(retries, "retries", COUNTER, "times the same event or step was tried again after an error")

/* One row per topic and sending shard: a topic's figures are the sums over its rows. */
#define COUNTERS_TOPIC_MAP(X)                                                                                                    \
    X(sent, "events", COUNTER, "events accepted on the topic")                                                                   \
    X(unrouted, "events", COUNTER, "of these, events nobody subscribed to")                                                      \
    X(routed, "copies", COUNTER, "copies of these handed to other shards")

#define COUNTERS_SHARD_MAP(X)                                                                                                    \
    X(routed, "copies", COUNTER, "copies of events this shard handed to other shards, ring_dropped included")                    \
    X(dispatched, "copies", COUNTER, "copies from other shards that were dispatched here, to however many subscribers")          \
    X(ring_dropped, "copies", COUNTER, "routed copies this shard dropped before they reached the other one")                     \
    X(turns, "turns", COUNTER, "turns of the run loop")                                                                          \
    X(sleeps, "sleeps", COUNTER, "times the shard found nothing to do and slept")                                                \
    X(current_actor, "id", GAUGE, "id of the actor that is running now, 0 for none")

#define COUNTERS_DROP_MAP(X)                                                                                                     \
    X(events, "events", COUNTER, "events of one topic dropped for one actor, shard or link for one reason")

/* A link to another node has two rows of the same name: what goes out and, in its `extra`, what comes in.  offered =
 * acknowledged + all that is lost + queued. */
#define COUNTERS_LINK_MAP(X)                                                                                                     \
    X(offered, "events", COUNTER, "events the other node had subscribed to when they were exported")                             \
    X(acknowledged, "events", COUNTER, "of these, events its receivers have, or it refused: link drop rows")                     \
    X(lost_window, "events", COUNTER, "lost for want of room in the window, policy DROP_NEWEST or FAIL")                         \
    X(lost_oldest, "events", COUNTER, "lost to make room for newer ones, policy DROP_OLDEST")                                    \
    X(lost_deadline, "events", COUNTER, "lost because the other node took nothing for the deadline of the link")                 \
    X(lost_log, "events", COUNTER, "lost because they had left the retained log, or for want of memory")                         \
    X(lost_peer, "events", COUNTER, "under way when the other node, or this one, ended")                                         \
    X(queued, "events", GAUGE, "sent and not acknowledged, or waiting for room")

#define COUNTERS_INFLOW_MAP(X)                                                                                                   \
    X(delivered, "events", COUNTER, "events that came over the link and were taken")                                             \
    X(lost_here, "events", COUNTER, "events for this node that the other one reported lost")                                     \
    X(gaps, "gaps", COUNTER, "times it reported a loss, of unknown size included")                                               \
    X(gaps_unknown, "gaps", COUNTER, "of these, times nobody knew how many events")                                              \
    X(repeated, "events", COUNTER, "dropped because they had come before, over this link or another one")                        \
    X(turned_away, "events", COUNTER, "dropped because they were our own, had crossed too many links, or were not allowed")      \
    X(sessions, "sessions", COUNTER, "times the two nodes met")                                                                  \
    X(frames, "frames", COUNTER, "frames that came")

/* One row per topic that a bridge has exported, brought up to date ten times a second at most.  Counted times the nodes that the
 * events are for: the sum of queued over the topics is that over the links. */
#define COUNTERS_EXPORT_MAP(X)                                                                                                   \
    X(queued, "events", GAUGE, "exported events of the topic that were not acknowledged")                                        \
    X(high_water, "events", MAX, "the most there were at once")                                                                  \
    X(oldest_ns, "ns", GAUGE, "wall time at which the oldest of them was sent; 0: there is none")

/* Kinds of rows: X(NAME, number, struct, map). */
#define COUNTERS_ROW_MAP(X)                                                                                                      \
    X(ACTOR, 1, actor, COUNTERS_ACTOR_MAP)                                                                                       \
    X(TIMES, 2, times, COUNTERS_TIMES_MAP)                                                                                       \
    X(TOPIC, 3, topic, COUNTERS_TOPIC_MAP)                                                                                       \
    X(SHARD, 4, shard, COUNTERS_SHARD_MAP)                                                                                       \
    X(DROP, 5, drop, COUNTERS_DROP_MAP)                                                                                          \
    X(LINK, 7, link, COUNTERS_LINK_MAP)                                                                                          \
    X(INFLOW, 8, inflow, COUNTERS_INFLOW_MAP)                                                                                    \
    X(EXPORT, 9, export, COUNTERS_EXPORT_MAP)

enum counters_row_kind {
#define COUNTERS_ROW_ENUM_(name, number, type, map) COUNTERS_ROW_##name = number,
    COUNTERS_ROW_MAP(COUNTERS_ROW_ENUM_)
#undef COUNTERS_ROW_ENUM_
        COUNTERS_ROW_TEXT = 6, /* the rest of a long name; no counters */
    COUNTERS_ROW_KINDS = 10
};

/* The words of a row, one cache line.  Written by one thread at a time with relaxed stores, so that readers in the same
 * process (a snapshot) race with nothing; no other memory is published by them. */
#define COUNTERS_WORD_(name, unit, kind, text) _Atomic uint64_t name;
#define COUNTERS_STRUCT_(name, number, type, map)                                                                                \
    struct counters_##type {                                                                                                     \
        map(COUNTERS_WORD_)                                                                                                      \
    };                                                                                                                           \
    static_assert(sizeof(struct counters_##type) <= 64, "eight words at most");
COUNTERS_ROW_MAP(COUNTERS_STRUCT_)
#undef COUNTERS_STRUCT_
#undef COUNTERS_WORD_

enum counters_row_state {
    COUNTERS_FREE = 0,
    COUNTERS_LIVE = 1,
    COUNTERS_ENDED = 2, /* shown until reused, but its numbers are in the totals already */
    COUNTERS_TOTAL = 3  /* sum of the ended rows of its kind (of its kind and reason, for drops) */
};

#define COUNTERS_LABEL_NAME 32

/* Of a drop row: its owner is the link whose row has the number in the lower half.  Actors' ids never have this bit. */
#define COUNTERS_OF_LINK (UINT64_C(1) << 62)

/* The other half of a row: whose counters these are.  Written under the writer's mutex, except `shard` and `phase`,
 * which the owner of the row stores relaxed. */
struct counters_label {
    _Atomic uint64_t id;    /* actor's id; of a drop row the receiving actor's, COUNTERS_OF_LINK and a row, or 0 for none */
    uint32_t more;          /* row with the rest of a long name, 0: none */
    uint32_t extra;         /* actor: its times row, link: its inflow row, 0: none; ended rows: internal */
    uint32_t number;        /* actor: capacity in events; drop: reason; link: window in events */
    _Atomic uint16_t shard; /* where the actor lives, or the row's own shard */
    _Atomic uint8_t state;  /* enum counters_row_state; stored last, with release, when the row is made */
    uint8_t kind;           /* enum counters_row_kind */
    _Atomic uint8_t phase;  /* actor: maiko_actor_phase */
    uint8_t name_len;       /* bytes; the first 32 are here */
    char reserved[2];       /* 0 */
    uint32_t row;           /* number of this row */
    char name[COUNTERS_LABEL_NAME];
};
static_assert(sizeof(struct counters_label) == 64, "the second cache line of a row");

/* At a multiple of 128 bytes in files and in writers' memory; a reader's copy may be anywhere. */
struct counters_row {
    _Atomic uint64_t words[COUNTERS_WORDS];
    struct counters_label label;
};
static_assert(sizeof(struct counters_row) == COUNTERS_ROW_SIZE, "two cache lines: neighbours share none");

/* A text row keeps 64 bytes in place of the words and 32 in the label's name. */
#define COUNTERS_TEXT_BYTES (COUNTERS_WORDS * 8 + COUNTERS_LABEL_NAME)
#define COUNTERS_TEXT_ROWS_MAX 3 /* 32 + 3 * 96 >= 255 */

/* Row 0 is never used; row k is the totals row of kind k.  From this one on rows may be shown, the totals of links, too: readers
 * go by what a row says it is. */
#define COUNTERS_FIRST_ROW 7

/* Before rows are folded into each other they are saved here, so that a process killed between two stores leaves books
 * that still balance: a reader that finds count > 0 puts the saved rows back into its copy first. */
#define COUNTERS_UNDO_ROWS 2

struct counters_undo {
    _Atomic uint32_t count;
    uint32_t rows[COUNTERS_UNDO_ROWS];
    struct counters_row saved[COUNTERS_UNDO_ROWS];
};

/* Whose counter a streak stands for: X(ROLE, KIND OF ROW, struct, word). */
#define COUNTERS_ROLE_MAP(X)                                                                                                     \
    X(SENDER, ACTOR, actor, sent)                                                                                                \
    X(TOPIC, TOPIC, topic, sent)                                                                                                 \
    X(RECEIVER, ACTOR, actor, received)

enum counters_role {
#define COUNTERS_ROLE_ENUM_(role, kind, type, word) COUNTERS_##role,
    COUNTERS_ROLE_MAP(COUNTERS_ROLE_ENUM_)
#undef COUNTERS_ROLE_ENUM_
        COUNTERS_ROLES
};

/* One per shard, a cache line.  While one hook sends on and on to a topic whose only subscriber lives on the same shard, an event
 * costs one store: that of `next`, which its id needs anyway.  The three counters it belongs to stand still until the streak
 * ends, and are from[role] + next (modulo 2^64) as long as it goes on: what is larger, that or the word in the row, is true.
 * When it ends the words get these sums, and only then `number` becomes 0: at any moment, also after a kill, all three have the
 * event or none. */
struct counters_streak {
    _Atomic uint64_t next;   /* low half of the id that the shard's next event gets: one more with each event made there */
    _Atomic uint64_t number; /* of the streak, never used again; 0: none goes on, and the rest means nothing */
    _Atomic uint64_t from[COUNTERS_ROLES];
    _Atomic uint32_t rows[COUNTERS_ROLES];
};
static_assert(sizeof(struct counters_streak) <= 64, "one cache line");

#define COUNTERS_STREAKS 64 /* one per shard, by its number */

/* Neighbours share no pair of lines. */
struct counters_streak_slot {
    struct counters_streak streak;
    char unused[128 - sizeof(struct counters_streak)];
};

/* Describes one word of one kind of row. */
struct counters_field {
    char name[24];
    char unit[12];
    uint8_t row_kind; /* 0: end of the list */
    uint8_t word;     /* 0..7 */
    uint8_t kind;     /* enum counters_kind */
    char text[153];
};
static_assert(sizeof(struct counters_field) == 192, "no padding");

#define COUNTERS_FIELDS_MAX 48

enum counters_flag {
    COUNTERS_KEEP = 1,   /* stays after a clean stop; never removed by anybody but the user */
    COUNTERS_CLEAN = 2,  /* the supervisor stopped in order: the numbers are final */
    COUNTERS_PRIVATE = 4 /* never was a file (only seen in snapshots within the program) */
};

struct counters_header {
    /* set at creation */
    _Atomic uint64_t magic; /* COUNTERS_MAGIC, stored last with release */
    uint32_t version;       /* COUNTERS_VERSION; another one is another layout */
    uint32_t header_size;   /* bytes before row 0 */
    uint32_t row_size;
    uint32_t label_offset;
    uint32_t field_offset; /* bytes from the start to the fields */
    uint32_t field_size;
    uint32_t field_count;
    uint32_t uid;
    uint64_t pid;                  /* as the program sees itself */
    uint64_t pid_space;            /* inode of its pid namespace: the pid means something only there */
    uint64_t start_ticks;          /* field 22 of /proc/PID/stat: with pid and boot it names one process */
    uint64_t started_ns;           /* wall clock */
    char boot[40];                 /* /proc/sys/kernel/random/boot_id */
    char name[COUNTERS_NAME_SIZE]; /* of the supervisor */
    /* under the writer's mutex; read by anybody */
    _Atomic uint32_t flags;
    _Atomic uint32_t rows;         /* rows ever used, row 0 included; stored with release after they are made */
    _Atomic uint32_t rows_in_file; /* of these, rows the file has room for; the rest are in the program's private memory */
    uint32_t reserved;
    _Atomic uint64_t stopped_ns; /* wall clock of the clean stop, else 0 */
    _Atomic uint64_t unfinished; /* events accepted and never handled, as the clean stop reported them */
    struct counters_undo undo;
    struct counters_field fields[COUNTERS_FIELDS_MAX];
    char unused[96]; /* the next are on lines of their own, as rows are */
    struct counters_streak_slot streaks[COUNTERS_STREAKS];
};
static_assert(offsetof(struct counters_header, streaks) % 128 == 0, "whole pairs of lines");

/* Whole pages also where they are larger than 4 KiB. */
#define COUNTERS_HEADER_SIZE 32768
static_assert(sizeof(struct counters_header) <= COUNTERS_HEADER_SIZE, "the header has a fixed place");

#endif
