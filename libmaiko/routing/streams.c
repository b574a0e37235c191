/* Streams: open publications by pattern. */
#include "routing/streams.h"

#include <maiko/topic.h>
#include <string.h>

static const char *publication_key(const void *value)
{
    return ((const struct publication *)value)->pattern;
}

void streams_init(struct streams *streams, struct heap *heap)
{
    streams->heap = heap;
    streams->first = NULL;
    hash_table_init(&streams->by_pattern, heap, publication_key);
}

static size_t publication_size(const struct publication *publication)
{
    return sizeof *publication + strlen(publication->pattern) + 1;
}

void streams_deinit(struct streams *streams)
{
    while (streams->first != NULL) {
        struct publication *publication = streams->first;

        streams->first = publication->next;
        heap_free(streams->heap, publication, publication_size(publication));
    }
    hash_table_deinit(&streams->by_pattern);
}

static struct publication *publication_of(struct streams *streams, const char *pattern)
{
    struct publication *publication = hash_table_find(&streams->by_pattern, pattern);
    size_t len = strlen(pattern);

    if (publication != NULL)
        return publication;
    publication = heap_alloc_zeroed(streams->heap, 1, sizeof *publication + len + 1);
    if (publication == NULL)
        return NULL;
    memcpy(publication->pattern, pattern, len + 1);
    if (hash_table_insert(&streams->by_pattern, publication) != MAIKO_OK) {
        heap_free(streams->heap, publication, publication_size(publication));
        return NULL;
    }
    publication->next = streams->first;
    streams->first = publication;
    return publication;
}

/* Publications without publishers stay: they mean nothing. */
static maiko_status make_all(struct streams *streams, const char *const *patterns)
{
    size_t i;

    for (i = 0; patterns[i] != NULL; i++) {
        if (publication_of(streams, patterns[i]) == NULL)
            return MAIKO_ENOMEM;
    }
    return MAIKO_OK;
}

static void count(struct publication *publication, struct publication_count change, bool is_own)
{
    publication->all.open += change.open;
    publication->all.total += change.total;
    if (!is_own)
        return;
    publication->own.open += change.open;
    publication->own.total += change.total;
}

maiko_status streams_open(struct streams *streams, const char *const *patterns, bool is_own)
{
    const struct publication_count one = {.open = 1, .total = 1};
    size_t i;

    if (make_all(streams, patterns) != MAIKO_OK)
        return MAIKO_ENOMEM;
    for (i = 0; patterns[i] != NULL; i++)
        count(hash_table_find(&streams->by_pattern, patterns[i]), one, is_own);
    return MAIKO_OK;
}

maiko_status streams_close(struct streams *streams, const char *const *patterns, bool is_own, bool *ret_may_end)
{
    const struct publication_count one_less = {.open = -1, .total = 0};
    bool may_end = false;
    size_t i;

    if (make_all(streams, patterns) != MAIKO_OK)
        return MAIKO_ENOMEM;
    for (i = 0; patterns[i] != NULL; i++) {
        struct publication *publication = hash_table_find(&streams->by_pattern, patterns[i]);

        count(publication, one_less, is_own);
        may_end = may_end || publication->all.open <= 1;
    }
    *ret_may_end = may_end;
    return MAIKO_OK;
}

maiko_status streams_add(struct streams *streams, const char *pattern, struct publication_count change)
{
    struct publication *publication = publication_of(streams, pattern);

    if (publication == NULL)
        return MAIKO_ENOMEM;
    count(publication, change, false);
    return MAIKO_OK;
}

static bool hears(const struct subscription *heard, const char *pattern)
{
    for (; heard != NULL; heard = heard->next) {
        if (maiko_patterns_overlap(heard->pattern, pattern))
            return true;
    }
    return false;
}

static bool is_among(const char *const *patterns, const char *pattern)
{
    size_t i;

    for (i = 0; patterns != NULL && patterns[i] != NULL; i++) {
        if (strcmp(patterns[i], pattern) == 0)
            return true;
    }
    return false;
}

struct streams_state streams_heard(const struct streams *streams, const struct subscription *heard, const char *const *own,
                                   bool own_open)
{
    struct streams_state state = {0, 0};
    const struct publication *publication;

    for (publication = streams->first; publication != NULL; publication = publication->next) {
        uint32_t self;

        if (!hears(heard, publication->pattern))
            continue;
        self = is_among(own, publication->pattern) ? 1 : 0;
        state.total += (uint32_t)publication->all.total - self;
        state.open += (uint32_t)publication->all.open - (own_open ? self : 0);
    }
    return state;
}
