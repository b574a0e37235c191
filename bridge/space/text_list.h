/* Text list: a few strings on a heap, in the order they were added. */
#ifndef SPACE_TEXT_LIST_H
#define SPACE_TEXT_LIST_H

#include <stdbool.h>

#include "base/heap.h"
#include <maiko/status.h>

enum { TEXT_LIST_MAX = 4096 };

/* All zero is an empty list. */
struct text_list {
    char **items;
    size_t count;
};

/* Appends a copy of `text`.  MAIKO_OK, MAIKO_ENOMEM, MAIKO_ELIMIT. */
MAIKO_MUST_CHECK maiko_status text_list_add(struct text_list *list, struct heap *heap, const char *text);

/* The same for each part of `text` between commas, without the blanks around it; empty parts are left out. */
MAIKO_MUST_CHECK maiko_status text_list_add_parts(struct text_list *list, struct heap *heap, const char *text);
void text_list_clear(struct text_list *list, struct heap *heap);
bool text_list_has(const struct text_list *list, const char *text);

#endif
