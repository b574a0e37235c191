/* Readers of large events in shared memory are killed and stopped, at random instants and at the stores of pool and view: whoever
 * lives reads every event whole, all slots come back, and nothing is left behind. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bridge_end.h"
#include "lib/dice.h"
#include "lib/fault_points.h"
#include "lib/gallery.h"
#include "lib/leaks.h"
#include "lib/process.h"
#include "lib/suite.h"

enum { READERS = 3, AT_ONCE = 12, FAULT_AT_MOST = 60 };

static struct host host;

static void finish(struct gallery *end)
{
    gallery_close(end);
    gallery_let_go(end);
}

/* Until it is killed; what it reads wrong it says. */
static int read_for_ever(uint64_t index)
{
    static const char *const names[READERS] = {"a", "n", "z"};
    static struct gallery end;

    if (!gallery_open_reader(&end, names[index % READERS], (maiko_overflow_choice)(index / READERS)))
        return 9;
    (void)!wait_until(end.wrong > 0, 600000);
    return end.wrong > 0 ? write(STDOUT_FILENO, "wrong\n", 6) != 6 : 8;
}

/* ---- the writer's side ---- */

static void paint(struct gallery *writer, uint32_t number)
{
    CU_ASSERT_EQUAL_FATAL(gallery_paint(writer, number, PICTURE_LARGE), MAIKO_OK);
}

struct participant {
    struct child child;
    bool is_alive;
    bool is_stopped;
};

static void start(struct participant *participant, uint64_t index, struct dice *dice)
{
    const char *passed[FAULT_POINTS_MAX];
    size_t count = fault_points_passed(passed);
    char plan[96];

    if (count > 0 && dice_percent(dice, 60)) {
        const char *point = passed[dice_below(dice, count)];
        size_t at = 1 + dice_below(dice, FAULT_AT_MOST);

        snprintf(plan, sizeof(plan), "%s:%zu:%d", point, at, dice_percent(dice, 30) ? SIGSTOP : SIGKILL);
        setenv("MAIKO_FAULT_POINT", plan, 1);
    }
    participant->is_alive = bridge_end_start_other(&participant->child, "--reader", index);
    unsetenv("MAIKO_FAULT_POINT");
    participant->is_stopped = false;
    CU_ASSERT_TRUE_FATAL(participant->is_alive);
}

static void kill_it(struct participant *participant)
{
    char text[16] = "";

    child_signal(&participant->child, SIGKILL);
    (void)child_read_output(&participant->child, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT_EQUAL(child_end(&participant->child, 60000), 128 + SIGKILL);
    participant->is_alive = false;
}

static void change_one(struct participant *participants, struct dice *dice)
{
    size_t index = dice_below(dice, READERS);
    struct participant *participant = &participants[index];

    if (!participant->is_alive) {
        start(participant, index, dice);
    } else if (participant->is_stopped || dice_percent(dice, 30)) {
        child_signal(&participant->child, participant->is_stopped ? SIGCONT : SIGSTOP);
        participant->is_stopped = !participant->is_stopped;
    } else {
        kill_it(participant);
    }
}

static void whoever_lives_reads_everything_whole(void)
{
    static struct gallery writer;
    static struct gallery steady;
    static struct participant participants[READERS];
    unsigned long rounds = suite_scale(40, 400);
    unsigned descriptors;
    uint32_t number = 0;
    struct dice dice;
    size_t i;

    memset(participants, 0, sizeof(participants));
    dice_init(&dice);
    host_init(&host);
    CU_ASSERT_FATAL(gallery_open_painter(&writer, "m"));
    CU_ASSERT_FATAL(gallery_open_reader(&steady, "steady", MAIKO_OVERFLOW_OF_TOPIC));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(writer.bridge, "gallery/picture", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (; number < 20; number++) { /* until the pool is there */
        paint(&writer, number + 1);
        CU_ASSERT_FATAL(wait_until(steady.last[0] == number + 1, 60000));
    }
    descriptors = leaks_count_fds();
    for (; rounds > 0; rounds--) {
        size_t count = 1 + dice_below(&dice, AT_ONCE);

        change_one(participants, &dice);
        while (count-- > 0)
            paint(&writer, ++number);
        CU_ASSERT_FATAL(wait_until(steady.last[0] == number, 60000));
    }
    for (i = 0; i < READERS; i++)
        if (participants[i].is_alive)
            kill_it(&participants[i]);
    CU_ASSERT_EQUAL(steady.wrong, 0);
    CU_ASSERT_EQUAL(steady.received, number);
    if (!wait_until(leaks_count_fds() <= descriptors, 60000))
        SUITE_FAIL("%u descriptors instead of %u", leaks_count_fds(), descriptors);
    finish(&steady);
    finish(&writer);
    host_deinit(&host);
}

/* ---- stopped, with slots in its hands ---- */

static void paint_and_wait(struct gallery *writer, const struct gallery *steady, uint32_t *number, uint32_t count)
{
    while (count-- > 0) {
        paint(writer, ++*number);
        CU_ASSERT_FATAL(wait_until(steady->last[0] == *number, 60000));
    }
}

/* More than the pool has room for goes out meanwhile; what the stopped one keeps is whole when it goes on. */
static void read_on_beside_a_stopped_one(maiko_overflow_choice overflow)
{
    static struct gallery writer;
    static struct gallery steady;
    struct participant stopped;
    uint32_t number = 0;

    host_init(&host);
    CU_ASSERT_FATAL(gallery_open_painter(&writer, "m"));
    CU_ASSERT_FATAL(gallery_open_reader(&steady, "steady", MAIKO_OVERFLOW_OF_TOPIC));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(writer.bridge, "gallery/picture", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    paint_and_wait(&writer, &steady, &number, 20); /* until the pool is there */
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&stopped.child, "--reader", (uint64_t)overflow * READERS));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(writer.bridge, "gallery/picture", 2, MAIKO_SECONDS(60)), MAIKO_OK);
    paint_and_wait(&writer, &steady, &number, 2 * GALLERY_KEPT);
    CU_ASSERT_EQUAL(maiko_bridge_drain(writer.bridge), MAIKO_OK);
    child_signal(&stopped.child, SIGSTOP);
    paint_and_wait(&writer, &steady, &number, 200);
    child_signal(&stopped.child, SIGCONT);
    CU_ASSERT_EQUAL(maiko_bridge_drain(writer.bridge), MAIKO_OK);
    paint_and_wait(&writer, &steady, &number, 2 * GALLERY_KEPT);
    CU_ASSERT_EQUAL(maiko_bridge_drain(writer.bridge), MAIKO_OK);
    kill_it(&stopped);
    CU_ASSERT_EQUAL(steady.wrong, 0);
    CU_ASSERT_EQUAL(steady.received, number);
    finish(&steady);
    finish(&writer);
    host_deinit(&host);
}

static void one_that_is_stopped_with_slots_holds_nobody_for_ever_under_block(void)
{
    read_on_beside_a_stopped_one(MAIKO_BLOCK);
}

static void nor_under_drop_newest(void)
{
    read_on_beside_a_stopped_one(MAIKO_DROP_NEWEST);
}

static void nor_under_drop_oldest(void)
{
    read_on_beside_a_stopped_one(MAIKO_DROP_OLDEST);
}

static void nor_under_fail(void)
{
    read_on_beside_a_stopped_one(MAIKO_FAIL);
}

static const struct test_case cases[] = {
    TEST_CASE(whoever_lives_reads_everything_whole),
    TEST_CASE(one_that_is_stopped_with_slots_holds_nobody_for_ever_under_block),
    TEST_CASE(nor_under_drop_newest),
    TEST_CASE(nor_under_drop_oldest),
    TEST_CASE(nor_under_fail),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "pool_deaths", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2 && strcmp(argv[1], "--reader") == 0) {
        fault_points_plan_from_environment();
        return read_for_ever(strtoul(argv[2], NULL, 10));
    }
    return suite_main(argc, argv, &suite);
}
