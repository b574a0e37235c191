/* Pool and view behind the end of a link: what comes back, when, and what is read on. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/leaks.h"
#include "lib/pool_scene.h"
#include "lib/suite.h"

/* ---- the end of a link ---- */

static void a_reader_keeps_its_events_behind_the_end_of_the_link(void)
{
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 4);
    parcel_deliver(&scene, &parcel);
    shm_pool_release(parcel.held);
    pool_scene_leave(&scene);
    shm_view_close(scene.view);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    CU_ASSERT(parcel_is_filled(parcel.seen, PARCEL_LEN, 4));
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene.view = NULL;
    scene.claims = NULL;
    pool_scene_deinit(&scene);
}

static void a_link_that_is_over_keeps_no_descriptor(void)
{
    unsigned descriptors = leaks_count_fds();
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 4);
    parcel_deliver(&scene, &parcel);
    pool_scene_leave(&scene);
    pool_scene_tidy(&scene);
    CU_ASSERT_EQUAL(leaks_count_fds(), descriptors + 3); /* it is being read */
    shm_view_close(scene.view);
    shm_view_return(parcel.loan);
    pool_scene_tidy(&scene);
    CU_ASSERT_EQUAL(leaks_count_fds(), descriptors + 1);
    shm_pool_release(parcel.held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene.view = NULL;
    scene.claims = NULL;
    pool_scene_deinit(&scene);
}

/* What was on its way when the link ended is returned by nobody. */
static void what_never_arrived_comes_back_when_the_reader_closes(void)
{
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 5);
    shm_claims_lend(scene.claims, parcel.slot);
    shm_pool_release(parcel.held);
    shm_claims_leave(scene.claims);
    scene.claims = NULL;
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    shm_view_close(scene.view);
    scene.view = NULL;
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

/* One event that is kept keeps no other slot, and nobody has to ask the kernel. */
static void only_what_is_kept_stays_out(void)
{
    enum { KEPT, TWICE, RETURNED, LOST, COUNT };
    struct pool_scene scene;
    struct parcel parcels[COUNT];
    int i;

    pool_scene_init(&scene);
    for (i = 0; i < COUNT; i++)
        parcels[i] = parcel_make(&scene, (unsigned char)i);
    for (i = 0; i < LOST; i++)
        parcel_deliver(&scene, &parcels[i]);
    shm_claims_lend(scene.claims, parcels[TWICE].slot); /* once more, and this never arrives */
    shm_claims_lend(scene.claims, parcels[LOST].slot);
    for (i = 0; i < COUNT; i++)
        shm_pool_release(parcels[i].held);
    shm_view_return(parcels[RETURNED].loan);
    shm_view_close(scene.view);
    scene.view = NULL;
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), COUNT - 1); /* as long as the link lives nobody looks at it */
    shm_claims_leave(scene.claims);
    scene.claims = NULL;
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 2);
    CU_ASSERT(parcel_is_filled(parcels[KEPT].seen, PARCEL_LEN, KEPT));
    CU_ASSERT(parcel_is_filled(parcels[TWICE].seen, PARCEL_LEN, TWICE));
    shm_view_return(parcels[TWICE].loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    shm_view_return(parcels[KEPT].loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

/* A process that goes without a word leaves its mappings to the kernel, which is asked the more seldom the longer it took. */
static void what_nobody_closes_comes_back_with_the_end_of_the_mapping(void)
{
    struct shm_claims *claims = NULL;
    struct shm_area silent = SHM_AREA_NONE;
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    CU_ASSERT_EQUAL_FATAL(shm_claims_new(scene.pool, POOL_SCENE_LINK, &claims), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_area_attach(SHM_AREA_RETURNS, shm_claims_fd(claims), POOL_SCENE_LINK, &silent, NULL), MAIKO_OK);
    parcel = parcel_make(&scene, 5);
    shm_claims_lend(claims, parcel.slot);
    shm_pool_release(parcel.held);
    shm_claims_leave(claims);
    pool_scene_ask(&scene);
    pool_scene_tidy(&scene);
    shm_area_unmap(&silent);
    pool_scene_tidy(&scene);
    pool_scene_tidy(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    pool_scene_tidy(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

/* The owner's other calls go on while the kernel is asked, and what comes back then is not overlooked. */
static void a_question_holds_nobody(void)
{
    struct shm_claims *asked;
    struct pool_scene scene;
    struct parcel parcel;
    struct parcel other;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 7);
    parcel_deliver(&scene, &parcel);
    shm_pool_release(parcel.held);
    shm_claims_leave(scene.claims);
    scene.claims = NULL;
    asked = shm_pool_ask_next(scene.pool);
    CU_ASSERT_PTR_NOT_NULL_FATAL(asked);
    CU_ASSERT_PTR_NULL(shm_pool_ask_next(scene.pool));
    other = parcel_make(&scene, 8);
    shm_pool_release(other.held);
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    CU_ASSERT_FALSE(shm_claims_ask(asked));
    shm_claims_answer(asked, false);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    CU_ASSERT_PTR_NULL(shm_pool_ask_next(scene.pool));
    pool_scene_deinit(&scene);
}

/* Its view is the only one. */
static void be_read_by_a_child(struct pool_scene *scene)
{
    shm_view_close(scene->view);
    shm_claims_leave(scene->claims);
    scene->view = NULL;
    CU_ASSERT_EQUAL_FATAL(shm_claims_new(scene->pool, POOL_SCENE_LINK, &scene->claims), MAIKO_OK);
}

static int read_and_wait(void *userdata)
{
    struct pool_scene *scene = userdata;
    struct shm_view *view = pool_scene_look(scene);
    struct parcel parcel = {.made = NULL};
    char head[PARCEL_HEAD] = {0};

    if (shm_view_take(view, 0, PARCEL_SIZE, PARCEL_LEN, head, &parcel.loan) == NULL || write(STDOUT_FILENO, "!", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static void what_a_reader_has_comes_back_when_it_dies(void)
{
    struct pool_scene scene;
    struct parcel parcel;
    struct child child;
    char text[2];

    pool_scene_init(&scene);
    be_read_by_a_child(&scene);
    parcel = parcel_make(&scene, 6);
    CU_ASSERT_EQUAL_FATAL(parcel.slot, 0);
    shm_claims_lend(scene.claims, parcel.slot);
    shm_pool_release(parcel.held);
    CU_ASSERT_FATAL(child_start(&child, read_and_wait, &scene));
    CU_ASSERT_EQUAL(read(child.output_fd, text, 1), 1);
    pool_scene_leave(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    child_signal(&child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&child, 30000), 128 + SIGKILL);
    pool_scene_tidy(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

static int return_it(void *userdata)
{
    shm_view_return(((struct parcel *)userdata)->loan);
    return 0;
}

static void a_forked_child_returns_nothing_of_its_parent(void)
{
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 8);
    parcel_deliver(&scene, &parcel);
    shm_pool_release(parcel.held);
    CU_ASSERT_EQUAL(child_run(return_it, &parcel, 30000), 0);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

/* Says so, forks, and waits to be killed; the fork has what is mapped and open, and lives on. */
static int read_and_fork(void *userdata)
{
    struct pool_scene *scene = userdata;
    struct shm_view *view = pool_scene_look(scene);
    struct parcel parcel = {.made = NULL};
    char head[PARCEL_HEAD] = {0};
    pid_t pid;

    if (shm_view_take(view, 0, PARCEL_SIZE, PARCEL_LEN, head, &parcel.loan) == NULL)
        return 1;
    pid = fork();
    if (pid == 0)
        shm_view_close(view); /* it is not its own */
    if (pid != 0 && write(STDOUT_FILENO, &pid, sizeof(pid)) != sizeof(pid))
        return 1;
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    for (;;)
        pause();
}

static void a_forked_child_that_keeps_everything_mapped_keeps_no_slot(void)
{
    struct pool_scene scene;
    struct parcel parcel;
    struct child child;
    pid_t grandchild = 0;

    pool_scene_init(&scene);
    be_read_by_a_child(&scene);
    parcel = parcel_make(&scene, 6);
    CU_ASSERT_EQUAL_FATAL(parcel.slot, 0);
    shm_claims_lend(scene.claims, parcel.slot);
    shm_pool_release(parcel.held);
    CU_ASSERT_FATAL(child_start(&child, read_and_fork, &scene));
    CU_ASSERT_EQUAL_FATAL(read(child.output_fd, &grandchild, sizeof(grandchild)), sizeof(grandchild));
    pool_scene_leave(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    child_signal(&child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&child, 30000), 128 + SIGKILL);
    CU_ASSERT_EQUAL(kill(grandchild, 0), 0);
    pool_scene_tidy(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    CU_ASSERT_EQUAL(kill(grandchild, SIGKILL), 0);
    pool_scene_deinit(&scene);
}

/* ---- threads ---- */

enum { THREADS = 3, PARCELS = 15, ROUNDS = 200 };

struct returning_thread {
    pthread_t thread;
    pthread_barrier_t *start;
    struct parcel parcels[PARCELS / THREADS];
    long wrong;
};

static void *return_all(void *userdata)
{
    struct returning_thread *returning = userdata;
    size_t i;

    pthread_barrier_wait(returning->start);
    for (i = 0; i < PARCELS / THREADS; i++) {
        returning->wrong += !parcel_is_filled(returning->parcels[i].seen, PARCEL_LEN, (unsigned char)returning->parcels[i].slot);
        shm_view_return(returning->parcels[i].loan);
    }
    return NULL;
}

/* What comes back while the others are still read is written again at once. */
static void write_what_is_free(struct pool_scene *scene)
{
    size_t i;

    for (i = 0; i < PARCELS; i++) {
        void *held;
        void *event = shm_pool_take(scene->pool, PARCEL_SIZE, PARCEL_LEN, &held);

        if (event == NULL)
            return;
        parcel_fill(event, PARCEL_LEN, 255);
        shm_pool_release(held);
    }
}

static void close_while_threads_return(void)
{
    struct returning_thread threads[THREADS];
    pthread_barrier_t start;
    struct pool_scene scene;
    size_t i;

    pool_scene_init(&scene);
    memset(threads, 0, sizeof(threads));
    pthread_barrier_init(&start, NULL, THREADS + 1);
    for (i = 0; i < PARCELS; i++) {
        struct parcel parcel = parcel_make(&scene, (unsigned char)i);

        CU_ASSERT_EQUAL(parcel.slot, i); /* the lowest first */
        parcel_deliver(&scene, &parcel);
        shm_claims_lend(scene.claims, parcel.slot); /* never arrives */
        shm_pool_release(parcel.held);
        threads[i % THREADS].parcels[i / THREADS] = parcel;
    }
    for (i = 0; i < THREADS; i++) {
        threads[i].start = &start;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i].thread, NULL, return_all, &threads[i]), 0);
    }
    pthread_barrier_wait(&start);
    shm_claims_leave(scene.claims);
    shm_view_close(scene.view);
    scene.claims = NULL;
    scene.view = NULL;
    write_what_is_free(&scene);
    for (i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL(pthread_join(threads[i].thread, NULL), 0);
        CU_ASSERT_EQUAL(threads[i].wrong, 0);
    }
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0); /* nobody has asked the kernel */
    pthread_barrier_destroy(&start);
    pool_scene_deinit(&scene);
}

static void each_slot_comes_back_once_when_threads_return_while_the_view_closes(void)
{
    int round;

    for (round = 0; round < ROUNDS; round++)
        close_while_threads_return();
}

static const struct test_case cases[] = {
    TEST_CASE(a_reader_keeps_its_events_behind_the_end_of_the_link),
    TEST_CASE(a_link_that_is_over_keeps_no_descriptor),
    TEST_CASE(what_never_arrived_comes_back_when_the_reader_closes),
    TEST_CASE(only_what_is_kept_stays_out),
    TEST_CASE(what_nobody_closes_comes_back_with_the_end_of_the_mapping),
    TEST_CASE(a_question_holds_nobody),
    TEST_CASE(what_a_reader_has_comes_back_when_it_dies),
    TEST_CASE(a_forked_child_returns_nothing_of_its_parent),
    TEST_CASE(a_forked_child_that_keeps_everything_mapped_keeps_no_slot),
    TEST_CASE(each_slot_comes_back_once_when_threads_return_while_the_view_closes),
};
SUITE_MAIN("shm_pool_end", cases)
