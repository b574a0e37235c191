/* Pace: when a stream begins, and when it has ended. */
#include "lib/suite.h"
#include "link/pace.h"

static void turn(struct pace *pace, unsigned frames, size_t len)
{
    unsigned i;

    pace_begin(pace);
    for (i = 0; i < frames; i++)
        pace_read(pace, len);
    pace_turn(pace);
}

static void one_frame_at_a_time_is_no_stream(void)
{
    struct pace pace = {0};
    int i;

    for (i = 0; i < 1000; i++) {
        turn(&pace, 1, 100);
        pace_begin(&pace); /* a guest's */
        pace_read(&pace, 100);
        pace_sent(&pace, 100);
        CU_ASSERT_FALSE(pace_visit(&pace));
    }
    CU_ASSERT_FALSE(pace.is_stream);
}

static void many_frames_or_many_bytes_at_once_are(void)
{
    struct pace pace = {0};

    turn(&pace, PACE_FRAMES, 1);
    CU_ASSERT_FALSE(pace.is_stream);
    turn(&pace, PACE_FRAMES + 1, 1);
    CU_ASSERT(pace.is_stream);
    pace = (struct pace){0};
    turn(&pace, 1, PACE_BYTES);
    CU_ASSERT_FALSE(pace.is_stream);
    turn(&pace, 1, PACE_BYTES + 1);
    CU_ASSERT(pace.is_stream);
    pace = (struct pace){0};
    pace_begin(&pace);
    pace_read(&pace, 1);
    pace_sent(&pace, PACE_BYTES);
    pace_turn(&pace);
    CU_ASSERT(pace.is_stream);
}

static void frames_that_are_sent_do_not_count(void)
{
    struct pace pace = {0};
    int i;

    for (i = 0; i < 100; i++) /* one event to many */
        pace_sent(&pace, 10);
    pace_turn(&pace);
    CU_ASSERT_FALSE(pace.is_stream);
}

static void a_guest_notices_the_beginning(void)
{
    struct pace pace = {0};

    pace_begin(&pace);
    pace_read(&pace, PACE_BYTES + 1);
    CU_ASSERT(pace_visit(&pace));
    CU_ASSERT(pace.is_stream);
}

static void it_ends_with_quiet_turns_in_a_row(void)
{
    struct pace pace = {0};
    int i;

    turn(&pace, 1, PACE_BYTES + 1);
    for (i = 1; i < PACE_QUIET_TURNS; i++) {
        CU_ASSERT(pace.is_stream);
        turn(&pace, 1, 1);
    }
    turn(&pace, 1, PACE_BYTES + 1); /* it goes on */
    for (i = 0; i < PACE_QUIET_TURNS; i++) {
        CU_ASSERT(pace.is_stream);
        turn(&pace, 1, 1);
    }
    CU_ASSERT_FALSE(pace.is_stream);
    turn(&pace, 1, PACE_BYTES + 1); /* and begins again, as long */
    for (i = 0; i < PACE_QUIET_TURNS; i++) {
        CU_ASSERT(pace.is_stream);
        turn(&pace, 1, 1);
    }
    CU_ASSERT_FALSE(pace.is_stream);
}

static void a_few_turns_without_a_frame_and_guests_do_not_end_it(void)
{
    struct pace pace = {0};
    int i;

    turn(&pace, 1, PACE_BYTES + 1);
    for (i = 0; i < 2 * PACE_QUIET_TURNS; i++) {
        turn(&pace, 0, 0);
        pace_begin(&pace);
        pace_sent(&pace, 1);
        CU_ASSERT_FALSE(pace_visit(&pace));
    }
    CU_ASSERT(pace.is_stream);
}

/* The other end has gone; turns are for shared memory, or timers. */
static void it_ends_when_nothing_comes_any_more(void)
{
    struct pace pace = {0};
    int i;

    turn(&pace, 1, PACE_BYTES + 1);
    for (i = 0; i < PACE_QUIET_TURNS * PACE_EMPTY_TURNS; i++) {
        CU_ASSERT(pace.is_stream);
        turn(&pace, 0, 0);
    }
    CU_ASSERT_FALSE(pace.is_stream);
}

static const struct test_case cases[] = {
    TEST_CASE(one_frame_at_a_time_is_no_stream),    TEST_CASE(many_frames_or_many_bytes_at_once_are),
    TEST_CASE(frames_that_are_sent_do_not_count),   TEST_CASE(a_guest_notices_the_beginning),
    TEST_CASE(it_ends_with_quiet_turns_in_a_row),   TEST_CASE(a_few_turns_without_a_frame_and_guests_do_not_end_it),
    TEST_CASE(it_ends_when_nothing_comes_any_more),
};

SUITE_MAIN("pace", cases)
