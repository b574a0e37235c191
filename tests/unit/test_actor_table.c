/* Actor table: contexts that are stale stay so, however often records are reused, and that costs next to no memory. */
#include "runtime/actor_table.h"

#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include <stdlib.h>
#include <string.h>

struct stage {
    struct failing_allocator memory;
    struct heap heap;
    struct actor_table table;
};

static void init(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    failing_allocator_init(&stage->memory);
    heap_init(&stage->heap, &stage->memory.allocator, 0);
    actor_table_init(&stage->table, &stage->heap);
}

static void deinit(struct stage *stage)
{
    actor_table_deinit(&stage->table);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&stage->memory));
}

static void a_context_leads_to_its_record(void)
{
    struct stage stage;
    struct actor *a, *b;

    init(&stage);
    a = actor_table_take(&stage.table);
    b = actor_table_take(&stage.table);
    CU_ASSERT_PTR_EQUAL(actor_of_context(actor_context(a)), a);
    CU_ASSERT_PTR_EQUAL(actor_of_context(actor_context(b)), b);
    CU_ASSERT_PTR_NOT_EQUAL(actor_context(a), actor_context(b));
    CU_ASSERT_PTR_NULL(actor_of_context(NULL));
    deinit(&stage);
}

enum { ROUNDS = 5 * 64 * 256 };

static int compare(const void *a, const void *b)
{
    const uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;

    return left < right ? -1 : left > right;
}

/* One after the other, in the record that was given back last: five times as many as a record has generations. */
static void no_context_is_ever_given_twice(void)
{
    static uintptr_t contexts[ROUNDS];
    struct stage stage;
    int again = 0;

    init(&stage);
    for (int i = 0; i < ROUNDS; i++) {
        struct actor *actor = actor_table_take(&stage.table);

        contexts[i] = (uintptr_t)actor_context(actor);
        again += i > 0 && actor_of_context((maiko_context *)contexts[i / 2]) != NULL;
        actor_table_give(&stage.table, actor);
        again += actor_of_context((maiko_context *)contexts[i]) != NULL;
    }
    CU_ASSERT_EQUAL(again, 0);
    qsort(contexts, ROUNDS, sizeof contexts[0], compare);
    for (int i = 1; i < ROUNDS; i++)
        again += contexts[i] == contexts[i - 1];
    CU_ASSERT_EQUAL(again, 0);
    deinit(&stage);
}

/* Records are used up, but few: with 64 bits five in those rounds, and a slab has 64. */
static void generations_cost_few_records(void)
{
    struct stage stage;

    init(&stage);
    for (int i = 0; i < ROUNDS; i++)
        actor_table_give(&stage.table, actor_table_take(&stage.table));
    CU_ASSERT_TRUE(stage.table.slab_count <= 1 + ROUNDS / (ACTOR_GENERATIONS * ACTOR_SLAB_RECORDS));
    deinit(&stage);
}

static const struct test_case cases[] = {TEST_CASE(a_context_leads_to_its_record), TEST_CASE(no_context_is_ever_given_twice),
                                         TEST_CASE(generations_cost_few_records)};
SUITE_MAIN("actor table", cases)
