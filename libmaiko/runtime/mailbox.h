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
#define MAILBOX_WEIGHED ((uintptr_t)4)   /* queued, and counted in the bytes */
#define MAILBOX_TAGS ((uintptr_t)7)

/* What a mailbox has in addition when it is bounded in bytes, too.  It takes events, of whatever size, as long as it has fewer
 * bytes than the limit.  The one that reaches it closes the mailbox: `capacity` is then what is queued, and follows it until
 * there is room again.  Pooled events weigh nothing, so that nothing has to be looked at for them: they are bounded by number. */
struct mailbox_bound {
    uint64_t bytes;     /* of what is queued */
    uint64_t evictable; /* of these, of what may be evicted */
    uint64_t limit;
    uint64_t all_evictable; /* of what may be evicted, queued or waiting */
    uint32_t capacity;      /* events; of the mailbox while it is open */
    bool is_closed;         /* then all that is queued has the tag, so that whatever leaves is noticed */
    bool is_for_block;      /* under other policies events are bounded by number alone */
};

struct mailbox {
    uintptr_t *slots;
    uint32_t head;           /* free-running; masked on use */
    uint32_t depth;          /* queued and waiting */
    uint32_t mask;           /* slots - 1 */
    uint32_t capacity;       /* events */
    uint32_t limit;          /* the smaller of slots and capacity: below it nothing has to be looked at */
    uint32_t evictable : 31; /* entries with that tag */
    uint32_t is_bounded : 1; /* in bytes */
    union {
        uintptr_t inline_slot;
        struct mailbox_bound *bound;
    };
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
    mailbox->is_bounded = false;
}

/* Of one that was just made: bounds it in bytes, too, `is_for_block`: for events under BLOCK only.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status mailbox_set_bound(struct mailbox *mailbox, struct heap *heap, uint64_t limit_bytes,
                                                bool is_for_block);

/* Events it was made for. */
static inline uint32_t mailbox_nominal(const struct mailbox *mailbox)
{
    return mailbox->is_bounded ? mailbox->bound->capacity : mailbox->capacity;
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

/* Bytes that count towards a limit. */
static inline uint64_t mailbox_bytes_of(const struct envelope *envelope)
{
    return envelope->home == HOME_HEAP ? envelope_kept_bytes(envelope) : 0;
}

static inline uint64_t mailbox_weight(uintptr_t entry)
{
    return mailbox_bytes_of(mailbox_envelope(entry));
}

/* Bounded: the entry that was just put in, if it has a place, counts.  For pooled ones there is no need. */
void mailbox_weigh_last(struct mailbox *mailbox);

/* Bounded: a queued entry with the tag has left. */
void mailbox_unweigh(struct mailbox *mailbox, uintptr_t entry);

/* Bounded: something left, and as many as `capacity` are still there.  True: the entry at `capacity - 1` got a place, and there
 * may be another. */
bool mailbox_admit(struct mailbox *mailbox);

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

/* The mailbox is not empty.  When something waited, the entry now at `capacity - 1` just got a place, or with a bound in bytes as
 * many as mailbox_admit() says: the caller pays its sender's debt. */
static inline uintptr_t mailbox_pop(struct mailbox *mailbox)
{
    uintptr_t entry = mailbox->slots[mailbox->head & mailbox->mask];

    mailbox->head++;
    mailbox->depth--;
    if (entry & (MAILBOX_EVICTABLE | MAILBOX_WEIGHED)) {
        if (entry & MAILBOX_EVICTABLE)
            mailbox->evictable--;
        if (entry & MAILBOX_WEIGHED)
            mailbox_unweigh(mailbox, entry);
    }
    return entry;
}

/* Takes out the oldest queued (not waiting) entry that arrived under DROP_OLDEST; 0 when there is none. */
uintptr_t mailbox_evict(struct mailbox *mailbox);

/* Bounded and open, with entries that wait: what is evictable, waiting or not, has as many bytes as the limit.  One that comes
 * while the number is full evicts something small and stands in the line, where its bytes do not count yet: without this look one
 * after the other would come so. */
static inline bool mailbox_has_waiting_bytes(const struct mailbox *mailbox)
{
    return mailbox->depth > mailbox->capacity && mailbox->bound->all_evictable >= mailbox->bound->limit;
}

/* Has it no place for this event under another policy than BLOCK, because of its bytes? */
static inline bool mailbox_lacks_bytes(const struct mailbox *mailbox, const struct envelope *envelope)
{
    return mailbox->is_bounded && !mailbox->bound->is_for_block && envelope->home == HOME_HEAP &&
           (mailbox->bound->is_closed || mailbox_has_waiting_bytes(mailbox));
}

/* Of one that lacks them, when so many bytes were evicted: may an event of so many come in?  When there is room again and nobody
 * stands before it, or when no more comes than went. */
bool mailbox_has_made_room(const struct mailbox *mailbox, uint64_t freed, uint64_t bytes);

/* Would it be so after some or all that may be evicted are? */
bool mailbox_can_make_room(const struct mailbox *mailbox, uint64_t bytes);

/* Takes out the oldest queued entry that arrived under DROP_OLDEST and whose bytes count; there is one. */
uintptr_t mailbox_evict_bytes(struct mailbox *mailbox);

#endif
