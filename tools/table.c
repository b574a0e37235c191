/* Table, see table.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maiko.h"
#include "table.h"

void table_init(struct table *table, const char *const *heads)
{
    *table = (struct table){.heads = heads};
    while (heads[table->columns] != NULL)
        table->columns++;
}

void table_deinit(struct table *table)
{
    while (table->count > 0)
        free(table->cells[--table->count]);
    free(table->cells);
    table->cells = NULL;
}

static bool grow(struct table *table)
{
    size_t size = table->size > 0 ? table->size * 2 : 64;
    char **cells = realloc(table->cells, size * sizeof(*cells));

    if (cells == NULL)
        return false;
    table->cells = cells;
    table->size = size;
    return true;
}

void table_add(struct table *table, const char *text)
{
    size_t size = strlen(text) * 4 + PRINTABLE_ROOM;
    char *copy = NULL;

    if (!table->has_failed && (table->count < table->size || grow(table)))
        copy = malloc(size);
    table->has_failed = copy == NULL;
    if (copy == NULL)
        return;
    printable_copy(text, copy, size);
    table->cells[table->count++] = copy;
}

static int compare_rows(const void *a, const void *b, void *userdata)
{
    const struct table *table = userdata;
    char *const *left = a;
    char *const *right = b;
    size_t i;

    for (i = 0; i < table->columns; i++)
        if (strcmp(left[i], right[i]) != 0)
            return strcmp(left[i], right[i]);
    return 0;
}

static void measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
    size_t i;

    for (i = 0; i < table->columns; i++)
        widths[i] = columns_of(table->heads[i]) - (table->heads[i][0] == '>');
    for (i = 0; i < table->count; i++)
        if (columns_of(table->cells[i]) > widths[i % table->columns])
            widths[i % table->columns] = columns_of(table->cells[i]);
}

static void print_row(const struct table *table, const size_t *widths, const char *const *cells)
{
    size_t i;

    for (i = 0; i < table->columns; i++) {
        bool is_right = table->heads[i][0] == '>';
        const char *text = cells[i] + (cells == table->heads && is_right);
        int pad = (int)(widths[i] - columns_of(text));

        if (i + 1 == table->columns && !is_right)
            pad = 0; /* nothing stands behind it */
        printf("%s%*s%s%*s", i == 0 ? "" : "  ", is_right ? pad : 0, "", text, is_right ? 0 : pad, "");
    }
    putchar('\n');
}

bool table_print(struct table *table)
{
    size_t widths[TABLE_COLUMNS_MAX];
    size_t i;

    if (table->has_failed)
        return false;
    if (table->count == 0)
        return true;
    qsort_r(table->cells, table->count / table->columns, table->columns * sizeof(*table->cells), compare_rows, table);
    measure(table, widths);
    print_row(table, widths, table->heads);
    for (i = 0; i + table->columns <= table->count; i += table->columns)
        print_row(table, widths, (const char *const *)(table->cells + i));
    return true;
}
