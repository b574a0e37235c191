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

static const struct test_case cases[] = {TEST_CASE(it_does_what_a_list_does)};
SUITE_MAIN("mailbox", cases)
