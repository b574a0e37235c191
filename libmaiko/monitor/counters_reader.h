/* Counters reader: a snapshot of a counters file, made from bytes that nobody vouches for. */
#ifndef MONITOR_COUNTERS_READER_H
#define MONITOR_COUNTERS_READER_H

#include "base/hash_table.h"
#include "runtime/counters_file.h"
#include "runtime/counters_layout.h"
#include <maiko/counters.h>

/* The copy and what was found in it; everything below points into this. */
struct counters_snapshot {
    struct counters_header *header; /* strings in it end within their arrays */
    struct counters_row *rows;      /* undone: half-done folds do not show */
    uint32_t row_count;
    bool is_complete;
    maiko_counters_state state;
    char *names; /* one after the other, each with its NUL */
    size_t names_size;
    uint32_t *name_at; /* by row, into names */
    uint32_t *lists;   /* row numbers: actors, then shards, drops, links, exports */
    uint32_t list_size;
    uint32_t actor_count;
    uint32_t shard_count;
    uint32_t drop_count;
    uint32_t link_count;
    uint32_t export_count;
    maiko_counters_topic *topics; /* by name, summed */
    uint32_t topic_rows;
    uint32_t topic_count;
    struct hash_table actors_by_id; /* only when there are drops */
};

/* Where bytes come from. */
struct counters_source {
    int fd; /* -1: the two below */
    const unsigned char *bytes;
    size_t len;
};

/* Fills as much of the buffer as there is; how much that was. */
size_t counters_source_read(const struct counters_source *source, uint64_t offset, void *buffer, size_t len);

struct maiko_counters {
    struct heap *heap;
    int fd; /* -1: taken from memory */
    char *path;
    struct counters_snapshot now;
};

/* --- counters_streaks.c: what streaks stand for becomes part of the rows --- */

/* Of the header that was just read: keeps only streaks that are whole.  Before the rows are read. */
void counters_streaks_look(struct counters_header *header, const struct counters_source *source);

/* After the rows were read. */
void counters_streaks_apply(struct counters_snapshot *snapshot, const struct counters_source *source);

/* --- counters_reader.c --- */

/* As maiko_counters_open(), on any heap. */
MAIKO_MUST_CHECK maiko_status counters_read_file(struct heap *heap, const char *path, maiko_counters **ret_counters);

/* From the bytes of a file. */
MAIKO_MUST_CHECK maiko_status counters_read_image(struct heap *heap, const void *bytes, size_t len,
                                                  maiko_counters **ret_counters);

/* Of a file that this process is writing, private rows included. */
MAIKO_MUST_CHECK maiko_status counters_read_own(struct heap *heap, struct counters_file *file, maiko_counters **ret_counters);

static inline const char *counters_name(const struct counters_snapshot *snapshot, uint32_t row)
{
    return snapshot->names + snapshot->name_at[row];
}

/* The typed words of a row. */
#define COUNTERS_AS(type, row) ((const struct counters_##type *)(row))

/* The row with the times of this actor, NULL: none. */
const struct counters_times *counters_times_of(const struct counters_snapshot *snapshot, const struct counters_row *actor);

/* The row of the link whose other end has dropped these; 0: none. */
uint32_t counters_link_of_drop(const struct counters_snapshot *snapshot, const struct counters_row *drop);

/* What comes in over this link; NULL: unknown. */
const struct counters_inflow *counters_inflow_of(const struct counters_snapshot *snapshot, const struct counters_row *link);

/* NULL: no such actor. */
const struct counters_row *counters_actor_of_id(const struct counters_snapshot *snapshot, uint64_t id);

/* Is it a row of this kind and state? */
static inline bool counters_is(const struct counters_row *row, enum counters_row_kind kind, enum counters_row_state state)
{
    return row->label.kind == kind && row->label.state == state;
}

#endif
