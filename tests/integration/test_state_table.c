/* State table: every cell of runtime/state_table.h is executed. */
#include "lib/child.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include "runtime/state_table.h"

#include <maiko/import.h>
#include <maiko/topology.h>
#include <string.h>

enum {
    OK = MAIKO_OK,
    ESTATE = MAIKO_ESTATE,
    ECLOSED = MAIKO_ECLOSED,
    ETHREAD = MAIKO_ETHREAD,
    EFORKED = MAIKO_EFORKED,
    ENOTFOUND = MAIKO_ENOTFOUND
};
enum { WAITS = 1000, NONE = 1001, NO_FD = -120 };

/* What a call is made on. */
struct scene {
    struct stage stage;
    struct player player; /* running: its context is used; in its hooks the call is made or the stop is held up */
    struct player other;  /* to be removed */
    struct player added;
    maiko_status (*call)(struct scene *scene);
    maiko_status answer;
    _Atomic bool is_answered;
    _Atomic bool go_on; /* what is held up */
    _Atomic bool is_kept;
    maiko_context *ctx; /* the player's */
    maiko_importer *importer;
    maiko_envelope *kept;        /* the first event of the player */
    maiko_hold *hold;            /* on the player */
    const maiko_envelope *event; /* the one it is lent, or the kept one */
};

/* --- the calls --- */

static maiko_status call_maiko_supervisor_add(struct scene *scene)
{
    return stage_add(&scene->stage, "added", &scene->added);
}

static maiko_status call_maiko_supervisor_remove(struct scene *scene)
{
    return maiko_supervisor_remove(scene->stage.sup, "other");
}

static maiko_status call_maiko_supervisor_start(struct scene *scene)
{
    return maiko_supervisor_start(scene->stage.sup);
}

static maiko_status call_maiko_supervisor_join(struct scene *scene)
{
    return maiko_supervisor_join(scene->stage.sup);
}

static maiko_status call_maiko_supervisor_run(struct scene *scene)
{
    return maiko_supervisor_run(scene->stage.sup);
}

static maiko_status call_maiko_supervisor_poll(struct scene *scene)
{
    int64_t handled = maiko_supervisor_poll(scene->stage.sup, 1);

    return handled < 0 ? (maiko_status)handled : MAIKO_OK;
}

/* The state of the supervisor where there is none. */
static maiko_status call_maiko_supervisor_fd(struct scene *scene)
{
    return maiko_supervisor_fd(scene->stage.sup) >= 0 ? MAIKO_OK : maiko_supervisor_status(scene->stage.sup);
}

static maiko_status call_maiko_supervisor_request_stop(struct scene *scene)
{
    return maiko_supervisor_request_stop(scene->stage.sup);
}

static maiko_status call_maiko_supervisor_halt(struct scene *scene)
{
    return maiko_supervisor_halt(scene->stage.sup, NULL);
}

static maiko_status call_maiko_supervisor_stop(struct scene *scene)
{
    maiko_supervisor *sup = scene->stage.sup;
    maiko_status status = maiko_supervisor_stop(&sup, NULL);

    if (sup == NULL)
        scene->stage.sup = NULL;
    return status;
}

static maiko_status call_maiko_supervisor_status(struct scene *scene)
{
    return maiko_supervisor_status(scene->stage.sup);
}

static maiko_status call_maiko_supervisor_counters(struct scene *scene)
{
    maiko_counters *counters = NULL;
    maiko_status status = maiko_supervisor_counters(scene->stage.sup, &counters);

    (void)maiko_counters_free(counters);
    return status;
}

static maiko_status call_maiko_supervisor_to_json(struct scene *scene)
{
    char *text = NULL;
    maiko_status status = maiko_supervisor_to_json(scene->stage.sup, &text);

    maiko_text_free(text);
    return status;
}

static maiko_status call_maiko_supervisor_to_mermaid(struct scene *scene)
{
    char *text = NULL;
    maiko_status status = maiko_supervisor_to_mermaid(scene->stage.sup, &text);

    maiko_text_free(text);
    return status;
}

static maiko_status call_maiko_importer_send(struct scene *scene)
{
    const number event = {.value = 1};

    return maiko_importer_send(scene->importer, &(maiko_import){.struct_size = sizeof(maiko_import),
                                                                .topic = "elsewhere",
                                                                .type = MAIKO_TYPE(number),
                                                                .event = &event,
                                                                .len = sizeof event});
}

static maiko_status call_maiko_importer_finish(struct scene *scene)
{
    return maiko_importer_finish(scene->importer);
}

static maiko_status call_maiko_importer_flush(struct scene *scene)
{
    return maiko_importer_flush(scene->importer);
}

static maiko_status call_maiko_importer_adopt(struct scene *scene)
{
    maiko_schema *schema = maiko_schema_new("adopted", NULL);
    maiko_status status = maiko_importer_adopt(scene->importer, schema);

    if (status != MAIKO_OK)
        maiko_schema_free(schema);
    return status;
}

static maiko_status new_path(struct scene *scene, maiko_import_path **ret_path)
{
    return maiko_import_path_new(scene->importer, "elsewhere", MAIKO_TYPE(number), NULL, ret_path);
}

static maiko_status call_maiko_import_path_new(struct scene *scene)
{
    maiko_import_path *path = NULL;
    maiko_status status = new_path(scene, &path);

    (void)maiko_import_path_free(path);
    return status;
}

/* And abandoned. */
static maiko_status call_maiko_import_reserve(struct scene *scene)
{
    maiko_import_path *path = NULL;
    maiko_status status = new_path(scene, &path);
    void *event;

    if (status == MAIKO_OK)
        status = maiko_import_reserve(path, sizeof(number), &event);
    if (status == MAIKO_OK)
        maiko_import_abandon(path);
    (void)maiko_import_path_free(path);
    return status;
}

static maiko_status call_maiko_importer_new(struct scene *scene)
{
    maiko_importer *importer;

    return maiko_importer_new(scene->stage.sup, "door", NULL, &importer);
}

static maiko_status call_maiko_send_as_supervisor(struct scene *scene)
{
    return stage_send(&scene->stage, 1);
}

static maiko_status call_maiko_try_send_as_supervisor(struct scene *scene)
{
    return maiko_try_send(maiko_supervisor_context(scene->stage.sup), number, .value = 1);
}

static maiko_status call_maiko_send_child_as_supervisor(struct scene *scene)
{
    return maiko_send_child(maiko_supervisor_context(scene->stage.sup), scene->event, number, .value = 1);
}

/* Where nothing can be reserved, of what is no room. */
static maiko_status commit(maiko_context *ctx)
{
    number none = {.value = 1};
    number *event = maiko_reserve(ctx, number, 0);

    if (event != NULL)
        *event = none;
    return maiko_commit_to(ctx, "elsewhere", event == NULL ? &none : event);
}

static maiko_status call_maiko_commit_as_supervisor(struct scene *scene)
{
    return commit(maiko_supervisor_context(scene->stage.sup));
}

static maiko_status call_maiko_commit(struct scene *scene)
{
    return commit(scene->ctx);
}

/* It says nothing: what was given up is none to commit any more. */
static maiko_status call_maiko_abandon(struct scene *scene)
{
    number none = {.value = 1};
    number *event = maiko_reserve(scene->ctx, number, 0);
    maiko_status status;

    maiko_abandon(scene->ctx, event == NULL ? &none : event);
    status = maiko_commit(scene->ctx, event == NULL ? &none : event);
    return status == MAIKO_EINVAL ? MAIKO_OK : status;
}

static maiko_status call_maiko_send_child(struct scene *scene)
{
    return maiko_send_child_to(scene->ctx, scene->event, "elsewhere", number, .value = 1);
}

static maiko_status call_maiko_send_event(struct scene *scene)
{
    const number event = {.value = 1};

    return maiko_send_event_to(scene->ctx, "elsewhere", number, &event);
}

static maiko_status call_maiko_send(struct scene *scene)
{
    return maiko_send_to(scene->ctx, "elsewhere", number, .value = 1);
}

static maiko_status call_maiko_reserve(struct scene *scene)
{
    void *event = maiko_reserve(scene->ctx, number, 0);

    maiko_abandon(scene->ctx, event);
    return event == NULL ? maiko_context_last_refusal(scene->ctx) : MAIKO_OK;
}

static maiko_status call_maiko_subscribe(struct scene *scene)
{
    return maiko_subscribe(scene->ctx, &(maiko_subscription){.pattern = "more/#"});
}

static maiko_status call_maiko_unsubscribe(struct scene *scene)
{
    return maiko_unsubscribe(scene->ctx, "number");
}

static maiko_status call_maiko_finish(struct scene *scene)
{
    return maiko_finish(scene->ctx);
}

static maiko_status call_maiko_stop(struct scene *scene)
{
    return maiko_stop(scene->ctx);
}

static maiko_status call_maiko_stop_runtime(struct scene *scene)
{
    return maiko_stop_runtime(scene->ctx);
}

static maiko_status call_maiko_context_stop_fd(struct scene *scene)
{
    return maiko_context_stop_fd(scene->ctx) >= 0 ? MAIKO_OK : (maiko_status)NO_FD;
}

static maiko_status call_maiko_hold_new(struct scene *scene)
{
    maiko_hold *hold = NULL;
    maiko_status status = maiko_hold_new(scene->ctx, &hold);

    maiko_hold_release(hold);
    return status;
}

static maiko_status call_maiko_hold_sender(struct scene *scene)
{
    maiko_hold *hold = NULL;
    maiko_status status = maiko_hold_sender(scene->ctx, scene->event, &hold);

    maiko_hold_release(hold);
    return status;
}

/* What a hook took, or one of its own.  It says nothing: in a child it is the parent's, and stays. */
static maiko_status call_maiko_hold_release(struct scene *scene)
{
    maiko_status status = maiko_supervisor_status(scene->stage.sup);

    if (scene->hold == NULL && status == MAIKO_OK)
        status = maiko_hold_new(scene->ctx, &scene->hold);
    maiko_hold_release(scene->hold);
    scene->hold = NULL;
    return status;
}

static maiko_status call_maiko_envelope_unref(struct scene *scene)
{
    maiko_envelope *kept = NULL;
    maiko_status status = maiko_envelope_keep(scene->event, &kept);

    return maiko_envelope_unref(kept) == NULL && maiko_envelope_unref(NULL) == NULL ? status : MAIKO_EINTERNAL;
}

/* And given back. */
static maiko_status call_maiko_envelope_keep(struct scene *scene)
{
    maiko_envelope *kept = NULL;
    maiko_status status = maiko_envelope_keep(scene->event, &kept);

    (void)maiko_envelope_unref(kept);
    return status;
}

struct row {
    const char *name;
    maiko_status (*call)(struct scene *scene);
    int new_state;
    int running;
    int stopping;
    int stopped;
    int hook;
    int on_stop;
    int child;
};

#define ROW(name, ...) {#name, call_##name, __VA_ARGS__},
static const struct row rows[] = {STATE_TABLE(ROW)};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* --- scenes --- */

static bool is_polled(const struct row *row)
{
    return row->call == call_maiko_supervisor_poll || row->call == call_maiko_supervisor_fd;
}

static void *make_call(void *userdata)
{
    struct scene *scene = userdata;

    scene->answer = scene->call(scene);
    atomic_store(&scene->is_answered, true);
    return NULL;
}

/* The first one is kept, for calls that want an event. */
static maiko_status keep_event(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct scene *scene = player->data;

    if (player->events == 1)
        CU_ASSERT_EQUAL(maiko_envelope_keep(envelope, &scene->kept), MAIKO_OK);
    if (player->events == 1 && scene->call == call_maiko_hold_release)
        CU_ASSERT_EQUAL(maiko_hold_new(ctx, &scene->hold), MAIKO_OK);
    scene->event = scene->kept;
    atomic_store(&scene->is_kept, true);
    return MAIKO_OK;
}

static maiko_status call_in_hook(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct scene *scene = player->data;

    (void)ctx;
    if (!atomic_load(&scene->is_answered)) { /* it may have sent another event */
        scene->event = envelope;
        (void)make_call(scene);
    }
    return MAIKO_OK;
}

static maiko_status call_in_on_stop(struct player *player, maiko_context *ctx)
{
    (void)ctx;
    (void)make_call(player->data);
    return MAIKO_OK;
}

static maiko_status wait_in_on_stop(struct player *player, maiko_context *ctx)
{
    struct scene *scene = player->data;

    (void)ctx;
    while (!atomic_load(&scene->go_on))
        wait_a_moment(UINT64_MAX);
    return MAIKO_OK;
}

static void scene_open(struct scene *scene, const struct row *row)
{
    maiko_config config = {.mode = is_polled(row) ? MAIKO_POLLED : MAIKO_THREADS, .shards = 1};

    memset(scene, 0, sizeof *scene);
    scene->call = row->call;
    scene->player.data = scene;
    scene->player.handle = keep_event;
    stage_open(&scene->stage, &config);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->stage.sup, PLAYER("player", &scene->player, .subscribe = MAIKO_TOPICS("number"),
                                                                  .dedicated = row->call == call_maiko_context_stop_fd)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&scene->stage, "other", &scene->other), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_new(scene->stage.sup, "gate", NULL, &scene->importer), MAIKO_OK);
}

/* Starts it, until the actors have started, and the player has an event unless it waits for one of its own. */
static void scene_start(struct scene *scene, const struct row *row)
{
    CU_ASSERT_EQUAL(maiko_supervisor_start(scene->stage.sup), MAIKO_OK);
    if (is_polled(row))
        stage_settle(&scene->stage);
    CU_ASSERT_TRUE(wait_until(atomic_load(&scene->player.ctx) != NULL && atomic_load(&scene->other.ctx) != NULL, 60000));
    scene->ctx = atomic_load(&scene->player.ctx);
    if (scene->player.handle != keep_event)
        return;
    CU_ASSERT_EQUAL(stage_send(&scene->stage, 0), MAIKO_OK);
    if (is_polled(row))
        stage_settle(&scene->stage);
    CU_ASSERT_TRUE(wait_until(atomic_load(&scene->is_kept), 60000));
}

static void scene_close(struct scene *scene)
{
    if (scene->stage.sup != NULL)
        (void)stage_stop(&scene->stage);
    stage_close(&scene->stage);
    (void)maiko_envelope_unref(scene->kept);
}

static void expect(const struct row *row, const char *state, int expected, maiko_status answer)
{
    if (answer != (expected == WAITS ? (int)MAIKO_OK : expected))
        SUITE_FAIL("%s, %s: %s", row->name, state, maiko_status_name(answer));
}

/* --- columns --- */

static void calls_before_start(void)
{
    struct scene scene;
    const struct row *row;

    for (row = rows; row < rows + ROWS; row++) {
        if (row->new_state == NONE)
            continue;
        scene_open(&scene, row);
        if (row->new_state == WAITS)
            CU_ASSERT_EQUAL(maiko_supervisor_request_stop(scene.stage.sup), MAIKO_OK);
        expect(row, "new", row->new_state, row->call(&scene));
        scene_close(&scene);
    }
}

static void calls_while_running(void)
{
    struct scene scene;
    const struct row *row;

    for (row = rows; row < rows + ROWS; row++) {
        scene_open(&scene, row);
        scene_start(&scene, row);
        if (row->running == WAITS)
            CU_ASSERT_EQUAL(maiko_supervisor_request_stop(scene.stage.sup), MAIKO_OK);
        expect(row, "running", row->running, row->call(&scene));
        scene_close(&scene);
    }
}

static void *halt(void *userdata)
{
    struct scene *scene = userdata;

    (void)maiko_supervisor_halt(scene->stage.sup, NULL);
    return NULL;
}

/* An on_stop hook holds the stop up until the call has returned, or for calls that wait for the stop until it was made. */
static void calls_while_stopping(void)
{
    struct scene scene;
    const struct row *row;
    pthread_t stopping;
    pthread_t calling;

    for (row = rows; row < rows + ROWS; row++) {
        if (row->stopping == NONE)
            continue;
        scene_open(&scene, row);
        scene.player.on_stop = wait_in_on_stop;
        scene_start(&scene, row);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&stopping, NULL, halt, &scene), 0);
        CU_ASSERT_TRUE(wait_until(atomic_load(&scene.player.stops) == 1, 60000));
        CU_ASSERT_EQUAL_FATAL(pthread_create(&calling, NULL, make_call, &scene), 0);
        if (row->stopping != WAITS)
            CU_ASSERT_TRUE(wait_until(atomic_load(&scene.is_answered), 60000));
        atomic_store(&scene.go_on, true);
        pthread_join(calling, NULL);
        pthread_join(stopping, NULL);
        expect(row, "stopping", row->stopping, scene.answer);
        scene_close(&scene);
    }
}

static void calls_after_the_stop(void)
{
    struct scene scene;
    const struct row *row;

    for (row = rows; row < rows + ROWS; row++) {
        scene_open(&scene, row);
        scene_start(&scene, row);
        CU_ASSERT_EQUAL(maiko_supervisor_halt(scene.stage.sup, NULL), MAIKO_OK);
        expect(row, "stopped", row->stopped, row->call(&scene));
        scene_close(&scene);
    }
}

static void calls_from_a_hook(void)
{
    struct scene scene;
    const struct row *row;

    for (row = rows; row < rows + ROWS; row++) {
        scene_open(&scene, row);
        scene.player.handle = call_in_hook;
        scene_start(&scene, row);
        CU_ASSERT_EQUAL(stage_send(&scene.stage, 0), MAIKO_OK);
        if (is_polled(row))
            stage_settle(&scene.stage);
        CU_ASSERT_TRUE(wait_until(atomic_load(&scene.is_answered), 60000));
        expect(row, "hook", row->hook, scene.answer);
        scene_close(&scene);
    }
}

static void calls_from_the_last_hook(void)
{
    struct scene scene;
    const struct row *row;

    for (row = rows; row < rows + ROWS; row++) {
        if (row->on_stop == NONE)
            continue;
        scene_open(&scene, row);
        scene.player.on_stop = call_in_on_stop;
        scene_start(&scene, row);
        CU_ASSERT_EQUAL(maiko_supervisor_halt(scene.stage.sup, NULL), MAIKO_OK);
        expect(row, "on_stop", row->on_stop, scene.answer);
        scene_close(&scene);
    }
}

static int call_in_child(void *userdata)
{
    struct scene *scene = userdata;

    return -(int)scene->call(scene);
}

static void calls_in_a_forked_child_leave_the_parent_unharmed(void)
{
    struct scene scene;
    const struct row *row;

    for (row = rows; row < rows + ROWS; row++) {
        scene_open(&scene, row);
        scene_start(&scene, row);
        expect(row, "child", row->child, (maiko_status)-child_run(call_in_child, &scene, 60000));
        maiko_hold_release(scene.hold);
        CU_ASSERT_EQUAL(stage_send(&scene.stage, 0), MAIKO_OK);
        CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
        CU_ASSERT_EQUAL(scene.player.events, 2);
        stage_close(&scene.stage);
        (void)maiko_envelope_unref(scene.kept);
    }
}

/* The hook's thread lives on in the child, and finds itself in the middle of the hook. */
static maiko_status fork_in_hook(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct scene *scene = player->data;
    const struct row *row;

    scene->event = envelope;
    scene->ctx = ctx;
    CU_ASSERT_EQUAL(maiko_hold_new(ctx, &scene->hold), MAIKO_OK);
    for (row = rows; row < rows + ROWS; row++) {
        scene->call = row->call;
        expect(row, "child of a hook", row->child, (maiko_status)-child_run(call_in_child, scene, 60000));
    }
    maiko_hold_release(scene->hold);
    return MAIKO_OK;
}

static void calls_in_a_child_forked_by_a_hook(void)
{
    struct scene scene;

    scene_open(&scene, &rows[0]);
    scene.player.handle = fork_in_hook;
    scene_start(&scene, &rows[0]);
    CU_ASSERT_EQUAL(stage_send(&scene.stage, 0), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(scene.player.stops, 1);
    stage_close(&scene.stage);
}

/* Getters answer anywhere; NULL is an answer for every call. */
static void getters_answer_in_every_state(void)
{
    struct scene scene;
    maiko_context *ctx;

    scene_open(&scene, &rows[0]);
    ctx = maiko_supervisor_context(scene.stage.sup);
    CU_ASSERT_STRING_EQUAL(maiko_context_name(ctx), "supervisor");
    CU_ASSERT_TRUE(maiko_context_is_alive(ctx));
    CU_ASSERT_EQUAL(maiko_supervisor_fd(scene.stage.sup), -1);
    scene_start(&scene, &rows[0]);
    CU_ASSERT_STRING_EQUAL(maiko_context_name(scene.ctx), "player");
    CU_ASSERT_PTR_EQUAL(maiko_context_supervisor(scene.ctx), scene.stage.sup);
    CU_ASSERT_TRUE(maiko_context_is_alive(scene.ctx));
    CU_ASSERT_TRUE(maiko_context_time(scene.ctx) > 0);
    CU_ASSERT_EQUAL(maiko_context_depth(scene.ctx), 0);
    CU_ASSERT_EQUAL(maiko_stop(ctx), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_finish(ctx), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_subscribe(ctx, &(maiko_subscription){.pattern = "x"}), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(scene.stage.sup, NULL), MAIKO_OK);
    CU_ASSERT_FALSE(maiko_context_is_alive(ctx));
    CU_ASSERT_FALSE(maiko_context_is_alive(scene.ctx));
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(scene.stage.sup), 0);
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_error_text(scene.stage.sup), "");
    scene_close(&scene);
}

static const struct test_case cases[] = {
    TEST_CASE(calls_before_start),
    TEST_CASE(calls_while_running),
    TEST_CASE(calls_while_stopping),
    TEST_CASE(calls_after_the_stop),
    TEST_CASE(calls_from_a_hook),
    TEST_CASE(calls_from_the_last_hook),
    TEST_CASE(calls_in_a_forked_child_leave_the_parent_unharmed),
    TEST_CASE(calls_in_a_child_forked_by_a_hook),
    TEST_CASE(getters_answer_in_every_state),
};
SUITE_MAIN("state table", cases)
