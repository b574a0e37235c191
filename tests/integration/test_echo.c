/* `maiko topic echo` under load: a hundred thousand events a second into a file, none lost, or each one that is lost told.  As
 * --app this program is a node with events of every kind, for tool_echo.sh; as --many one with many topics, for
 * tool_topics.sh. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <maiko/app.h>
#include <maiko/maiko.h>

#include "lib/process.h"
#include "lib/suite.h"

#define READING_FIELDS(F) F(STRING, station, 24) F(DOUBLE, celsius) F(UINT64, number)
MAIKO_EVENT(reading, "load/reading", READING_FIELDS)
#define PAIR_FIELDS(F) F(INT32, x) F(INT32, y)
MAIKO_STRUCT(pair, PAIR_FIELDS)
#define ODD_FIELDS(F)                                                                                                            \
    F(STRING, name, 32) F(UINT64, number) F(BLOB, key, 4) F(ARRAY, list, INT32, 2) F(STRUCT_ARRAY, path, pair, 2)
MAIKO_EVENT(odd, MAIKO_SELF_TOPIC, ODD_FIELDS)
#define IMAGE_FIELDS(F) F(TAIL, bytes, BYTES)
MAIKO_EVENT(image, "image", IMAGE_FIELDS)

/* ---- a node with events of every kind ---- */

static maiko_status send_odd(maiko_context *ctx, const char *topic, const char *name, uint64_t number)
{
    odd event = {.number = number, .list = {1, 2}, .path = {{.x = 3, .y = 4}}};

    /* as a program would that reads it from somewhere: a STRING need not be UTF-8 to be a legal event */
    memcpy(event.name, name, strlen(name));
    event.key.len = 3;
    memcpy(event.key.data, "\x00\xff\n", 3);
    return maiko_send_event_to(ctx, topic, odd, &event);
}

static maiko_status send_all(void *self, maiko_context *ctx)
{
    maiko_status status = send_odd(ctx, "odd/ж/中/😀", "Étienne 😀", UINT64_MAX);
    image *event = status == MAIKO_OK ? maiko_reserve(ctx, image, 20) : NULL;
    uint64_t i;

    (void)self;
    if (event != NULL) {
        memcpy(event->bytes, "\x89PNG\r\n\x1a\n, and so on", 20);
        status = maiko_commit(ctx, event);
    }
    if (status == MAIKO_OK)
        status = send_odd(ctx, "odd/controls",
                          "\xc2\x9b"
                          "2J\x1b[2J",
                          1);
    if (status == MAIKO_OK)
        status = send_odd(ctx, "odd/bytes", "\xd0\x96\xd0", 2);
    for (i = 0; i < 100 && status == MAIKO_OK; i++)
        status = maiko_send(ctx, reading, .station = "S1", .celsius = (double)i / 2, .number = i);
    return status;
}

/* It stays, so that what it sent stays to be had. */
static maiko_step stay(void *self, maiko_context *ctx)
{
    (void)self;
    (void)ctx;
    return MAIKO_STEP_BACKOFF(MAIKO_SECONDS(3600));
}

static const maiko_actor_ops odd_ops = {.on_start = send_all, .step = stay};
static const maiko_actor_spec odd_actors[] = {
    {.name = "жук", .ops = &odd_ops, .publish = MAIKO_TOPICS("odd/#", "image", "load/reading")},
};

static int run_app(int argc, char **argv)
{
    return maiko_app_main(argc, argv, &MAIKO_APP("odd", odd_actors));
}

/* ---- a node with more topics than its record names ---- */

enum { MANY = 1100 };

static maiko_step send_many(void *self, maiko_context *ctx)
{
    unsigned *sent = self;
    char topic[32];

    for (; *sent < MANY && !maiko_is_sender_full(ctx); (*sent)++) {
        snprintf(topic, sizeof(topic), "many/%04u", *sent);
        if (send_odd(ctx, topic, "one", *sent) != MAIKO_OK)
            return MAIKO_EACTOR;
    }
    return *sent < MANY ? MAIKO_STEP_CONTINUE : MAIKO_STEP_BACKOFF(MAIKO_SECONDS(3600));
}

static unsigned many_sent;
static const maiko_actor_ops many_ops = {.step = send_many};
static const maiko_actor_spec many_actors[] = {
    {.name = "many", .ops = &many_ops, .self = &many_sent, .publish = MAIKO_TOPICS("many/#")},
};

static int run_many(int argc, char **argv)
{
    return maiko_app_main(argc, argv, &MAIKO_APP("many", many_actors));
}

/* ---- load ---- */

enum { TICK_NS = 1000000, PER_TICK = 100, ATTEMPTS = 5 };

struct load {
    uint64_t ticks;
    uint64_t tick;
    uint64_t sent;
    uint64_t started_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A tick's events at once, like somebody who reads a device; late ones are made up for. */
static maiko_step send_load(void *self, maiko_context *ctx)
{
    struct load *load = self;
    uint64_t due_ns = load->started_ns + load->tick * TICK_NS;
    uint64_t time_ns = now_ns();

    if (load->started_ns == 0)
        load->started_ns = due_ns = time_ns;
    if (time_ns < due_ns)
        return MAIKO_STEP_BACKOFF(due_ns - time_ns);
    while (load->sent < (load->tick + 1) * PER_TICK) {
        if (maiko_is_sender_full(ctx))
            return MAIKO_STEP_CONTINUE;
        if (maiko_send(ctx, reading, .station = "Seattle-Tacoma", .celsius = 12.5, .number = load->sent) != MAIKO_OK)
            return MAIKO_EACTOR;
        load->sent++;
    }
    if (++load->tick < load->ticks)
        return MAIKO_STEP_CONTINUE;
    (void)maiko_stop_runtime(ctx);
    return MAIKO_STEP_NEVER;
}

static struct host host;

/* Lines in order, each whole; how many. */
static uint64_t lines_of(const char *path)
{
    FILE *file = fopen(path, "r");
    uint64_t count = 0;
    uint64_t next = 0;
    char line[256];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *at = strstr(line, " load/reading load {\"station\":\"Seattle-Tacoma\",\"celsius\":12.5,\"number\":");
        uint64_t number = at == NULL ? 0 : strtoull(strrchr(line, ':') + 1, NULL, 10);

        if (at == NULL || number < next || strcmp(line + strlen(line) - 2, "}\n") != 0)
            SUITE_FAIL("%s at %" PRIu64, line, next);
        next = number + 1;
        count++;
    }
    if (file != NULL)
        fclose(file);
    return count;
}

/* "maiko topic: N events of NODE are lost: REASON" */
static uint64_t told_lost(const struct process *echo)
{
    static const char head[] = "maiko topic: ";
    const char *line = echo->output;
    uint64_t lost = 0;

    CU_ASSERT_FALSE(process_says(echo, "nobody knows how many"));
    while ((line = strstr(line, head)) != NULL) {
        line += strlen(head);
        if (*line >= '0' && *line <= '9')
            lost += strtoull(line, NULL, 10);
    }
    return lost;
}

/* Returns how many were lost. */
static uint64_t run_load(const char *file, struct load *load)
{
    static const maiko_actor_ops ops = {.step = send_load};
    const maiko_actor_spec spec = {.name = "load", .ops = &ops, .self = load, .publish = MAIKO_TOPICS("load/reading")};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.name = "load", .no_counters_file = true});
    maiko_bridge *bridge = maiko_bridge_new(sup, &(maiko_bridge_config){.space = "load", .linger_ns = MAIKO_SECONDS(30)});
    struct process echo;
    uint64_t lines;

    CU_ASSERT_EQUAL(maiko_bridge_export(bridge, &(maiko_bridge_pattern){.pattern = "load/#"}), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(bridge), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(sup), MAIKO_OK);
    process_start(&echo, host_built("tools/maiko"), "topic echo --space load load/#", file);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(bridge, "load/reading", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &spec), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_drain(bridge), MAIKO_OK);
    child_signal(&echo.child, SIGTERM); /* what it has is written first */
    process_finish(&echo);
    CU_ASSERT_EQUAL(echo.code, 0);
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
    lines = lines_of(file);
    CU_ASSERT_EQUAL(lines + told_lost(&echo), load->sent);
    return load->sent - lines;
}

/* Its sender never waits for it, so on a machine that has no time for it for a fifth of a second some are lost: once in a row of
 * attempts all arrive, and in each the books balance. */
static void a_file_gets_all_of_a_hundred_thousand_events_a_second(void)
{
    uint64_t lost = 1;
    char file[600];
    int i;

    host_init(&host);
    scratch_file(&host.scratch, "output", file, sizeof(file));
    for (i = 0; i < ATTEMPTS && lost > 0; i++) {
        struct load load = {.ticks = suite_is_long() ? 3000 : 400};

        lost = run_load(file, &load);
        CU_ASSERT_EQUAL(load.sent, load.ticks * PER_TICK);
    }
    CU_ASSERT_EQUAL(lost, 0);
    host_deinit(&host);
}

static const struct test_case cases[] = {TEST_CASE(a_file_gets_all_of_a_hundred_thousand_events_a_second)};

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--app") == 0)
        return run_app(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--many") == 0)
        return run_many(argc - 1, argv + 1);
    return suite_main(argc, argv, &(struct suite){.name = "topic echo", .cases = cases, .case_count = 1});
}
