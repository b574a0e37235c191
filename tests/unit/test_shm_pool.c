/* Pool and view: large events in shared memory: where they lie, when a slot comes back, and what threads and a lack of memory
 * do. */
#include <pthread.h>
#include <string.h>

#include "lib/dice.h"
#include "lib/pool_scene.h"
#include "lib/suite.h"
#include "node/node.h"
#include "node/pool.h"

#define CARGO_FIELDS(F) F(UINT64, number) F(TAIL, body, BYTES)
MAIKO_EVENT(cargo, "cargo", CARGO_FIELDS)

/* ---- layout ---- */

static void an_event_lies_in_one_piece_and_at_a_multiple_of_16(void)
{
    static const size_t sizes[] = {8, 16, 24, 64, 1000, SHM_SLOT_PRIVATE};
    struct pool_scene scene;
    size_t i;

    pool_scene_init(&scene);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = shm_slots_private(sizes[i]) + SHM_SLOT_SMALLEST;
        void *held;
        unsigned char *event = shm_pool_take(scene.pool, sizes[i], len, &held);
        uint32_t slot;
        void *loan;
        void *seen;

        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        CU_ASSERT_EQUAL((uintptr_t)event % 16, 0);
        CU_ASSERT(parcel_is_filled(event, sizes[i], 0));
        parcel_fill(event, len, 7);
        slot = shm_pool_find(scene.pool, event);
        CU_ASSERT_FATAL(slot < POOL_SCENE_SMALL);
        shm_claims_lend(scene.claims, slot);
        CU_ASSERT(shm_view_has(scene.view, slot, sizes[i], len));
        CU_ASSERT_FALSE(shm_view_has(scene.view, slot, sizes[i], len + 1));
        seen = shm_view_take(scene.view, slot, sizes[i], len, event, &loan);
        CU_ASSERT_EQUAL((uintptr_t)seen % 16, 0);
        CU_ASSERT(parcel_is_filled(seen, len, 7));
        shm_view_return(loan);
        shm_pool_release(held);
    }
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

static void slots_are_found_by_any_place_in_them(void)
{
    struct shm_slots slots = shm_slots_plan(POOL_SCENE_BYTES);
    struct shm_slots seen;
    size_t end = 0;
    uint32_t i;

    CU_ASSERT_EQUAL(slots.count, POOL_SCENE_SLOTS);
    for (i = 0; i < slots.count; i++) {
        CU_ASSERT_EQUAL(shm_slots_place(&slots, i), end + SHM_PAGE);
        CU_ASSERT_EQUAL(shm_slots_find(&slots, end), i);
        end = shm_slots_place(&slots, i) + shm_slots_size(&slots, i);
        CU_ASSERT_EQUAL(shm_slots_find(&slots, end - 1), i);
    }
    CU_ASSERT_EQUAL(shm_slots_find(&slots, end), SHM_SLOTS_MAX);
    CU_ASSERT(shm_slots_believe(slots.counts, shm_slots_contents(&slots), &seen));
    CU_ASSERT_FALSE(shm_slots_believe(slots.counts, shm_slots_contents(&slots) + SHM_PAGE, &seen));
    slots.counts[0] = SHM_CLASS_SLOTS + 1;
    CU_ASSERT_FALSE(shm_slots_believe(slots.counts, shm_slots_contents(&slots), &seen));
}

static void the_largest_pool_has_no_more_slots_than_a_memory_of_returns_has_words(void)
{
    struct shm_slots slots = shm_slots_plan((uint64_t)1 << 40);

    CU_ASSERT_EQUAL(slots.count, SHM_SLOTS_MAX);
    slots = shm_slots_plan(SHM_SLOT_SMALLEST);
    CU_ASSERT_EQUAL(slots.count, 0);
}

/* ---- coming back ---- */

static void a_slot_is_free_when_its_owner_and_every_reader_have_let_go(void)
{
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 1);
    parcel_deliver(&scene, &parcel);
    shm_claims_lend(scene.claims, parcel.slot); /* sent again: it is being read */
    CU_ASSERT_PTR_NULL(shm_view_take(scene.view, parcel.slot, PARCEL_SIZE, PARCEL_LEN, parcel.made, &parcel.loan));
    shm_pool_release(parcel.held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    shm_view_pass(scene.view, parcel.slot);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    CU_ASSERT(parcel_is_filled(parcel.seen, PARCEL_LEN, 1));
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    CU_ASSERT_PTR_NULL(shm_claims_fault(scene.claims));
    pool_scene_deinit(&scene);
}

static void an_event_that_is_abandoned_is_free_at_once(void)
{
    struct pool_scene scene;
    struct parcel first;
    struct parcel second;

    pool_scene_init(&scene);
    first = parcel_make(&scene, 1);
    shm_pool_release(first.held);
    second = parcel_make(&scene, 2);
    CU_ASSERT_EQUAL(first.slot, second.slot); /* the one that is warm */
    shm_pool_release(second.held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

/* Large slots that are returned are soon used again, and so still in the caches. */
static void large_slots_that_came_back_are_taken_before_others(void)
{
    enum { LEN = PARCEL_SIZE + 200000 };
    struct pool_scene scene;
    uint32_t slots[4];
    int i;

    pool_scene_init(&scene);
    for (i = 0; i < 4; i++) {
        void *held;
        void *event = shm_pool_take(scene.pool, PARCEL_SIZE, LEN, &held);

        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        slots[i] = shm_pool_find(scene.pool, event);
        shm_claims_lend(scene.claims, slots[i]);
        shm_pool_release(held);
        shm_view_pass(scene.view, slots[i]);
    }
    CU_ASSERT_EQUAL(slots[1], slots[0]);
    CU_ASSERT(slots[3] == slots[0] || slots[3] == slots[2]);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

static void a_pool_that_is_used_up_says_so_and_goes_on_when_something_comes_back(void)
{
    struct pool_scene scene;
    struct parcel parcels[POOL_SCENE_SMALL + 4]; /* those of the next size stand in */
    void *held;
    size_t i;

    pool_scene_init(&scene);
    for (i = 0; i < POOL_SCENE_SMALL + 4; i++) {
        parcels[i] = parcel_make(&scene, (unsigned char)i);
        parcel_deliver(&scene, &parcels[i]);
        shm_pool_release(parcels[i].held);
    }
    CU_ASSERT_EQUAL(shm_pool_starved(scene.pool), 0);
    CU_ASSERT_PTR_NULL(shm_pool_take(scene.pool, PARCEL_SIZE, PARCEL_LEN, &held));
    CU_ASSERT_EQUAL(shm_pool_starved(scene.pool), 1);
    for (i = 0; i < POOL_SCENE_SMALL + 4; i++) {
        CU_ASSERT(parcel_is_filled(parcels[i].seen, PARCEL_LEN, (unsigned char)i));
        shm_view_return(parcels[i].loan);
    }
    CU_ASSERT_PTR_NOT_NULL(shm_pool_take(scene.pool, PARCEL_SIZE, PARCEL_LEN, &held));
    shm_pool_release(held);
    CU_ASSERT_PTR_NULL(shm_pool_take(scene.pool, PARCEL_SIZE, PARCEL_SIZE + 4 * 1048576 + 64, &held)); /* of no size there is */
    CU_ASSERT_EQUAL(shm_pool_starved(scene.pool), 1);
    pool_scene_deinit(&scene);
}

static void events_outlive_the_pool_and_the_view_they_came_from(void)
{
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 3);
    parcel_deliver(&scene, &parcel);
    pool_scene_leave(&scene);
    shm_pool_close(scene.pool);
    shm_view_close(scene.view);
    CU_ASSERT(parcel_is_filled(parcel.made, PARCEL_LEN, 3));
    CU_ASSERT(parcel_is_filled(parcel.seen, PARCEL_LEN, 3));
    shm_pool_release(parcel.held);
    CU_ASSERT(parcel_is_filled(parcel.seen, PARCEL_LEN, 3));
    shm_view_return(parcel.loan);
    CU_ASSERT(failing_allocator_is_balanced(&scene.memory));
}

static unsigned warnings;

static void count_warning(maiko_log_level level, const char *text, void *userdata)
{
    (void)userdata;
    warnings += level == MAIKO_LOG_WARNING && strstr(text, "types use the pool") != NULL;
}

/* What does not use the pool is copied for ever, so somebody should know. */
static void more_types_than_the_pool_notes_are_told_once(void)
{
    static maiko_bridge bridge;
    static maiko_event_type types[POOL_TYPES + 2];
    size_t i;

    warnings = 0;
    bridge =
        (maiko_bridge){.heap = heap_default(), .space = (struct space *)&bridge, .export_count = 1, .config.log = count_warning};
    bridge.sup = maiko_supervisor_new(NULL);
    CU_ASSERT_EQUAL_FATAL(node_pool_set_up(&bridge), MAIKO_OK);
    for (i = 0; i < POOL_TYPES + 2; i++) {
        struct payload_plan *plan = NULL;

        CU_ASSERT_EQUAL(warnings, i > POOL_TYPES);
        types[i] = *MAIKO_TYPE(cargo);
        CU_ASSERT_EQUAL_FATAL(payload_plan_new(heap_default(), &types[i], NULL, &plan, NULL), MAIKO_OK);
        node_pool_note(&bridge, plan);
        payload_plan_free(plan);
    }
    CU_ASSERT_EQUAL(warnings, 1);
    node_pool_tear_down(&bridge);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&bridge.sup, NULL), MAIKO_OK);
}

/* Nor does one whose memory is capped have a pool: it would be past the cap. */
static void the_memory_of_a_pool_is_of_the_allocator_of_its_supervisor(void)
{
    static maiko_bridge bridge;
    struct failing_allocator memory;
    struct heap heap;

    failing_allocator_init(&memory);
    heap_init(&heap, &memory.allocator, 0);
    bridge = (maiko_bridge){.heap = &heap, .space = (struct space *)&bridge, .export_count = 1};
    bridge.sup = maiko_supervisor_new(NULL);
    failing_allocator_fail_nth(&memory, 0);
    CU_ASSERT_EQUAL(node_pool_set_up(&bridge), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL_FATAL(node_pool_set_up(&bridge), MAIKO_OK);
    node_pool_tear_down(&bridge);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
    CU_ASSERT_FALSE(failing_allocator_is_balanced(&memory)); /* the supervisor may ask for room to its end */
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&bridge.sup, NULL), MAIKO_OK);
    CU_ASSERT(failing_allocator_is_balanced(&memory));
    heap_init(&heap, &memory.allocator, 1048576);
    CU_ASSERT_EQUAL(node_pool_set_up(&bridge), MAIKO_OK);
    CU_ASSERT_PTR_NULL(bridge.pool);
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    struct pool_scene scene;
    long nth;

    for (nth = 0; nth < 4; nth++) {
        struct shm_pool *pool = NULL;
        struct shm_claims *claims = NULL;
        struct shm_budget *budget = NULL;
        struct shm_view *view = NULL;
        const char *reason;
        maiko_status status;

        memset(&scene, 0, sizeof(scene));
        failing_allocator_init(&scene.memory);
        heap_init(&scene.heap, &scene.memory.allocator, 0);
        failing_allocator_fail_nth(&scene.memory, nth);
        status = shm_pool_new(&scene.heap, POOL_SCENE_BYTES, &pool);
        if (status == MAIKO_OK)
            status = shm_claims_new(pool, POOL_SCENE_LINK, &claims);
        if (status == MAIKO_OK)
            status = shm_budget_new(&scene.heap, 1, &budget);
        if (status == MAIKO_OK)
            status = shm_view_new(&scene.heap, budget, shm_pool_fd(pool), shm_claims_fd(claims), POOL_SCENE_LINK, &view, &reason);
        CU_ASSERT_EQUAL(status, MAIKO_ENOMEM);
        shm_budget_unref(budget);
        shm_claims_leave(claims);
        if (pool != NULL)
            shm_pool_close(pool);
        CU_ASSERT(failing_allocator_is_balanced(&scene.memory));
    }
}

/* ---- threads ---- */

enum { READERS = 3, EVENTS = 3000, QUEUE = 8 };

struct reading_thread {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct parcel queue[QUEUE];
    unsigned char seeds[QUEUE];
    size_t first, count;
    bool is_over;
    long wrong;
};

static void *read_on(void *userdata)
{
    struct reading_thread *reader = userdata;
    struct parcel parcel;
    unsigned char seed;

    for (;;) {
        pthread_mutex_lock(&reader->lock);
        while (reader->count == 0 && !reader->is_over)
            pthread_cond_wait(&reader->changed, &reader->lock);
        if (reader->count == 0) {
            pthread_mutex_unlock(&reader->lock);
            return NULL;
        }
        parcel = reader->queue[reader->first];
        seed = reader->seeds[reader->first];
        reader->first = (reader->first + 1) % QUEUE;
        reader->count--;
        pthread_cond_signal(&reader->changed);
        pthread_mutex_unlock(&reader->lock);
        reader->wrong += !parcel_is_filled(parcel.seen, PARCEL_LEN, seed);
        shm_view_return(parcel.loan);
    }
}

static void hand(struct reading_thread *reader, const struct parcel *parcel, unsigned char seed)
{
    size_t place;

    pthread_mutex_lock(&reader->lock);
    while (reader->count == QUEUE)
        pthread_cond_wait(&reader->changed, &reader->lock);
    place = (reader->first + reader->count++) % QUEUE;
    reader->queue[place] = *parcel;
    reader->seeds[place] = seed;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
}

static void nothing_is_written_while_any_thread_reads_it(void)
{
    struct reading_thread readers[READERS];
    struct pool_scene scene;
    struct dice dice;
    long i;

    dice_init(&dice);
    pool_scene_init(&scene);
    memset(readers, 0, sizeof(readers));
    for (i = 0; i < READERS; i++) {
        pthread_mutex_init(&readers[i].lock, NULL);
        pthread_cond_init(&readers[i].changed, NULL);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (i = 0; i < EVENTS; i++) {
        struct parcel parcel = {.made = NULL};
        unsigned char seed = (unsigned char)dice_throw(&dice);

        parcel.made = shm_pool_take(scene.pool, PARCEL_SIZE, PARCEL_LEN, &parcel.held);
        if (parcel.made == NULL)
            continue; /* all are read */
        parcel_fill(parcel.made, PARCEL_LEN, seed);
        parcel.slot = shm_pool_find(scene.pool, parcel.made);
        parcel_deliver(&scene, &parcel);
        hand(&readers[dice_below(&dice, READERS)], &parcel, seed);
        shm_pool_release(parcel.held);
    }
    for (i = 0; i < READERS; i++) {
        pthread_mutex_lock(&readers[i].lock);
        readers[i].is_over = true;
        pthread_cond_signal(&readers[i].changed);
        pthread_mutex_unlock(&readers[i].lock);
        CU_ASSERT_EQUAL(pthread_join(readers[i].thread, NULL), 0);
        CU_ASSERT_EQUAL(readers[i].wrong, 0);
        pthread_cond_destroy(&readers[i].changed);
        pthread_mutex_destroy(&readers[i].lock);
    }
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    CU_ASSERT_PTR_NULL(shm_claims_fault(scene.claims));
    pool_scene_deinit(&scene);
}

static const struct test_case cases[] = {
    TEST_CASE(an_event_lies_in_one_piece_and_at_a_multiple_of_16),
    TEST_CASE(slots_are_found_by_any_place_in_them),
    TEST_CASE(the_largest_pool_has_no_more_slots_than_a_memory_of_returns_has_words),
    TEST_CASE(a_slot_is_free_when_its_owner_and_every_reader_have_let_go),
    TEST_CASE(an_event_that_is_abandoned_is_free_at_once),
    TEST_CASE(large_slots_that_came_back_are_taken_before_others),
    TEST_CASE(a_pool_that_is_used_up_says_so_and_goes_on_when_something_comes_back),
    TEST_CASE(events_outlive_the_pool_and_the_view_they_came_from),
    TEST_CASE(more_types_than_the_pool_notes_are_told_once),
    TEST_CASE(the_memory_of_a_pool_is_of_the_allocator_of_its_supervisor),
    TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
    TEST_CASE(nothing_is_written_while_any_thread_reads_it),
};
SUITE_MAIN("shm_pool", cases)
