/* Text: one function makes room, all appends go through it. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void text_init_buffer(struct text *text, char *buffer, size_t size)
{
    *text = (struct text){.data = buffer, .size = size, .max = size - 1};
    buffer[0] = '\0';
}

void text_init_heap(struct text *text, struct heap *heap, size_t max)
{
    *text = (struct text){.heap = heap, .max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void text_deinit(struct text *text)
{
    if (text->heap != NULL)
        heap_free(text->heap, text->data, text->size);
    *text = (struct text){.status = MAIKO_ECLOSED};
}

void text_clear(struct text *text)
{
    text->len = 0;
    text->status = MAIKO_OK;
    if (text->data != NULL)
        text->data[0] = '\0';
}

const char *text_str(const struct text *text)
{
    return text->data != NULL ? text->data : "";
}

maiko_status text_status(const struct text *text)
{
    return text->status;
}

maiko_status text_take(struct text *text, char **ret_string)
{
    char *exact;

    if (text->status != MAIKO_OK)
        return text->status;
    exact = heap_strndup(text->heap, text_str(text), text->len);
    if (exact == NULL)
        return MAIKO_ENOMEM;
    text_deinit(text);
    *ret_string = exact;
    return MAIKO_OK;
}

/* Heap texts double, so that appending n bytes costs O(n) in total. */
static bool text_grow(struct text *text, size_t len)
{
    size_t size = text->size > 0 ? text->size : 64;
    char *moved;

    while (size <= len && size <= SIZE_MAX / 2)
        size *= 2;
    if (size > text->max + 1)
        size = text->max + 1;
    moved = heap_resize(text->heap, text->data, text->size, size);
    if (moved == NULL) {
        text->status = MAIKO_ENOMEM;
        return false;
    }
    text->data = moved;
    text->size = size;
    return true;
}

void text_append_bytes(struct text *text, const char *bytes, size_t len)
{
    const size_t room = text->max - text->len;

    if (text->status != MAIKO_OK || len == 0)
        return;
    if (len > room) {
        len = utf8_floor(bytes, len, room);
        text->status = MAIKO_ETOOLONG;
    }
    if (text->len + len >= text->size && !text_grow(text, text->len + len))
        return;
    memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_append(struct text *text, const char *string)
{
    text_append_bytes(text, string, strlen(string));
}

void text_append_char(struct text *text, char c)
{
    text_append_bytes(text, &c, 1);
}

void text_append_u64(struct text *text, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    text_append_bytes(text, digits + at, sizeof(digits) - at);
}

void text_append_i64(struct text *text, int64_t value)
{
    if (value < 0)
        text_append_char(text, '-');
    text_append_u64(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Formats on the stack; what is longer is formatted again into a block of its own. */
void text_append_vformat(struct text *text, const char *format, va_list args)
{
    char local[512];
    char *whole = local;
    va_list again;
    int len;

    if (text->status != MAIKO_OK)
        return;
    va_copy(again, args);
    len = vsnprintf(local, sizeof(local), format, args);
    if (len >= (int)sizeof(local)) {
        struct heap *heap = text->heap != NULL ? text->heap : heap_default();

        whole = heap_alloc(heap, (size_t)len + 1);
        if (whole != NULL)
            vsnprintf(whole, (size_t)len + 1, format, again);
        else
            text->status = MAIKO_ENOMEM;
        text_append_bytes(text, whole, (size_t)len);
        heap_free(heap, whole, (size_t)len + 1);
    } else if (len < 0) {
        text->status = MAIKO_EINVAL;
    } else {
        text_append_bytes(text, local, (size_t)len);
    }
    va_end(again);
}

void text_append_format(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_append_vformat(text, format, args);
    va_end(args);
}
