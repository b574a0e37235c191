/* A forked child: whatever the parent's other threads held or did at the fork, no call of the child waits, and none writes
 * to what it shares with its parent. */
#include "lib/child.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include "runtime/supervisor_internal.h"

#include <errno.h>
#include <maiko/import.h>
#include <maiko/topology.h>
#include <string.h>
#include <unistd.h>

struct family {
    struct stage stage;
    struct player player;
    maiko_context *ctx; /* the player's */
    maiko_importer *importer;
    maiko_import_path *path;
    maiko_hold *hold; /* of the player */
    int (*call)(struct family *family);
};

/* --- the calls: 0 is what they have to answer --- */

static int forked(maiko_status status)
{
    return status == MAIKO_EFORKED ? 0 : 1;
}

static int send_without_type(struct family *family)
{
    return forked(maiko_send_bytes(maiko_supervisor_context(family->stage.sup), NULL, NULL, 0)) +
           forked(maiko_send_bytes(family->ctx, NULL, NULL, 0));
}

static int send_from_outside(struct family *family)
{
    return forked(stage_send(&family->stage, 1));
}

static int add(struct family *family)
{
    return forked(stage_add(&family->stage, "more", &family->player));
}

static int remove_player(struct family *family)
{
    return forked(maiko_supervisor_remove(family->stage.sup, "player"));
}

static int join_and_halt(struct family *family)
{
    maiko_supervisor *sup = family->stage.sup;

    return forked(maiko_supervisor_join(sup)) + forked(maiko_supervisor_halt(sup, NULL)) +
           forked(maiko_supervisor_stop(&sup, NULL)) + forked(maiko_supervisor_request_stop(sup)) +
           forked(maiko_stop_runtime(family->ctx));
}

static int status(struct family *family)
{
    return forked(maiko_supervisor_status(family->stage.sup)) +
           (strcmp(maiko_supervisor_error_text(family->stage.sup), maiko_strerror(MAIKO_EFORKED)) != 0);
}

static int views(struct family *family)
{
    maiko_counters *counters = NULL;
    char *text = NULL;

    return forked(maiko_supervisor_counters(family->stage.sup, &counters)) +
           forked(maiko_supervisor_to_json(family->stage.sup, &text)) + (maiko_supervisor_fd(family->stage.sup) != -1) +
           maiko_context_is_alive(family->ctx);
}

static int ask_for_room(struct family *family)
{
    maiko_importer_on_room(family->importer, NULL, NULL);
    return maiko_importer_has_room(family->importer) + !maiko_is_sender_full(maiko_supervisor_context(family->stage.sup)) +
           !maiko_is_sender_full(family->ctx);
}

static int bring_in(struct family *family)
{
    const number event = {.value = 1};
    const maiko_import import = {.struct_size = sizeof import,
                                 .topic = "number",
                                 .type = MAIKO_TYPE(number),
                                 .event = &event,
                                 .len = sizeof event,
                                 .sender = "somebody"};

    return forked(maiko_importer_send(family->importer, &import)) + forked(maiko_importer_finish(family->importer));
}

/* The parent reserved before the fork. */
static int bring_in_over_a_path(struct family *family)
{
    const maiko_import none = {.struct_size = sizeof none};
    maiko_import_path *path = NULL;
    void *event;

    maiko_import_commit(family->path, &none);
    maiko_import_abandon(family->path);
    return forked(maiko_import_path_new(family->importer, "number", MAIKO_TYPE(number), "somebody", &path)) +
           forked(maiko_import_reserve(family->path, sizeof(number), &event)) + forked(maiko_importer_flush(family->importer));
}

static int let_go(struct family *family)
{
    maiko_hold_release(family->hold);
    return 0;
}

static int commit(struct family *family)
{
    maiko_context *ctx = maiko_supervisor_context(family->stage.sup);

    return maiko_reserve(ctx, number, 0) != NULL;
}

static int (*const calls[])(struct family *family) = {
    send_without_type, send_from_outside,    add,    remove_player, join_and_halt, status, views, ask_for_room,
    bring_in,          bring_in_over_a_path, let_go, commit,
};

/* --- the family --- */

static maiko_status take_hold(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct family *family = player->data;

    (void)envelope;
    family->ctx = ctx;
    return family->hold == NULL ? maiko_hold_new(ctx, &family->hold) : MAIKO_OK;
}

static bool all_sleep(struct maiko_supervisor *sup)
{
    bool all;

    pthread_mutex_lock(&sup->lock);
    all = sup->idle_shards == 3;
    pthread_mutex_unlock(&sup->lock);
    return all;
}

static void family_open(struct family *family)
{
    void *event;

    memset(family, 0, sizeof *family);
    family->player.data = family;
    family->player.handle = take_hold;
    stage_open(&family->stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_importer_new(family->stage.sup, "door", NULL, &family->importer), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&family->stage, "player", &family->player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_import_path_new(family->importer, "number", MAIKO_TYPE(number), NULL, &family->path), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(family->stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&family->stage, 0), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&family->player.events) == 1, 60000));
    CU_ASSERT_EQUAL(maiko_import_reserve(family->path, sizeof(number), &event), MAIKO_OK);
    /* idle from here on: nobody else touches what the child could touch */
    CU_ASSERT_TRUE(wait_until(all_sleep(family->stage.sup), 60000));
}

static void family_close(struct family *family)
{
    maiko_import_abandon(family->path);
    (void)maiko_import_path_free(family->path);
    maiko_hold_release(family->hold);
    CU_ASSERT_EQUAL(stage_send(&family->stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&family->player.events) == 2, 60000));
    CU_ASSERT_EQUAL(stage_stop(&family->stage), MAIKO_OK);
    stage_close(&family->stage);
}

/* As if other threads were in the middle of a call at the fork. */
static void hold_locks(struct maiko_supervisor *sup, int (*change)(pthread_mutex_t *lock))
{
    struct inbox *inbox;

    change(&sup->lock);
    change(&sup->registry.lock);
    for (inbox = sup->inboxes; inbox != NULL; inbox = inbox->next)
        change(&inbox->lock);
    change(&sup->shards[0]->post_lock);
    change(&sup->shards[1]->post_lock);
}

static int call_in_child(void *userdata)
{
    struct family *family = userdata;

    return family->call(family);
}

static void no_call_waits_for_a_lock(void)
{
    struct family family;
    size_t i;

    family_open(&family);
    for (i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int result;

        family.call = calls[i];
        hold_locks(family.stage.sup, pthread_mutex_lock);
        result = child_run(call_in_child, &family, 60000);
        hold_locks(family.stage.sup, pthread_mutex_unlock);
        if (result != 0)
            SUITE_FAIL("call %zu: %d", i, result);
    }
    family_close(&family);
}

static bool has_signal(int fd)
{
    uint64_t count;

    return read(fd, &count, sizeof count) == (ssize_t)sizeof count || errno != EAGAIN;
}

static int make_all_calls(void *userdata)
{
    struct family *family = userdata;
    int wrong = 0;
    size_t i;

    for (i = 0; i < sizeof calls / sizeof calls[0]; i++)
        wrong += calls[i](family);
    return wrong;
}

static uint64_t sleeps(const struct maiko_supervisor *sup)
{
    return COUNTED(sup->shards[0]->counters, sleeps) + COUNTED(sup->shards[1]->counters, sleeps);
}

/* Eventfds are one object for parent and child: what the child writes wakes the parent, which then goes to sleep again. */
static void no_call_wakes_the_parent(void)
{
    struct family family;
    struct maiko_supervisor *sup;
    uint64_t before;

    family_open(&family);
    sup = family.stage.sup;
    (void)has_signal(sup->join_fd);
    before = sleeps(sup);
    CU_ASSERT_EQUAL(child_run(make_all_calls, &family, 60000), 0);
    CU_ASSERT_FALSE(has_signal(sup->join_fd));
    CU_ASSERT_FALSE(wait_until(sleeps(sup) != before, 100));
    family_close(&family);
}

static const struct test_case cases[] = {
    TEST_CASE(no_call_waits_for_a_lock),
    TEST_CASE(no_call_wakes_the_parent),
};
SUITE_MAIN("fork", cases)
