/* A stop without memory: what waits for memory that nobody is left to give back is given up, and said to be lost. */
#include "lib/failing_allocator.h"
#include "lib/stage.h"
#include "lib/suite.h"

#include <stdio.h>
#include <string.h>

enum { LONG_MS = 30000, WARM_UPS = 2, LONG_TEXT = 3000 };

#define NOTE_FIELDS(F) F(UINT32, number) F(TAIL, text, TEXT)
MAIKO_EVENT(note, "notes", NOTE_FIELDS)

struct scene {
    struct stage stage;
    struct failing_allocator memory;
    struct player player;
    bool is_threaded;
};

static void open_scene(struct scene *scene, maiko_mode mode)
{
    memset(scene, 0, sizeof *scene);
    failing_allocator_init(&scene->memory);
    scene->is_threaded = mode == MAIKO_THREADS;
    /* longer than the suite may take: whoever waits for it fails */
    stage_open(&scene->stage,
               &(maiko_config){
                   .mode = mode, .shards = 1, .allocator = &scene->memory.allocator, .stop_deadline_ns = MAIKO_SECONDS(3600)});
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->stage.sup, PLAYER("reader", &scene->player, .subscribe = MAIKO_TOPICS("notes"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(scene->stage.sup), MAIKO_OK);
}

/* The longer the text, the larger the pool's block: one of a size that was not needed before takes new memory. */
static maiko_status say(struct scene *scene, size_t len)
{
    union {
        note event;
        char bytes[sizeof(note) + LONG_TEXT];
    } said = {.event = {.text_count = len}};

    return maiko_send_options(maiko_supervisor_context(scene->stage.sup), NULL, MAIKO_TYPE(note), &said, sizeof(note) + len);
}

static void wait_for(struct scene *scene, int events)
{
    if (!scene->is_threaded)
        stage_settle(&scene->stage);
    CU_ASSERT_TRUE(wait_until(atomic_load(&scene->player.events) == events, LONG_MS));
}

/* The inbox has both its buffers then, and the type and its topic are known. */
static void warm_up(struct scene *scene)
{
    int i;

    for (i = 0; i < WARM_UPS; i++) {
        CU_ASSERT_EQUAL(say(scene, 1), MAIKO_OK);
        wait_for(scene, i + 1);
    }
}

static void close_scene(struct scene *scene)
{
    CU_ASSERT_TRUE(failing_allocator_has_failed(&scene->memory));
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&scene->memory));
    stage_close(&scene->stage);
}

static void stop_without_memory(maiko_mode mode)
{
    struct scene scene;

    open_scene(&scene, mode);
    warm_up(&scene);
    failing_allocator_fail_from(&scene.memory, 0);
    CU_ASSERT_EQUAL(say(&scene, LONG_TEXT), MAIKO_OK); /* accepted: its text waits in the inbox's buffer for the shard */
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_ENOMEM);
    CU_ASSERT_TRUE(scene.stage.report.duration_ns < MAIKO_SECONDS(60));
    CU_ASSERT_STRING_EQUAL(scene.stage.report.text, "out of memory: event from outside");
    CU_ASSERT_EQUAL(atomic_load(&scene.player.events), WARM_UPS);
    CU_ASSERT_EQUAL(atomic_load(&scene.player.stops), 1);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_NO_MEMORY), 1);
    close_scene(&scene);
}

static void a_halt_gives_up_what_no_memory_comes_for(void)
{
    stop_without_memory(MAIKO_THREADS);
}

static void a_halt_in_a_polled_program_does_so_too(void)
{
    stop_without_memory(MAIKO_POLLED);
    stop_without_memory(MAIKO_DETERMINISTIC);
}

static void a_halt_waits_for_memory_that_comes_back(void)
{
    struct scene scene;

    open_scene(&scene, MAIKO_DETERMINISTIC);
    warm_up(&scene);
    CU_ASSERT_EQUAL(say(&scene, LONG_TEXT), MAIKO_OK);
    failing_allocator_fail_nth(&scene.memory, 0);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_ENOMEM); /* which is said all the same */
    CU_ASSERT_EQUAL(atomic_load(&scene.player.events), WARM_UPS + 1);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_NO_MEMORY), 0);
    close_scene(&scene);
}

static maiko_status send_back(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    return maiko_send_child(ctx, envelope, number, .value = 1);
}

/* False when there is no allocation of that number. */
static bool run_out_before_a_halt(maiko_mode mode, long nth)
{
    struct scene scene;
    struct player echo = {.handle = send_back};
    maiko_status status;
    bool was_hit;
    size_t len;

    open_scene(&scene, mode);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene.stage.sup, PLAYER("echo", &echo, .subscribe = MAIKO_TOPICS("notes"))), MAIKO_OK);
    failing_allocator_fail_from(&scene.memory, nth);
    for (len = 1; len <= LONG_TEXT; len *= 2)
        (void)say(&scene, len);
    status = stage_stop(&scene.stage);
    was_hit = failing_allocator_has_failed(&scene.memory);
    if (status != MAIKO_OK && (status != MAIKO_ENOMEM || !was_hit))
        SUITE_FAIL("allocation %ld: %s", nth, maiko_strerror(status));
    if (!failing_allocator_is_balanced(&scene.memory))
        SUITE_FAIL("allocation %ld: leaks", nth);
    stage_close(&scene.stage);
    return was_hit;
}

static void run_out_anywhere(maiko_mode mode)
{
    long nth = 0;

    while (run_out_before_a_halt(mode, nth) && nth < 500)
        nth++;
    CU_ASSERT_TRUE(nth > 5 && nth < 500);
}

static void memory_may_end_anywhere_before_a_halt(void)
{
    run_out_anywhere(MAIKO_THREADS);
    run_out_anywhere(MAIKO_POLLED);
    run_out_anywhere(MAIKO_DETERMINISTIC);
}

static const struct test_case cases[] = {
    TEST_CASE(a_halt_gives_up_what_no_memory_comes_for),
    TEST_CASE(a_halt_in_a_polled_program_does_so_too),
    TEST_CASE(a_halt_waits_for_memory_that_comes_back),
    TEST_CASE(memory_may_end_anywhere_before_a_halt),
};
SUITE_MAIN_TIMEOUT("stop without memory", cases, 300)
