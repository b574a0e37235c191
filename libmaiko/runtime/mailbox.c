/* The rare half of the mailbox: growing and evicting. */
#include "runtime/mailbox.h"

void mailbox_deinit(struct mailbox *mailbox, struct heap *heap)
{
    if (mailbox->slots != &mailbox->inline_slot)
        heap_free(heap, mailbox->slots, ((size_t)mailbox->mask + 1) * sizeof *mailbox->slots);
    mailbox_init(mailbox, mailbox->capacity);
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

uintptr_t mailbox_evict(struct mailbox *mailbox)
{
    uint32_t queued = mailbox->depth < mailbox->capacity ? mailbox->depth : mailbox->capacity;
    uint32_t found = 0;
    uintptr_t entry;

    if (mailbox->evictable == 0)
        return 0;
    while (found < queued && !(mailbox_at(mailbox, found) & MAILBOX_EVICTABLE))
        found++;
    if (found == queued)
        return 0;
    entry = mailbox_at(mailbox, found);
    for (; found > 0; found--)
        mailbox->slots[(mailbox->head + found) & mailbox->mask] = mailbox_at(mailbox, found - 1);
    mailbox->head++;
    mailbox->depth--;
    mailbox->evictable--;
    return entry;
}
