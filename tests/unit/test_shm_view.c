/* View: which large events are read in place, which are copied because a process has only so many mappings or the owner left
 * holes, and that neither costs the reader memory that is the owner's to pay for. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/leaks.h"
#include "lib/pool_scene.h"
#include "lib/suite.h"
#include "node/node.h"
#include "node/pool.h"

#define CARGO_FIELDS(F) F(UINT64, number) F(TAIL, body, BYTES)
MAIKO_EVENT(cargo, "cargo", CARGO_FIELDS)

static struct shm_budget *make_budget(struct pool_scene *scene, uint32_t slots)
{
    struct shm_budget *budget = NULL;

    CU_ASSERT_EQUAL_FATAL(shm_budget_new(&scene->heap, slots, &budget), MAIKO_OK);
    return budget;
}

/* The scene's view has this budget instead. */
static void limit(struct pool_scene *scene, struct shm_budget *budget)
{
    shm_view_close(scene->view);
    scene->view = pool_scene_look_with(scene, budget);
}

/* Does the reader see what its owner writes there now? */
static bool is_in_place(const struct parcel *parcel)
{
    unsigned char *made = (unsigned char *)parcel->made + PARCEL_HEAD;
    const unsigned char *seen = (const unsigned char *)parcel->seen + PARCEL_HEAD;
    unsigned char before = *made;
    bool is_seen;

    *made = (unsigned char)(before + 1);
    is_seen = *seen == *made;
    *made = before;
    return is_seen;
}

static void past_its_budget_a_view_makes_copies(void)
{
    enum { MAPPED = 2, ALL = 4 };
    struct parcel parcels[ALL];
    struct shm_budget *budget;
    struct pool_scene scene;
    unsigned char i;

    pool_scene_init(&scene);
    budget = make_budget(&scene, MAPPED);
    limit(&scene, budget);
    for (i = 0; i < ALL; i++) {
        parcels[i] = parcel_make(&scene, i);
        parcel_deliver(&scene, &parcels[i]);
        shm_pool_release(parcels[i].held);
        CU_ASSERT_EQUAL(is_in_place(&parcels[i]), i < MAPPED);
        CU_ASSERT_EQUAL((uintptr_t)parcels[i].seen % 16, 0);
    }
    CU_ASSERT_EQUAL(shm_view_copied(scene.view), ALL - MAPPED);
    CU_ASSERT_FALSE(shm_budget_take(budget));
    for (i = 0; i < ALL; i++) {
        CU_ASSERT(parcel_is_filled(parcels[i].seen, PARCEL_LEN, i));
        CU_ASSERT(shm_view_is_read(scene.view, parcels[i].slot));
        CU_ASSERT_EQUAL(shm_pool_used(scene.pool), (uint32_t)(ALL - i));
        shm_view_return(parcels[i].loan);
    }
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    shm_view_close(scene.view);
    scene.view = NULL;
    for (i = 0; i < MAPPED; i++)
        CU_ASSERT(shm_budget_take(budget)); /* it came back */
    CU_ASSERT_FALSE(shm_budget_take(budget));
    shm_budget_unref(budget);
    pool_scene_deinit(&scene);
}

static void copies_outlive_the_link_as_what_is_read_in_place_does(void)
{
    struct shm_budget *budget;
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    budget = make_budget(&scene, 0);
    limit(&scene, budget);
    shm_budget_unref(budget);
    parcel = parcel_make(&scene, 9);
    parcel_deliver(&scene, &parcel);
    shm_pool_release(parcel.held);
    shm_view_close(scene.view);
    pool_scene_leave(&scene);
    scene.view = NULL;
    CU_ASSERT(parcel_is_filled(parcel.seen, PARCEL_LEN, 9));
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

static unsigned count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned lines = 0;
    int c;

    CU_ASSERT_PTR_NOT_NULL_FATAL(maps);
    while ((c = fgetc(maps)) != EOF)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

/* Of 64 MiB of slots there are 324. */
static void a_view_needs_few_mappings_beside_those_of_slots_that_were_read(void)
{
    enum { VIEWS = 100, EACH = 4 };
    static struct shm_view *views[VIEWS];
    static void *loans[VIEWS];
    unsigned descriptors = leaks_count_fds();
    struct shm_budget *budget;
    struct pool_scene scene;
    struct parcel parcel;
    unsigned before;
    size_t i;

    pool_scene_init(&scene);
    budget = make_budget(&scene, UINT32_MAX);
    parcel = parcel_make(&scene, 3);
    before = count_mappings();
    for (i = 0; i < VIEWS; i++)
        views[i] = pool_scene_look_with(&scene, budget);
    CU_ASSERT(count_mappings() <= before + VIEWS * EACH);
    for (i = 0; i < VIEWS; i++) {
        void *seen = shm_view_take(views[i], parcel.slot, PARCEL_SIZE, PARCEL_LEN, parcel.made, &loans[i]);

        CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
        CU_ASSERT(parcel_is_filled(seen, PARCEL_LEN, 3));
    }
    CU_ASSERT(count_mappings() <= before + VIEWS * (EACH + 2));
    CU_ASSERT_EQUAL(leaks_count_fds(), descriptors + 3 + VIEWS);
    for (i = 0; i < VIEWS; i++) {
        shm_view_return(loans[i]);
        shm_view_close(views[i]);
    }
    shm_budget_unref(budget);
    shm_pool_release(parcel.held);
    pool_scene_deinit(&scene);
    CU_ASSERT_EQUAL(leaks_count_fds(), descriptors);
}

/* ---- holes ---- */

/* A pool of one slot with no memory behind it, as no honest owner lends it. */
static struct shm_area make_holes(void)
{
    const uint32_t counts[SHM_CLASSES] = {1};
    struct shm_area area = SHM_AREA_NONE;

    CU_ASSERT_EQUAL_FATAL(shm_area_create_unmapped(SHM_AREA_POOL, SHM_SLOT_SMALLEST, 0, &area, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(pwrite(area.fd, counts, sizeof(counts), offsetof(struct shm_pool_header, counts)), sizeof(counts));
    CU_ASSERT_EQUAL(shm_area_seal(&area), MAIKO_OK);
    return area;
}

static long long blocks_of(int fd)
{
    struct stat file;

    CU_ASSERT_EQUAL(fstat(fd, &file), 0);
    return (long long)file.st_blocks;
}

/* Who makes a page of shared memory pays for it, and reading a hole makes one. */
static void reading_holes_makes_no_memory(void)
{
    struct shm_area area = make_holes();
    long long blocks = blocks_of(area.fd);
    struct shm_budget *budget;
    struct shm_view *view = NULL;
    struct pool_scene scene;
    char head[PARCEL_HEAD];
    const char *reason;
    void *loan;
    void *seen;

    pool_scene_init(&scene);
    memset(head, 0, sizeof(head));
    budget = make_budget(&scene, 1);
    CU_ASSERT_EQUAL_FATAL(
        shm_view_new(&scene.heap, budget, area.fd, shm_claims_fd(scene.claims), POOL_SCENE_LINK, &view, &reason), MAIKO_OK);
    seen = shm_view_take(view, 0, PARCEL_SIZE, PARCEL_HEAD + SHM_SLOT_SMALLEST, head, &loan);
    CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
    CU_ASSERT(parcel_is_filled(seen, PARCEL_HEAD + SHM_SLOT_SMALLEST, 0));
    CU_ASSERT_EQUAL(blocks_of(area.fd), blocks);
    CU_ASSERT_EQUAL(shm_view_copied(view), 1);
    shm_view_return(loan);
    shm_view_close(view);
    shm_budget_unref(budget);
    shm_area_deinit(&area);
    pool_scene_deinit(&scene);
}

/* What an honest owner reserves and does not fill in is memory, but none that anybody has written. */
static void what_was_filled_in_half_is_whole_too(void)
{
    struct pool_scene scene;
    unsigned char *event;
    void *held;
    void *loan;
    void *seen;
    uint32_t slot;

    pool_scene_init(&scene);
    event = shm_pool_take(scene.pool, PARCEL_SIZE, PARCEL_LEN, &held);
    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    memset(event, 5, PARCEL_LEN / 2);
    slot = shm_pool_find(scene.pool, event);
    shm_claims_lend(scene.claims, slot);
    seen = shm_view_take(scene.view, slot, PARCEL_SIZE, PARCEL_LEN, event, &loan);
    CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
    CU_ASSERT_EQUAL(memcmp(seen, event, PARCEL_LEN), 0);
    shm_view_return(loan);
    shm_pool_release(held);
    pool_scene_deinit(&scene);
}

/* ---- without memory, and told ---- */

static void without_memory_for_a_copy_nothing_is_taken(void)
{
    struct shm_budget *budget;
    struct pool_scene scene;
    struct parcel parcel;

    pool_scene_init(&scene);
    budget = make_budget(&scene, 0);
    limit(&scene, budget);
    shm_budget_unref(budget);
    parcel = parcel_make(&scene, 1);
    failing_allocator_fail_nth(&scene.memory, 0);
    CU_ASSERT_PTR_NULL(shm_view_take(scene.view, parcel.slot, PARCEL_SIZE, PARCEL_LEN, parcel.made, &parcel.loan));
    CU_ASSERT_FALSE(shm_view_is_read(scene.view, parcel.slot));
    parcel_deliver(&scene, &parcel); /* as soon as there is some */
    shm_view_return(parcel.loan);
    shm_pool_release(parcel.held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    pool_scene_deinit(&scene);
}

static unsigned warnings;

static void count_warning(maiko_log_level level, const char *text, void *userdata)
{
    (void)userdata;
    warnings += level == MAIKO_LOG_WARNING && strstr(text, "large events of node far are copied") != NULL;
}

static maiko_status take_cargo(struct node_peer *peer, struct slice payload, void **ret_loan)
{
    struct payload_plan *plan = NULL;
    const void *event;
    char reason[256];
    struct text error;
    maiko_status status;
    size_t len = 0;

    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL_FATAL(payload_plan_new(heap_default(), MAIKO_TYPE(cargo), NULL, &plan, NULL), MAIKO_OK);
    status = node_pool_take(peer, plan, payload, &event, ret_loan, &len, &error);
    payload_plan_free(plan);
    return status;
}

static void copies_are_told_once_and_what_finds_no_memory_is_refused(void)
{
    static maiko_bridge bridge;
    static struct node_peer peer;
    struct shm_budget *budget;
    struct pool_scene scene;
    struct pack pack;
    uint32_t slot;
    cargo *made;
    void *held;
    void *loan;
    int i;

    warnings = 0;
    pool_scene_init(&scene);
    budget = make_budget(&scene, 0);
    limit(&scene, budget);
    shm_budget_unref(budget);
    bridge = (maiko_bridge){.heap = &scene.heap, .config.log = count_warning};
    peer = (struct node_peer){.bridge = &bridge, .view = scene.view};
    snprintf(peer.name, sizeof(peer.name), "far");
    made = shm_pool_take(scene.pool, sizeof(cargo), sizeof(cargo) + PARCEL_LEN, &held);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    made->body_count = PARCEL_LEN;
    slot = shm_pool_find(scene.pool, made);
    pack_init(&pack, heap_default(), SIZE_MAX);
    payload_write_reference(&pack, &(struct payload_reference){
                                       .slot = slot, .len = sizeof(cargo) + PARCEL_LEN, .head = {(void *)made, sizeof(cargo)}});
    for (i = 0; i < 3; i++) {
        shm_claims_lend(scene.claims, slot);
        CU_ASSERT_EQUAL_FATAL(take_cargo(&peer, pack_slice(&pack), &loan), MAIKO_OK);
        shm_view_return(loan);
    }
    CU_ASSERT_EQUAL(warnings, 1);
    shm_claims_lend(scene.claims, slot);
    failing_allocator_fail_nth(&scene.memory, 0);
    CU_ASSERT_EQUAL(take_cargo(&peer, pack_slice(&pack), &loan), MAIKO_ENOMEM);
    shm_pool_release(held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0); /* it was passed */
    pack_deinit(&pack);
    pool_scene_deinit(&scene);
}

static const struct test_case cases[] = {
    TEST_CASE(past_its_budget_a_view_makes_copies),
    TEST_CASE(copies_outlive_the_link_as_what_is_read_in_place_does),
    TEST_CASE(a_view_needs_few_mappings_beside_those_of_slots_that_were_read),
    TEST_CASE(reading_holes_makes_no_memory),
    TEST_CASE(what_was_filled_in_half_is_whole_too),
    TEST_CASE(without_memory_for_a_copy_nothing_is_taken),
    TEST_CASE(copies_are_told_once_and_what_finds_no_memory_is_refused),
};
SUITE_MAIN("shm_view", cases)
