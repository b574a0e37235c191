/* Links through shared memory: frames of any size, whole and in order, however they lie in the rings; and memory that is missing.
 * Another side that lies is in test_shm_liar.c. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/random.h"
#include "lib/shm_ends.h"
#include "lib/suite.h"

/* None of which is all of a ring, so that whoever does them can do something else in between. */
static void a_link_can_be_taken_apart_in_pieces(void)
{
    struct ends ends;
    unsigned pieces = 1;

    ends_init(&ends);
    CU_ASSERT_EQUAL(shm_link_send(ends.a, "left", 4), MAIKO_OK);
    while (shm_link_take_apart(ends.a))
        pieces++;
    CU_ASSERT(pieces > 8); /* four mappings, two of them in four parts, and as many descriptors */
    ends.a = NULL;
    ends_deinit(&ends);
}

/* ---- frames ---- */

static void frames_of_any_size_arrive_whole(void)
{
    static const size_t lens[] = {1, 7, 8, 8191, 8192, 8193, 4096, 70000, 900000, SHM_RING_BYTES, WIRE_FRAME_MAX, 1};
    struct ends ends;
    struct slice frame;
    uint32_t i;

    ends_init(&ends);
    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        maiko_status status = MAIKO_ENOTFOUND;

        CU_ASSERT_EQUAL(ends_send(ends.a, lens[i], i), MAIKO_OK);
        while (status == MAIKO_ENOTFOUND) {
            CU_ASSERT_EQUAL(shm_link_flush(ends.a), MAIKO_OK);
            status = shm_link_receive(ends.b, &frame);
        }
        CU_ASSERT_EQUAL_FATAL(status, MAIKO_OK);
        CU_ASSERT(ends_is_frame(&frame, lens[i], i));
        CU_ASSERT_EQUAL(shm_link_waiting(ends.a), 0);
        CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_ENOTFOUND);
    }
    ends_deinit(&ends);
}

/* In private memory of the reader; sent, looked at and forgotten. */
static void pass(struct ends *ends, size_t len, uint32_t number)
{
    struct slice frame;

    CU_ASSERT_EQUAL(ends_send(ends->a, len, number), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_link_receive(ends->b, &frame), MAIKO_OK);
    CU_ASSERT(ends_is_frame(&frame, len, number));
}

/* The memory for frames stays while long ones come now and then, and goes when they do not come any more. */
static void long_and_short_frames_by_turns_need_no_memory(void)
{
    enum { LONG = 300000, SHORT = 20, TURNS = 200 };
    struct ends ends;
    long attempts;
    long before;
    uint32_t i;

    ends_init(&ends);
    before = ends.memory.bytes_out;
    pass(&ends, LONG, 0);
    CU_ASSERT(ends.memory.bytes_out >= before + LONG);
    attempts = ends.memory.attempts;
    for (i = 1; i < TURNS; i++)
        pass(&ends, i % 10 == 0 ? LONG : SHORT, i);
    CU_ASSERT_EQUAL(ends.memory.attempts, attempts);
    for (i = 0; i < TURNS; i++)
        pass(&ends, SHORT, i);
    CU_ASSERT(ends.memory.bytes_out < before + LONG);
    CU_ASSERT_EQUAL(ends.memory.attempts, attempts + 1);
    pass(&ends, LONG, 0);
    ends_deinit(&ends);
}

static size_t throw_len(struct dice *dice)
{
    switch (dice_below(dice, 8)) {
    case 0:
        return 1 + dice_below(dice, 300000);
    case 1:
        return SHM_BODY_MAX - 4 + dice_below(dice, 8);
    default:
        return 1 + dice_below(dice, 2000);
    }
}

static void frames_wait_for_room_in_their_order(void)
{
    struct ends ends;
    struct slice frame;
    struct dice sender;
    struct dice receiver;
    struct dice turns;
    uint64_t seed = random_first_seed(1);
    uint32_t sent = 0;
    uint32_t received = 0;
    uint32_t count = (uint32_t)(suite_scale(3000, 60000) / suite_slowdown());
    size_t most = 0;

    ends_init(&ends);
    dice_init_seeded(&sender, seed);
    dice_init_seeded(&receiver, seed);
    dice_init_seeded(&turns, seed + 1);
    while (received < count) {
        size_t turn;

        for (turn = dice_below(&turns, 200); turn > 0 && sent < count && shm_link_waiting(ends.a) < 2000000; turn--)
            CU_ASSERT_EQUAL_FATAL(ends_send(ends.a, throw_len(&sender), sent++), MAIKO_OK);
        most = shm_link_waiting(ends.a) > most ? shm_link_waiting(ends.a) : most;
        for (turn = dice_below(&turns, 200); turn > 0 && shm_link_receive(ends.b, &frame) == MAIKO_OK; turn--)
            CU_ASSERT_FATAL(ends_is_frame(&frame, throw_len(&receiver), received++));
        CU_ASSERT_EQUAL(shm_link_flush(ends.a), MAIKO_OK);
    }
    CU_ASSERT(most > 0); /* else nothing ever waited */
    CU_ASSERT_EQUAL(shm_link_waiting(ends.a), 0);
    ends_deinit(&ends);
}

/* The frame of a number, cut where the dice say. */
static maiko_status send_in_parts(struct shm_link *link, size_t len, uint32_t number, struct dice *dice)
{
    struct slice parts[8];
    size_t count = 0;
    size_t done = 0;

    ends_fill(ends_bytes, len, number);
    while (done < len) {
        size_t left = len - done;
        size_t some = count + 1 == sizeof(parts) / sizeof(parts[0]) ? left : 1 + dice_below(dice, (uint32_t)left);

        parts[count++] = (struct slice){.data = ends_bytes + done, .len = some};
        done += some;
    }
    return shm_link_send_parts(link, parts, count);
}

/* Also those of which a part waits for room. */
static void frames_in_parts_arrive_whole(void)
{
    uint32_t count = (uint32_t)suite_scale(1000, 20000); /* much fewer never fill the ring */
    uint64_t seed = random_first_seed(1);
    uint32_t received = 0;
    uint32_t sent = 0;
    struct dice receiver;
    struct dice sender;
    struct slice frame;
    struct dice cuts;
    struct ends ends;
    size_t most = 0;

    ends_init(&ends);
    dice_init_seeded(&sender, seed);
    dice_init_seeded(&receiver, seed);
    dice_init_seeded(&cuts, seed + 1);
    while (received < count) {
        while (sent < count && shm_link_waiting(ends.a) < 500000)
            CU_ASSERT_EQUAL_FATAL(send_in_parts(ends.a, throw_len(&sender), sent++, &cuts), MAIKO_OK);
        most = shm_link_waiting(ends.a) > most ? shm_link_waiting(ends.a) : most;
        while (shm_link_receive(ends.b, &frame) == MAIKO_OK)
            CU_ASSERT_FATAL(ends_is_frame(&frame, throw_len(&receiver), received++));
        CU_ASSERT_EQUAL(shm_link_flush(ends.a), MAIKO_OK);
    }
    CU_ASSERT(most > 0);
    CU_ASSERT_EQUAL(shm_link_send_parts(ends.a, NULL, 0), MAIKO_ETOOLONG);
    ends_deinit(&ends);
}

static void a_frame_that_nobody_may_send_is_not_sent(void)
{
    struct ends ends;
    struct slice frame;

    ends_init(&ends);
    CU_ASSERT_EQUAL(shm_link_send(ends.a, ends_bytes, 0), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(shm_link_send(ends.a, ends_bytes, (size_t)WIRE_FRAME_MAX + 1), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_ENOTFOUND);
    CU_ASSERT_PTR_NULL(shm_link_fault(ends.a));
    ends_deinit(&ends);
}

/* ---- without memory ---- */

static void without_memory_there_is_no_link(void)
{
    struct ends ends;
    struct shm_link *link = NULL;
    maiko_status status = MAIKO_ENOMEM;
    long nth;

    ends_init_memory(&ends);
    for (nth = 0; status == MAIKO_ENOMEM && nth < 16; nth++) {
        failing_allocator_fail_nth(&ends.memory, nth);
        status = shm_link_new(&ends.heap, ENDS_ID, &link);
    }
    CU_ASSERT_EQUAL(status, MAIKO_OK);
    CU_ASSERT(nth > 1);
    shm_link_free(link);
    CU_ASSERT(failing_allocator_is_balanced(&ends.memory));
}

/* Small frames until one has to wait. */
static uint32_t fill_ring(struct shm_link *link)
{
    uint32_t sent = 0;

    while (shm_link_waiting(link) == 0)
        CU_ASSERT_EQUAL_FATAL(ends_send(link, 1000, sent++), MAIKO_OK);
    return sent;
}

static void a_frame_without_memory_is_refused_whole(void)
{
    struct ends ends;
    struct slice frame;
    uint32_t sent;
    uint32_t i;

    ends_init(&ends);
    sent = fill_ring(ends.a);
    failing_allocator_fail_nth(&ends.memory, 0);
    CU_ASSERT_EQUAL(ends_send(ends.a, 1000, sent), MAIKO_ENOMEM);
    CU_ASSERT_PTR_NULL(shm_link_fault(ends.a));
    for (i = 0; i < sent; i++) {
        if (shm_link_receive(ends.b, &frame) == MAIKO_ENOTFOUND) {
            CU_ASSERT_EQUAL(shm_link_flush(ends.a), MAIKO_OK);
            CU_ASSERT_EQUAL_FATAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
        }
        CU_ASSERT_FATAL(ends_is_frame(&frame, 1000, i));
    }
    CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(ends_send(ends.a, 1000, 9), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
    CU_ASSERT(ends_is_frame(&frame, 1000, 9));
    ends_deinit(&ends);
}

/* The other side would take what comes next for the rest of it. */
static void half_a_frame_without_memory_ends_the_link(void)
{
    struct ends ends;

    ends_init(&ends);
    failing_allocator_fail_nth(&ends.memory, 0);
    CU_ASSERT_EQUAL(ends_send(ends.a, 2 * (size_t)SHM_RING_BYTES, 0), MAIKO_ENOMEM);
    CU_ASSERT_PTR_NOT_NULL(shm_link_fault(ends.a));
    CU_ASSERT_EQUAL(ends_send(ends.a, 1, 1), MAIKO_EPROTOCOL);
    ends_deinit(&ends);
}

static void who_cannot_put_a_frame_together_tries_again(void)
{
    struct ends ends;
    struct slice frame;

    ends_init(&ends);
    CU_ASSERT_EQUAL(ends_send(ends.a, 500000, 3), MAIKO_OK);
    failing_allocator_fail_nth(&ends.memory, 0);
    CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL_FATAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
    CU_ASSERT(ends_is_frame(&frame, 500000, 3));
    ends_deinit(&ends);
}

/* ---- joining ---- */

static void expect_not_joined(struct ends *ends, int place, int fd)
{
    const char *reason = NULL;
    int fds[SHM_LINK_FDS];

    ends_copy_fds(ends->b, fds);
    if (fd >= 0) {
        close(fds[place]);
        fds[place] = fd;
    }
    CU_ASSERT_NOT_EQUAL(shm_link_join(ends->a, fds, &reason), MAIKO_OK);
    CU_ASSERT_PTR_NOT_NULL(reason);
    CU_ASSERT_FALSE(shm_link_is_joined(ends->a));
    ends_close_fds(fds);
}

static void what_is_no_link_is_not_joined_and_may_come_again(void)
{
    struct ends ends;

    ends_init_memory(&ends);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends.heap, ENDS_ID, &ends.a), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends.heap, ENDS_ID + 1, &ends.b), MAIKO_OK);
    expect_not_joined(&ends, SHM_LINK_DATA, -1); /* the memory of another attachment */
    shm_link_free(ends.b);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends.heap, ENDS_ID, &ends.b), MAIKO_OK);
    expect_not_joined(&ends, SHM_LINK_WAKE, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); /* writing to it could block, one day */
    expect_not_joined(&ends, SHM_LINK_WAKE, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    expect_not_joined(&ends, SHM_LINK_WAKE, open("/dev/null", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    expect_not_joined(&ends, SHM_LINK_DATA, open("/dev/zero", O_RDWR | O_CLOEXEC));
    expect_not_joined(&ends, SHM_LINK_CONTROL, eventfd(0, EFD_CLOEXEC));
    ends_join(ends.a, ends.b);
    ends_join(ends.b, ends.a);
    CU_ASSERT_EQUAL(ends_send(ends.a, 10, 0), MAIKO_OK);
    ends_deinit(&ends);
}

/* ---- sleeping ---- */

static void who_sleeps_is_woken_by_a_frame_or_by_room(void)
{
    struct ends ends;
    struct slice frame;

    ends_init(&ends);
    CU_ASSERT(shm_link_sleep(ends.b));
    CU_ASSERT_FALSE(ends_is_woken(ends.b));
    (void)fill_ring(ends.a);
    CU_ASSERT(ends_is_woken(ends.b));
    CU_ASSERT(shm_link_sleep(ends.a));
    CU_ASSERT_FALSE(ends_is_woken(ends.a));
    shm_link_awake(ends.b);
    CU_ASSERT_FALSE(ends_is_woken(ends.b));
    while (shm_link_receive(ends.b, &frame) == MAIKO_OK)
        continue;
    CU_ASSERT(ends_is_woken(ends.a));
    shm_link_awake(ends.a);
    CU_ASSERT_FALSE(shm_link_sleep(ends.b) && shm_link_sleep(ends.a)); /* there is room: nothing to wait for */
    ends_deinit(&ends);
}

struct talk {
    struct ends ends;
    uint32_t count;
    bool has_failed;
};

static void sleep_until_woken(struct shm_link *link)
{
    struct pollfd wake = {.fd = shm_link_wake_fd(link), .events = POLLIN};

    if (!shm_link_sleep(link))
        return;
    while (poll(&wake, 1, -1) != 1)
        ;
    shm_link_awake(link);
}

/* Sends back what it gets. */
static void *answer(void *userdata)
{
    struct talk *talk = userdata;
    struct shm_link *link = talk->ends.b;
    struct slice frame;
    uint32_t number = 0;

    while (!talk->has_failed) {
        maiko_status status = shm_link_receive(link, &frame);

        if (status == MAIKO_OK) {
            number++;
            status = shm_link_send(link, frame.data, frame.len);
        }
        talk->has_failed = (status != MAIKO_OK && status != MAIKO_ENOTFOUND) || shm_link_flush(link) != MAIKO_OK;
        if (number == talk->count && shm_link_waiting(link) == 0)
            break;
        if (status == MAIKO_ENOTFOUND)
            sleep_until_woken(link);
    }
    return NULL;
}

/* Or the socket would be full one day, and who is told of each as it comes would hear of no more. */
static void who_wakes_up_takes_back_all_that_woke_it(void)
{
    struct pollfd wake = {.events = POLLIN};
    struct slice frame;
    struct ends ends;
    int fds[SHM_LINK_FDS];
    uint32_t i;
    int times;

    ends_init(&ends);
    wake.fd = shm_link_wake_fd(ends.b);
    shm_link_fds(ends.b, fds);
    for (i = 0; i < 100; i++) {
        CU_ASSERT(shm_link_sleep(ends.b));
        CU_ASSERT_EQUAL(ends_send(ends.a, 10, i), MAIKO_OK); /* once for the frame */
        for (times = 0; times < 2; times++)
            CU_ASSERT_EQUAL(send(fds[SHM_LINK_WAKE], "", 1, MSG_DONTWAIT), 1); /* and once as for room, and more */
        CU_ASSERT_EQUAL(poll(&wake, 1, 0), 1);
        shm_link_awake(ends.b);
        CU_ASSERT_EQUAL(poll(&wake, 1, 0), 0);
        CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
        CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_ENOTFOUND);
    }
    ends_deinit(&ends);
}

static void neither_side_sleeps_for_ever(void)
{
    static struct talk talk;
    struct dice sender;
    struct dice receiver;
    struct slice frame;
    pthread_t thread;
    uint32_t sent = 0;
    uint32_t received = 0;

    ends_init(&talk.ends);
    talk.count = (uint32_t)(suite_scale(4000, 100000) / suite_slowdown());
    dice_init_seeded(&sender, 5);
    dice_init_seeded(&receiver, 5);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer, &talk), 0);
    while (received < talk.count) {
        maiko_status status;

        while (sent < talk.count && sent - received < 100)
            CU_ASSERT_EQUAL_FATAL(ends_send(talk.ends.a, throw_len(&sender), sent++), MAIKO_OK);
        while ((status = shm_link_receive(talk.ends.a, &frame)) == MAIKO_OK)
            CU_ASSERT(ends_is_frame(&frame, throw_len(&receiver), received++));
        CU_ASSERT_EQUAL_FATAL(status, MAIKO_ENOTFOUND);
        CU_ASSERT_EQUAL(shm_link_flush(talk.ends.a), MAIKO_OK);
        if (received < talk.count && (sent == talk.count || sent - received == 100))
            sleep_until_woken(talk.ends.a);
    }
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    CU_ASSERT_FALSE(talk.has_failed);
    ends_deinit(&talk.ends);
}

static const struct test_case cases[] = {
    TEST_CASE(a_link_can_be_taken_apart_in_pieces),
    TEST_CASE(frames_of_any_size_arrive_whole),
    TEST_CASE(frames_wait_for_room_in_their_order),
    TEST_CASE(frames_in_parts_arrive_whole),
    TEST_CASE(a_frame_that_nobody_may_send_is_not_sent),
    TEST_CASE(without_memory_there_is_no_link),
    TEST_CASE(a_frame_without_memory_is_refused_whole),
    TEST_CASE(half_a_frame_without_memory_ends_the_link),
    TEST_CASE(who_cannot_put_a_frame_together_tries_again),
    TEST_CASE(what_is_no_link_is_not_joined_and_may_come_again),
    TEST_CASE(who_sleeps_is_woken_by_a_frame_or_by_room),
    TEST_CASE(who_wakes_up_takes_back_all_that_woke_it),
    TEST_CASE(neither_side_sleeps_for_ever),
    TEST_CASE(long_and_short_frames_by_turns_need_no_memory),
};

SUITE_MAIN("shm_link", cases)
