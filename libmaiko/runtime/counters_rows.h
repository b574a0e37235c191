/* Counters rows: the header and the growing array of rows of a counters file, in the file or in private memory, plus
 * which rows are in use.  Rows never move.  Everything here is under the mutex of the counters file. */
#ifndef RUNTIME_COUNTERS_ROWS_H
#define RUNTIME_COUNTERS_ROWS_H

#include <stdbool.h>

#include "base/text.h"
#include "runtime/counters_layout.h"

/* Rows that are mapped or allocated together. */
struct counters_extent {
    struct counters_row *rows;
    uint32_t first; /* index of the first */
    uint32_t count;
    void *base; /* what to unmap or free */
    size_t len;
    bool is_mapped;
};

/* Rows in the order they are to be used again, linked through their label's `extra`; 0 ends it. */
struct counters_queue {
    uint32_t first;
    uint32_t last;
    uint32_t count;
};

struct counters_rows {
    struct heap *heap;
    int fd;       /* -1: private memory only.  Not owned. */
    bool is_full; /* the file takes no more rows; further ones are private */
    struct counters_header *header;
    struct counters_extent *extents;
    uint32_t extent_count;
    uint32_t extent_size;
    uint32_t capacity;            /* rows there is memory for */
    uint32_t fresh;               /* first row never used */
    struct counters_queue vacant; /* empty rows */
    struct counters_queue ended;  /* rows of owners that are gone, kept to be looked at */
};

/* How many ended rows stay readable before the oldest is used again. */
#define COUNTERS_ENDED_KEPT 64

/* Makes the header (zeros) and the first rows in `fd`, an empty file, or in private memory when it is -1.
 * MAIKO_OK; MAIKO_ENOMEM; MAIKO_ESYSTEM (the file cannot be extended or mapped; nothing is kept, `why` says it). */
MAIKO_MUST_CHECK maiko_status counters_rows_init(struct counters_rows *rows, struct heap *heap, int fd, struct text *why);

/* Unmaps and frees; also after a failed init. */
void counters_rows_deinit(struct counters_rows *rows);

/* An empty row (all zero), NULL: out of memory.  When the file cannot grow, rows->is_full becomes true, `why` says why,
 * and rows come from private memory from then on. */
MAIKO_MUST_CHECK struct counters_row *counters_rows_take(struct counters_rows *rows, struct text *why);

/* Empties a row and the rows of its name, to be used next. */
void counters_rows_vacate(struct counters_rows *rows, struct counters_row *row);

/* Adds the words of `from` to `into` by their kinds and marks `from` as ended: both or, after a kill, neither. */
void counters_rows_fold(struct counters_rows *rows, struct counters_row *from, struct counters_row *into);

/* NULL when there is no such row. */
struct counters_row *counters_rows_at(const struct counters_rows *rows, uint32_t index);

/* 0 when it is none of these rows. */
uint32_t counters_rows_index(const struct counters_rows *rows, const struct counters_row *row);

/* Name of `len` <= 255 bytes.  False when out of memory: the row is then without a name. */
MAIKO_MUST_CHECK bool counters_rows_set_name(struct counters_rows *rows, struct counters_row *row, const char *name, size_t len,
                                             struct text *why);
bool counters_rows_name_is(const struct counters_rows *rows, const struct counters_row *row, const char *name, size_t len);

/* At most 255 bytes and a NUL. */
void counters_rows_name(const struct counters_rows *rows, const struct counters_row *row, char ret_name[COUNTERS_NAME_SIZE]);

/* Copies rows 0 .. count - 1; their owners may be counting meanwhile. */
void counters_rows_copy(const struct counters_rows *rows, struct counters_row *copy, uint32_t count);

#endif
