#include "lib/stage.h"

#include <string.h>

#include "lib/suite.h"

/* --- players --- */

static maiko_status player_start(void *self, maiko_context *ctx)
{
    struct player *player = self;

    atomic_fetch_add(&player->starts, 1);
    atomic_store(&player->ctx, ctx);
    return player->on_start == NULL ? MAIKO_OK : player->on_start(player, ctx);
}

static maiko_status player_handle(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct player *player = self;
    const number *event = maiko_event_as(envelope, number);
    int count = atomic_fetch_add(&player->events, 1);

    if (event != NULL && count < PLAYER_KEEPS)
        player->values[count] = event->value;
    return player->handle == NULL ? MAIKO_OK : player->handle(player, ctx, envelope);
}

static maiko_step player_step(void *self, maiko_context *ctx)
{
    struct player *player = self;

    atomic_fetch_add(&player->steps, 1);
    return player->step == NULL ? MAIKO_STEP_NEVER : player->step(player, ctx);
}

static maiko_error_action player_error(void *self, maiko_context *ctx, maiko_status error)
{
    struct player *player = self;

    atomic_fetch_add(&player->errors, 1);
    return player->on_error == NULL ? maiko_error_stop_actor() : player->on_error(player, ctx, error);
}

static maiko_status player_end(void *self, maiko_context *ctx)
{
    struct player *player = self;

    atomic_fetch_add(&player->ends, 1);
    return player->on_end == NULL ? MAIKO_OK : player->on_end(player, ctx);
}

static maiko_status player_stop(void *self, maiko_context *ctx)
{
    struct player *player = self;

    atomic_fetch_add(&player->stops, 1);
    return player->on_stop == NULL ? MAIKO_OK : player->on_stop(player, ctx);
}

const maiko_actor_ops player_ops = {.on_start = player_start,
                                    .handle = player_handle,
                                    .step = player_step,
                                    .on_error = player_error,
                                    .on_end = player_end,
                                    .on_stop = player_stop};

/* --- the stage --- */

static void keep_log(maiko_log_level level, const char *text, void *userdata)
{
    struct stage *stage = userdata;
    size_t used;
    size_t len = strlen(text);

    (void)level;
    pthread_mutex_lock(&stage->lock);
    used = strlen(stage->log);
    if (used + len + 2 <= sizeof stage->log) {
        memcpy(stage->log + used, text, len);
        memcpy(stage->log + used + len, "\n", 2);
    }
    pthread_mutex_unlock(&stage->lock);
}

void stage_open(struct stage *stage, const maiko_config *config)
{
    maiko_config own = {.mode = MAIKO_DETERMINISTIC, .shards = 1};

    memset(stage, 0, sizeof *stage);
    pthread_mutex_init(&stage->lock, NULL);
    if (config != NULL)
        own = *config;
    if (!scratch_init(&stage->scratch))
        SUITE_FAIL("no scratch directory");
    own.counters_path = scratch_file(&stage->scratch, "counters", stage->counters, sizeof stage->counters);
    own.keep_counters = true;
    if (own.log == NULL) {
        own.log = keep_log;
        own.log_userdata = stage;
    }
    stage->sup = maiko_supervisor_new(&own);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stage->sup);
}

maiko_status stage_add(struct stage *stage, const char *name, struct player *player)
{
    return maiko_supervisor_add(stage->sup, PLAYER(name, player, .subscribe = MAIKO_TOPICS("number")));
}

maiko_status stage_send(struct stage *stage, int64_t value)
{
    return maiko_send(maiko_supervisor_context(stage->sup), number, .value = value);
}

void stage_settle(struct stage *stage)
{
    CU_ASSERT(maiko_supervisor_poll(stage->sup, 0) >= 0);
}

int stage_count_logged(struct stage *stage, const char *text)
{
    const char *at = stage->log;
    int count = 0;

    pthread_mutex_lock(&stage->lock);
    while ((at = strstr(at, text)) != NULL) {
        at += strlen(text);
        count++;
    }
    pthread_mutex_unlock(&stage->lock);
    return count;
}

bool stage_logged(struct stage *stage, const char *text)
{
    bool found;

    pthread_mutex_lock(&stage->lock);
    found = strstr(stage->log, text) != NULL;
    pthread_mutex_unlock(&stage->lock);
    return found;
}

static maiko_counters *open_counters(struct stage *stage)
{
    maiko_counters *counters = NULL;

    CU_ASSERT_EQUAL(maiko_counters_open(stage->counters, &counters), MAIKO_OK);
    return counters;
}

static void check_books(struct stage *stage)
{
    maiko_counters *counters = open_counters(stage);
    maiko_counters_balance balance;

    if (counters == NULL)
        return;
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    if (!balance.is_balanced)
        SUITE_FAIL("books: %s", balance.text);
    CU_ASSERT_TRUE(balance.is_final);
    CU_ASSERT_EQUAL(balance.in_flight, 0);
    maiko_counters_free(counters);
}

maiko_status stage_stop(struct stage *stage)
{
    maiko_status status = maiko_supervisor_stop(&stage->sup, &stage->report);

    CU_ASSERT_PTR_NULL(stage->sup);
    if (!stage->keeps_no_books)
        check_books(stage);
    return status;
}

maiko_counters_actor stage_counted(struct stage *stage, const char *name)
{
    maiko_counters_actor actor = {.name = ""};
    maiko_counters *counters = open_counters(stage);
    size_t i = 0;

    while (maiko_counters_get_actor(counters, i, &actor) == MAIKO_OK && strcmp(actor.name, name) != 0)
        i++;
    if (i == maiko_counters_actor_count(counters))
        SUITE_FAIL("no counters of actor %s", name);
    actor.name = name;
    maiko_counters_free(counters);
    return actor;
}

uint64_t stage_dropped_for(struct stage *stage, maiko_drop_reason reason)
{
    maiko_counters *counters = open_counters(stage);
    uint64_t events = maiko_counters_dropped_for(counters, reason);

    maiko_counters_free(counters);
    return events;
}

void stage_close(struct stage *stage)
{
    if (stage->sup != NULL)
        (void)maiko_supervisor_stop(&stage->sup, NULL);
    maiko_stop_report_deinit(&stage->report);
    scratch_deinit(&stage->scratch);
    pthread_mutex_destroy(&stage->lock);
}
