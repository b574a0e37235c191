/* Mailbox: the FIFO in front of one actor.  The first `capacity` entries are queued; whatever stands behind them waits,
 * its sender in debt.  One array holds both, so nothing is moved when room appears and nobody can pass a waiter. */
#ifndef RUNTIME_MAILBOX_H
#define RUNTIME_MAILBOX_H

#include "base/heap.h"
#include "message/envelope.h"

#define MAILBOX_FIRST 4 /* slots of the first array; before that there is one, in the mailbox */

/* How an entry arrived, in the low bits of its pointer (envelopes are aligned to 8 at least). */
#define MAILBOX_EVICTABLE ((uintptr_t)1) /* under DROP_OLDEST */
#define MAILBOX_WAITED ((uintptr_t)2)    /* its sender went in debt for it */
#define MAILBOX_TAGS ((uintptr_t)7)

struct mailbox {
    uintptr_t *slots;
    uint32_t head;      /* free-running; masked on use */
    uint32_t depth;     /* queued and waiting */
    uint32_t mask;      /* slots - 1 */
    uint32_t capacity;  /* events */
    uint32_t limit;     /* the smaller of slots and capacity: below it nothing has to be looked at */
    uint32_t evictable; /* entries with that tag */
    uintptr_t inline_slot;
};

static inline void mailbox_init(struct mailbox *mailbox, uint32_t capacity)
{
    mailbox->slots = &mailbox->inline_slot;
    mailbox->head = 0;
    mailbox->depth = 0;
    mailbox->mask = 0;
    mailbox->capacity = capacity;
    mailbox->limit = capacity == 0 ? 0 : 1;
    mailbox->evictable = 0;
}

/* Frees the array; the envelopes have been popped before. */
void mailbox_deinit(struct mailbox *mailbox, struct heap *heap);

/* Makes the array larger.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status mailbox_grow(struct mailbox *mailbox, struct heap *heap);

static inline uint32_t mailbox_waiting(const struct mailbox *mailbox)
{
    return mailbox->depth > mailbox->capacity ? mailbox->depth - mailbox->capacity : 0;
}

static inline uintptr_t mailbox_at(const struct mailbox *mailbox, uint32_t position)
{
    return mailbox->slots[(mailbox->head + position) & mailbox->mask];
}

static inline struct envelope *mailbox_envelope(uintptr_t entry)
{
    return (struct envelope *)(entry & ~MAILBOX_TAGS);
}

/* There is a slot, and the entry is not evictable. */
static inline void mailbox_put(struct mailbox *mailbox, uintptr_t entry)
{
    uint32_t depth = mailbox->depth;

    mailbox->slots[(mailbox->head + depth) & mailbox->mask] = entry;
    mailbox->depth = depth + 1;
}

/* Takes over the caller's reference on success.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK static inline maiko_status mailbox_push(struct mailbox *mailbox, struct heap *heap, uintptr_t entry)
{
    if (__builtin_expect(mailbox->depth > mailbox->mask, 0) && mailbox_grow(mailbox, heap) != MAIKO_OK)
        return MAIKO_ENOMEM;
    mailbox->slots[(mailbox->head + mailbox->depth) & mailbox->mask] = entry;
    mailbox->depth++;
    if (entry & MAILBOX_EVICTABLE)
        mailbox->evictable++;
    return MAIKO_OK;
}

/* The mailbox is not empty.  When something waited, the entry now at `capacity - 1` just got a place: the caller pays
 * its sender's debt. */
static inline uintptr_t mailbox_pop(struct mailbox *mailbox)
{
    uintptr_t entry = mailbox->slots[mailbox->head & mailbox->mask];

    mailbox->head++;
    mailbox->depth--;
    if (entry & MAILBOX_EVICTABLE)
        mailbox->evictable--;
    return entry;
}

/* Takes out the oldest queued (not waiting) entry that arrived under DROP_OLDEST; 0 when there is none. */
uintptr_t mailbox_evict(struct mailbox *mailbox);

#endif
