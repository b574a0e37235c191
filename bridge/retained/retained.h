/* Retained log: what an exporter published last, encoded, in order, in private memory; and the last value of every topic.
 * Positions count from 0 for the life of the node.  Pure: bytes in, bytes out, one thread. */
#ifndef RETAINED_RETAINED_H
#define RETAINED_RETAINED_H

#include "base/hash_table.h"
#include <maiko/event.h>
#include <maiko/id.h>

/* A topic that was published on. */
struct retained_topic {
    uint32_t index; /* dense, from 0 */
    maiko_overflow overflow;
    uint64_t count;                    /* events ever: the `seq` of its next one is count + 1 */
    struct retained_entry *last;       /* its last event is the topic's last value; NULL when it was given up for room */
    struct retained_topic *newer_kept; /* topics whose last value has left the log: a queue, oldest first */
    struct retained_topic *older_kept;
    bool is_kept;
    uint32_t holding; /* events of it that wait for room at some peer under BLOCK: senders to it are held */
    /* events of it in streams, times the streams */
    uint64_t queued;
    uint64_t high_water; /* the most there ever were */
    uint64_t oldest_ns;  /* when the oldest was sent, as the last survey found it; 0: there was none */
    uint64_t found_ns;   /* the same of the survey that goes on */
    uint64_t seen_in;    /* which look at a stream found it last */
    char name[];
};

/* What the bytes of an entry refer to (see channels.h): not to be given another meaning while entries refer to it. */
struct retained_channel {
    uint32_t number;
    uint32_t refs;
};

/* The memory of some entries, freed with the last of them.  That of a large one may be the beginning of a single entry whose rest
 * lies elsewhere: `rest` belongs to `owner`, which is let go with the block. */
struct retained_block {
    struct heap *heap;
    uint8_t *data;
    size_t size;
    const uint8_t *rest; /* NULL: there is none */
    size_t rest_len;
    void *owner;
    void (*let_go)(void *owner);
    const void *event; /* with an owner: the whole event, in whose memory the rest is */
    size_t event_len;
    size_t head_len; /* bytes of `data` before the payload */
    uint32_t refs;
};

/* Events that are alike share an entry, up to so many and so many bytes.  Who refers to one of them keeps all, also when the log
 * has let them go.  Streams that take few have a part of their own; one that gives up the others later keeps as many bytes. */
enum { RETAINED_SHARED_EVENTS = 16, RETAINED_SHARED_BYTES = 1024 };

/* Widths of what an entry counts: its events, and references to them by a log, a last value and every stream. */
enum {
    RETAINED_COUNT_BITS = 5,
    RETAINED_REFS_BITS = 26,
    RETAINED_COUNT_MAX = (1 << RETAINED_COUNT_BITS) - 1,
    RETAINED_REFS_MAX = (1 << RETAINED_REFS_BITS) - 1
};

/* One event, or some that are alike, one behind the other, encoded as the records links send.  Immutable; lives as long as log,
 * last value or a stream refer to one of them. */
struct retained_entry {
    uint64_t position; /* of the first */
    struct retained_topic *topic;
    struct retained_channel *channel;
    struct retained_block *block;
    const uint8_t *bytes;   /* in the block: all of them, or those before its rest */
    uint32_t len;           /* of each, with the rest */
    uint32_t is_native : 1; /* the payload is a bin of native bytes */
    uint32_t count : RETAINED_COUNT_BITS;
    uint32_t refs : RETAINED_REFS_BITS; /* to each of its events: log, last value, streams */
};

struct retained {
    struct heap *heap;
    size_t max_bytes;
    size_t bytes;                    /* of the entries in the log */
    struct retained_entry **entries; /* ring; [position & (capacity - 1)] */
    size_t capacity;
    uint64_t first; /* position of the oldest entry */
    uint64_t next;  /* position the next one gets */
    struct hash_table topics;
    struct retained_topic **topic_list; /* by index */
    uint32_t topic_count;
    uint32_t topic_capacity;
    size_t kept_bytes; /* of last values that have left the log; at most max_bytes, too */
    struct retained_topic *oldest_kept;
    struct retained_topic *newest_kept;
    uint64_t forgotten;                  /* last values given up for room */
    bool has_new_high;                   /* some topic's high-water mark was raised; whoever shows it clears this */
    struct retained_entry *free_entries; /* linked by `topic` */
    struct retained_slab *slabs;
};

/* Takes over `data`, `size` bytes of the heap, with one reference.  NULL: no memory, the data stays the caller's. */
MAIKO_MUST_CHECK struct retained_block *retained_block_new(struct heap *heap, uint8_t *data, size_t size);
void retained_block_unref(struct retained_block *block);

/* Allocates nothing yet. */
void retained_init(struct retained *retained, struct heap *heap, size_t max_bytes);
void retained_deinit(struct retained *retained);

/* The topic of that name, made when it is new (then with this policy).  MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status retained_topic(struct retained *retained, const char *name, maiko_overflow overflow,
                                             struct retained_topic **ret_topic);

/* NULL when nothing was published on it. */
struct retained_topic *retained_find_topic(const struct retained *retained, const char *name);

/* Events of one channel that are alike: as many bytes each, one behind the other in one block. */
struct retained_run {
    struct retained_topic *topic;
    struct retained_channel *channel;
    struct retained_block *block;
    const uint8_t *bytes; /* of the first */
    size_t len;           /* of each */
    size_t count;
    bool is_native;
};

/* Appends entries, each with a reference to the block; *ret_count (also set on MAIKO_ENOMEM) is how many events they are of.
 * The log may be over its bound until retained_evict().  MAIKO_OK, MAIKO_ENOMEM, MAIKO_ETOOLONG (over 4 GiB). */
MAIKO_MUST_CHECK maiko_status retained_append_run(struct retained *retained, const struct retained_run *run, size_t *ret_count);

/* The same for one; *ret_entry is borrowed. */
MAIKO_MUST_CHECK maiko_status retained_append(struct retained *retained, struct retained_topic *topic,
                                              struct retained_channel *channel, struct retained_block *block,
                                              const uint8_t *bytes, size_t len, struct retained_entry **ret_entry);

/* Lets the oldest entries go until the log is within its bound.  The newest entry always stays. */
void retained_evict(struct retained *retained);

/* Gives up the oldest entry of the log or, when it is empty, the oldest kept last value.  False: there is nothing left. */
bool retained_give_up(struct retained *retained);

/* The entry of the event there; NULL when the position is not in the log (any more). */
struct retained_entry *retained_at(const struct retained *retained, uint64_t position);

/* The number of the event at this position among those of its entry. */
static inline uint8_t retained_index(const struct retained_entry *entry, uint64_t position)
{
    return (uint8_t)(position - entry->position);
}

static inline const uint8_t *retained_bytes(const struct retained_entry *entry, uint8_t index)
{
    return entry->bytes + (size_t)index * entry->len;
}

/* Some events of an entry without a rest, as one outside the log with memory of its own and a reference to each.  NULL: no
 * memory. */
MAIKO_MUST_CHECK struct retained_entry *retained_part(struct retained *retained, const struct retained_entry *entry,
                                                      uint8_t index, uint32_t count);

/* So many more of its events are in streams. */
static inline void retained_note_queued(struct retained *retained, struct retained_topic *topic, size_t count)
{
    topic->queued += count;
    if (topic->queued <= topic->high_water)
        return;
    topic->high_water = topic->queued;
    retained->has_new_high = true;
}

/* An entry outlives the log as long as somebody refers to one of its events. */
static inline struct retained_entry *retained_ref(struct retained_entry *entry)
{
    entry->refs++;
    return entry;
}

/* The function behind retained_unref(): nobody refers to it any more. */
void retained_release(struct retained *retained, struct retained_entry *entry);

static inline void retained_unref_some(struct retained *retained, struct retained_entry *entry, uint32_t count)
{
    entry->refs -= count;
    if (entry->refs == 0)
        retained_release(retained, entry);
}

static inline void retained_unref(struct retained *retained, struct retained_entry *entry)
{
    retained_unref_some(retained, entry, 1);
}

#endif
