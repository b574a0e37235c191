/* Intrusive lists: the links live inside the objects, so nothing is allocated and nothing can fail.
 * `struct list` is a ring with two links for removal from the middle, `struct fifo` a queue with one. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The object that contains `link` as its `member`. */
#define CONTAINER_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Both the head of a list and the link in an object.  A head, and a link that is in no list, point at themselves. */
struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/* Is this object's link in some list?  It must have been initialised. */
static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_insert_after(struct list *position, struct list *link)
{
    link->next = position->next;
    link->prev = position;
    position->next->prev = link;
    position->next = link;
}

static inline void list_push_front(struct list *list, struct list *link)
{
    list_insert_after(list, link);
}

static inline void list_push_back(struct list *list, struct list *link)
{
    list_insert_after(list->prev, link);
}

/* Harmless when the link is in no list. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* NULL when empty. */
static inline struct list *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->next;
}

static inline struct list *list_last(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->prev;
}

/* Removes and returns the first; NULL when empty. */
static inline struct list *list_pop_front(struct list *list)
{
    struct list *first = list_first(list);

    if (first != NULL)
        list_remove(first);
    return first;
}

/* Moves everything of `from` behind the last of `to`; `from` is empty afterwards. */
static inline void list_splice_back(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* The body must not remove `link`. */
#define LIST_FOR_EACH(link, list) for ((link) = (list)->next; (link) != (list); (link) = (link)->next)

/* The body may remove `link`, but nothing else. */
#define LIST_FOR_EACH_SAFE(link, after, list)                                                                                    \
    for ((link) = (list)->next, (after) = (link)->next; (link) != (list); (link) = (after), (after) = (link)->next)

struct fifo_link {
    struct fifo_link *next;
};

/* All zero is an empty queue. */
struct fifo {
    struct fifo_link *first;
    struct fifo_link *last; /* meaningless while first is NULL */
};

static inline bool fifo_is_empty(const struct fifo *fifo)
{
    return fifo->first == NULL;
}

static inline void fifo_push(struct fifo *fifo, struct fifo_link *link)
{
    link->next = NULL;
    if (fifo->first == NULL)
        fifo->first = link;
    else
        fifo->last->next = link;
    fifo->last = link;
}

/* NULL when empty. */
static inline struct fifo_link *fifo_pop(struct fifo *fifo)
{
    struct fifo_link *first = fifo->first;

    if (first != NULL)
        fifo->first = first->next;
    return first;
}

#endif
