/* Pool and view: what of an event another process can change, and what a reader or a writer that lies can do. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/pool_scene.h"
#include "lib/suite.h"
#include "node/node.h"
#include "node/pool.h"

#define CARGO_FIELDS(F) F(UINT64, number) F(TAIL, body, BYTES)
MAIKO_EVENT(cargo, "cargo", CARGO_FIELDS)

/* ---- who lies ---- */

static void a_reader_may_not_return_what_it_does_not_have(void)
{
    struct pool_scene scene;
    struct parcel mine;
    struct parcel other;

    pool_scene_init(&scene);
    mine = parcel_make(&scene, 1);
    other = parcel_make(&scene, 2);
    parcel_deliver(&scene, &mine);
    shm_pool_release(mine.held);
    shm_view_pass(scene.view, other.slot);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 2);
    CU_ASSERT_PTR_NULL(shm_claims_fault(scene.claims)); /* it is not even looked at */
    shm_view_pass(scene.view, mine.slot);
    shm_view_pass(scene.view, mine.slot);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(shm_claims_fault(scene.claims));
    CU_ASSERT_STRING_EQUAL(shm_claims_fault(scene.claims), "it returned a slot it did not have");
    shm_pool_release(other.held);
    shm_view_return(mine.loan);
    pool_scene_deinit(&scene);
}

/* What it says it does not read it may lose; what others read stays theirs, and nothing more than it had goes to it. */
static void a_reader_that_lies_about_what_it_keeps_harms_itself_alone(void)
{
    struct shm_claims *claims = NULL;
    struct shm_area returns = SHM_AREA_NONE;
    struct pool_scene scene;
    struct parcel shared;
    struct parcel mine;
    struct shm_returns *words;

    pool_scene_init(&scene);
    CU_ASSERT_EQUAL_FATAL(shm_claims_new(scene.pool, POOL_SCENE_LINK, &claims), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_area_attach(SHM_AREA_RETURNS, shm_claims_fd(claims), POOL_SCENE_LINK, &returns, NULL), MAIKO_OK);
    words = returns.base;
    shared = parcel_make(&scene, 1);
    mine = parcel_make(&scene, 2);
    parcel_deliver(&scene, &shared);
    shm_claims_lend(claims, shared.slot);
    shm_claims_lend(claims, mine.slot);
    atomic_store(&words->is_closed, UINT32_MAX); /* the link lives: nobody looks */
    shm_pool_release(shared.held);
    shm_pool_release(mine.held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 2);
    memset((void *)(uintptr_t)words->kept, 0xff, sizeof(words->kept));
    shm_claims_leave(claims);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 2);
    memset((void *)(uintptr_t)words->kept, 0, sizeof(words->kept));
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    memset((void *)(uintptr_t)words->kept, 0xff, sizeof(words->kept)); /* too late */
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    CU_ASSERT(parcel_is_filled(shared.seen, PARCEL_LEN, 1));
    shm_view_return(shared.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    CU_ASSERT_PTR_NULL(shm_claims_fault(scene.claims));
    shm_area_unmap(&returns);
    pool_scene_deinit(&scene);
}

static void of_an_event_that_is_read_only_the_tail_can_change(void)
{
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 1);
    parcel_deliver(&scene, &parcel);
    parcel_fill(parcel.made, PARCEL_LEN, 2);
    CU_ASSERT(parcel_is_filled(parcel.seen, PARCEL_HEAD, 1));
    CU_ASSERT(parcel_is_filled((char *)parcel.seen + PARCEL_HEAD, PARCEL_LEN - PARCEL_HEAD, 2));
    parcel_fill(parcel.seen, PARCEL_HEAD, 3); /* ours alone */
    CU_ASSERT(parcel_is_filled(parcel.made, PARCEL_LEN, 2));
    shm_pool_release(parcel.held);
    shm_view_return(parcel.loan);
    pool_scene_deinit(&scene);
}

static int write_into_it(void *userdata)
{
    ((unsigned char *)((struct parcel *)userdata)->seen)[PARCEL_HEAD] = 1;
    return 0;
}

static void a_reader_cannot_write_what_is_shared(void)
{
    struct pool_scene scene;
    struct parcel parcel;
    int status;

    pool_scene_init(&scene);
    parcel = parcel_make(&scene, 1);
    parcel_deliver(&scene, &parcel);
    status = child_run(write_into_it, &parcel, 30000);
    CU_ASSERT(status != 0); /* SIGSEGV, or what a sanitizer makes of it */
    CU_ASSERT_PTR_EQUAL(mmap(NULL, SHM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, shm_pool_fd(scene.pool), 0), MAP_FAILED);
    shm_pool_release(parcel.held);
    shm_view_return(parcel.loan);
    pool_scene_deinit(&scene);
}

static void a_reference_to_what_is_not_there_is_seen(void)
{
    struct pool_scene scene;

    pool_scene_init(&scene);
    CU_ASSERT(shm_view_has(scene.view, POOL_SCENE_SLOTS - 1, PARCEL_SIZE, PARCEL_HEAD + 1048576));
    CU_ASSERT_FALSE(shm_view_has(scene.view, POOL_SCENE_SLOTS, PARCEL_SIZE, PARCEL_LEN));
    CU_ASSERT_FALSE(shm_view_has(scene.view, UINT32_MAX, PARCEL_SIZE, PARCEL_LEN));
    CU_ASSERT_FALSE(shm_view_has(scene.view, POOL_SCENE_SLOTS - 1, PARCEL_SIZE, PARCEL_HEAD + 1048576 + 1));
    CU_ASSERT_FALSE(shm_view_has(scene.view, 0, PARCEL_SIZE, PARCEL_SIZE - 1));
    CU_ASSERT_FALSE(shm_view_has(scene.view, 0, PARCEL_SIZE, SIZE_MAX));
    CU_ASSERT_FALSE(shm_view_has(scene.view, 0, SHM_SLOT_PRIVATE + 1, SHM_SLOT_PRIVATE + 1));
    shm_view_pass(scene.view, POOL_SCENE_SLOTS); /* nothing */
    pool_scene_deinit(&scene);
}

static maiko_status take_cargo(struct node_peer *peer, struct slice payload, const void **ret_event, void **ret_loan)
{
    struct payload_plan *plan = NULL;
    char reason[256];
    struct text error;
    maiko_status status;
    size_t len = 0;

    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL_FATAL(payload_plan_new(heap_default(), MAIKO_TYPE(cargo), NULL, &plan, NULL), MAIKO_OK);
    status = node_pool_take(peer, plan, payload, ret_event, ret_loan, &len, &error);
    CU_ASSERT(status != MAIKO_OK || len == sizeof(cargo) + PARCEL_LEN);
    CU_ASSERT(status == MAIKO_OK || strcmp(reason, "a reference: to an event that is read here") == 0);
    payload_plan_free(plan);
    return status;
}

/* A slot that is named again and again may not become a copy for each time. */
static void a_reference_to_what_is_read_here_is_refused_and_passed(void)
{
    static struct node_peer peer;
    struct pool_scene scene;
    struct pack pack;
    cargo *made;
    uint32_t slot;
    const void *seen;
    const void *other = NULL;
    void *none = NULL;
    void *held;
    void *loan;
    int i;

    pool_scene_init(&scene);
    peer = (struct node_peer){.view = scene.view};
    made = shm_pool_take(scene.pool, sizeof(cargo), sizeof(cargo) + PARCEL_LEN, &held);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    made->body_count = PARCEL_LEN;
    memset(made->body, 1, PARCEL_LEN);
    slot = shm_pool_find(scene.pool, made);
    pack_init(&pack, &scene.heap, SIZE_MAX);
    payload_write_reference(&pack, &(struct payload_reference){
                                       .slot = slot, .len = sizeof(cargo) + PARCEL_LEN, .head = {(void *)made, sizeof(cargo)}});
    shm_claims_lend(scene.claims, slot);
    CU_ASSERT_EQUAL_FATAL(take_cargo(&peer, pack_slice(&pack), &seen, &loan), MAIKO_OK);
    for (i = 0; i < 1000; i++) {
        shm_claims_lend(scene.claims, slot);
        CU_ASSERT_EQUAL(take_cargo(&peer, pack_slice(&pack), &other, &none), MAIKO_ELIMIT);
    }
    shm_pool_release(held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    shm_view_return(loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0); /* each was returned, once */
    CU_ASSERT_PTR_NULL(shm_claims_fault(scene.claims));
    pack_deinit(&pack);
    pool_scene_deinit(&scene);
}

static void other_memory_is_refused(void)
{
    struct pool_scene scene;
    struct shm_view *view = NULL;
    struct shm_budget *budget = NULL;
    struct shm_area area;
    const char *reason;

    pool_scene_init(&scene);
    CU_ASSERT_EQUAL_FATAL(shm_budget_new(&scene.heap, 1, &budget), MAIKO_OK);
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, budget, shm_pool_fd(scene.pool), shm_claims_fd(scene.claims), POOL_SCENE_LINK + 1,
                                 &view, &reason),
                    MAIKO_EPROTOCOL);
    CU_ASSERT_STRING_EQUAL(reason, "the memory of another link");
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, budget, shm_claims_fd(scene.claims), shm_claims_fd(scene.claims), POOL_SCENE_LINK,
                                 &view, &reason),
                    MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(
        shm_view_new(&scene.heap, budget, shm_pool_fd(scene.pool), shm_pool_fd(scene.pool), POOL_SCENE_LINK, &view, &reason),
        MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL_FATAL(shm_area_create_unmapped(SHM_AREA_POOL, SHM_SLOT_SMALLEST, 0, &area, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, budget, area.fd, shm_claims_fd(scene.claims), POOL_SCENE_LINK, &view, &reason),
                    MAIKO_EPROTOCOL);
    CU_ASSERT_STRING_EQUAL(reason, "a seal is missing");
    CU_ASSERT_EQUAL(shm_area_seal(&area), MAIKO_OK); /* and it says that it has no slots */
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, budget, area.fd, shm_claims_fd(scene.claims), POOL_SCENE_LINK, &view, &reason),
                    MAIKO_EPROTOCOL);
    CU_ASSERT_STRING_EQUAL(reason, "slots that cannot be");
    shm_area_deinit(&area);
    CU_ASSERT_PTR_NULL(view);
    shm_budget_unref(budget);
    pool_scene_deinit(&scene);
}

static const struct test_case cases[] = {
    TEST_CASE(a_reader_may_not_return_what_it_does_not_have),
    TEST_CASE(a_reader_that_lies_about_what_it_keeps_harms_itself_alone),
    TEST_CASE(of_an_event_that_is_read_only_the_tail_can_change),
    TEST_CASE(a_reader_cannot_write_what_is_shared),
    TEST_CASE(a_reference_to_what_is_not_there_is_seen),
    TEST_CASE(a_reference_to_what_is_read_here_is_refused_and_passed),
    TEST_CASE(other_memory_is_refused),
};
SUITE_MAIN("shm_pool_liar", cases)
