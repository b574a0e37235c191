/* The weather pipeline of the examples, whole, with each of its allocations failing in turn: an error, or the right result. */
#include <maiko/app.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/failing_allocator.h"
#include "lib/scratch.h"
#include "lib/suite.h"
#include <maiko/counters.h>

/* --- the example itself, which prints into a text here, and without its main --- */

struct output {
    char text[16384];
    size_t len;
};

static struct output printed;

static int print_into_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int print_into_text(const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(printed.text + printed.len, sizeof printed.text - printed.len, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof printed.text - printed.len)
        printed.len += (size_t)len;
    return len;
}

int weather_main(int argc, char **argv);
#define main weather_main
#define printf print_into_text
#include "../../examples/weather.c"
#undef main
#undef printf

/* --- the test --- */

static struct output right;

static const char *record_path(char *path, size_t size)
{
    const char *source = getenv("MAIKO_SRCDIR");

    snprintf(path, size, "%s/examples/data/seattle-weather.csv", source == NULL ? ".." : source);
    return path;
}

/* What it returns when it ran to its end, or why it did not. */
static maiko_status run_weather(const maiko_config *config)
{
    maiko_supervisor *sup;
    maiko_status status;
    maiko_status stopped;
    char path[600];

    printed = (struct output){.len = 0};
    the_sensor = (struct sensor){.path = record_path(path, sizeof path), .times = 1};
    sup = maiko_supervisor_new(config);
    if (sup == NULL)
        return MAIKO_ENOMEM;
    (void)maiko_supervisor_add_table(sup, weather, sizeof weather / sizeof weather[0]);
    status = maiko_supervisor_start(sup);
    if (status == MAIKO_OK && maiko_supervisor_poll(sup, 0) >= 0)
        status = maiko_supervisor_status(sup);
    stopped = maiko_supervisor_stop(&sup, NULL);
    return status != MAIKO_OK ? status : stopped;
}

static void check_books(const char *path, long nth)
{
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;

    if (maiko_counters_open(path, &counters) != MAIKO_OK) /* failed before there was a file */
        return;
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    if (!balance.is_balanced)
        SUITE_FAIL("allocation %ld: books: %s", nth, balance.text);
    maiko_counters_free(counters);
    unlink(path);
}

static bool is_right(void)
{
    return printed.len == right.len && memcmp(printed.text, right.text, right.len) == 0;
}

/* False when there is no allocation of that number. */
static bool fail_allocation(maiko_config *config, long nth)
{
    struct failing_allocator failing;
    maiko_status status;

    failing_allocator_init(&failing);
    failing_allocator_fail_nth(&failing, nth);
    config->allocator = &failing.allocator;
    status = run_weather(config);
    if (status == MAIKO_OK && !is_right())
        SUITE_FAIL("allocation %ld: no error, and a wrong result", nth);
    if (!failing_allocator_is_balanced(&failing))
        SUITE_FAIL("allocation %ld: leaks", nth);
    check_books(config->counters_path, nth);
    return failing_allocator_has_failed(&failing);
}

static void fail_every_allocation(uint32_t shards)
{
    struct scratch scratch;
    char path[600];
    maiko_config config = {
        .mode = MAIKO_DETERMINISTIC, .shards = shards, .placement = MAIKO_PLACEMENT_SPREAD, .keep_counters = true};
    long nth = 0;

    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    config.counters_path = scratch_file(&scratch, "counters", path, sizeof path);
    CU_ASSERT_EQUAL(run_weather(&config), MAIKO_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(printed.text, "1461 readings"));
    right = printed;
    unlink(path);
    while (fail_allocation(&config, nth))
        nth++;
    CU_ASSERT_TRUE(nth > 30);
    scratch_deinit(&scratch);
}

static void every_allocation_of_the_weather_may_fail(void)
{
    fail_every_allocation(1);
}

static void every_allocation_of_the_weather_on_three_shards_may_fail(void)
{
    fail_every_allocation(3);
}

static const struct test_case cases[] = {
    TEST_CASE(every_allocation_of_the_weather_may_fail),
    TEST_CASE(every_allocation_of_the_weather_on_three_shards_may_fail),
};
SUITE_MAIN_TIMEOUT("weather memory", cases, 300)
