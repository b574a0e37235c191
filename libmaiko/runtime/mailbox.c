/* The rare half of the mailbox: growing, evicting and the bound in bytes. */
#include "runtime/mailbox.h"

void mailbox_deinit(struct mailbox *mailbox, struct heap *heap)
{
    uint32_t capacity = mailbox_nominal(mailbox);

    if (mailbox->slots != &mailbox->inline_slot)
        heap_free(heap, mailbox->slots, ((size_t)mailbox->mask + 1) * sizeof *mailbox->slots);
    if (mailbox->is_bounded)
        heap_free(heap, mailbox->bound, sizeof *mailbox->bound);
    mailbox_init(mailbox, capacity);
}

maiko_status mailbox_grow(struct mailbox *mailbox, struct heap *heap)
{
    size_t old_size = (size_t)mailbox->mask + 1;
    size_t size = old_size < MAILBOX_FIRST ? MAILBOX_FIRST : 2 * old_size;
    uintptr_t *slots;
    uint32_t i;

    if (old_size > UINT32_MAX / 4)
        return MAIKO_ENOMEM;
    slots = heap_alloc(heap, size * sizeof *slots);
    if (slots == NULL)
        return MAIKO_ENOMEM;
    for (i = 0; i < mailbox->depth; i++)
        slots[i] = mailbox_at(mailbox, i);
    if (mailbox->slots != &mailbox->inline_slot)
        heap_free(heap, mailbox->slots, old_size * sizeof *slots);
    mailbox->slots = slots;
    mailbox->head = 0;
    mailbox->mask = (uint32_t)(size - 1);
    mailbox->limit = mailbox->capacity < size ? mailbox->capacity : (uint32_t)size;
    return MAIKO_OK;
}

/* An evictable one. */
static uintptr_t take_out(struct mailbox *mailbox, uint32_t found)
{
    uintptr_t entry = mailbox_at(mailbox, found);

    for (; found > 0; found--)
        mailbox->slots[(mailbox->head + found) & mailbox->mask] = mailbox_at(mailbox, found - 1);
    mailbox->head++;
    mailbox->depth--;
    mailbox->evictable--;
    if (entry & MAILBOX_WEIGHED)
        mailbox_unweigh(mailbox, entry);
    else if (mailbox->is_bounded)
        mailbox->bound->all_evictable -= mailbox_weight(entry);
    return entry;
}

uintptr_t mailbox_evict(struct mailbox *mailbox)
{
    uint32_t capacity = mailbox_nominal(mailbox); /* those behind full bytes are evictable, too */
    uint32_t queued = mailbox->depth < capacity ? mailbox->depth : capacity;
    uint32_t found = 0;

    if (mailbox->evictable == 0)
        return 0;
    while (found < queued && !(mailbox_at(mailbox, found) & MAILBOX_EVICTABLE))
        found++;
    return found == queued ? 0 : take_out(mailbox, found);
}

/* --- bounded in bytes --- */

maiko_status mailbox_set_bound(struct mailbox *mailbox, struct heap *heap, uint64_t limit_bytes, bool is_for_block)
{
    struct mailbox_bound *bound = heap_alloc(heap, sizeof *bound);

    if (bound == NULL || mailbox_grow(mailbox, heap) != MAIKO_OK) { /* the slot in the mailbox is the bound's place */
        heap_free(heap, bound, sizeof *bound);
        return MAIKO_ENOMEM;
    }
    *bound = (struct mailbox_bound){.limit = limit_bytes, .capacity = mailbox->capacity, .is_for_block = is_for_block};
    mailbox->bound = bound;
    mailbox->is_bounded = true;
    return MAIKO_OK;
}

static void set_capacity(struct mailbox *mailbox, uint32_t capacity)
{
    mailbox->capacity = capacity;
    mailbox->limit = capacity <= mailbox->mask ? capacity : mailbox->mask + 1;
}

static uintptr_t *slot_at(const struct mailbox *mailbox, uint32_t position)
{
    return &mailbox->slots[(mailbox->head + position) & mailbox->mask];
}

/* The first `queued` are all that has a place. */
static void close_mailbox(struct mailbox *mailbox, uint32_t queued)
{
    uint32_t i;

    for (i = 0; i < queued; i++)
        *slot_at(mailbox, i) |= MAILBOX_WEIGHED;
    mailbox->bound->is_closed = true;
    set_capacity(mailbox, queued);
}

/* The entry at `position` is the last that has a place. */
static void weigh(struct mailbox *mailbox, uint32_t position)
{
    struct mailbox_bound *bound = mailbox->bound;
    uintptr_t *slot = slot_at(mailbox, position);

    *slot |= MAILBOX_WEIGHED;
    bound->bytes += mailbox_weight(*slot);
    if (*slot & MAILBOX_EVICTABLE)
        bound->evictable += mailbox_weight(*slot);
    if (bound->bytes >= bound->limit && !bound->is_closed)
        close_mailbox(mailbox, position + 1);
}

void mailbox_weigh_last(struct mailbox *mailbox)
{
    uintptr_t entry = mailbox_at(mailbox, mailbox->depth - 1);

    if (entry & MAILBOX_EVICTABLE)
        mailbox->bound->all_evictable += mailbox_weight(entry);
    if (mailbox->depth <= mailbox->capacity)
        weigh(mailbox, mailbox->depth - 1);
}

void mailbox_unweigh(struct mailbox *mailbox, uintptr_t entry)
{
    struct mailbox_bound *bound = mailbox->bound;

    bound->bytes -= mailbox_weight(entry);
    if (entry & MAILBOX_EVICTABLE) {
        bound->evictable -= mailbox_weight(entry);
        bound->all_evictable -= mailbox_weight(entry);
    }
    if (bound->is_closed)
        set_capacity(mailbox, mailbox->capacity - 1);
}

bool mailbox_admit(struct mailbox *mailbox)
{
    struct mailbox_bound *bound = mailbox->bound;

    if (bound->is_closed && bound->bytes >= bound->limit)
        return false;
    if (bound->is_closed && mailbox->depth > mailbox->capacity && mailbox->capacity < bound->capacity) {
        set_capacity(mailbox, mailbox->capacity + 1);
    } else if (bound->is_closed) {
        bound->is_closed = false;
        set_capacity(mailbox, bound->capacity);
        return false;
    }
    if (*slot_at(mailbox, mailbox->capacity - 1) & MAILBOX_WEIGHED)
        return false; /* it had one */
    weigh(mailbox, mailbox->capacity - 1);
    return true;
}

bool mailbox_has_made_room(const struct mailbox *mailbox, uint64_t freed, uint64_t bytes)
{
    return freed >= bytes || (mailbox_waiting(mailbox) == 0 && mailbox->bound->bytes < mailbox->bound->limit);
}

bool mailbox_can_make_room(const struct mailbox *mailbox, uint64_t bytes)
{
    const struct mailbox_bound *bound = mailbox->bound;

    return bound->evictable >= bytes || (mailbox_waiting(mailbox) == 0 && bound->bytes - bound->evictable < bound->limit);
}

uintptr_t mailbox_evict_bytes(struct mailbox *mailbox)
{
    uint32_t found = 0;

    while (!(mailbox_at(mailbox, found) & MAILBOX_EVICTABLE) || mailbox_weight(mailbox_at(mailbox, found)) == 0)
        found++;
    return take_out(mailbox, found);
}
