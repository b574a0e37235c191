/* Pool and view: large events in shared memory: when a slot comes back, what of an event another process can change, and what a
 * reader or a writer that lies can do. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/leaks.h"
#include "lib/suite.h"
#include "node/node.h"
#include "node/pool.h"
#include "shm/shm_pool.h"
#include "shm/shm_view.h"

#define CARGO_FIELDS(F) F(UINT64, number) F(TAIL, body, BYTES)
MAIKO_EVENT(cargo, "cargo", CARGO_FIELDS)

enum {
    LINK = 4711,
    POOL_BYTES = 4 * 1048576, /* 16 slots of 64 KiB, 4 of 256 KiB, 1 of 1 MiB */
    SMALL_SLOTS = 16,
    SLOTS = 21,
    SIZE = 24, /* of the fixed part of the events here */
    HEAD = 32,
    LEN = SIZE + 40000
};

struct scene {
    struct failing_allocator memory;
    struct heap heap;
    struct shm_pool *pool;
    struct shm_claims *claims;
    struct shm_view *view;
};

static struct shm_view *look(struct scene *scene)
{
    struct shm_view *view = NULL;
    const char *reason = "";

    CU_ASSERT_EQUAL_FATAL(
        shm_view_new(&scene->heap, shm_pool_fd(scene->pool), shm_claims_fd(scene->claims), LINK, &view, &reason), MAIKO_OK);
    return view;
}

static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    failing_allocator_init(&scene->memory);
    heap_init(&scene->heap, &scene->memory.allocator, 0);
    CU_ASSERT_EQUAL_FATAL(shm_pool_new(&scene->heap, POOL_BYTES, &scene->pool), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_claims_new(scene->pool, LINK, &scene->claims), MAIKO_OK);
    scene->view = look(scene);
}

/* As the owner does it. */
static void ask(struct scene *scene)
{
    struct shm_claims *claims;

    while ((claims = shm_pool_ask_next(scene->pool)) != NULL)
        shm_claims_answer(claims, shm_claims_ask(claims));
}

static void tidy(struct scene *scene)
{
    shm_pool_tidy(scene->pool);
    ask(scene);
}

/* The link is over; its claims may be gone. */
static void leave(struct scene *scene)
{
    shm_claims_leave(scene->claims);
    scene->claims = NULL;
    ask(scene);
}

static void scene_deinit(struct scene *scene)
{
    shm_view_unref(scene->view);
    shm_claims_leave(scene->claims);
    if (scene->pool != NULL)
        shm_pool_close(scene->pool);
    CU_ASSERT(failing_allocator_is_balanced(&scene->memory));
}

static void fill(void *event, size_t len, unsigned char seed)
{
    memset(event, seed, len);
}

static bool is_filled(const void *event, size_t len, unsigned char seed)
{
    const unsigned char *at = event;

    while (len > 0 && *at == seed) {
        at++;
        len--;
    }
    return len == 0;
}

/* An event of the writer, lent to the reader. */
struct parcel {
    void *made;
    void *held;
    uint32_t slot;
    void *seen;
    void *loan;
};

static struct parcel make(struct scene *scene, unsigned char seed)
{
    struct parcel parcel = {.made = NULL};

    parcel.made = shm_pool_take(scene->pool, SIZE, LEN, &parcel.held);
    CU_ASSERT_PTR_NOT_NULL_FATAL(parcel.made);
    fill(parcel.made, LEN, seed);
    parcel.slot = shm_pool_find(scene->pool, parcel.made);
    return parcel;
}

static void deliver(struct scene *scene, struct parcel *parcel)
{
    shm_claims_lend(scene->claims, parcel->slot);
    CU_ASSERT_TRUE_FATAL(shm_view_has(scene->view, parcel->slot, SIZE, LEN));
    parcel->seen = shm_view_take(scene->view, parcel->slot, SIZE, LEN, parcel->made, &parcel->loan);
    CU_ASSERT_PTR_NOT_NULL_FATAL(parcel->seen);
}

/* ---- layout ---- */

static void an_event_lies_in_one_piece_and_at_a_multiple_of_16(void)
{
    static const size_t sizes[] = {8, 16, 24, 64, 1000, SHM_SLOT_PRIVATE};
    struct scene scene;
    size_t i;

    scene_init(&scene);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = shm_slots_private(sizes[i]) + SHM_SLOT_SMALLEST;
        void *held;
        unsigned char *event = shm_pool_take(scene.pool, sizes[i], len, &held);
        uint32_t slot;
        void *loan;
        void *seen;

        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        CU_ASSERT_EQUAL((uintptr_t)event % 16, 0);
        CU_ASSERT(is_filled(event, sizes[i], 0));
        fill(event, len, 7);
        slot = shm_pool_find(scene.pool, event);
        CU_ASSERT_FATAL(slot < SMALL_SLOTS);
        shm_claims_lend(scene.claims, slot);
        CU_ASSERT(shm_view_has(scene.view, slot, sizes[i], len));
        CU_ASSERT_FALSE(shm_view_has(scene.view, slot, sizes[i], len + 1));
        seen = shm_view_take(scene.view, slot, sizes[i], len, event, &loan);
        CU_ASSERT_EQUAL((uintptr_t)seen % 16, 0);
        CU_ASSERT(is_filled(seen, len, 7));
        shm_view_return(loan);
        shm_pool_release(held);
    }
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene_deinit(&scene);
}

static void slots_are_found_by_any_place_in_them(void)
{
    struct shm_slots slots = shm_slots_plan(POOL_BYTES);
    struct shm_slots seen;
    size_t end = 0;
    uint32_t i;

    CU_ASSERT_EQUAL(slots.count, SLOTS);
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
    struct scene scene;
    struct parcel parcel;

    scene_init(&scene);
    parcel = make(&scene, 1);
    deliver(&scene, &parcel);
    shm_claims_lend(scene.claims, parcel.slot); /* sent again: it is being read */
    CU_ASSERT_PTR_NULL(shm_view_take(scene.view, parcel.slot, SIZE, LEN, parcel.made, &parcel.loan));
    shm_pool_release(parcel.held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    shm_view_pass(scene.view, parcel.slot);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    CU_ASSERT(is_filled(parcel.seen, LEN, 1));
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    CU_ASSERT_PTR_NULL(shm_claims_fault(scene.claims));
    scene_deinit(&scene);
}

static void an_event_that_is_abandoned_is_free_at_once(void)
{
    struct scene scene;
    struct parcel first;
    struct parcel second;

    scene_init(&scene);
    first = make(&scene, 1);
    shm_pool_release(first.held);
    second = make(&scene, 2);
    CU_ASSERT_EQUAL(first.slot, second.slot); /* the one that is warm */
    shm_pool_release(second.held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene_deinit(&scene);
}

static void a_pool_that_is_used_up_says_so_and_goes_on_when_something_comes_back(void)
{
    struct scene scene;
    struct parcel parcels[SMALL_SLOTS + 4]; /* those of the next size stand in */
    void *held;
    size_t i;

    scene_init(&scene);
    for (i = 0; i < SMALL_SLOTS + 4; i++) {
        parcels[i] = make(&scene, (unsigned char)i);
        deliver(&scene, &parcels[i]);
        shm_pool_release(parcels[i].held);
    }
    CU_ASSERT_EQUAL(shm_pool_starved(scene.pool), 0);
    CU_ASSERT_PTR_NULL(shm_pool_take(scene.pool, SIZE, LEN, &held));
    CU_ASSERT_EQUAL(shm_pool_starved(scene.pool), 1);
    for (i = 0; i < SMALL_SLOTS + 4; i++) {
        CU_ASSERT(is_filled(parcels[i].seen, LEN, (unsigned char)i));
        shm_view_return(parcels[i].loan);
    }
    CU_ASSERT_PTR_NOT_NULL(shm_pool_take(scene.pool, SIZE, LEN, &held));
    shm_pool_release(held);
    CU_ASSERT_PTR_NULL(shm_pool_take(scene.pool, SIZE, SIZE + 4 * 1048576 + 64, &held)); /* of no size there is */
    CU_ASSERT_EQUAL(shm_pool_starved(scene.pool), 1);
    scene_deinit(&scene);
}

static void events_outlive_the_pool_and_the_view_they_came_from(void)
{
    struct scene scene;
    struct parcel parcel;

    scene_init(&scene);
    parcel = make(&scene, 3);
    deliver(&scene, &parcel);
    leave(&scene);
    shm_pool_close(scene.pool);
    shm_view_unref(scene.view);
    CU_ASSERT(is_filled(parcel.made, LEN, 3));
    CU_ASSERT(is_filled(parcel.seen, LEN, 3));
    shm_pool_release(parcel.held);
    CU_ASSERT(is_filled(parcel.seen, LEN, 3));
    shm_view_return(parcel.loan);
    CU_ASSERT(failing_allocator_is_balanced(&scene.memory));
}

/* ---- the end of a link ---- */

static void a_reader_keeps_its_events_behind_the_end_of_the_link(void)
{
    struct scene scene;
    struct parcel parcel;

    scene_init(&scene);
    parcel = make(&scene, 4);
    deliver(&scene, &parcel);
    shm_pool_release(parcel.held);
    leave(&scene);
    shm_view_unref(scene.view);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    CU_ASSERT(is_filled(parcel.seen, LEN, 4));
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene.view = NULL;
    scene.claims = NULL;
    scene_deinit(&scene);
}

static void a_link_that_is_over_keeps_no_descriptor(void)
{
    unsigned descriptors = leaks_count_fds();
    struct scene scene;
    struct parcel parcel;

    scene_init(&scene);
    parcel = make(&scene, 4);
    deliver(&scene, &parcel);
    leave(&scene);
    tidy(&scene);
    CU_ASSERT_EQUAL(leaks_count_fds(), descriptors + 2); /* it is being read */
    shm_view_unref(scene.view);
    shm_view_return(parcel.loan);
    tidy(&scene);
    CU_ASSERT_EQUAL(leaks_count_fds(), descriptors + 1);
    shm_pool_release(parcel.held);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene.view = NULL;
    scene.claims = NULL;
    scene_deinit(&scene);
}

/* What was on its way when the link ended is returned by nobody. */
static void what_never_arrived_comes_back_with_the_end_of_the_mapping(void)
{
    struct scene scene;
    struct parcel parcel;

    scene_init(&scene);
    parcel = make(&scene, 5);
    shm_claims_lend(scene.claims, parcel.slot);
    shm_pool_release(parcel.held);
    leave(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    tidy(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    shm_view_unref(scene.view);
    scene.view = NULL;
    tidy(&scene); /* the longer it took, the more seldom it is looked after */
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    tidy(&scene);
    tidy(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene_deinit(&scene);
}

/* The owner's other calls go on while the kernel is asked, and what comes back then is not overlooked. */
static void a_question_holds_nobody(void)
{
    struct shm_claims *asked;
    struct scene scene;
    struct parcel parcel;
    struct parcel other;

    scene_init(&scene);
    parcel = make(&scene, 7);
    deliver(&scene, &parcel);
    shm_pool_release(parcel.held);
    shm_claims_leave(scene.claims);
    scene.claims = NULL;
    asked = shm_pool_ask_next(scene.pool);
    CU_ASSERT_PTR_NOT_NULL_FATAL(asked);
    CU_ASSERT_PTR_NULL(shm_pool_ask_next(scene.pool));
    other = make(&scene, 8);
    shm_pool_release(other.held);
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    CU_ASSERT_FALSE(shm_claims_ask(asked));
    shm_claims_answer(asked, false);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    CU_ASSERT_PTR_NULL(shm_pool_ask_next(scene.pool));
    scene_deinit(&scene);
}

static int read_and_wait(void *userdata)
{
    struct scene *scene = userdata;
    struct shm_view *view = look(scene);
    struct parcel parcel = {.made = NULL};
    char head[HEAD] = {0};

    if (shm_view_take(view, 0, SIZE, LEN, head, &parcel.loan) == NULL || write(STDOUT_FILENO, "!", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static void what_a_reader_has_comes_back_when_it_dies(void)
{
    struct scene scene;
    struct parcel parcel;
    struct child child;
    char text[2];

    scene_init(&scene);
    shm_view_unref(scene.view); /* the child's is the only one */
    scene.view = NULL;
    parcel = make(&scene, 6);
    CU_ASSERT_EQUAL_FATAL(parcel.slot, 0);
    shm_claims_lend(scene.claims, parcel.slot);
    shm_pool_release(parcel.held);
    CU_ASSERT_FATAL(child_start(&child, read_and_wait, &scene));
    CU_ASSERT_EQUAL(read(child.output_fd, text, 1), 1);
    leave(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    child_signal(&child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&child, 30000), 128 + SIGKILL);
    tidy(&scene);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene_deinit(&scene);
}

static int return_it(void *userdata)
{
    shm_view_return(((struct parcel *)userdata)->loan);
    return 0;
}

static void a_forked_child_returns_nothing_of_its_parent(void)
{
    struct scene scene;
    struct parcel parcel;

    scene_init(&scene);
    parcel = make(&scene, 8);
    deliver(&scene, &parcel);
    shm_pool_release(parcel.held);
    CU_ASSERT_EQUAL(child_run(return_it, &parcel, 30000), 0);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 1);
    shm_view_return(parcel.loan);
    CU_ASSERT_EQUAL(shm_pool_used(scene.pool), 0);
    scene_deinit(&scene);
}

/* ---- who lies ---- */

static void a_reader_may_not_return_what_it_does_not_have(void)
{
    struct scene scene;
    struct parcel mine;
    struct parcel other;

    scene_init(&scene);
    mine = make(&scene, 1);
    other = make(&scene, 2);
    deliver(&scene, &mine);
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
    scene_deinit(&scene);
}

static void of_an_event_that_is_read_only_the_tail_can_change(void)
{
    struct scene scene;
    struct parcel parcel;

    scene_init(&scene);
    parcel = make(&scene, 1);
    deliver(&scene, &parcel);
    fill(parcel.made, LEN, 2);
    CU_ASSERT(is_filled(parcel.seen, HEAD, 1));
    CU_ASSERT(is_filled((char *)parcel.seen + HEAD, LEN - HEAD, 2));
    fill(parcel.seen, HEAD, 3); /* ours alone */
    CU_ASSERT(is_filled(parcel.made, LEN, 2));
    shm_pool_release(parcel.held);
    shm_view_return(parcel.loan);
    scene_deinit(&scene);
}

static int write_into_it(void *userdata)
{
    ((unsigned char *)((struct parcel *)userdata)->seen)[HEAD] = 1;
    return 0;
}

static void a_reader_cannot_write_what_is_shared(void)
{
    struct scene scene;
    struct parcel parcel;
    int status;

    scene_init(&scene);
    parcel = make(&scene, 1);
    deliver(&scene, &parcel);
    status = child_run(write_into_it, &parcel, 30000);
    CU_ASSERT(status != 0); /* SIGSEGV, or what a sanitizer makes of it */
    CU_ASSERT_PTR_EQUAL(mmap(NULL, SHM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, shm_pool_fd(scene.pool), 0), MAP_FAILED);
    shm_pool_release(parcel.held);
    shm_view_return(parcel.loan);
    scene_deinit(&scene);
}

static void a_reference_to_what_is_not_there_is_seen(void)
{
    struct scene scene;

    scene_init(&scene);
    CU_ASSERT(shm_view_has(scene.view, SLOTS - 1, SIZE, HEAD + 1048576));
    CU_ASSERT_FALSE(shm_view_has(scene.view, SLOTS, SIZE, LEN));
    CU_ASSERT_FALSE(shm_view_has(scene.view, UINT32_MAX, SIZE, LEN));
    CU_ASSERT_FALSE(shm_view_has(scene.view, SLOTS - 1, SIZE, HEAD + 1048576 + 1));
    CU_ASSERT_FALSE(shm_view_has(scene.view, 0, SIZE, SIZE - 1));
    CU_ASSERT_FALSE(shm_view_has(scene.view, 0, SIZE, SIZE_MAX));
    CU_ASSERT_FALSE(shm_view_has(scene.view, 0, SHM_SLOT_PRIVATE + 1, SHM_SLOT_PRIVATE + 1));
    shm_view_pass(scene.view, SLOTS); /* nothing */
    scene_deinit(&scene);
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
    CU_ASSERT(status != MAIKO_OK || len == sizeof(cargo) + LEN);
    CU_ASSERT(status == MAIKO_OK || strcmp(reason, "a reference: to an event that is read here") == 0);
    payload_plan_free(plan);
    return status;
}

/* A slot that is named again and again may not become a copy for each time. */
static void a_reference_to_what_is_read_here_is_refused_and_passed(void)
{
    static struct node_peer peer;
    struct scene scene;
    struct pack pack;
    cargo *made;
    uint32_t slot;
    const void *seen;
    const void *other = NULL;
    void *none = NULL;
    void *held;
    void *loan;
    int i;

    scene_init(&scene);
    peer = (struct node_peer){.view = scene.view};
    made = shm_pool_take(scene.pool, sizeof(cargo), sizeof(cargo) + LEN, &held);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    made->body_count = LEN;
    slot = shm_pool_find(scene.pool, made);
    pack_init(&pack, &scene.heap, SIZE_MAX);
    payload_write_reference(
        &pack, &(struct payload_reference){.slot = slot, .len = sizeof(cargo) + LEN, .head = {(void *)made, sizeof(cargo)}});
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
    scene_deinit(&scene);
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
    bridge = (maiko_bridge){.space = (struct space *)&bridge, .export_count = 1, .config.log = count_warning};
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

static void other_memory_is_refused(void)
{
    struct scene scene;
    struct shm_view *view = NULL;
    struct shm_area area;
    const char *reason;

    scene_init(&scene);
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, shm_pool_fd(scene.pool), shm_claims_fd(scene.claims), LINK + 1, &view, &reason),
                    MAIKO_EPROTOCOL);
    CU_ASSERT_STRING_EQUAL(reason, "the memory of another link");
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, shm_claims_fd(scene.claims), shm_claims_fd(scene.claims), LINK, &view, &reason),
                    MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, shm_pool_fd(scene.pool), shm_pool_fd(scene.pool), LINK, &view, &reason),
                    MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL_FATAL(shm_area_create_unmapped(SHM_AREA_POOL, SHM_SLOT_SMALLEST, 0, &area, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, area.fd, shm_claims_fd(scene.claims), LINK, &view, &reason), MAIKO_EPROTOCOL);
    CU_ASSERT_STRING_EQUAL(reason, "a seal is missing");
    CU_ASSERT_EQUAL(shm_area_seal(&area), MAIKO_OK); /* and it says that it has no slots */
    CU_ASSERT_EQUAL(shm_view_new(&scene.heap, area.fd, shm_claims_fd(scene.claims), LINK, &view, &reason), MAIKO_EPROTOCOL);
    CU_ASSERT_STRING_EQUAL(reason, "slots that cannot be");
    shm_area_deinit(&area);
    CU_ASSERT_PTR_NULL(view);
    scene_deinit(&scene);
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    struct scene scene;
    long nth;

    for (nth = 0; nth < 3; nth++) {
        struct shm_pool *pool = NULL;
        struct shm_claims *claims = NULL;
        struct shm_view *view = NULL;
        const char *reason;
        maiko_status status;

        memset(&scene, 0, sizeof(scene));
        failing_allocator_init(&scene.memory);
        heap_init(&scene.heap, &scene.memory.allocator, 0);
        failing_allocator_fail_nth(&scene.memory, nth);
        status = shm_pool_new(&scene.heap, POOL_BYTES, &pool);
        if (status == MAIKO_OK)
            status = shm_claims_new(pool, LINK, &claims);
        if (status == MAIKO_OK)
            status = shm_view_new(&scene.heap, shm_pool_fd(pool), shm_claims_fd(claims), LINK, &view, &reason);
        CU_ASSERT_EQUAL(status, MAIKO_ENOMEM);
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
        reader->wrong += !is_filled(parcel.seen, LEN, seed);
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
    struct scene scene;
    struct dice dice;
    long i;

    dice_init(&dice);
    scene_init(&scene);
    memset(readers, 0, sizeof(readers));
    for (i = 0; i < READERS; i++) {
        pthread_mutex_init(&readers[i].lock, NULL);
        pthread_cond_init(&readers[i].changed, NULL);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (i = 0; i < EVENTS; i++) {
        struct parcel parcel = {.made = NULL};
        unsigned char seed = (unsigned char)dice_throw(&dice);

        parcel.made = shm_pool_take(scene.pool, SIZE, LEN, &parcel.held);
        if (parcel.made == NULL)
            continue; /* all are read */
        fill(parcel.made, LEN, seed);
        parcel.slot = shm_pool_find(scene.pool, parcel.made);
        deliver(&scene, &parcel);
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
    scene_deinit(&scene);
}

static const struct test_case cases[] = {
    TEST_CASE(an_event_lies_in_one_piece_and_at_a_multiple_of_16),
    TEST_CASE(slots_are_found_by_any_place_in_them),
    TEST_CASE(the_largest_pool_has_no_more_slots_than_a_memory_of_returns_has_words),
    TEST_CASE(a_slot_is_free_when_its_owner_and_every_reader_have_let_go),
    TEST_CASE(an_event_that_is_abandoned_is_free_at_once),
    TEST_CASE(a_pool_that_is_used_up_says_so_and_goes_on_when_something_comes_back),
    TEST_CASE(events_outlive_the_pool_and_the_view_they_came_from),
    TEST_CASE(a_reader_keeps_its_events_behind_the_end_of_the_link),
    TEST_CASE(a_link_that_is_over_keeps_no_descriptor),
    TEST_CASE(what_never_arrived_comes_back_with_the_end_of_the_mapping),
    TEST_CASE(a_question_holds_nobody),
    TEST_CASE(what_a_reader_has_comes_back_when_it_dies),
    TEST_CASE(a_forked_child_returns_nothing_of_its_parent),
    TEST_CASE(a_reader_may_not_return_what_it_does_not_have),
    TEST_CASE(of_an_event_that_is_read_only_the_tail_can_change),
    TEST_CASE(a_reader_cannot_write_what_is_shared),
    TEST_CASE(a_reference_to_what_is_not_there_is_seen),
    TEST_CASE(a_reference_to_what_is_read_here_is_refused_and_passed),
    TEST_CASE(more_types_than_the_pool_notes_are_told_once),
    TEST_CASE(other_memory_is_refused),
    TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
    TEST_CASE(nothing_is_written_while_any_thread_reads_it),
};
SUITE_MAIN("shm_pool", cases)
