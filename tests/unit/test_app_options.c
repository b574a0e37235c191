/* The command line of an app, and its configuration file. */
#include <stdio.h>
#include <string.h>

#include "app/run.h"
#include "lib/scratch.h"
#include "lib/suite.h"
#include "node/node.h"
#include "space/limits.h"

static char reason[256];
static struct app_options options;

static maiko_status read_line(const char *const *argv)
{
    struct text error;
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    text_init_buffer(&error, reason, sizeof(reason));
    app_options_init(&options, heap_default());
    return app_options_read(&options, argc, (char **)(uintptr_t)argv, &error);
}

#define READ(...) read_line((const char *const[]){"app", __VA_ARGS__, NULL})

static maiko_status read_ini(const char *text)
{
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    return app_options_read_ini(&options, text, &error);
}

static void nothing_given_means_one_process(void)
{
    CU_ASSERT_EQUAL(READ(NULL), MAIKO_OK);
    CU_ASSERT_FALSE(options.has_actors);
    CU_ASSERT_FALSE(app_options_need_bridge(&options));
    CU_ASSERT_EQUAL(options.arguments_at, 1);
    app_options_deinit(&options);
}

static void every_option_is_read_and_what_follows_is_the_apps(void)
{
    CU_ASSERT_EQUAL(READ("--space", "wx", "--actors", "a, b", "--actors=c", "--listen", "tcp://*:1", "--connect", "tcp://h:1",
                         "--connect", "tcp://h:2", "--export", "x/#=y/#", "--wait", "1.5", "--transport", "zmq", "--linger",
                         "--insecure", "--window", "65536", "--publish-as", "json", "file", "--help"),
                    MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(options.space, "wx");
    CU_ASSERT_EQUAL(options.actors.count, 3);
    CU_ASSERT(text_list_has(&options.actors, "b"));
    CU_ASSERT_EQUAL(options.connect.count, 2);
    CU_ASSERT_STRING_EQUAL(options.exports.items[0], "x/#=y/#");
    CU_ASSERT_EQUAL(options.wait_ns, 1500000000u);
    CU_ASSERT_EQUAL(options.transport, MAIKO_TRANSPORT_ZMQ);
    CU_ASSERT(options.linger && options.insecure);
    CU_ASSERT_EQUAL(options.window, 65536);
    CU_ASSERT_FALSE(options.wants_help); /* behind the first argument that is none */
    CU_ASSERT_STRING_EQUAL(options.publish_as, "json");
    CU_ASSERT_EQUAL(options.arguments_at, 24);
    CU_ASSERT(app_options_need_bridge(&options));
    app_options_deinit(&options);
}

static void bad_values_are_refused_by_name(void)
{
    CU_ASSERT_EQUAL(READ("--colour"), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "--colour"));
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--space"), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "needs a value"));
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--wait", "soon"), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "--wait soon"));
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--wait", "-1"), MAIKO_EINVAL);
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--wait", "no"), MAIKO_OK);
    CU_ASSERT(options.waits_for_nobody);
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--wait", "no", "--wait", "1"), MAIKO_OK); /* the last one counts */
    CU_ASSERT_FALSE(options.waits_for_nobody);
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--mailbox", "0"), MAIKO_EINVAL);
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--from", "lag"), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "live, last or log"));
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--transport", "pigeon"), MAIKO_EINVAL);
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--publish-as", "morse"), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(reason, "--publish-as morse: msgpack or json");
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--space", ""), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(reason, "--space : empty");
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--connect", ""), MAIKO_EINVAL);
    app_options_deinit(&options);
}

/* In the structs of the library 0 is what is not set, and means the default; who writes it here means it. */
static void a_0_that_is_given_is_no_default(void)
{
    static const char *const names[] = {"mailbox", "window"};
    char option[32];
    char line[64];
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(option, sizeof(option), "--%s", names[i]);
        CU_ASSERT_EQUAL(READ(option, "0"), MAIKO_EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, "not a number from 1"));
        app_options_deinit(&options);
        CU_ASSERT_EQUAL(READ(option, "00"), MAIKO_EINVAL);
        app_options_deinit(&options);
        CU_ASSERT_EQUAL(READ(NULL), MAIKO_OK);
        snprintf(line, sizeof(line), "%s = 0\n", names[i]);
        CU_ASSERT_EQUAL(read_ini(line), MAIKO_EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, names[i]));
        app_options_deinit(&options);
        CU_ASSERT_EQUAL(READ(option, "1"), MAIKO_OK); /* the file is read all the same */
        CU_ASSERT_EQUAL(read_ini(line), MAIKO_EINVAL);
        app_options_deinit(&options);
    }
}

static void of_two_values_the_last_one_counts(void)
{
    CU_ASSERT_EQUAL(
        READ("--space", "a", "--wait", "1", "--transport", "zmq", "--space", "b", "--wait", "2", "--transport", "auto"),
        MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(options.space, "b");
    CU_ASSERT_EQUAL(options.wait_ns, MAIKO_SECONDS(2));
    CU_ASSERT_EQUAL(options.transport, MAIKO_TRANSPORT_AUTO);
    app_options_deinit(&options);
}

static void what_late_joiners_get_is_the_command_lines_choice(void)
{
    static const struct {
        const char *word;
        maiko_bridge_from from;
    } rows[] = {{"live", MAIKO_FROM_LIVE}, {"last", MAIKO_FROM_LAST}, {"log", MAIKO_FROM_LOG}};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text error;

        CU_ASSERT_EQUAL(READ("--from", rows[i].word), MAIKO_OK);
        CU_ASSERT_EQUAL(options.from, rows[i].from);
        text_init_buffer(&error, reason, sizeof(reason));
        CU_ASSERT_EQUAL(app_options_read_ini(&options, "from = last\n", &error), MAIKO_OK);
        CU_ASSERT_EQUAL(options.from, rows[i].from);
        app_options_deinit(&options);
    }
}

static void a_policy_is_of_one_pattern_and_the_command_lines_counts(void)
{
    CU_ASSERT_EQUAL(READ("--overflow", "a/#=drop_oldest", "--overflow", "b=c=fail"), MAIKO_OK);
    CU_ASSERT_EQUAL(read_ini("[app]\noverflow = a/#=block\noverflow = d=drop_newest\n"), MAIKO_OK);
    CU_ASSERT_EQUAL(app_options_overflow_of(&options, "a/#"), MAIKO_DROP_OLDEST);
    CU_ASSERT_EQUAL(app_options_overflow_of(&options, "b=c"), MAIKO_FAIL);
    CU_ASSERT_EQUAL(app_options_overflow_of(&options, "d"), MAIKO_DROP_NEWEST);
    CU_ASSERT_EQUAL(app_options_overflow_of(&options, "a"), MAIKO_OVERFLOW_OF_TOPIC);
    CU_ASSERT_EQUAL(app_options_overflow_of(&options, "a/b"), MAIKO_OVERFLOW_OF_TOPIC);
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--overflow", "a=lossy"), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(reason, "--overflow a=lossy: block, drop_newest, drop_oldest or fail");
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--overflow", "block"), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(reason, "--overflow block: not PATTERN=POLICY");
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--overflow", "=block"), MAIKO_EINVAL);
    app_options_deinit(&options);
}

/* The imports that a bridge is given for an app with one actor, which subscribes to "a/#", "b" and "k=v". */
static maiko_status wire(const char *const *argv, struct node_pattern imports[3], size_t *ret_count)
{
    static const maiko_actor_ops none = {.handle = NULL};
    static const char *const topics[] = {"a/#", "b", "k=v", NULL};
    static const maiko_actor_spec table[] = {{.name = "one", .ops = &none, .subscribe = topics}};
    struct app_run run = {.app = {.name = "app", .actors = table, .actor_count = 1, .spec_size = sizeof(table[0])}};
    maiko_status status = read_line(argv);
    struct text error;
    size_t i;

    CU_ASSERT_EQUAL_FATAL(status, MAIKO_OK);
    run.options = options;
    text_init_buffer(&error, reason, sizeof(reason));
    status = app_check_overflows(&run, &error);
    if (status == MAIKO_OK) {
        run.sup = maiko_supervisor_new(NULL);
        status = app_set_up_bridge(&run);
        *ret_count = run.bridge->import_count;
        for (i = 0; i < *ret_count && i < 3; i++)
            imports[i] = run.bridge->imports[i];
        (void)maiko_bridge_stop(&run.bridge);
        (void)maiko_supervisor_stop(&run.sup, NULL);
    }
    app_options_deinit(&options);
    return status;
}

#define WIRE(...) wire((const char *const[]){"app", "--space", "s", __VA_ARGS__, NULL}, imports, &count)

static void policies_reach_the_imports_that_are_given_follow_or_relay(void)
{
    struct node_pattern imports[3];
    size_t count = 0;

    CU_ASSERT_EQUAL(WIRE("--overflow", "b=drop_oldest", "--overflow", "k=v=fail"), MAIKO_OK);
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT_STRING_EQUAL(imports[2].pattern, "k=v"); /* what follows from an actor renames nothing */
    CU_ASSERT_STRING_EQUAL(imports[2].as, "");
    CU_ASSERT_EQUAL(imports[2].overflow, MAIKO_FAIL);
    CU_ASSERT_EQUAL(imports[0].overflow, MAIKO_OVERFLOW_OF_TOPIC);
    CU_ASSERT_EQUAL(imports[1].overflow, MAIKO_DROP_OLDEST);
    CU_ASSERT_EQUAL(WIRE("--import", "c/#=d/#", "--overflow", "c/#=fail", "--relay", "e=f", "--overflow", "e=block"), MAIKO_OK);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_STRING_EQUAL(imports[0].pattern, "e");
    CU_ASSERT_STRING_EQUAL(imports[0].as, "");
    CU_ASSERT_EQUAL(imports[0].overflow, MAIKO_BLOCK);
    CU_ASSERT_STRING_EQUAL(imports[1].as, "d/#");
    CU_ASSERT_EQUAL(imports[1].overflow, MAIKO_FAIL);
    CU_ASSERT_EQUAL(WIRE("--import", "c", "--overflow", "b=block"), MAIKO_ENOTFOUND);
    CU_ASSERT_STRING_EQUAL(reason, "--overflow b=block: nothing is imported by that pattern here");
    CU_ASSERT_EQUAL(WIRE("--overflow", "a/x=block"), MAIKO_ENOTFOUND);
}

static void a_file_sets_what_the_command_line_did_not(void)
{
    CU_ASSERT_EQUAL(READ("--space", "wx", "--window", "1024"), MAIKO_OK);
    CU_ASSERT_EQUAL(
        read_ini(
            "; of the station\n  ; indented\n \t\r\nspace = other\nwindow = 9\n[app]\nlinger = yes\ninsecure = no\nactors = a,b\n"
            "[process north]\nanything = goes\n"),
        MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(options.space, "wx");
    CU_ASSERT_EQUAL(options.window, 1024);
    CU_ASSERT(options.linger);
    CU_ASSERT_FALSE(options.insecure);
    CU_ASSERT_EQUAL(options.actors.count, 2);
    app_options_deinit(&options);
}

static void a_file_adds_nothing_to_what_the_command_line_gave(void)
{
    CU_ASSERT_EQUAL(READ("--actors", "a", "--connect", "tcp://h:1", "--transport", "auto"), MAIKO_OK);
    CU_ASSERT_EQUAL(read_ini("actors = b\nconnect = tcp://h:2\ntransport = zmq\nlisten = tcp://h:3\nlisten = tcp://h:4\n"),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(options.actors.count, 1);
    CU_ASSERT_EQUAL(options.connect.count, 1);
    CU_ASSERT_EQUAL(options.transport, MAIKO_TRANSPORT_AUTO);
    CU_ASSERT_EQUAL(options.listen.count, 2);
    CU_ASSERT_EQUAL(read_ini("transport = pigeon\n"), MAIKO_EINVAL); /* wrong also where it does not count */
    app_options_deinit(&options);
}

/* The names are those of --help; what cannot be in a file ends the program or is the file. */
static void every_option_may_be_in_a_file_but_those_that_end_the_program(void)
{
    const char *at = app_options_help;
    unsigned refused = 0;
    unsigned count = 0;

    while ((at = strstr(at, "  --")) != NULL) {
        char line[64];
        size_t len = strcspn(at += strlen("  --"), " ");

        snprintf(line, sizeof(line), "%.*s = /x=y\n", (int)len, at);
        app_options_init(&options, heap_default());
        (void)read_ini(line);
        app_options_deinit(&options);
        count++;
        if (strstr(reason, "no such option") == NULL)
            continue;
        refused++;
        CU_ASSERT(strncmp(at, "config ", 7) == 0 || strncmp(at, "help ", 5) == 0 || strncmp(at, "list ", 5) == 0);
    }
    CU_ASSERT_EQUAL(refused, 3);
    CU_ASSERT(count > 20);
}

static void the_directory_of_spaces_is_an_absolute_path(void)
{
    CU_ASSERT_EQUAL(READ("--runtime-dir", "/run/shared", "--space-group", "g"), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(options.runtime_dir, "/run/shared");
    app_options_deinit(&options);
    CU_ASSERT_EQUAL(READ("--runtime-dir", "shared"), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(reason, "--runtime-dir shared: not an absolute path");
    app_options_deinit(&options);
}

static void a_bad_file_is_refused_by_name_or_line(void)
{
    static const char *const bad[][2] = {
        {"colour = red\n", "colour"},
        {"[other]\nspace = x\n", "[other]"},
        {"linger = perhaps\n", "yes or no"},
        {"\nwhat is this\n", "line 2"},
        {"config = more\n", "config"},
        {"wait = soon\n", "--wait soon"},
        {"space = wx\n  wait = 1\n", "line 2 begins with a blank"},
    };
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        app_options_init(&options, heap_default());
        CU_ASSERT_EQUAL(read_ini(bad[i][0]), MAIKO_EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, bad[i][1]));
        app_options_deinit(&options);
    }
}

/* The INI reader would have taken the end of a long line for the next one. */
static void what_would_be_cut_or_left_out_is_refused_with_the_reason(void)
{
    static char many[200000] = "";
    size_t i;

    for (i = 0; i < 5000; i++)
        strcat(many + i * strlen("connect = tcp://h:1\n"), "connect = tcp://h:1\n");
    app_options_init(&options, heap_default());
    CU_ASSERT_EQUAL(read_ini(many), MAIKO_ELIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "--connect: a configured limit"));
    app_options_deinit(&options);
    app_options_init(&options, heap_default());
    memset(many, 'a', 250);
    memcpy(many, "linger = yes\nactors = ", 22);
    strcpy(many + 250, ",b\n");
    CU_ASSERT_EQUAL(read_ini(many), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "line 2 is longer"));
    app_options_deinit(&options);
}

static void a_file_with_a_nul_or_none_at_all_is_refused(void)
{
    char path[SPACE_PATH_MAX];
    struct scratch scratch;
    FILE *file;

    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    CU_ASSERT((size_t)snprintf(path, sizeof(path), "%s/app.ini", scratch.path) < sizeof(path));
    CU_ASSERT_EQUAL(READ("--config", path), MAIKO_ENOTFOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, path));
    app_options_deinit(&options);
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite("linger = yes\n\0insecure = yes\n", 1, 30, file), 30);
    fclose(file);
    CU_ASSERT_EQUAL(READ("--config", path), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "a NUL after 13 bytes"));
    app_options_deinit(&options);
    scratch_deinit(&scratch);
}

static const struct test_case cases[] = {
    TEST_CASE(nothing_given_means_one_process),
    TEST_CASE(every_option_is_read_and_what_follows_is_the_apps),
    TEST_CASE(bad_values_are_refused_by_name),
    TEST_CASE(a_0_that_is_given_is_no_default),
    TEST_CASE(of_two_values_the_last_one_counts),
    TEST_CASE(what_late_joiners_get_is_the_command_lines_choice),
    TEST_CASE(a_policy_is_of_one_pattern_and_the_command_lines_counts),
    TEST_CASE(policies_reach_the_imports_that_are_given_follow_or_relay),
    TEST_CASE(a_file_sets_what_the_command_line_did_not),
    TEST_CASE(a_file_adds_nothing_to_what_the_command_line_gave),
    TEST_CASE(every_option_may_be_in_a_file_but_those_that_end_the_program),
    TEST_CASE(the_directory_of_spaces_is_an_absolute_path),
    TEST_CASE(a_bad_file_is_refused_by_name_or_line),
    TEST_CASE(what_would_be_cut_or_left_out_is_refused_with_the_reason),
    TEST_CASE(a_file_with_a_nul_or_none_at_all_is_refused),
};

SUITE_MAIN("app_options", cases)
