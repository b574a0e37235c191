/* Suite: CUnit does the assertions, this file the reporting (TAP) and the verdict. */
#include "lib/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/leaks.h"
#include "lib/watchdog.h"

/* A test program has one suite, so its state is one static object. */
static struct {
    const struct suite *suite;
    const struct test_case *running;
    const char *skip_reason;
    bool leaks_allowed;
    struct leaks before;
    unsigned reported;
    unsigned failed;
} state;

bool suite_is_long(void)
{
    const char *value = getenv("MAIKO_LONG");

    return value != NULL && strcmp(value, "0") != 0;
}

bool suite_is_valgrind(void)
{
    return getenv("MAIKO_VALGRIND") != NULL;
}

unsigned long suite_scale(unsigned long short_value, unsigned long long_value)
{
    return suite_is_long() ? long_value : short_value;
}

unsigned suite_slowdown(void)
{
    const char *value = getenv("MAIKO_TEST_SLOWDOWN");
    long number = value != NULL ? strtol(value, NULL, 10) : 1;

    return number < 1 ? 1 : (unsigned)number;
}

void suite_skip(const char *reason)
{
    state.skip_reason = reason;
}

void suite_allow_leaks(void)
{
    state.leaks_allowed = true;
}

void suite_fail(const char *file, unsigned line, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CU_assertImplementation(CU_FALSE, line, text, file, "", CU_FALSE);
}

static unsigned case_timeout_s(void)
{
    unsigned seconds = state.suite->timeout_s != 0 ? state.suite->timeout_s : SUITE_TIMEOUT_S;

    if (suite_is_valgrind())
        return SUITE_VALGRIND_TIMEOUT_S * suite_slowdown();
    return seconds * suite_slowdown() * (suite_is_long() ? 20 : 1);
}

static const struct test_case *find_case(const struct suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->case_count; i++) {
        if (strcmp(suite->cases[i].name, name) == 0)
            return &suite->cases[i];
    }
    return NULL;
}

/* What CUnit calls for every case; the case is found by its name. */
static void run_case(void)
{
    char text[256];

    state.running = find_case(state.suite, CU_get_current_test()->pName);
    state.skip_reason = NULL;
    state.leaks_allowed = false;
    leaks_note(&state.before);
    watchdog_start(state.running->name, case_timeout_s());
    state.running->run();
    if (!state.leaks_allowed && !leaks_none_since(&state.before, text, sizeof(text)))
        SUITE_FAIL("%s", text);
    watchdog_stop();
}

static void print_failures(const CU_FailureRecord *failure)
{
    for (; failure != NULL; failure = failure->pNext) {
        printf("# %s:%u: %s\n", failure->strFileName != NULL ? failure->strFileName : "?", failure->uiLineNumber,
               failure->strCondition != NULL ? failure->strCondition : "failed");
    }
}

static void report_case(const CU_pTest test, const CU_pSuite cunit_suite, const CU_pFailureRecord failure)
{
    (void)cunit_suite;
    state.reported++;
    if (failure != NULL) {
        state.failed++;
        print_failures(failure);
        printf("not ok %u - %s\n", state.reported, test->pName);
    } else if (state.skip_reason != NULL) {
        printf("ok %u - %s # SKIP %s\n", state.reported, test->pName, state.skip_reason);
    } else {
        printf("ok %u - %s\n", state.reported, test->pName);
    }
    fflush(stdout);
}

/* All cases, or those named on the command line; the number registered, or -1. */
static int register_cases(CU_pSuite cunit_suite, int argc, char **argv)
{
    int count = argc > 1 ? argc - 1 : (int)state.suite->case_count;

    for (int i = 0; i < count; i++) {
        const struct test_case *chosen = argc > 1 ? find_case(state.suite, argv[i + 1]) : &state.suite->cases[i];

        if (chosen == NULL) {
            fprintf(stderr, "%s: no test case named %s (try --list)\n", state.suite->name, argv[i + 1]);
            return -1;
        }
        if (CU_add_test(cunit_suite, chosen->name, run_case) == NULL) {
            fprintf(stderr, "%s: cannot register %s: %s\n", state.suite->name, chosen->name, CU_get_error_msg());
            return -1;
        }
    }
    return count;
}

static int run_registered(int registered)
{
    printf("1..%d\n# suite %s\n", registered, state.suite->name);
    fflush(stdout);
    CU_set_test_complete_handler(report_case);
    if (CU_run_all_tests() != CUE_SUCCESS) {
        printf("Bail out! CUnit: %s\n", CU_get_error_msg());
        return EXIT_FAILURE;
    }
    if (state.reported != (unsigned)registered) {
        printf("Bail out! %u of %d registered cases ran\n", state.reported, registered);
        return EXIT_FAILURE;
    }
    return state.failed == 0 && CU_get_number_of_failures() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int suite_main(int argc, char **argv, const struct suite *suite)
{
    int status = EXIT_FAILURE;
    int registered = -1;
    CU_pSuite cunit_suite = NULL;

    state.suite = suite;
    signal(SIGINT, SIG_DFL); /* ignored by what runs behind `&` in a script, whose children keep that */
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < suite->case_count; i++)
            puts(suite->cases[i].name);
        return EXIT_SUCCESS;
    }
    if (CU_initialize_registry() == CUE_SUCCESS)
        cunit_suite = CU_add_suite(suite->name, NULL, NULL);
    if (cunit_suite != NULL)
        registered = register_cases(cunit_suite, argc, argv);
    if (registered > 0)
        status = run_registered(registered);
    CU_cleanup_registry();
    return status;
}
