/* Table: rows of texts, printed sorted and in columns as wide as what is in them. */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum { TABLE_COLUMNS_MAX = 8 };

struct table {
    const char *const *heads; /* NULL-terminated; one that begins with '>' is of a column that is set to the right */
    size_t columns;
    char **cells; /* row by row */
    size_t count;
    size_t size;
    bool has_failed; /* no memory: something is missing */
};

void table_init(struct table *table, const char *const *heads);
void table_deinit(struct table *table);

/* The next cell, a copy: rows fill from left to right.  Texts of others become printable. */
void table_add(struct table *table, const char *text);

/* Head and rows, by the texts of their columns from left to right; nothing when there are none.  False: memory ran out. */
bool table_print(struct table *table);

#endif
