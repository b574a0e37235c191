/* Text list, see text_list.h. */
#include "space/text_list.h"

#include <string.h>

void text_list_clear(struct text_list *list, struct heap *heap)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        heap_strfree(heap, list->items[i]);
    heap_free(heap, list->items, list->count * sizeof(list->items[0]));
    list->items = NULL;
    list->count = 0;
}

static maiko_status add(struct text_list *list, struct heap *heap, const char *text, size_t len)
{
    char **items;
    char *copy;

    if (list->count >= TEXT_LIST_MAX)
        return MAIKO_ELIMIT;
    copy = heap_strndup(heap, text, len);
    items =
        copy == NULL ? NULL : heap_resize(heap, list->items, list->count * sizeof(*items), (list->count + 1) * sizeof(*items));
    if (items == NULL) {
        heap_strfree(heap, copy);
        return MAIKO_ENOMEM;
    }
    items[list->count++] = copy;
    list->items = items;
    return MAIKO_OK;
}

maiko_status text_list_add(struct text_list *list, struct heap *heap, const char *text)
{
    return add(list, heap, text, strlen(text));
}

maiko_status text_list_add_parts(struct text_list *list, struct heap *heap, const char *text)
{
    maiko_status status = MAIKO_OK;

    while (status == MAIKO_OK && *text != '\0') {
        size_t len;

        text += strspn(text, ", \t");
        len = strcspn(text, ",");
        while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
            len--;
        if (len > 0)
            status = add(list, heap, text, len);
        text += strcspn(text, ",");
    }
    return status;
}

bool text_list_has(const struct text_list *list, const char *text)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}
