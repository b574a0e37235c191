/* Actor names: a random history compared with a plain array, and allocation failure. */
#include "runtime/actor_names.h"

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include <stdio.h>
#include <string.h>

enum { ACTORS = 300, ROUNDS = 20000 };

struct stage {
    struct failing_allocator memory;
    struct heap heap;
    struct actor_table table;
    struct actor_names names;
    struct actor *actors[ACTORS];
    bool is_in[ACTORS];
    size_t in;
};

static void init(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    failing_allocator_init(&stage->memory);
    heap_init(&stage->heap, &stage->memory.allocator, 0);
    actor_table_init(&stage->table, &stage->heap);
    actor_names_init(&stage->names, &stage->table);
    for (int i = 0; i < ACTORS; i++) {
        stage->actors[i] = actor_table_take(&stage->table);
        snprintf(stage->actors[i]->short_name, sizeof stage->actors[i]->short_name, "actor-%d", i);
        stage->actors[i]->sender.name = stage->actors[i]->short_name;
    }
}

static void deinit(struct stage *stage)
{
    actor_names_deinit(&stage->names);
    actor_table_deinit(&stage->table);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&stage->memory));
}

static size_t count_all(const struct stage *stage)
{
    size_t position = 0, count = 0;
    const struct actor *actor;

    while ((actor = actor_names_next(&stage->names, &position)) != NULL)
        count += stage->is_in[actor->index] ? 1 : ACTORS;
    return count;
}

static void change(struct stage *stage, size_t which)
{
    const maiko_status expected = stage->is_in[which] ? MAIKO_EEXIST : MAIKO_OK;

    CU_ASSERT_EQUAL(actor_names_insert(&stage->names, stage->actors[which]), expected);
    if (stage->is_in[which])
        actor_names_remove(&stage->names, stage->actors[which]);
    stage->in += stage->is_in[which] ? (size_t)-1 : 1;
    stage->is_in[which] = !stage->is_in[which];
}

static void a_random_history_agrees_with_an_array(void)
{
    struct stage stage;
    struct dice dice;

    init(&stage);
    dice_init(&dice);
    for (int round = 0; round < ROUNDS; round++) {
        const size_t which = dice_below(&dice, ACTORS);
        char longer[32];

        snprintf(longer, sizeof longer, "%s!", stage.actors[which]->sender.name);
        CU_ASSERT_PTR_NULL(actor_names_find(&stage.names, longer));
        CU_ASSERT_PTR_EQUAL(actor_names_find(&stage.names, stage.actors[which]->sender.name),
                            stage.is_in[which] ? stage.actors[which] : NULL);
        change(&stage, which);
        if (round % 500 == 0)
            CU_ASSERT_EQUAL(count_all(&stage), stage.in);
    }
    deinit(&stage);
}

static void another_actor_of_the_name_is_neither_entered_nor_removed(void)
{
    struct stage stage;

    init(&stage);
    strcpy(stage.actors[1]->short_name, stage.actors[0]->short_name);
    CU_ASSERT_EQUAL(actor_names_insert(&stage.names, stage.actors[0]), MAIKO_OK);
    CU_ASSERT_EQUAL(actor_names_insert(&stage.names, stage.actors[1]), MAIKO_EEXIST);
    actor_names_remove(&stage.names, stage.actors[1]);
    CU_ASSERT_PTR_EQUAL(actor_names_find(&stage.names, "actor-0"), stage.actors[0]);
    actor_names_remove(&stage.names, stage.actors[0]);
    actor_names_remove(&stage.names, stage.actors[0]);
    CU_ASSERT_PTR_NULL(actor_names_find(&stage.names, "actor-0"));
    deinit(&stage);
}

static void without_memory_nothing_changes(void)
{
    struct stage stage;
    maiko_status status = MAIKO_OK;

    init(&stage);
    failing_allocator_fail_from(&stage.memory, 2);
    for (size_t i = 0; i < ACTORS && status == MAIKO_OK; i++) {
        status = actor_names_insert(&stage.names, stage.actors[i]);
        stage.is_in[i] = status == MAIKO_OK;
        stage.in += stage.is_in[i];
    }
    CU_ASSERT_EQUAL(status, MAIKO_ENOMEM);
    CU_ASSERT(stage.in > 0 && count_all(&stage) == stage.in);
    failing_allocator_fail_nth(&stage.memory, -1);
    deinit(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(a_random_history_agrees_with_an_array),
    TEST_CASE(another_actor_of_the_name_is_neither_entered_nor_removed),
    TEST_CASE(without_memory_nothing_changes),
};
SUITE_MAIN("actor_names", cases)
