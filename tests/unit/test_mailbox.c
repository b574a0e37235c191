/* Mailbox: against a plain list that does the same. */
#include <string.h>

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "runtime/mailbox.h"

enum { MOST = 256 };

/* Entries in order; numbers stand for envelopes. */
struct model {
    uintptr_t entries[MOST];
    uint32_t depth;
};

static void model_remove(struct model *model, uint32_t position)
{
    memmove(&model->entries[position], &model->entries[position + 1], (model->depth - position - 1) * sizeof(uintptr_t));
    model->depth--;
}

static uintptr_t model_evict(struct model *model, uint32_t capacity)
{
    uint32_t i;

    for (i = 0; i < model->depth && i < capacity; i++) {
        uintptr_t entry = model->entries[i];

        if (entry & MAILBOX_EVICTABLE) {
            model_remove(model, i);
            return entry;
        }
    }
    return 0;
}

static void push(struct mailbox *mailbox, struct heap *heap, struct model *model, uintptr_t entry)
{
    if (mailbox_push(mailbox, heap, entry) != MAIKO_OK || model->depth == MOST)
        return;
    model->entries[model->depth++] = entry;
}

static bool is_same(const struct mailbox *mailbox, const struct model *model)
{
    uint32_t evictable = 0;
    uint32_t i;

    for (i = 0; i < model->depth; i++) {
        if (i >= mailbox->depth || mailbox_at(mailbox, i) != model->entries[i])
            return false;
        evictable += (model->entries[i] & MAILBOX_EVICTABLE) != 0;
    }
    return mailbox->depth == model->depth && mailbox->evictable == evictable &&
           mailbox_waiting(mailbox) == (model->depth > mailbox->capacity ? model->depth - mailbox->capacity : 0);
}

static void one_round(struct mailbox *mailbox, struct heap *heap, struct model *model, struct dice *dice, uintptr_t number)
{
    size_t choice = dice_below(dice, 10);

    if (choice < 5 && model->depth < MOST) {
        push(mailbox, heap, model, number << 3 | dice_below(dice, 4));
    } else if (choice < 8 && model->depth > 0) {
        CU_ASSERT_EQUAL(mailbox_pop(mailbox), model->entries[0]);
        model_remove(model, 0);
    } else if (choice >= 8) {
        CU_ASSERT_EQUAL(mailbox_evict(mailbox), model_evict(model, mailbox->capacity));
    }
}

static void it_does_what_a_list_does(void)
{
    unsigned long round;

    for (round = 0; round < suite_scale(200, 5000); round++) {
        struct failing_allocator memory;
        struct mailbox mailbox;
        struct model model = {.depth = 0};
        struct heap heap;
        struct dice dice;
        uintptr_t number;
        bool is_good = true;

        failing_allocator_init(&memory);
        heap_init(&heap, &memory.allocator, 0);
        dice_init_seeded(&dice, round);
        mailbox_init(&mailbox, 1 + (uint32_t)dice_below(&dice, 12));
        if (round % 4 == 0)
            failing_allocator_fail_nth(&memory, (long)dice_below(&dice, 4));
        for (number = 1; number < 300 && is_good; number++) {
            one_round(&mailbox, &heap, &model, &dice, number);
            is_good = is_same(&mailbox, &model);
        }
        if (!is_good)
            SUITE_FAIL("round %lu: after step %lu it differs", round, (unsigned long)number);
        mailbox_deinit(&mailbox, &heap);
        CU_ASSERT(failing_allocator_is_balanced(&memory));
    }
}

/* --- bounded in bytes --- */

/* What the mailbox is to do, said the long way: those have a place that came while there was room for them. */
struct bounded_model {
    struct model list;
    uint32_t queued;
    uint32_t capacity;
    uint64_t bytes;
    uint64_t limit;
};

static uint64_t weight_of(uintptr_t entry)
{
    return mailbox_envelope(entry)->home == HOME_HEAP ? mailbox_envelope(entry)->home_size : 0;
}

static void give_places(struct bounded_model *model)
{
    while (model->queued < model->list.depth && model->queued < model->capacity && model->bytes < model->limit)
        model->bytes += weight_of(model->list.entries[model->queued++]);
}

static void take_place(struct bounded_model *model, uintptr_t entry)
{
    model->bytes -= weight_of(entry);
    model->queued--;
    give_places(model);
}

/* As dispatch does: it looks closer at events outside the pools only. */
static void push_bounded(struct mailbox *mailbox, struct heap *heap, struct bounded_model *model, uintptr_t entry)
{
    uint32_t depth = model->list.depth;

    push(mailbox, heap, &model->list, entry);
    if (model->list.depth == depth)
        return;
    if (mailbox_envelope(entry)->home == HOME_HEAP)
        mailbox_weigh_last(mailbox);
    give_places(model);
}

/* Something has left.  Returns how many got a place. */
static uint32_t admit_all(struct mailbox *mailbox)
{
    uint32_t count = 0;

    if (mailbox->depth < mailbox->capacity)
        return 0;
    while (mailbox_admit(mailbox))
        count++;
    return count;
}

/* How many of the oldest that may go and that weigh anything have to for an event of so many bytes; -1: all would not do. */
static int model_victims(const struct bounded_model *model, uint64_t bytes)
{
    bool has_waiters = model->list.depth > model->queued;
    uint64_t freed = 0;
    int count = 0;
    uint32_t i = 0;

    while (freed < bytes && (has_waiters || model->bytes - freed >= model->limit)) {
        while (i < model->queued && (!(model->list.entries[i] & MAILBOX_EVICTABLE) || weight_of(model->list.entries[i]) == 0))
            i++;
        if (i == model->queued)
            return -1;
        freed += weight_of(model->list.entries[i++]);
        count++;
    }
    return count;
}

/* The oldest of them; its place is given to nobody yet. */
static uintptr_t model_evict_bytes(struct bounded_model *model)
{
    uint32_t i = 0;
    uintptr_t entry;

    while (!(model->list.entries[i] & MAILBOX_EVICTABLE) || weight_of(model->list.entries[i]) == 0)
        i++;
    entry = model->list.entries[i];
    model_remove(&model->list, i);
    model->bytes -= weight_of(entry);
    model->queued--;
    return entry;
}

static void make_room(struct mailbox *mailbox, struct bounded_model *model, uint64_t bytes)
{
    uint32_t waiting = model->list.depth - model->queued;
    int victims = model_victims(model, bytes);
    uint64_t freed = 0;

    CU_ASSERT_EQUAL(mailbox_can_make_room(mailbox, bytes), victims >= 0);
    if (victims <= 0)
        return;
    for (; victims > 0; victims--) {
        uintptr_t entry = model_evict_bytes(model);

        CU_ASSERT_FALSE(mailbox_has_made_room(mailbox, freed, bytes));
        CU_ASSERT_EQUAL(mailbox_evict_bytes(mailbox) & ~MAILBOX_WEIGHED, entry);
        freed += weight_of(entry);
    }
    CU_ASSERT_TRUE(mailbox_has_made_room(mailbox, freed, bytes));
    give_places(model);
    CU_ASSERT_EQUAL(admit_all(mailbox), waiting - (model->list.depth - model->queued));
}

/* Of the first so many. */
static uint64_t evictable_bytes(const struct bounded_model *model, uint32_t count)
{
    uint64_t bytes = 0;
    uint32_t i;

    for (i = 0; i < count; i++)
        bytes += model->list.entries[i] & MAILBOX_EVICTABLE ? weight_of(model->list.entries[i]) : 0;
    return bytes;
}

static bool is_same_bounded(const struct mailbox *mailbox, const struct bounded_model *model)
{
    uint32_t queued = mailbox->depth < mailbox->capacity ? mailbox->depth : mailbox->capacity;
    uint32_t i;

    for (i = 0; i < model->list.depth; i++) {
        if (i >= mailbox->depth || (mailbox_at(mailbox, i) & ~MAILBOX_WEIGHED) != model->list.entries[i])
            return false;
    }
    return mailbox->depth == model->list.depth && queued == model->queued && mailbox->bound->bytes == model->bytes &&
           mailbox->bound->evictable == evictable_bytes(model, model->queued) &&
           mailbox->bound->all_evictable == evictable_bytes(model, model->list.depth) &&
           (mailbox->bound->is_closed || mailbox->capacity == model->capacity);
}

static void one_bounded_round(struct mailbox *mailbox, struct heap *heap, struct bounded_model *model, struct dice *dice,
                              uintptr_t entry)
{
    uint32_t waiting = model->list.depth - model->queued;
    size_t choice = dice_below(dice, 12);
    uintptr_t gone = 0;

    if (choice >= 10) {
        if (mailbox->bound->is_closed)
            make_room(mailbox, model, 1 + dice_below(dice, 400));
        return;
    }

    if (choice < 5 && model->list.depth < MOST) {
        push_bounded(mailbox, heap, model, entry | dice_below(dice, 4));
        return;
    }
    if (choice < 8 && model->list.depth > 0) {
        gone = mailbox_pop(mailbox);
        CU_ASSERT_EQUAL(gone & ~MAILBOX_WEIGHED, model->list.entries[0]);
        model_remove(&model->list, 0);
    } else if (choice >= 8) {
        uint32_t before = 0;

        while (before < model->queued && !(model->list.entries[before] & MAILBOX_EVICTABLE))
            before++;
        gone = mailbox_evict(mailbox); /* by number: also one that the bytes have no place for */
        CU_ASSERT_EQUAL(gone & ~MAILBOX_WEIGHED, model_evict(&model->list, model->capacity));
        if (before == model->queued)
            return;
    }
    if (gone == 0)
        return;
    take_place(model, gone);
    CU_ASSERT_EQUAL(admit_all(mailbox), waiting - (model->list.depth - model->queued));
}

static void bounded_in_bytes_it_does_what_a_sum_says(void)
{
    enum { EVENTS = 300 };
    static struct envelope events[EVENTS];
    unsigned long round;

    for (round = 0; round < suite_scale(400, 5000); round++) {
        struct failing_allocator memory;
        struct bounded_model model = {.list = {.depth = 0}};
        struct mailbox mailbox;
        struct heap heap;
        struct dice dice;
        bool is_good = true;
        int i;

        failing_allocator_init(&memory);
        heap_init(&heap, &memory.allocator, 0);
        dice_init_seeded(&dice, round);
        model.capacity = 1 + (uint32_t)dice_below(&dice, 12);
        model.limit = 1 + dice_below(&dice, 1000);
        mailbox_init(&mailbox, model.capacity);
        CU_ASSERT_EQUAL_FATAL(mailbox_set_bound(&mailbox, &heap, model.limit, false), MAIKO_OK);
        if (round % 4 == 0)
            failing_allocator_fail_nth(&memory, (long)dice_below(&dice, 4));
        for (i = 0; i < EVENTS && is_good; i++) {
            events[i].home = dice_below(&dice, 2) == 0 ? HOME_POOL : HOME_HEAP;
            events[i].home_size = 1 + (uint32_t)dice_below(&dice, 400);
            one_bounded_round(&mailbox, &heap, &model, &dice, (uintptr_t)&events[i]);
            is_good = is_same_bounded(&mailbox, &model);
        }
        if (!is_good)
            SUITE_FAIL("round %lu: after step %d it differs", round, i);
        CU_ASSERT_EQUAL(mailbox_nominal(&mailbox), model.capacity);
        mailbox_deinit(&mailbox, &heap);
        CU_ASSERT(failing_allocator_is_balanced(&memory));
    }
}

static void without_memory_for_its_bound_a_mailbox_has_none(void)
{
    long nth;

    for (nth = 0; nth < 2; nth++) {
        struct failing_allocator memory;
        struct mailbox mailbox;
        struct heap heap;

        failing_allocator_init(&memory);
        heap_init(&heap, &memory.allocator, 0);
        mailbox_init(&mailbox, 8);
        failing_allocator_fail_nth(&memory, nth);
        CU_ASSERT_EQUAL(mailbox_set_bound(&mailbox, &heap, 100, false), MAIKO_ENOMEM);
        CU_ASSERT_EQUAL(mailbox_nominal(&mailbox), 8);
        mailbox_deinit(&mailbox, &heap);
        CU_ASSERT(failing_allocator_is_balanced(&memory));
    }
}

static const struct test_case cases[] = {TEST_CASE(it_does_what_a_list_does), TEST_CASE(bounded_in_bytes_it_does_what_a_sum_says),
                                         TEST_CASE(without_memory_for_its_bound_a_mailbox_has_none)};
SUITE_MAIN("mailbox", cases)
