/* A pipeline as a table, in one process and in three, over every way there is: the same output, nothing lost, books balanced.
 * The processes are this program itself, started with --app. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maiko/app.h>
#include <maiko/keypair.h>
#include <maiko/maiko.h>
#include <maiko/space.h>

#include "lib/process.h"
#include "lib/suite.h"

/* ---- the pipeline ---- */

#define READING_FIELDS(F) F(STRING, station, 16) F(DOUBLE, celsius) F(UINT64, number)
MAIKO_EVENT(reading, "weather/reading", READING_FIELDS)
#define ALERT_FIELDS(F) F(DOUBLE, celsius) F(UINT64, number)
MAIKO_EVENT(alert, "weather/alert", ALERT_FIELDS)
#define SUMMARY_FIELDS(F) F(UINT64, count) F(DOUBLE, sum)
MAIKO_EVENT(summary, "weather/summary", SUMMARY_FIELDS)

static uint64_t wanted = 1000;

struct tally {
    uint64_t count;
    double sum;
};

static maiko_step produce(void *self, maiko_context *ctx)
{
    struct tally *tally = self;

    while (tally->count < wanted) {
        if (maiko_is_sender_full(ctx))
            return MAIKO_STEP_CONTINUE;
        if (maiko_send(ctx, reading, .station = "S1", .celsius = (double)(tally->count % 50), .number = tally->count) != MAIKO_OK)
            return MAIKO_STEP_CONTINUE;
        tally->count++;
    }
    maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static maiko_status warn(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const reading *event = maiko_event_as(envelope, reading);

    if (event == NULL || event->celsius <= 45)
        return MAIKO_OK;
    return maiko_send_child(ctx, envelope, alert, .celsius = event->celsius, .number = event->number);
}

static maiko_status sum_up(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const reading *event = maiko_event_as(envelope, reading);
    struct tally *tally = self;

    if (event == NULL)
        return MAIKO_OK;
    tally->sum += event->celsius;
    if (++tally->count % 100 != 0)
        return MAIKO_OK;
    return maiko_send_child(ctx, envelope, summary, .count = tally->count, .sum = tally->sum);
}

static maiko_status sum_up_the_rest(void *self, maiko_context *ctx)
{
    const struct tally *tally = self;

    return maiko_send(ctx, summary, .count = tally->count, .sum = -1);
}

struct log {
    uint64_t readings;
    uint64_t alerts;
    uint64_t summaries;
    uint64_t out_of_order;
    uint64_t last_count;
};

static maiko_status note(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const reading *r = maiko_event_as(envelope, reading);
    const summary *s = maiko_event_as(envelope, summary);
    struct log *log = self;

    if (r != NULL && r->number != log->readings++)
        log->out_of_order++;
    if (maiko_event_as(envelope, alert) != NULL)
        log->alerts++;
    if (s != NULL) {
        log->summaries++;
        log->last_count = s->count;
    }
    return MAIKO_OK;
}

static maiko_status print_log(void *self, maiko_context *ctx)
{
    const struct log *log = self;

    printf("%" PRIu64 " readings, %" PRIu64 " out of order, %" PRIu64 " alerts, %" PRIu64 " summaries, the last of %" PRIu64 "\n",
           log->readings, log->out_of_order, log->alerts, log->summaries, log->last_count);
    fflush(stdout);
    return MAIKO_OK;
}

static const maiko_actor_ops sensor = {.step = produce};
static const maiko_actor_ops alerter = {.handle = warn};
static const maiko_actor_ops monthly = {.handle = sum_up, .on_end = sum_up_the_rest};
static const maiko_actor_ops logger = {.handle = note, .on_end = print_log};

static struct tally sensor_state;
static struct tally monthly_state;
static struct log logger_state;

static const maiko_actor_spec weather[] = {
    {.name = "sensor", .ops = &sensor, .self = &sensor_state, .publish = MAIKO_TOPICS("weather/reading")},
    {.name = "alerter", .ops = &alerter, .subscribe = MAIKO_TOPICS("weather/reading"), .publish = MAIKO_TOPICS("weather/alert")},
    {.name = "monthly",
     .ops = &monthly,
     .self = &monthly_state,
     .subscribe = MAIKO_TOPICS("weather/reading"),
     .publish = MAIKO_TOPICS("weather/summary")},
    {.name = "logger", .ops = &logger, .self = &logger_state, .subscribe = MAIKO_TOPICS("weather/#")},
};

static maiko_status prepare(int argc, char **argv, void *userdata)
{
    if (argc > 0)
        wanted = strtoull(argv[0], NULL, 10);
    return argc <= 1 ? MAIKO_OK : MAIKO_EINVAL;
}

static int run_app(int argc, char **argv)
{
    return maiko_app_main(argc, argv, &MAIKO_APP("weather", weather, .arguments = "COUNT", .prepare = prepare));
}

static void print_hook(maiko_log_level level, const char *text, void *userdata)
{
    (void)level;
    printf("%s %s\n", (const char *)userdata, text);
    fflush(stdout);
}

static char mark[] = "hook:";
static const maiko_config hooked = {.log = print_hook, .log_userdata = mark};

/* `config_size`: how much of a config the program was compiled with. */
static int run_hooked(int argc, char **argv, size_t config_size)
{
    maiko_app app = MAIKO_APP("weather", weather, .config = &hooked);

    app.config_size = config_size;
    return maiko_app_main(argc, argv, &app);
}

/* ---- running it ---- */

static struct host host;

static void start(struct process *process, const char *options)
{
    char line[2300];

    snprintf(line, sizeof(line), "--app %s", options);
    process_start(process, "/proc/self/exe", line, NULL);
}

static void expect_output(const struct process *process, uint64_t count)
{
    char line[160];

    snprintf(line, sizeof(line),
             "%" PRIu64 " readings, 0 out of order, %" PRIu64 " alerts, %" PRIu64 " summaries, the last of %" PRIu64 "\n", count,
             count / 50 * 4, count / 100 + 1, count);
    if (!process_says(process, line))
        SUITE_FAIL("expected %s, got %s", line, process->output);
}

/* Events of one process times the processes that want them: acknowledged, and nothing lost. */
static void expect_books(const struct process *process, uint64_t exported, uint64_t readers, uint64_t imported)
{
    CU_ASSERT_EQUAL(process_figure(process, "exported"), exported);
    CU_ASSERT_EQUAL(process_figure(process, "acknowledged"), exported * readers);
    CU_ASSERT_EQUAL(process_figure(process, "lost"), 0);
    CU_ASSERT_EQUAL(process_figure(process, "imported"), imported);
    CU_ASSERT_EQUAL(process_figure(process, "import_refused"), 0);
    CU_ASSERT_EQUAL(process_figure(process, "export_refused"), 0);
}

static void count_node(const maiko_node_info *node, void *userdata)
{
    *(unsigned *)userdata += node->is_alive;
}

static unsigned nodes_of_space(void)
{
    unsigned count = 0;

    (void)maiko_space_list(NULL, "wx", count_node, &count, NULL, 0);
    return count;
}

/* One after the other: in a space the next one starts when the one before is there. */
static void run_three(const char *options[3], const int order[3], uint64_t count, struct process processes[3])
{
    uint64_t derived = count / 50 * 4 + count / 100 + 1;
    int i;

    for (i = 0; i < 3; i++) {
        start(&processes[order[i]], options[order[i]]);
        if (i < 2 && strstr(options[order[i]], "--space") != NULL)
            CU_ASSERT(wait_until(nodes_of_space() == (unsigned)i + 1, 60000));
    }
    for (i = 0; i < 3; i++) {
        process_finish(&processes[i]);
        CU_ASSERT_EQUAL(processes[i].code, 0);
    }
    expect_output(&processes[2], count);
    expect_books(&processes[0], count, 2, 0);
    expect_books(&processes[1], derived, 1, count);
    expect_books(&processes[2], 0, 0, count + derived);
}

/* ---- cases ---- */

static void one_process_needs_no_options(void)
{
    struct process process;

    host_init(&host);
    start(&process, "1000");
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    expect_output(&process, 1000);
    host_deinit(&host);
}

static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

static void three_processes_of_a_space_may_start_in_any_order(void)
{
    const char *options[3] = {"--stats --space wx --actors sensor 2000", "--stats --space wx --actors alerter,monthly",
                              "--stats --space wx --actors logger"};
    struct process processes[3];
    size_t i;

    host_init(&host);
    for (i = 0; i < 6; i++)
        run_three(options, orders[i], 2000, processes);
    host_deinit(&host);
}

static void run_three_over_tcp(const int order[3])
{
    struct process processes[3];
    char texts[3][256];
    const char *options[3] = {texts[0], texts[1], texts[2]};
    int port = host_free_ports(2);

    snprintf(texts[1], sizeof(texts[1]), "--stats --actors alerter,monthly --listen tcp://127.0.0.1:%d", port);
    snprintf(texts[2], sizeof(texts[2]), "--stats --actors logger --listen tcp://127.0.0.1:%d --connect tcp://127.0.0.1:%d",
             port + 1, port);
    snprintf(texts[0], sizeof(texts[0]), "--stats --actors sensor --connect tcp://127.0.0.1:%d --connect tcp://127.0.0.1:%d 2000",
             port, port + 1);
    run_three(options, order, 2000, processes);
}

static void three_processes_may_start_in_any_order_and_meet_over_tcp(void)
{
    size_t i;

    host_init(&host);
    for (i = 0; i < 6; i++)
        run_three_over_tcp(orders[i]);
    host_deinit(&host);
}

static void a_small_window_and_small_mailboxes_hold_the_sender_and_lose_nothing(void)
{
    static const int order[3] = {2, 1, 0};
    uint64_t count = suite_scale(100000, 1500000);
    struct process processes[3];
    char sensor_options[128];
    const char *options[3] = {sensor_options, "--stats --mailbox 16 --window 65536 --space wx --actors alerter,monthly",
                              "--stats --mailbox 16 --window 65536 --space wx --actors logger"};

    host_init(&host);
    snprintf(sensor_options, sizeof(sensor_options), "--stats --mailbox 16 --window 65536 --space wx --actors sensor %" PRIu64,
             count);
    run_three(options, order, count, processes);
    CU_ASSERT(process_figure(&processes[0], "window_waits") > 0);
    host_deinit(&host);
}

static void save_keys(const char *name, char *path, size_t size)
{
    maiko_keypair keypair;

    snprintf(path, size, "%s/%s", host.scratch.path, name);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&keypair), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_save(&keypair, path, NULL, 0), MAIKO_OK);
}

static void two_processes_meet_encrypted(void)
{
    struct process listening;
    struct process connecting;
    char here[600];
    char there[600];
    char options[2048];
    int port = host_free_ports(1);

    host_init(&host);
    save_keys("here", here, sizeof(here));
    save_keys("there", there, sizeof(there));
    snprintf(options, sizeof(options),
             "--stats --actors alerter,monthly,logger --listen tcp://127.0.0.1:%d --key %s --peer-key %s.pub", port, here, there);
    start(&listening, options);
    snprintf(options, sizeof(options), "--stats --actors sensor --connect tcp://127.0.0.1:%d --key %s --peer-key %s.pub 500",
             port, there, here);
    start(&connecting, options);
    process_finish(&connecting);
    process_finish(&listening);
    CU_ASSERT_EQUAL(connecting.code, 0);
    CU_ASSERT_EQUAL(listening.code, 0);
    expect_output(&listening, 500);
    expect_books(&connecting, 500, 1, 0);
    host_deinit(&host);
}

/* Both wait this long for each other, and in vain; that they may be slow to start says nothing. */
static bool a_wrong_key_is_named_within(unsigned seconds)
{
    struct process listening;
    struct process connecting;
    char here[600];
    char there[600];
    char options[2048];
    int port = host_free_ports(1);
    bool is_named;

    host_init(&host);
    save_keys("here", here, sizeof(here));
    save_keys("there", there, sizeof(there));
    snprintf(options, sizeof(options), "--actors logger --listen tcp://127.0.0.1:%d --key %s --peer-key %s.pub --wait %u", port,
             here, there, seconds);
    start(&listening, options);
    snprintf(options, sizeof(options), "--actors sensor --connect tcp://127.0.0.1:%d --key %s --peer-key %s.pub --wait %u 500",
             port, there, there, seconds);
    start(&connecting, options);
    process_finish(&connecting);
    process_finish(&listening);
    CU_ASSERT_EQUAL(connecting.code, 4);
    is_named =
        process_says(&connecting, "does not have the key we expect") && process_says(&listening, "does not have our public key");
    host_deinit(&host);
    return is_named;
}

static void a_wrong_key_is_named_and_nothing_starts(void)
{
    bool is_named = false;
    unsigned seconds;

    for (seconds = 1; seconds <= 64 && !is_named; seconds *= 4)
        is_named = a_wrong_key_is_named_within(seconds);
    CU_ASSERT(is_named);
}

static void who_is_missing_is_named_after_the_wait(void)
{
    struct process process;
    char options[700];

    host_init(&host);
    start(&process, "--space wx --actors sensor,alerter --wait 0.2");
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 4);
    CU_ASSERT(process_says(&process, "not present after 0.2 s: monthly, logger"));
    CU_ASSERT(process_says(&process, "/maiko/wx\n"));
    CU_ASSERT(process_says(&process, "maiko ps --space wx shows"));
    snprintf(options, sizeof(options), "--space wx --actors sensor --wait 0 --runtime-dir %s", host.scratch.path);
    start(&process, options);
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 4);
    CU_ASSERT(process_says(&process, "maiko ps --runtime-dir /"));
    host_deinit(&host);
}

static void who_does_not_wait_starts_before_the_others(void)
{
    const char *options[3] = {"--stats --space wx --actors sensor 2000", "--stats --space wx --actors alerter,monthly",
                              "--stats --space wx --actors logger --wait no"};
    struct process processes[3];
    struct process alone;

    host_init(&host);
    start(&alone, "--space wx --actors sensor --wait no 100");
    process_finish(&alone);
    CU_ASSERT_EQUAL(alone.code, 0);
    run_three(options, (const int[]){2, 1, 0}, 2000, processes);
    host_deinit(&host);
}

static void an_actor_that_runs_twice_is_told_and_runs_twice(void)
{
    static const char *const options[4] = {"--space wx --node one --actors logger --wait no",
                                           "--space wx --node two --actors logger --wait no",
                                           "--space wx --actors alerter,monthly", "--space wx --actors sensor 500"};
    struct process processes[4];
    size_t i;

    host_init(&host);
    for (i = 0; i < 4; i++) {
        start(&processes[i], options[i]);
        CU_ASSERT(i == 3 || wait_until(nodes_of_space() == i + 1, 60000));
    }
    for (i = 0; i < 4; i++) {
        process_finish(&processes[i]);
        CU_ASSERT_EQUAL(processes[i].code, 0);
        CU_ASSERT_EQUAL(process_says(&processes[i], "actor logger runs here"), i < 2);
    }
    CU_ASSERT(process_says(&processes[0], "actor logger runs here (node one) and at node two"));
    host_deinit(&host);
}

static void run_connecting_in_vain(struct process *process, const char *role)
{
    char line[200];

    snprintf(line, sizeof(line), "%s --actors sensor --connect tcp://127.0.0.1:%d --wait 1", role, host_free_ports(1));
    process_start(process, "/proc/self/exe", line, NULL);
    process_finish(process);
    CU_ASSERT_EQUAL(process->code, 4);
}

static void the_log_of_the_program_is_the_bridges_too(void)
{
    struct process process;

    host_init(&host);
    run_connecting_in_vain(&process, "--hooked");
    CU_ASSERT(process_says(&process, "hook: peer tcp://127.0.0.1"));
    host_deinit(&host);
}

static void a_config_of_an_older_program_ends_where_it_ended_then(void)
{
    struct process process;

    host_init(&host);
    run_connecting_in_vain(&process, "--older");
    CU_ASSERT_FALSE(process_says(&process, "hook:"));
    host_deinit(&host);
}

static void bad_usage_is_an_exit_code_of_its_own(void)
{
    static const char *const bad[][2] = {
        {"--actors nobody --space wx", "--list"},
        {"--actors sensor", "could not be found"},
        {"--colour", "no option --colour (those of the app itself stand behind --)"},
        {"--space wx --overflow weather/nothing=fail", "nothing is imported by that pattern"},
        {"1 2", "bad arguments"},
    };
    struct process process;
    size_t i;

    host_init(&host);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        start(&process, bad[i][0]);
        process_finish(&process);
        CU_ASSERT_EQUAL(process.code, 2);
        CU_ASSERT(process_says(&process, bad[i][1]));
        CU_ASSERT(process_says(&process, "usage: weather"));
    }
    host_deinit(&host);
}

static void the_table_and_the_help_are_printed(void)
{
    struct process process;

    host_init(&host);
    start(&process, "--list");
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    CU_ASSERT(process_says(&process, "alerter\n    publishes weather/alert\n    subscribes to weather/reading\n"));
    start(&process, "--help");
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    CU_ASSERT(process_says(&process, "usage: weather [OPTION]... COUNT"));
    CU_ASSERT(process_says(&process, "--peer-key KEY|FILE"));
    host_deinit(&host);
}

static void listening_to_others_without_keys_is_refused(void)
{
    struct process process;

    host_init(&host);
    start(&process, "--listen tcp://0.0.0.0:*");
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 1);
    CU_ASSERT(process_says(&process, "without keys"));
    start(&process, "--listen tcp://0.0.0.0:* --insecure 100");
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    expect_output(&process, 100);
    host_deinit(&host);
}

/* The first logger has seen the end of everything, so both others come late. */
static void a_late_process_gets_the_last_events_or_all(void)
{
    struct process rest;
    struct process late;

    host_init(&host);
    start(&rest, "--space wx --actors sensor,alerter,monthly --linger 200");
    start(&late, "--space wx --actors logger");
    process_finish(&late);
    expect_output(&late, 200);
    start(&late, "--space wx --actors logger --from log");
    process_finish(&late);
    CU_ASSERT_EQUAL(late.code, 0);
    expect_output(&late, 200);
    start(&late, "--space wx --actors logger --from last");
    process_finish(&late);
    CU_ASSERT_EQUAL(late.code, 0);
    CU_ASSERT(process_says(&late, "1 readings, 1 out of order, 1 alerts, 1 summaries, the last of 200\n"));
    child_signal(&rest.child, SIGTERM);
    process_finish(&rest);
    CU_ASSERT_EQUAL(rest.code, 0);
    host_deinit(&host);
}

/* One name where it is sent, one between the processes, and the first one again where it is read. */
static void a_pattern_may_be_renamed_on_the_command_line(void)
{
    struct process rest;
    struct process reader;

    host_init(&host);
    start(&reader, "--stats --space wx --actors logger --import north/#=weather/#");
    start(&rest, "--stats --space wx --actors sensor,alerter,monthly --export weather/#=north/# 200");
    process_finish(&rest);
    CU_ASSERT_EQUAL(rest.code, 0);
    process_finish(&reader);
    CU_ASSERT_EQUAL(reader.code, 0);
    expect_output(&reader, 200);
    expect_books(&rest, 219, 1, 0);
    expect_books(&reader, 0, 0, 219);
    host_deinit(&host);
}

/* The last process has a link with each of the others; what it imports comes by way of the second alone. */
static void a_process_passes_on_what_it_was_told_to(void)
{
    char options[256];
    struct process first;
    struct process second;
    struct process last;
    int port;

    host_init(&host);
    port = host_free_ports(2);
    snprintf(options, sizeof(options),
             "--stats --actors sensor --listen tcp://127.0.0.1:%d --export weather/reading=north/reading 200", port);
    start(&first, options);
    snprintf(options, sizeof(options),
             "--stats --actors alerter --connect tcp://127.0.0.1:%d --listen tcp://127.0.0.1:%d --relay north/#=far/#", port,
             port + 1);
    start(&second, options);
    snprintf(options, sizeof(options),
             "--stats --actors monthly,logger --linger --connect tcp://127.0.0.1:%d --connect tcp://127.0.0.1:%d "
             "--import far/#=weather/#",
             port, port + 1);
    start(&last, options);
    process_finish(&first);
    CU_ASSERT_EQUAL(first.code, 0);
    expect_books(&first, 200, 1, 0);
    process_finish(&second); /* the last one has everything then */
    CU_ASSERT_EQUAL(second.code, 0);
    expect_books(&second, 200, 1, 200);
    child_signal(&last.child, SIGTERM);
    process_finish(&last);
    CU_ASSERT_EQUAL(last.code, 0);
    CU_ASSERT_EQUAL(process_figure(&last, "imported"), 200);
    host_deinit(&host);
}

static void count_ready_links(const maiko_node_info *node, void *userdata)
{
    size_t i;

    for (i = 0; i < node->link_count; i++)
        *(unsigned *)userdata += strcmp(node->links[i].state, "ready") == 0;
}

static unsigned ready_links_of_space(void)
{
    unsigned count = 0;

    (void)maiko_space_list(NULL, "wx", count_ready_links, &count, NULL, 0);
    return count;
}

/* More than the link and its log keep: it waits for the link's deadline, then loses. */
static void what_a_process_that_stands_still_loses_is_said_at_the_end(void)
{
    struct process sender;
    struct process still;

    host_init(&host);
    start(&still, "--space wx --transport zmq --actors alerter,monthly,logger");
    start(&sender, "--space wx --transport zmq --stats --actors sensor 5000000");
    CU_ASSERT(wait_until(ready_links_of_space() == 2, 60000));
    child_signal(&still.child, SIGSTOP);
    process_finish(&sender);
    CU_ASSERT_EQUAL(sender.code, 1);
    CU_ASSERT(process_says(&sender, "events are lost"));
    CU_ASSERT(process_says(&sender, "not everything arrived at the other processes: weather."));
    CU_ASSERT(process_figure(&sender, "lost") > 0);
    child_signal(&still.child, SIGKILL);
    process_finish(&still);
    host_deinit(&host);
}

static void a_lingering_process_ends_by_signal(void)
{
    struct process process;

    host_init(&host);
    start(&process, "--linger 100");
    {
        char line[16] = "";

        CU_ASSERT_EQUAL(read(process.child.output_fd, line, 4), 4); /* its actors have ended */
    }
    child_signal(&process.child, SIGTERM);
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(one_process_needs_no_options),
    TEST_CASE(three_processes_of_a_space_may_start_in_any_order),
    TEST_CASE(three_processes_may_start_in_any_order_and_meet_over_tcp),
    TEST_CASE(a_small_window_and_small_mailboxes_hold_the_sender_and_lose_nothing),
    TEST_CASE(two_processes_meet_encrypted),
    TEST_CASE(a_wrong_key_is_named_and_nothing_starts),
    TEST_CASE(who_is_missing_is_named_after_the_wait),
    TEST_CASE(who_does_not_wait_starts_before_the_others),
    TEST_CASE(an_actor_that_runs_twice_is_told_and_runs_twice),
    TEST_CASE(the_log_of_the_program_is_the_bridges_too),
    TEST_CASE(a_config_of_an_older_program_ends_where_it_ended_then),
    TEST_CASE(bad_usage_is_an_exit_code_of_its_own),
    TEST_CASE(the_table_and_the_help_are_printed),
    TEST_CASE(listening_to_others_without_keys_is_refused),
    TEST_CASE(a_late_process_gets_the_last_events_or_all),
    TEST_CASE(a_pattern_may_be_renamed_on_the_command_line),
    TEST_CASE(a_process_passes_on_what_it_was_told_to),
    TEST_CASE(what_a_process_that_stands_still_loses_is_said_at_the_end),
    TEST_CASE(a_lingering_process_ends_by_signal),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "app", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--app") == 0)
        return run_app(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--hooked") == 0)
        return run_hooked(argc - 1, argv + 1, sizeof(maiko_config));
    if (argc > 1 && strcmp(argv[1], "--older") == 0)
        return run_hooked(argc - 1, argv + 1, offsetof(maiko_config, log));
    return suite_main(argc, argv, &suite);
}
