/* Indent, see indent.h.  Nothing but white space is added: numbers and escapes stay as they are. */
#include <stdlib.h>
#include <string.h>

#include "indent.h"

struct indenter {
    struct output *output;
    const char *text;
    size_t len;
    size_t at;
    unsigned depth;
};

/* Behind the string that begins here. */
static size_t end_of_string(const char *text, size_t len, size_t at)
{
    for (at++; at < len && text[at] != '"'; at++)
        at += text[at] == '\\';
    return at + 1 < len ? at + 1 : len;
}

/* Behind the object or array that begins here when there are only plain values in it, and none is a pair of an object that has
 * several; else 0. */
static size_t end_of_plain(const char *text, size_t len, size_t at)
{
    char open = text[at];

    for (at++; at < len; at++) {
        if (text[at] == '"')
            at = end_of_string(text, len, at) - 1;
        else if (text[at] == '{' || text[at] == '[' || (text[at] == ',' && open == '{'))
            return 0;
        else if (text[at] == '}' || text[at] == ']')
            return at + 1;
    }
    return len;
}

static void new_line(struct indenter *indenter)
{
    unsigned i;

    output_text(indenter->output, "\n");
    for (i = 0; i < indenter->depth; i++)
        output_text(indenter->output, " ");
}

static void put(struct indenter *indenter, size_t end)
{
    output_put(indenter->output, indenter->text + indenter->at, end - indenter->at);
    indenter->at = end;
}

/* One character outside of strings, or what it begins. */
static void put_next(struct indenter *indenter, bool is_outermost)
{
    char c = indenter->text[indenter->at];
    bool opens = c == '{' || c == '[';
    size_t plain = opens && !is_outermost ? end_of_plain(indenter->text, indenter->len, indenter->at) : 0;

    if (c == '"' || plain > 0) {
        put(indenter, c == '"' ? end_of_string(indenter->text, indenter->len, indenter->at) : plain);
        return;
    }
    if (c == '}' || c == ']') {
        indenter->depth -= 2;
        new_line(indenter);
    }
    put(indenter, indenter->at + 1);
    if (opens)
        indenter->depth += 2;
    if (opens || c == ',')
        new_line(indenter);
    else if (c == ':')
        output_text(indenter->output, " ");
}

void indent_json(struct output *output, size_t at, unsigned depth)
{
    size_t len = output->len - at;
    char *text = output->error == 0 ? malloc(len + 1) : NULL;
    struct indenter indenter = {.output = output, .text = text, .len = len, .depth = depth};

    if (text == NULL)
        return; /* it stays on one line */
    memcpy(text, output->bytes + at, len);
    if (len > 2)
        output->len = at;
    while (len > 2 && indenter.at < len)
        put_next(&indenter, indenter.at == 0);
    free(text);
}
