/* Streams: publications by pattern, those that are open apart from those that are remembered. */
#include "routing/streams.h"

#include "routing/topic_overlap.h"
#include <string.h>

#define TOTAL_MOST (INT32_MAX / 2) /* more than one is all that is asked of it */

static void publications_init(struct publications *publications, struct heap *heap)
{
    topic_tree_init(&publications->tree, heap);
    list_init(&publications->list);
    publications->count = 0;
}

void streams_init(struct streams *streams, struct heap *heap)
{
    streams->heap = heap;
    publications_init(&streams->open, heap);
    publications_init(&streams->past, heap);
}

static struct publication *publication_of(const struct topic_node *node)
{
    struct list *link = node == NULL ? NULL : list_first(&node->members);

    return link == NULL ? NULL : CONTAINER_OF(link, struct publication, link);
}

static struct publication *find(const struct publications *publications, const char *pattern)
{
    return publication_of(topic_tree_find(&publications->tree, pattern));
}

static struct publication *oldest(const struct publications *publications)
{
    struct list *link = list_first(&publications->list);

    return link == NULL ? NULL : CONTAINER_OF(link, struct publication, sibling);
}

static void enter_at(struct publications *publications, struct publication *publication, struct topic_node *node)
{
    publication->node = node;
    list_push_back(&node->members, &publication->link);
    list_push_back(&publications->list, &publication->sibling);
    publications->count++;
}

/* MAIKO_OK or MAIKO_ENOMEM. */
static maiko_status enter(struct publications *publications, struct publication *publication)
{
    struct topic_node *node;

    if (topic_tree_reach(&publications->tree, publication->pattern, &node) != MAIKO_OK)
        return MAIKO_ENOMEM;
    enter_at(publications, publication, node);
    return MAIKO_OK;
}

static void leave(struct publications *publications, struct publication *publication)
{
    list_remove(&publication->link);
    list_remove(&publication->sibling);
    topic_tree_prune(&publications->tree, publication->node);
    publications->count--;
}

static void publication_free(struct streams *streams, struct publication *publication)
{
    heap_free(streams->heap, publication, sizeof *publication + strlen(publication->pattern) + 1);
}

static void forget_oldest(struct streams *streams, struct publications *publications)
{
    struct publication *publication = oldest(publications);

    leave(publications, publication);
    publication_free(streams, publication);
}

void streams_deinit(struct streams *streams)
{
    while (streams->open.count > 0)
        forget_oldest(streams, &streams->open);
    while (streams->past.count > 0)
        forget_oldest(streams, &streams->past);
}

static void remember(struct streams *streams, struct publication *publication)
{
    struct topic_node *node;

    if (topic_tree_reach(&streams->past.tree, publication->pattern, &node) != MAIKO_OK)
        return;
    leave(&streams->open, publication);
    enter_at(&streams->past, publication, node);
    if (streams->past.count > STREAMS_REMEMBERED)
        forget_oldest(streams, &streams->past);
}

/* Nobody publishes on it any more: it is remembered.  Without memory for that it stays where it is, or its end would be told to
 * nobody. */
static void settle(struct streams *streams, struct publication *publication)
{
    if (publication->all.open > 0)
        return;
    if (publication->all.total > 0) {
        remember(streams, publication);
        return;
    }
    leave(&streams->open, publication);
    publication_free(streams, publication);
}

static struct publication *publication_new(struct streams *streams, const char *pattern)
{
    const size_t len = strlen(pattern);
    struct publication *publication = heap_alloc_zeroed(streams->heap, 1, sizeof *publication + len + 1);

    if (publication == NULL)
        return NULL;
    memcpy(publication->pattern, pattern, len + 1);
    list_init(&publication->link);
    list_init(&publication->sibling);
    return publication;
}

/* Among the open ones, to be counted or settled next; NULL when out of memory. */
static struct publication *reopen(struct streams *streams, const char *pattern)
{
    struct publication *publication = find(&streams->open, pattern);
    struct publication *past;

    if (publication != NULL)
        return publication;
    publication = publication_new(streams, pattern);
    if (publication == NULL)
        return NULL;
    if (enter(&streams->open, publication) != MAIKO_OK) {
        publication_free(streams, publication);
        return NULL;
    }
    past = find(&streams->past, pattern);
    if (past == NULL)
        return publication;
    publication->all = past->all;
    publication->own = past->own;
    leave(&streams->past, past);
    publication_free(streams, past);
    return publication;
}

static void add(struct publication_count *to, struct publication_count change)
{
    to->open += change.open;
    to->total = to->total + change.total < TOTAL_MOST ? to->total + change.total : TOTAL_MOST;
}

static void count(struct publication *publication, struct publication_count change, bool is_own)
{
    add(&publication->all, change);
    if (is_own)
        add(&publication->own, change);
}

/* One that is not there began without memory for it. */
static bool count_off(struct streams *streams, const char *const *patterns, struct publication_count change, bool is_own)
{
    bool may_end = false;
    size_t i;

    for (i = 0; patterns[i] != NULL; i++) {
        struct publication *publication = find(&streams->open, patterns[i]);

        if (publication == NULL)
            continue;
        count(publication, change, is_own);
        may_end = may_end || publication->all.open <= 1;
        settle(streams, publication);
    }
    return may_end;
}

maiko_status streams_open(struct streams *streams, const char *const *patterns, bool is_own)
{
    const struct publication_count one = {.open = 1, .total = 1};
    const struct publication_count one_less = {.open = -1, .total = -1};
    size_t i;

    for (i = 0; patterns[i] != NULL; i++) {
        struct publication *publication = reopen(streams, patterns[i]);

        if (publication == NULL)
            break;
        count(publication, one, is_own);
    }
    if (patterns[i] == NULL)
        return MAIKO_OK;
    while (i-- > 0) {
        struct publication *publication = find(&streams->open, patterns[i]);

        count(publication, one_less, is_own);
        settle(streams, publication);
    }
    return MAIKO_ENOMEM;
}

bool streams_close(struct streams *streams, const char *const *patterns, bool is_own)
{
    return count_off(streams, patterns, (struct publication_count){.open = -1}, is_own);
}

bool streams_take_back(struct streams *streams, const char *const *patterns, bool is_own)
{
    return count_off(streams, patterns, (struct publication_count){.open = -1, .total = -1}, is_own);
}

static void count_own(struct publications *publications, const char *pattern, int32_t change)
{
    struct publication *publication = find(publications, pattern);

    if (publication == NULL)
        return;
    publication->own.open += change;
    publication->own.total += change;
}

void streams_move(struct streams *from, struct streams *to, const char *const *patterns)
{
    size_t i;

    for (i = 0; patterns[i] != NULL; i++) {
        count_own(&from->open, patterns[i], -1);
        count_own(&to->open, patterns[i], 1);
    }
}

maiko_status streams_add(struct streams *streams, const char *pattern, struct publication_count change)
{
    struct publication *publication = reopen(streams, pattern);

    if (publication == NULL)
        return MAIKO_ENOMEM;
    count(publication, change, false);
    settle(streams, publication);
    return MAIKO_OK;
}

static maiko_status teach(const struct publications *publications, struct streams *newcomer)
{
    struct list *link;

    LIST_FOR_EACH (link, &publications->list) {
        const struct publication *publication = CONTAINER_OF(link, struct publication, sibling);

        if (publication->own.total != 0 && streams_add(newcomer, publication->pattern, publication->own) != MAIKO_OK)
            return MAIKO_ENOMEM;
    }
    return MAIKO_OK;
}

maiko_status streams_teach(const struct streams *streams, struct streams *newcomer)
{
    maiko_status status = teach(&streams->past, newcomer);

    return status == MAIKO_OK ? teach(&streams->open, newcomer) : status;
}

/* One question of a listener. */
struct listening {
    const char *const *own;
    bool own_open;
};

static bool is_own(const struct listening *listening, const char *pattern)
{
    size_t i;

    for (i = 0; listening->own != NULL && listening->own[i] != NULL; i++) {
        if (strcmp(listening->own[i], pattern) == 0)
            return true;
    }
    return false;
}

static bool is_open(struct topic_node *node, void *userdata)
{
    const struct listening *listening = userdata;
    const struct publication *publication = publication_of(node);

    return publication->all.open > (listening->own_open && is_own(listening, publication->pattern) ? 1 : 0);
}

static bool was_there(struct topic_node *node, void *userdata)
{
    const struct publication *publication = publication_of(node);

    return publication->all.total > (is_own(userdata, publication->pattern) ? 1 : 0);
}

/* Is there a publication, among those that are heard, of which that is true? */
static bool any(const struct publications *publications, const struct subscription *heard, topic_overlap_found *is_true,
                struct listening *listening)
{
    for (; heard != NULL; heard = heard->next) {
        if (heard->pattern != NULL && topic_overlap_tree(&publications->tree, heard->pattern, is_true, listening))
            return true;
    }
    return false;
}

enum streams_state streams_heard(const struct streams *streams, const struct subscription *heard, const char *const *own,
                                 bool own_open)
{
    struct listening listening = {.own = own, .own_open = own_open};

    if (any(&streams->open, heard, is_open, &listening))
        return STREAMS_OPEN;
    return any(&streams->open, heard, was_there, &listening) || any(&streams->past, heard, was_there, &listening) ? STREAMS_ENDED
                                                                                                                  : STREAMS_NONE;
}

bool streams_visit(struct streams *streams, const char *pattern, uint64_t round)
{
    struct publication *publication = find(&streams->open, pattern);

    if (publication == NULL || publication->visited != round) {
        if (publication != NULL)
            publication->visited = round;
        return true;
    }
    return false;
}
