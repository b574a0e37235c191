/* The weather pipeline on the real record, read a thousand times over by three processes with mailboxes of 16 events and link
 * windows of 64 KiB: the senders are held, the windows turn over and over, the books of all processes balance, each by itself and
 * with one another, and every sender's output is that of one process.  Set up as a user would: by options and a file. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/counters.h>

#include "lib/process.h"
#include "lib/suite.h"

enum { MAILBOX = 16, WINDOW_BYTES = 64 * 1024, READINGS = 1461, ALERTS = 53, SUMMARIES = 48 };

static struct host host;

/* Under sanitizers less often: the processes are the built examples, not this program. */
static unsigned long times(void)
{
    return suite_slowdown() > 1 ? 50 : 1000;
}

static void file_in(char *path, size_t size, const char *name)
{
    scratch_file(&host.scratch, name, path, size);
}

/* ---- three processes ---- */

static void write_settings(const char *path)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "space = stress\nmailbox = %d\nwindow = %d\nkeep-counters = yes\nstats = yes\nlinger = yes\n", MAILBOX,
            WINDOW_BYTES);
    fclose(file);
}

static void start_one(struct process *process, const char *option, const char *actors, const char *more)
{
    char options[2048];
    char settings[600];
    char output[600];

    file_in(settings, sizeof(settings), "stress.ini");
    file_in(output, sizeof(output), actors);
    snprintf(options, sizeof(options), "--config %s %s --actors %s %s", settings, option, actors, more);
    process_start(process, host_built("examples/weather"), options, output);
}

/* How often a text is in what `maiko ps --json` says. */
static unsigned ps_count(const char *text)
{
    static char output[32768];
    char command[1200];
    unsigned count = 0;
    const char *at;

    snprintf(command, sizeof(command), "'%s' ps --space stress --json", host_built("tools/maiko"));
    if (!shell_output(command, output, sizeof(output)))
        return 0;
    for (at = strstr(output, text); at != NULL; at = strstr(at + 1, text))
        count++;
    return count;
}

static bool is_built(const char *path)
{
    char command[1100];
    char text[8];

    snprintf(command, sizeof(command), "test -x '%s'", host_built(path));
    return shell_output(command, text, sizeof(text));
}

static bool logger_has_ended(void)
{
    char command[700];
    char text[200] = "";
    char path[600];

    file_in(path, sizeof(path), "logger");
    snprintf(command, sizeof(command), "tail -c 100 '%s'", path);
    return shell_output(command, text, sizeof(text)) && strstr(text, " readings, ") != NULL;
}

/* Until the logger has finished; both ends of all three links are of that transport.  Shared memory comes by the space alone. */
static void run_three(struct process processes[3], const char *transport)
{
    char link[80];
    char arguments[1200];
    const char *option = strcmp(transport, "shm") == 0 ? "" : "--transport zmq";
    const char *source = getenv("MAIKO_SRCDIR");
    size_t i;

    snprintf(arguments, sizeof(arguments), "%s/examples/data/seattle-weather.csv %lu", source != NULL ? source : "..", times());
    start_one(&processes[1], option, "alerter,monthly", "");
    start_one(&processes[2], option, "logger", "");
    start_one(&processes[0], option, "sensor", arguments);
    CU_ASSERT_TRUE(wait_until(logger_has_ended(), 60000));
    snprintf(link, sizeof(link), "\"transport\":\"%s\",\"state\":\"ready\"", transport);
    CU_ASSERT_EQUAL(ps_count(link), 6);
    CU_ASSERT_EQUAL(ps_count("\"transport\""), 6);
    for (i = 0; i < 3; i++)
        child_signal(&processes[i].child, SIGTERM);
    for (i = 0; i < 3; i++) {
        process_finish(&processes[i]);
        CU_ASSERT_EQUAL(processes[i].code, 0);
    }
}

/* ---- the books ---- */

static maiko_counters *open_counters(const struct process *process)
{
    maiko_counters *counters = NULL;
    char path[700];

    snprintf(path, sizeof(path), "%s/maiko/counters/weather.%d.0", host.scratch.path, (int)process->child.pid);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    return counters;
}

/* Each process by itself: stopped in order, nothing dropped, refused or left. */
static void check_one(const maiko_counters *counters)
{
    maiko_counters_balance balance = {0};
    maiko_counters_info info = {0};

    CU_ASSERT_EQUAL(maiko_counters_get_info(counters, &info), MAIKO_OK);
    CU_ASSERT_EQUAL(info.state, MAIKO_COUNTERS_STOPPED);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT_TRUE(balance.is_balanced && balance.is_final);
    CU_ASSERT_EQUAL(balance.dropped + balance.unfinished + balance.in_flight + balance.ring_dropped, 0);
    CU_ASSERT_EQUAL(balance.matched, balance.handled);
}

static uint64_t sent_on(const maiko_counters *counters, const char *name)
{
    maiko_counters_topic topic;
    size_t i;

    for (i = 0; i < maiko_counters_topic_count(counters); i++)
        if (maiko_counters_get_topic(counters, i, &topic) == MAIKO_OK && strcmp(topic.name, name) == 0)
            return topic.sent;
    return 0;
}

static maiko_counters_actor actor_of(const maiko_counters *counters, const char *name)
{
    maiko_counters_actor actor = {0};
    size_t i;

    for (i = 0; i < maiko_counters_actor_count(counters); i++)
        if (maiko_counters_get_actor(counters, i, &actor) == MAIKO_OK && strcmp(actor.name, name) == 0)
            return actor;
    SUITE_FAIL("no actor %s", name);
    return (maiko_counters_actor){0};
}

/* With one another: what one process sent was sent again, by its bridge, in every process that subscribes. */
static void check_all(maiko_counters *const counters[3])
{
    static const char *const topics[] = {"weather/reading", "weather/alert", "weather/summary"};
    const uint64_t expected[3][3] = {{READINGS, 0, 0}, {READINGS, ALERTS, SUMMARIES}, {READINGS, ALERTS, SUMMARIES}};
    int i;
    int j;

    for (i = 0; i < 3; i++) {
        check_one(counters[i]);
        for (j = 0; j < 3; j++)
            CU_ASSERT_EQUAL(sent_on(counters[i], topics[j]), expected[i][j] * times());
    }
    CU_ASSERT_EQUAL(actor_of(counters[1], "alerter").handled, READINGS * times());
    CU_ASSERT_EQUAL(actor_of(counters[1], "monthly").handled, READINGS * times());
    CU_ASSERT_EQUAL(actor_of(counters[2], "logger").handled, (READINGS + ALERTS + SUMMARIES) * times());
}

/* More waited than the mailbox holds: somebody was held. */
static void check_pressure(const maiko_counters *counters, const char *name)
{
    maiko_counters_actor actor = actor_of(counters, name);

    CU_ASSERT_EQUAL(actor.capacity, MAILBOX);
    CU_ASSERT(actor.high_water > MAILBOX);
}

/* Over the links: everything arrived, and the sensor's two windows were filled anew a thousand times and more. */
static void check_links(const struct process processes[3])
{
    uint64_t acknowledged = 0;
    uint64_t imported = 0;
    int i;

    for (i = 0; i < 3; i++) {
        acknowledged += process_figure(&processes[i], "acknowledged");
        imported += process_figure(&processes[i], "imported");
        CU_ASSERT_EQUAL(process_figure(&processes[i], "lost"), 0);
        CU_ASSERT_EQUAL(process_figure(&processes[i], "gaps"), 0);
        CU_ASSERT_EQUAL(process_figure(&processes[i], "import_refused"), 0);
    }
    CU_ASSERT_EQUAL(acknowledged, (2 * READINGS + ALERTS + SUMMARIES) * times());
    CU_ASSERT_EQUAL(imported, acknowledged);
    CU_ASSERT(process_figure(&processes[0], "window_waits") > 0);
    CU_ASSERT(process_figure(&processes[0], "window_turns") / 2 >= times()); /* of two links, equally */
}

/* ---- the output ---- */

static void compare_lines(const char *one, const char *three, const char *prefix)
{
    char command[2400];
    char text[256] = "";

    snprintf(command, sizeof(command), "grep '^%s' '%s' >'%s.of' && grep '^%s' '%s' | cmp - '%s.of'", prefix, one, one, prefix,
             three, one);
    if (!shell_output(command, text, sizeof(text)))
        SUITE_FAIL("lines that begin with %s differ: %s", prefix, text);
}

static void check_output(void)
{
    struct process process;
    char options[1200];
    char one[600];
    char three[600];
    const char *source = getenv("MAIKO_SRCDIR");

    file_in(one, sizeof(one), "one");
    file_in(three, sizeof(three), "logger");
    snprintf(options, sizeof(options), "%s/examples/data/seattle-weather.csv %lu", source != NULL ? source : "..", times());
    process_start(&process, host_built("examples/weather"), options, one);
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    compare_lines(one, three, "alert");
    compare_lines(one, three, "summary");
    compare_lines(one, three, "[0-9]");
}

static void a_thousand_times_over(const char *transport)
{
    struct process processes[3];
    maiko_counters *counters[3];
    char settings[600];
    int i;

    if (!is_built("examples/weather") || !is_built("tools/maiko")) {
        suite_skip("the example or the maiko command is not built");
        return;
    }
    host_init(&host);
    file_in(settings, sizeof(settings), "stress.ini");
    write_settings(settings);
    run_three(processes, transport);
    for (i = 0; i < 3; i++)
        counters[i] = open_counters(&processes[i]);
    check_all(counters);
    check_pressure(counters[0], "bridge export");
    check_pressure(counters[1], "alerter");
    check_pressure(counters[2], "logger");
    check_links(processes);
    check_output();
    for (i = 0; i < 3; i++)
        maiko_counters_free(counters[i]);
    host_deinit(&host);
}

static void the_record_a_thousand_times_over_balances(void)
{
    a_thousand_times_over("zmq");
}

static void the_same_balances_over_shared_memory(void)
{
    a_thousand_times_over("shm");
}

static const struct test_case cases[] = {
    TEST_CASE(the_record_a_thousand_times_over_balances),
    TEST_CASE(the_same_balances_over_shared_memory),
};
SUITE_MAIN_TIMEOUT("books", cases, 300)
