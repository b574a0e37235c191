/*
 * Suite: one test program.  Runs CUnit test functions one after the other, prints TAP (one line per test case, read by
 * make check), and turns into a failure what CUnit lets pass: failed assertions, fewer tests run than registered, a hang,
 * and descriptors, threads or child processes left behind by a case.
 */
#ifndef TESTS_LIB_SUITE_H
#define TESTS_LIB_SUITE_H

#include <stdbool.h>
#include <stddef.h>

#include <CUnit/CUnit.h>

#include "lib/wait.h"

struct test_case {
    const char *name;
    void (*run)(void);
};

struct suite {
    const char *name;
    const struct test_case *cases;
    size_t case_count;
    unsigned timeout_s; /* per case, before MAIKO_TEST_SLOWDOWN; 0 = SUITE_TIMEOUT_S */
};

/* Under valgrind, where nothing waits for real time, cases are short and the slowdown is a large one: 4 minutes of its 40. */
enum { SUITE_TIMEOUT_S = 120, SUITE_VALGRIND_TIMEOUT_S = 6 };

#define TEST_CASE(function)                                                                                                      \
    {                                                                                                                            \
        .name = #function, .run = (function)                                                                                     \
    }

/* main() of a test program.  Arguments: names of the cases to run (none = all), or --list. */
#define SUITE_MAIN(suite_name, suite_cases) SUITE_MAIN_TIMEOUT(suite_name, suite_cases, 0)
#define SUITE_MAIN_TIMEOUT(suite_name, suite_cases, seconds)                                                                     \
    int main(int argc, char **argv)                                                                                              \
    {                                                                                                                            \
        return suite_main(argc, argv,                                                                                            \
                          &(struct suite){.name = (suite_name),                                                                  \
                                          .cases = (suite_cases),                                                                \
                                          .case_count = sizeof(suite_cases) / sizeof((suite_cases)[0]),                          \
                                          .timeout_s = (seconds)});                                                              \
    }

/* Exit status for main(): 0 only when every registered case ran and passed or was skipped. */
int suite_main(int argc, char **argv, const struct suite *suite);

/* The running case counts as skipped, with this reason (a constant); the case itself returns right after. */
void suite_skip(const char *reason);

/* The running case may leave descriptors, threads or children behind; say why beside the call. */
void suite_allow_leaks(void);

/* Fail the running case with a printf-like text, from the thread that runs the case. */
void suite_fail(const char *file, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define SUITE_FAIL(...) suite_fail(__FILE__, __LINE__, __VA_ARGS__)

/* True in make check-long; long_value then, else short_value. */
bool suite_is_long(void);
unsigned long suite_scale(unsigned long short_value, unsigned long long_value);

/* True under make check-valgrind: what single-steps or watches itself means nothing there. */
bool suite_is_valgrind(void);

/* How many times slower than a plain build this run is expected to be (sanitizers, valgrind); at least 1. */
unsigned suite_slowdown(void);

#endif
