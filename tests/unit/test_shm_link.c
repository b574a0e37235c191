/* Links through shared memory: frames of any size, whole and in order, however they lie in the rings; memory that is missing; and
 * another side that lies. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/random.h"
#include "lib/suite.h"
#include "link/shm_link.h"
#include "wire/limits.h"

enum { ID = 4711, LONGEST = WIRE_FRAME_MAX };

struct ends {
    struct failing_allocator memory;
    struct heap heap;
    struct shm_link *a;
    struct shm_link *b;
};

static unsigned char bytes_sent[LONGEST];

/* A frame that is known by its number. */
static void fill(unsigned char *frame, size_t len, uint32_t number)
{
    size_t i;

    memset(frame, (int)(number * 7 + 1), len);
    for (i = 0; i < len && i < sizeof(number); i++)
        frame[i] = (unsigned char)(number >> (8 * i));
    if (len > 0)
        frame[len - 1] ^= 0x55;
}

static bool is_frame(const struct slice *frame, size_t len, uint32_t number)
{
    static unsigned char expected[LONGEST];

    fill(expected, len, number);
    return frame->len == len && memcmp(frame->data, expected, len) == 0;
}

static maiko_status send_frame(struct shm_link *link, size_t len, uint32_t number)
{
    fill(bytes_sent, len, number);
    return shm_link_send(link, bytes_sent, len);
}

/* Descriptors as they come over a control connection: others for the same files. */
static void copy_fds(const struct shm_link *link, int ret_fds[SHM_LINK_FDS])
{
    int i;

    shm_link_fds(link, ret_fds);
    for (i = 0; i < SHM_LINK_FDS; i++)
        ret_fds[i] = fcntl(ret_fds[i], F_DUPFD_CLOEXEC, 0);
}

static void close_fds(int fds[SHM_LINK_FDS])
{
    int i;

    for (i = 0; i < SHM_LINK_FDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static void join(struct shm_link *link, const struct shm_link *other)
{
    const char *reason = "";
    int fds[SHM_LINK_FDS];

    copy_fds(other, fds);
    if (shm_link_join(link, fds, &reason) != MAIKO_OK)
        SUITE_FAIL("not joined: %s", reason);
    CU_ASSERT(shm_link_is_joined(link));
    close_fds(fds);
}

static void ends_init_memory(struct ends *ends)
{
    memset(ends, 0, sizeof(*ends));
    failing_allocator_init(&ends->memory);
    heap_init(&ends->heap, &ends->memory.allocator, 0);
}

static void ends_init(struct ends *ends)
{
    ends_init_memory(ends);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends->heap, ID, &ends->a), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends->heap, ID, &ends->b), MAIKO_OK);
    join(ends->a, ends->b);
    join(ends->b, ends->a);
}

static void ends_deinit(struct ends *ends)
{
    shm_link_free(ends->a);
    shm_link_free(ends->b);
    CU_ASSERT(failing_allocator_is_balanced(&ends->memory));
}

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

        CU_ASSERT_EQUAL(send_frame(ends.a, lens[i], i), MAIKO_OK);
        while (status == MAIKO_ENOTFOUND) {
            CU_ASSERT_EQUAL(shm_link_flush(ends.a), MAIKO_OK);
            status = shm_link_receive(ends.b, &frame);
        }
        CU_ASSERT_EQUAL_FATAL(status, MAIKO_OK);
        CU_ASSERT(is_frame(&frame, lens[i], i));
        CU_ASSERT_EQUAL(shm_link_waiting(ends.a), 0);
        CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_ENOTFOUND);
    }
    ends_deinit(&ends);
}

/* In private memory of the reader; sent, looked at and forgotten. */
static void pass(struct ends *ends, size_t len, uint32_t number)
{
    struct slice frame;

    CU_ASSERT_EQUAL(send_frame(ends->a, len, number), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_link_receive(ends->b, &frame), MAIKO_OK);
    CU_ASSERT(is_frame(&frame, len, number));
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
            CU_ASSERT_EQUAL_FATAL(send_frame(ends.a, throw_len(&sender), sent++), MAIKO_OK);
        most = shm_link_waiting(ends.a) > most ? shm_link_waiting(ends.a) : most;
        for (turn = dice_below(&turns, 200); turn > 0 && shm_link_receive(ends.b, &frame) == MAIKO_OK; turn--)
            CU_ASSERT_FATAL(is_frame(&frame, throw_len(&receiver), received++));
        CU_ASSERT_EQUAL(shm_link_flush(ends.a), MAIKO_OK);
    }
    CU_ASSERT(most > 0); /* else nothing ever waited */
    CU_ASSERT_EQUAL(shm_link_waiting(ends.a), 0);
    ends_deinit(&ends);
}

static void a_frame_that_nobody_may_send_is_not_sent(void)
{
    struct ends ends;
    struct slice frame;

    ends_init(&ends);
    CU_ASSERT_EQUAL(shm_link_send(ends.a, bytes_sent, 0), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(shm_link_send(ends.a, bytes_sent, (size_t)WIRE_FRAME_MAX + 1), MAIKO_ETOOLONG);
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
        status = shm_link_new(&ends.heap, ID, &link);
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
        CU_ASSERT_EQUAL_FATAL(send_frame(link, 1000, sent++), MAIKO_OK);
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
    CU_ASSERT_EQUAL(send_frame(ends.a, 1000, sent), MAIKO_ENOMEM);
    CU_ASSERT_PTR_NULL(shm_link_fault(ends.a));
    for (i = 0; i < sent; i++) {
        if (shm_link_receive(ends.b, &frame) == MAIKO_ENOTFOUND) {
            CU_ASSERT_EQUAL(shm_link_flush(ends.a), MAIKO_OK);
            CU_ASSERT_EQUAL_FATAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
        }
        CU_ASSERT_FATAL(is_frame(&frame, 1000, i));
    }
    CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(send_frame(ends.a, 1000, 9), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
    CU_ASSERT(is_frame(&frame, 1000, 9));
    ends_deinit(&ends);
}

/* The other side would take what comes next for the rest of it. */
static void half_a_frame_without_memory_ends_the_link(void)
{
    struct ends ends;

    ends_init(&ends);
    failing_allocator_fail_nth(&ends.memory, 0);
    CU_ASSERT_EQUAL(send_frame(ends.a, 2 * (size_t)SHM_RING_BYTES, 0), MAIKO_ENOMEM);
    CU_ASSERT_PTR_NOT_NULL(shm_link_fault(ends.a));
    CU_ASSERT_EQUAL(send_frame(ends.a, 1, 1), MAIKO_EPROTOCOL);
    ends_deinit(&ends);
}

static void who_cannot_put_a_frame_together_tries_again(void)
{
    struct ends ends;
    struct slice frame;

    ends_init(&ends);
    CU_ASSERT_EQUAL(send_frame(ends.a, 500000, 3), MAIKO_OK);
    failing_allocator_fail_nth(&ends.memory, 0);
    CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL_FATAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
    CU_ASSERT(is_frame(&frame, 500000, 3));
    ends_deinit(&ends);
}

/* ---- joining ---- */

static void expect_not_joined(struct ends *ends, int place, int fd)
{
    const char *reason = NULL;
    int fds[SHM_LINK_FDS];

    copy_fds(ends->b, fds);
    if (fd >= 0) {
        close(fds[place]);
        fds[place] = fd;
    }
    CU_ASSERT_NOT_EQUAL(shm_link_join(ends->a, fds, &reason), MAIKO_OK);
    CU_ASSERT_PTR_NOT_NULL(reason);
    CU_ASSERT_FALSE(shm_link_is_joined(ends->a));
    close_fds(fds);
}

static void what_is_no_link_is_not_joined_and_may_come_again(void)
{
    struct ends ends;

    ends_init_memory(&ends);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends.heap, ID, &ends.a), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends.heap, ID + 1, &ends.b), MAIKO_OK);
    expect_not_joined(&ends, SHM_LINK_DATA, -1); /* the memory of another attachment */
    shm_link_free(ends.b);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends.heap, ID, &ends.b), MAIKO_OK);
    expect_not_joined(&ends, SHM_LINK_WAKE, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); /* writing to it could block, one day */
    expect_not_joined(&ends, SHM_LINK_WAKE, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    expect_not_joined(&ends, SHM_LINK_WAKE, open("/dev/null", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    expect_not_joined(&ends, SHM_LINK_DATA, open("/dev/zero", O_RDWR | O_CLOEXEC));
    expect_not_joined(&ends, SHM_LINK_CONTROL, eventfd(0, EFD_CLOEXEC));
    join(ends.a, ends.b);
    join(ends.b, ends.a);
    CU_ASSERT_EQUAL(send_frame(ends.a, 10, 0), MAIKO_OK);
    ends_deinit(&ends);
}

/* ---- sleeping ---- */

static bool is_woken(const struct shm_link *link)
{
    struct pollfd wake = {.fd = shm_link_wake_fd(link), .events = POLLIN};

    return poll(&wake, 1, 0) == 1;
}

static void who_sleeps_is_woken_by_a_frame_or_by_room(void)
{
    struct ends ends;
    struct slice frame;

    ends_init(&ends);
    CU_ASSERT(shm_link_sleep(ends.b));
    CU_ASSERT_FALSE(is_woken(ends.b));
    (void)fill_ring(ends.a);
    CU_ASSERT(is_woken(ends.b));
    CU_ASSERT(shm_link_sleep(ends.a));
    CU_ASSERT_FALSE(is_woken(ends.a));
    shm_link_awake(ends.b);
    CU_ASSERT_FALSE(is_woken(ends.b));
    while (shm_link_receive(ends.b, &frame) == MAIKO_OK)
        continue;
    CU_ASSERT(is_woken(ends.a));
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
        CU_ASSERT_EQUAL(send_frame(ends.a, 10, i), MAIKO_OK); /* once for the frame */
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
            CU_ASSERT_EQUAL_FATAL(send_frame(talk.ends.a, throw_len(&sender), sent++), MAIKO_OK);
        while ((status = shm_link_receive(talk.ends.a, &frame)) == MAIKO_OK)
            CU_ASSERT(is_frame(&frame, throw_len(&receiver), received++));
        CU_ASSERT_EQUAL_FATAL(status, MAIKO_ENOTFOUND);
        CU_ASSERT_EQUAL(shm_link_flush(talk.ends.a), MAIKO_OK);
        if (received < talk.count && (sent == talk.count || sent - received == 100))
            sleep_until_woken(talk.ends.a);
    }
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    CU_ASSERT_FALSE(talk.has_failed);
    ends_deinit(&talk.ends);
}

/* ---- another side that lies ---- */

/* An end without the rules of one: its memory stays writable, and a child has it, too. */
struct liar {
    struct shm_area data;
    struct shm_area control;
    struct shm_writer writer;
    int bell[2]; /* what wakes it, and what the link is given */
};

static void forge(enum shm_area_kind kind, size_t contents, struct shm_area *ret_area)
{
    struct shm_header header = {.magic = kind == SHM_AREA_DATA ? SHM_DATA_MAGIC : SHM_CONTROL_MAGIC,
                                .version = SHM_VERSION,
                                .abi = SHM_ABI,
                                .bytes = shm_area_bytes(kind, contents),
                                .link = ID};
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | (kind == SHM_AREA_DATA ? 0x10 : 0);
    int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CU_ASSERT_FATAL(fd >= 0 && ftruncate(fd, (off_t)header.bytes) == 0);
    CU_ASSERT_EQUAL_FATAL(pwrite(fd, &header, sizeof(header), 0), (ssize_t)sizeof(header));
    *ret_area = (struct shm_area){.fd = fd, .kind = kind, .bytes = header.bytes};
    ret_area->base = mmap(NULL, ret_area->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CU_ASSERT_FATAL(ret_area->base != MAP_FAILED);
    CU_ASSERT_EQUAL_FATAL(fcntl(fd, F_ADD_SEALS, seals), 0);
}

static struct shm_link *join_liar(struct liar *liar, struct heap *heap)
{
    struct shm_link *link = NULL;
    const char *reason = "";
    int fds[SHM_LINK_FDS];

    forge(SHM_AREA_DATA, SHM_RING_BYTES_MIN, &liar->data);
    forge(SHM_AREA_CONTROL, 0, &liar->control);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, liar->bell), 0);
    shm_writer_init(&liar->writer, &liar->data, &liar->control, 0);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(heap, ID, &link), MAIKO_OK);
    fds[SHM_LINK_DATA] = fcntl(liar->data.fd, F_DUPFD_CLOEXEC, 0);
    fds[SHM_LINK_CONTROL] = fcntl(liar->control.fd, F_DUPFD_CLOEXEC, 0);
    fds[SHM_LINK_WAKE] = fcntl(liar->bell[1], F_DUPFD_CLOEXEC, 0);
    if (shm_link_join(link, fds, &reason) != MAIKO_OK)
        SUITE_FAIL("not joined: %s", reason);
    close_fds(fds);
    return link;
}

static void liar_deinit(struct liar *liar)
{
    shm_area_deinit(&liar->data);
    shm_area_deinit(&liar->control);
    close(liar->bell[0]);
    close(liar->bell[1]);
}

static void write_record(struct liar *liar, enum shm_kind kind, uint32_t len, uint32_t behind)
{
    struct shm_event event = {.kind = kind, .is_msgpack = true, .channel = behind, .len = len};
    void *place;

    CU_ASSERT_EQUAL_FATAL(shm_writer_reserve(&liar->writer, &event, &place), MAIKO_OK);
    memset(place, 'l', len);
    (void)shm_writer_commit(&liar->writer);
    (void)!shm_writer_publish(&liar->writer);
}

/* A piece of 10 bytes, which is true, and then another. */
static void expect_refused(enum shm_kind kind, uint32_t len, uint32_t behind, uint64_t lost, const char *reason)
{
    struct ends ends;
    struct liar liar;
    struct slice frame;
    bool is_first = len == 0 || behind > WIRE_FRAME_MAX;

    ends_init_memory(&ends);
    ends.a = join_liar(&liar, &ends.heap);
    if (!is_first)
        write_record(&liar, SHM_RECORD_FRAME, 10, 90);
    shm_writer_lose(&liar.writer, lost, 0);
    write_record(&liar, kind, len, behind);
    CU_ASSERT_EQUAL(shm_link_receive(ends.a, &frame), MAIKO_EPROTOCOL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(shm_link_fault(ends.a));
    CU_ASSERT_STRING_EQUAL(shm_link_fault(ends.a), reason);
    CU_ASSERT_EQUAL(shm_link_receive(ends.a, &frame), MAIKO_EPROTOCOL); /* for good */
    CU_ASSERT_EQUAL(send_frame(ends.a, 1, 0), MAIKO_EPROTOCOL);
    CU_ASSERT(shm_link_sleep(ends.a)); /* nothing will be done for it any more */
    liar_deinit(&liar);
    ends_deinit(&ends);
}

static void pieces_that_do_not_belong_together_are_refused(void)
{
    expect_refused(SHM_RECORD_EVENT, 10, 80, 0, "a record that is no frame");
    expect_refused(SHM_RECORD_NOTE, 10, 80, 0, "a record that is no frame");
    expect_refused(SHM_RECORD_FRAME, 10, 80, 1, "a record that is no frame");
    expect_refused(SHM_RECORD_FRAME, 0, 0, 0, "a record that is no frame");
    expect_refused(SHM_RECORD_FRAME, 10, 81, 0, "a piece of another frame");
    expect_refused(SHM_RECORD_FRAME, 91, 0, 0, "a piece of another frame");
    expect_refused(SHM_RECORD_FRAME, 1, WIRE_FRAME_MAX + 1, 0, "a frame that is too long");
    expect_refused(SHM_RECORD_FRAME, 8, UINT32_MAX, 0, "a frame that is too long");
}

/* What a process of the same user can do to a socket that it was given. */
static int jam(void *userdata)
{
    const int *fds = userdata;
    int fd;

    for (fd = 0; fd < 2; fd++)
        if (fcntl(fds[fd], F_SETFL, 0) != 0)
            return 1;
    while (send(fds[0], "", 1, MSG_DONTWAIT) == 1)
        continue;
    return errno == EAGAIN ? 0 : 2;
}

/* The flags of an open file are shared by all who have it: whoever waits in a call for the other side waits for ever. */
static void a_side_that_jams_what_wakes_it_holds_nobody(void)
{
    struct ends ends;
    struct child child;
    struct slice frame;
    int jammed[2];
    int fds[SHM_LINK_FDS];

    ends_init(&ends);
    shm_link_fds(ends.b, fds);
    jammed[0] = fds[SHM_LINK_WAKE]; /* full, and without O_NONBLOCK */
    shm_link_fds(ends.a, fds);
    jammed[1] = fds[SHM_LINK_WAKE];
    CU_ASSERT_TRUE_FATAL(child_start(&child, jam, jammed));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    CU_ASSERT_EQUAL(fcntl(jammed[0], F_GETFL) & O_NONBLOCK, 0);
    CU_ASSERT_EQUAL(fcntl(shm_link_wake_fd(ends.a), F_SETFL, 0), 0); /* nobody else can; it would not matter */
    CU_ASSERT(shm_link_sleep(ends.b));
    CU_ASSERT_EQUAL(send_frame(ends.a, 10, 0), MAIKO_OK);
    CU_ASSERT(is_woken(ends.b));
    CU_ASSERT(shm_link_sleep(ends.a));
    shm_link_awake(ends.a); /* nothing to read */
    shm_link_awake(ends.b);
    CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
    shutdown(jammed[0], SHUT_RDWR);
    CU_ASSERT(shm_link_sleep(ends.b));
    CU_ASSERT_EQUAL(send_frame(ends.a, 10, 0), MAIKO_OK); /* no signal either */
    CU_ASSERT_PTR_NULL(shm_link_fault(ends.a));
    ends_deinit(&ends);
}

struct scribbler {
    struct liar *liar;
    int control_fd; /* what it writes as a reader */
    int wake_fd;    /* of the link */
    uint64_t seed;
};

/* One place of all the liar may write, mostly one that means something. */
static void scribble(struct dice *dice, struct liar *liar, struct shm_control *control)
{
    _Atomic uint32_t *words;
    size_t count;

    switch (dice_below(dice, 6)) {
    case 0:
        atomic_store(&shm_area_data(&liar->data)->head, liar->writer.published + 8 * dice_below(dice, 4000));
        return;
    case 1:
        atomic_store(&control->consumed, dice_below(dice, SHM_RING_BYTES));
        return;
    case 2:
        atomic_fetch_add(&control->acknowledged, dice_below(dice, 3));
        return;
    case 3:
        words = (_Atomic uint32_t *)(void *)control;
        count = SHM_PAGE / sizeof(*words);
        break;
    default:
        words = (_Atomic uint32_t *)(void *)shm_area_data(&liar->data)->ring;
        count = SHM_RING_BYTES_MIN / sizeof(*words);
    }
    atomic_store(&words[dice_below(dice, count)], (uint32_t)dice_throw(dice) >> dice_below(dice, 32));
}

static void wait_for_room(struct liar *liar)
{
    struct pollfd wake = {.fd = liar->bell[0], .events = POLLIN};
    char byte;

    if (!shm_writer_sleep(&liar->writer))
        return;
    while (poll(&wake, 1, -1) != 1)
        ;
    (void)!recv(liar->bell[0], &byte, 1, MSG_DONTWAIT);
    shm_writer_awake(&liar->writer);
}

/* Frames as they should be, and more and more often a lie in between. */
static int speak_and_lie(void *userdata)
{
    struct scribbler *scribbler = userdata;
    struct liar *liar = scribbler->liar;
    struct shm_area control;
    struct dice dice;
    unsigned turn;

    if (shm_area_attach(SHM_AREA_CONTROL, scribbler->control_fd, ID, &control, NULL) != MAIKO_OK)
        return 1;
    dice_init_seeded(&dice, scribbler->seed);
    for (turn = 0; turn < 4000; turn++) {
        struct shm_event event = {.kind = SHM_RECORD_FRAME, .is_msgpack = true, .len = 1 + (uint32_t)dice_below(&dice, 3000)};
        void *place;

        while (shm_writer_reserve(&liar->writer, &event, &place) == MAIKO_EFULL)
            wait_for_room(liar);
        memset(place, 't', event.len);
        (void)shm_writer_commit(&liar->writer);
        (void)!shm_writer_publish(&liar->writer);
        (void)!send(scribbler->wake_fd, "", 1, MSG_DONTWAIT);
        if (dice_below(&dice, 4000) < turn)
            scribble(&dice, liar, shm_area_control(&control));
    }
    return 0;
}

static bool has_ended(const struct child *child)
{
    struct pollfd output = {.fd = child->output_fd};

    return poll(&output, 1, 0) == 1;
}

/* Until the first lie that is noticed, or until the child has said all; the number of frames that were believed. */
static unsigned long listen_to(struct shm_link *link, const struct child *child)
{
    struct slice frame;
    unsigned long believed = 0;

    while (shm_link_fault(link) == NULL && !has_ended(child)) {
        while (shm_link_receive(link, &frame) == MAIKO_OK) {
            CU_ASSERT(frame.len > 0 && frame.len <= WIRE_FRAME_MAX);
            memcpy(bytes_sent, frame.data, frame.len);
            believed++;
        }
        if (shm_link_waiting(link) < 1000000)
            (void)!send_frame(link, 3000, 1);
        CU_ASSERT(shm_link_flush(link) == MAIKO_OK || shm_link_fault(link) != NULL);
        if (shm_link_sleep(link))
            shm_link_awake(link);
    }
    return believed;
}

static void a_side_that_scribbles_over_all_it_may_write_harms_nobody(void)
{
    unsigned long believed = 0;
    unsigned faults = 0;
    unsigned round;

    for (round = 0; round < suite_scale(20, 400); round++) {
        struct ends ends;
        struct liar liar;
        struct scribbler scribbler = {.liar = &liar, .seed = random_first_seed(1) + round};
        struct child child;
        int fds[SHM_LINK_FDS];

        ends_init_memory(&ends);
        ends.a = join_liar(&liar, &ends.heap);
        shm_link_fds(ends.a, fds);
        scribbler.control_fd = fds[SHM_LINK_CONTROL];
        scribbler.wake_fd = fds[SHM_LINK_WAKE];
        CU_ASSERT_TRUE_FATAL(child_start(&child, speak_and_lie, &scribbler));
        believed += listen_to(ends.a, &child);
        faults += shm_link_fault(ends.a) != NULL;
        child_signal(&child, SIGKILL);
        (void)child_end(&child, 60000);
        CU_ASSERT(atomic_load(&ends.memory.bytes_out) < 64 * 1024 * 1024);
        liar_deinit(&liar);
        ends_deinit(&ends);
    }
    CU_ASSERT(believed > 0 && faults > 0); /* else it was no liar, or never anything else */
}

static const struct test_case cases[] = {
    TEST_CASE(a_link_can_be_taken_apart_in_pieces),
    TEST_CASE(frames_of_any_size_arrive_whole),
    TEST_CASE(a_side_that_jams_what_wakes_it_holds_nobody),
    TEST_CASE(frames_wait_for_room_in_their_order),
    TEST_CASE(a_frame_that_nobody_may_send_is_not_sent),
    TEST_CASE(without_memory_there_is_no_link),
    TEST_CASE(a_frame_without_memory_is_refused_whole),
    TEST_CASE(half_a_frame_without_memory_ends_the_link),
    TEST_CASE(who_cannot_put_a_frame_together_tries_again),
    TEST_CASE(what_is_no_link_is_not_joined_and_may_come_again),
    TEST_CASE(who_sleeps_is_woken_by_a_frame_or_by_room),
    TEST_CASE(who_wakes_up_takes_back_all_that_woke_it),
    TEST_CASE(neither_side_sleeps_for_ever),
    TEST_CASE(pieces_that_do_not_belong_together_are_refused),
    TEST_CASE(long_and_short_frames_by_turns_need_no_memory),
    TEST_CASE(a_side_that_scribbles_over_all_it_may_write_harms_nobody),
};

SUITE_MAIN("shm_link", cases)
