/* Open rooms: only what was reserved and not given up since can be committed, whatever memory a caller hands in. */
#include "lib/failing_allocator.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SCROLL_FIELDS(F) F(UINT32, number) F(TAIL, text, TEXT)
MAIKO_EVENT(scroll, "scroll", SCROLL_FIELDS)

enum { PAGE = 4096, MANY = 300 };

/* In a pool, on the heap, and so large that its memory goes back to the kernel. */
static const size_t lens[] = {20, 5000, 1600000};

/* The allocator does not keep what it gets back: that is what a use of it is to run into. */
static const maiko_config capped = {.mode = MAIKO_DETERMINISTIC, .shards = 1, .memory_cap_bytes = UINT64_C(1) << 30};

static void refuse_as_no_room(maiko_context *ctx, void *event)
{
    CU_ASSERT_EQUAL(maiko_commit(ctx, event), MAIKO_EINVAL);
    maiko_abandon(ctx, event);
}

static void give_up_twice(maiko_context *ctx, size_t len)
{
    scroll *refused = maiko_reserve(ctx, scroll, len);
    scroll *abandoned = maiko_reserve(ctx, scroll, len);
    scroll *sent;

    CU_ASSERT_EQUAL(maiko_commit_to(ctx, "bad topic\n", refused), MAIKO_ETOPIC);
    refuse_as_no_room(ctx, refused);
    maiko_abandon(ctx, abandoned);
    refuse_as_no_room(ctx, abandoned);
    sent = maiko_reserve(ctx, scroll, len);
    CU_ASSERT_EQUAL(maiko_commit(ctx, sent), MAIKO_OK);
    refuse_as_no_room(ctx, sent);
}

/* A page of the program's, with nothing in front of it. */
static void hand_in_other_memory(maiko_context *ctx)
{
    char *pages = mmap(NULL, (size_t)2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CU_ASSERT_PTR_NOT_EQUAL_FATAL(pages, MAP_FAILED);
    CU_ASSERT_EQUAL(mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
    refuse_as_no_room(ctx, pages + PAGE);
    refuse_as_no_room(ctx, pages);
    refuse_as_no_room(ctx, NULL);
    CU_ASSERT_EQUAL(munmap(pages, (size_t)2 * PAGE), 0);
}

static maiko_step misuse(struct player *player, maiko_context *ctx)
{
    size_t i;

    (void)player;
    for (i = 0; i < sizeof lens / sizeof *lens; i++)
        give_up_twice(ctx, lens[i]);
    hand_in_other_memory(ctx);
    return MAIKO_STEP_NEVER;
}

static void an_actor_gives_up_its_room_once(void)
{
    struct player writer = {.step = misuse};
    struct player reader = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &capped);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("reader", &reader, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(writer.steps, 1);
    CU_ASSERT_EQUAL(reader.events, 3);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void so_does_a_thread_outside(void)
{
    struct player reader = {.wanted = 0};
    struct stage stage;
    size_t i;

    stage_open(&stage, &capped);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("reader", &reader, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < sizeof lens / sizeof *lens; i++) {
        give_up_twice(maiko_supervisor_context(stage.sup), lens[i]);
        stage_settle(&stage);
    }
    hand_in_other_memory(maiko_supervisor_context(stage.sup));
    CU_ASSERT_EQUAL(reader.events, 3);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- many --- */

static void shuffle(scroll **events, uint32_t seed)
{
    size_t i;

    for (i = MANY - 1; i > 0; i--) {
        size_t other = (seed = seed * 1664525u + 1013904223u) % (i + 1);
        scroll *event = events[i];

        events[i] = events[other];
        events[other] = event;
    }
}

/* Every third is abandoned. */
static void give_up_in_any_order(maiko_context *ctx, uint32_t seed)
{
    scroll *events[MANY];
    size_t i;

    for (i = 0; i < MANY; i++)
        events[i] = maiko_reserve(ctx, scroll, i % 2 == 0 ? 20 : 5000);
    if (seed > 0)
        shuffle(events, seed);
    for (i = 0; i < MANY; i++) {
        if (i % 3 == 0)
            maiko_abandon(ctx, events[i]);
        else
            CU_ASSERT_EQUAL(maiko_commit(ctx, events[i]), MAIKO_OK);
    }
    for (i = 0; i < MANY; i++)
        refuse_as_no_room(ctx, events[i]);
}

static maiko_step make_many(struct player *player, maiko_context *ctx)
{
    give_up_in_any_order(ctx, (uint32_t)player->steps - 1);
    return player->steps < 4 ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

static void many_are_given_up_in_any_order(void)
{
    struct player writer = {.step = make_many};
    struct player reader = {.wanted = 0};
    struct failing_allocator memory;
    struct stage stage;

    failing_allocator_init(&memory);
    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .allocator = &memory.allocator});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("reader", &reader, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    give_up_in_any_order(maiko_supervisor_context(stage.sup), 9);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(reader.events, 5 * (MANY - MANY / 3));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
}

/* --- outside threads --- */

struct crowd {
    maiko_context *ctx;
    size_t len;
};

static void *send_and_forget(void *arg)
{
    const struct crowd *crowd = arg;
    int i;

    for (i = 0; i < 50; i++) {
        scroll *first = maiko_reserve(crowd->ctx, scroll, crowd->len);
        scroll *second = maiko_reserve(crowd->ctx, scroll, crowd->len);

        CU_ASSERT_PTR_NOT_NULL(maiko_reserve(crowd->ctx, scroll, crowd->len));
        CU_ASSERT_EQUAL(maiko_commit(crowd->ctx, first), MAIKO_OK);
        maiko_abandon(crowd->ctx, second);
    }
    return NULL;
}

static void what_threads_outside_forgot_goes_with_the_supervisor(void)
{
    struct player reader = {.wanted = 0};
    struct failing_allocator memory;
    struct stage stage;
    struct crowd crowd = {.len = 5000};
    pthread_t threads[3];
    size_t i;

    failing_allocator_init(&memory);
    stage_open(&stage, &(maiko_config){.shards = 1, .allocator = &memory.allocator});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("reader", &reader, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    crowd.ctx = maiko_supervisor_context(stage.sup);
    for (i = 0; i < 3; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, send_and_forget, &crowd), 0);
    for (i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(reader.events, 150);
    stage_close(&stage);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
}

static maiko_step commit_what_is_outsides(struct player *player, maiko_context *ctx)
{
    refuse_as_no_room(ctx, player->data);
    return MAIKO_STEP_NEVER;
}

static void room_is_of_the_context_that_reserved_it(void)
{
    struct player actor = {.step = commit_what_is_outsides};
    struct stage stage;
    maiko_context *outside;

    stage_open(&stage, &capped);
    outside = maiko_supervisor_context(stage.sup);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("actor", &actor)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    actor.data = maiko_reserve(outside, scroll, 5000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(actor.data);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(actor.steps, 1);
    CU_ASSERT_EQUAL(maiko_commit(outside, actor.data), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(an_actor_gives_up_its_room_once),
    TEST_CASE(so_does_a_thread_outside),
    TEST_CASE(many_are_given_up_in_any_order),
    TEST_CASE(what_threads_outside_forgot_goes_with_the_supervisor),
    TEST_CASE(room_is_of_the_context_that_reserved_it),
};
SUITE_MAIN("rooms", cases)
