/* Counters file: the figures of one supervisor, in a file that any process of the same user reads without asking,
 * also while the program hangs and after it died.  Counting is a plain add to a line that one thread owns.
 *
 * When a file cannot be made or cannot grow (no directory, full tmpfs, file system without fallocate), the same
 * rows live in private memory instead and counting goes on: counters_file_status() says so.
 *
 * Calls: open and close are alone; everything else may overlap from any threads.  A mutex inside makes adding and
 * removing rows slow-path calls (about 0.1 us); counting, states and shards of rows take no lock.
 *
 * A forked child has none of the mappings (MADV_DONTFORK), so that it cannot count in its parent's name: it must not
 * touch a line. */
#ifndef RUNTIME_COUNTERS_FILE_H
#define RUNTIME_COUNTERS_FILE_H

#include <stdbool.h>

#include "base/heap.h"
#include "runtime/counters_layout.h"
#include <maiko/counters.h>

struct counters_file;

struct counters_options {
    const char *name; /* the supervisor's */
    const char *path; /* of the file; NULL: NAME.PID.N in the default directory (see maiko_counters_directory) */
    bool no_file;     /* private memory from the start */
    bool keep;        /* the file stays after a clean stop, and no later start removes it */
};

/* Counting, by the thread that owns the line.  COUNT_SHARED is for lines that several threads count in (drop rows, the
 * supervisor's own actor row when foreign threads send).  -DMAIKO_NO_COUNTERS compiles all of it out, for benchmarks. */
#ifdef MAIKO_NO_COUNTERS
#define COUNT(line, field, n) ((void)(line))
#define COUNT_SHARED(line, field, n) ((void)(line))
#define COUNT_MAX(line, field, value) ((void)(line))
#define COUNT_SET(line, field, value) ((void)(line))
#else
#define COUNT(line, field, n) counters_add(&(line)->field, (n))
#define COUNT_SHARED(line, field, n) ((void)atomic_fetch_add_explicit(&(line)->field, (uint64_t)(n), memory_order_relaxed))
#define COUNT_MAX(line, field, value) counters_max(&(line)->field, (value))
#define COUNT_SET(line, field, value) atomic_store_explicit(&(line)->field, (uint64_t)(value), memory_order_relaxed)
#endif

/* What was counted so far; any thread. */
#define COUNTED(line, field) atomic_load_explicit(&(line)->field, memory_order_relaxed)

static inline void counters_add(_Atomic uint64_t *word, uint64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    /* One instruction where compilers make three of the lines below; nobody else stores to the word. */
    __asm__("addq %1, %0" : "+m"(*(uint64_t *)word) : "er"(n));
#else
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + n, memory_order_relaxed);
#endif
}

static inline void counters_max(_Atomic uint64_t *word, uint64_t value)
{
    if (atomic_load_explicit(word, memory_order_relaxed) < value)
        atomic_store_explicit(word, value, memory_order_relaxed);
}

/* The label behind any line that the functions below returned. */
static inline struct counters_label *counters_label(void *line)
{
    return &((struct counters_row *)line)->label;
}

/* By the owner, without a lock. */
static inline void counters_actor_set_phase(struct counters_actor *line, maiko_actor_phase phase)
{
    atomic_store_explicit(&counters_label(line)->phase, (uint8_t)phase, memory_order_relaxed);
}

static inline void counters_actor_set_shard(struct counters_actor *line, uint16_t shard)
{
    atomic_store_explicit(&counters_label(line)->shard, shard, memory_order_relaxed);
}

/* MAIKO_OK also when the rows are private after all; MAIKO_EINVAL (no name, or longer than 255 bytes), MAIKO_ENOMEM.
 * Leftovers of dead processes with the same supervisor name are removed, except the newest and kept ones.
 * `heap` outlives the file. */
MAIKO_MUST_CHECK maiko_status counters_file_open(struct heap *heap, const struct counters_options *options,
                                                 struct counters_file **ret_file);

/* Frees everything; every line is gone.  `clean`: the supervisor stopped in order, with `unfinished` events accepted
 * and never handled; the file is then removed, unless it is kept.  Not clean (threads were left behind, which may still
 * count): the mappings stay, and the memory with them.  NULL is allowed. */
void counters_file_close(struct counters_file *file, bool clean, uint64_t unfinished);

/* "" when there is no file.  Valid until close. */
const char *counters_file_path(const struct counters_file *file);

/* MAIKO_OK when every row is in the file (or no file was asked for), else the reason why not, with *ret_text (may be
 * NULL) set to a sentence for the log that is valid until close.  May change from MAIKO_OK to a failure once, when the
 * file cannot grow. */
maiko_status counters_file_status(struct counters_file *file, const char **ret_text);

/* A copy of the whole file as it would be read now, private rows included; freed with heap_free(heap, bytes, len).
 * MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status counters_file_image(struct counters_file *file, struct heap *heap, void **ret_bytes,
                                                  size_t *ret_len);

/* A line of zeros at an address that stays until it is removed; NULL: out of memory.  `name` NULL: anonymous; at most
 * 255 bytes.  `id` is not 0 (the supervisor's own sends have the id UINT64_MAX) and never used again. */
MAIKO_MUST_CHECK struct counters_actor *counters_actor_add(struct counters_file *file, uint64_t id, const char *name,
                                                           uint32_t capacity, uint16_t shard);

/* Calls `visit` for each actor there is on one of these shards (a bit for each) with what it has received, and neither handled
 * nor dropped: also of shards that count on meanwhile.  No call of this file from within. */
void counters_actors_unhandled(struct counters_file *file, uint64_t shards,
                               void (*visit)(uint64_t id, const char *name, uint64_t events, void *userdata), void *userdata);

/* Copies that some shard has handed over and no other one has dispatched; 0 where they are not known for sure. */
uint64_t counters_shards_in_flight(struct counters_file *file);

/* The actor's second line, made on the first call; NULL: out of memory.  Cache it. */
struct counters_times *counters_actor_times(struct counters_file *file, struct counters_actor *line);

/* The actor is gone and nobody counts in its lines any more (its times and drop rows neither): all go into the totals of
 * ended actors, atomically even for a kill at any instruction.  Never fails.  NULL is allowed. */
void counters_actor_remove(struct counters_file *file, struct counters_actor *line);

/* One line per topic and sending shard. */
MAIKO_MUST_CHECK struct counters_topic *counters_topic_add(struct counters_file *file, uint16_t shard, const char *topic);
void counters_topic_remove(struct counters_file *file, struct counters_topic *line);

/* One line per topic that a bridge exports; it stays. */
MAIKO_MUST_CHECK struct counters_export *counters_export_add(struct counters_file *file, const char *topic);

/* One event sent on a topic that there is no memory for a line of: it is in the sums only. */
void counters_topic_sent_unnamed(struct counters_file *file);

MAIKO_MUST_CHECK struct counters_shard *counters_shard_add(struct counters_file *file, uint16_t shard, const char *name);
void counters_shard_remove(struct counters_file *file, struct counters_shard *line);

/* Where the shard counts what its actors make, and its streaks are shown.  It is there as long as the file. */
struct counters_streak *counters_streak(struct counters_file *file, uint32_t shard);

/* A link to another node, with its second line in *ret_inflow; NULL: out of memory.  One thread stores its figures. */
MAIKO_MUST_CHECK struct counters_link *counters_link_add(struct counters_file *file, const char *peer, uint32_t window,
                                                         struct counters_inflow **ret_inflow);

/* Where to store how many events of `topic` the other node has dropped for `reason`; good until the link is removed.  NULL: out
 * of memory. */
struct counters_drop *counters_link_drop(struct counters_file *file, struct counters_link *line, const char *topic,
                                         maiko_drop_reason reason);

/* The link is gone: its figures go into the totals. */
void counters_link_remove(struct counters_file *file, struct counters_link *line);

/* Where to count drops of `topic` for `reason`: those of one actor, or with `actor` NULL those of `shard` before they
 * reached another one.  Made on the first call, the same line each time, good until the actor is removed: cache it.
 * Never NULL: when memory runs out, a line shared by everybody for this reason, so count with COUNT_SHARED.  The actor's
 * `dropped` (or the shard's `ring_dropped`) is counted by the caller as well. */
struct counters_drop *counters_drop(struct counters_file *file, struct counters_actor *actor, uint16_t shard, const char *topic,
                                    maiko_drop_reason reason);

#endif
