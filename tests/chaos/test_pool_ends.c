/* A reader of large events in shared memory is killed before and after each of its atomic stores, while it reads, returns, closes
 * and returns what it kept: its owner has all slots back, and nobody else loses what he reads. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/fault_points.h"
#include "lib/pool_scene.h"
#include "lib/suite.h"

/* Atomic stores of a view and its budget. */
enum { STORES = 16 };

enum { RETURNED, KEPT, KEPT_TOO, PASSED, LOST, PARCELS, OUTPUT = 4096 };

/* What the child has, too. */
struct run {
    struct pool_scene scene; /* its view: of somebody who reads the same, and lives */
    struct parcel parcels[PARCELS];
    struct shm_claims *claims; /* of the child */
    const char *point;         /* NULL: it is not killed */
    unsigned nth;
};

static void *take(struct shm_view *view, const struct parcel *parcel)
{
    void *loan = NULL;

    return shm_view_take(view, parcel->slot, PARCEL_SIZE, PARCEL_LEN, parcel->made, &loan) != NULL ? loan : NULL;
}

static void say_points(void)
{
    const char *names[FAULT_POINTS_MAX];
    size_t count = fault_points_passed(names);
    size_t i;

    for (i = 0; i < count; i++)
        printf("%s\n", names[i]);
}

/* The child. */
static int read_to_the_end(void *userdata)
{
    struct run *run = userdata;
    struct shm_view *view;
    void *loans[PASSED];
    int i;

    fault_points_plan(run->point, run->nth, SIGKILL);
    run->scene.claims = run->claims;
    view = pool_scene_look(&run->scene);
    for (i = 0; i < PASSED; i++) {
        loans[i] = take(view, &run->parcels[i]);
        if (loans[i] == NULL)
            return 3;
    }
    shm_view_pass(view, run->parcels[PASSED].slot);
    shm_view_return(loans[RETURNED]);
    shm_view_close(view);
    shm_view_return(loans[KEPT]);
    shm_view_return(loans[KEPT_TOO]);
    say_points();
    return fflush(stdout);
}

static void lend_all(struct run *run)
{
    int i;

    pool_scene_init(&run->scene);
    CU_ASSERT_EQUAL_FATAL(shm_claims_new(run->scene.pool, POOL_SCENE_LINK, &run->claims), MAIKO_OK);
    for (i = 0; i < PARCELS; i++) {
        run->parcels[i] = parcel_make(&run->scene, (unsigned char)(i + 1));
        parcel_deliver(&run->scene, &run->parcels[i]);
        shm_claims_lend(run->claims, run->parcels[i].slot);
        shm_pool_release(run->parcels[i].held);
    }
    shm_claims_lend(run->claims, run->parcels[KEPT].slot); /* never arrives */
}

static void see_all_back(struct run *run)
{
    int i;

    shm_claims_leave(run->claims);
    pool_scene_ask(&run->scene);
    CU_ASSERT_EQUAL(shm_pool_used(run->scene.pool), PARCELS);
    for (i = 0; i < PARCELS; i++) {
        CU_ASSERT(parcel_is_filled(run->parcels[i].seen, PARCEL_LEN, (unsigned char)(i + 1)));
        shm_view_return(run->parcels[i].loan);
        CU_ASSERT_EQUAL(shm_pool_used(run->scene.pool), (uint32_t)(PARCELS - 1 - i));
    }
    CU_ASSERT_PTR_NULL(shm_claims_fault(run->scene.claims));
    pool_scene_deinit(&run->scene);
}

/* How the child ended; ret_text: the points that it has passed. */
static int play(const char *point, unsigned nth, char ret_text[OUTPUT])
{
    struct run run = {.point = point, .nth = nth};
    struct child child;
    int status;

    lend_all(&run);
    CU_ASSERT_TRUE_FATAL(child_start(&child, read_to_the_end, &run));
    (void)child_read_output(&child, ret_text, OUTPUT);
    status = child_end(&child, 60000);
    see_all_back(&run);
    return status;
}

static void a_reader_killed_at_any_store_costs_no_slot(void)
{
    static char points[OUTPUT];
    static char text[OUTPUT];
    unsigned count = 0;
    char *point;

    CU_ASSERT_EQUAL_FATAL(play(NULL, 0, points), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(points, "after_view_closes"));
    for (point = strtok(points, "\n"); point != NULL; point = strtok(NULL, "\n")) {
        unsigned nth;

        for (nth = 1; play(point, nth, text) == 128 + SIGKILL; nth++)
            ;
        count += nth > 1; /* the others are the owner's, whose memory of them the child has */
    }
    CU_ASSERT_EQUAL(count, 2 * STORES);
}

static const struct test_case cases[] = {TEST_CASE(a_reader_killed_at_any_store_costs_no_slot)};
SUITE_MAIN("pool_ends", cases)
