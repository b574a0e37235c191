/* Links through shared memory whose other side lies: pieces that do not belong together, jammed bells, and scribbling over
 * all that it may write. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/dice.h"
#include "lib/random.h"
#include "lib/shm_ends.h"
#include "lib/suite.h"

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
                                .link = ENDS_ID};
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
    CU_ASSERT_EQUAL_FATAL(shm_link_new(heap, ENDS_ID, &link), MAIKO_OK);
    fds[SHM_LINK_DATA] = fcntl(liar->data.fd, F_DUPFD_CLOEXEC, 0);
    fds[SHM_LINK_CONTROL] = fcntl(liar->control.fd, F_DUPFD_CLOEXEC, 0);
    fds[SHM_LINK_WAKE] = fcntl(liar->bell[1], F_DUPFD_CLOEXEC, 0);
    if (shm_link_join(link, fds, &reason) != MAIKO_OK)
        SUITE_FAIL("not joined: %s", reason);
    ends_close_fds(fds);
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
    CU_ASSERT_EQUAL(ends_send(ends.a, 1, 0), MAIKO_EPROTOCOL);
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
    CU_ASSERT_EQUAL(ends_send(ends.a, 10, 0), MAIKO_OK);
    CU_ASSERT(ends_is_woken(ends.b));
    CU_ASSERT(shm_link_sleep(ends.a));
    shm_link_awake(ends.a); /* nothing to read */
    shm_link_awake(ends.b);
    CU_ASSERT_EQUAL(shm_link_receive(ends.b, &frame), MAIKO_OK);
    shutdown(jammed[0], SHUT_RDWR);
    CU_ASSERT(shm_link_sleep(ends.b));
    CU_ASSERT_EQUAL(ends_send(ends.a, 10, 0), MAIKO_OK); /* no signal either */
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
    uint32_t value;
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
    words += dice_below(dice, count);
    value = (uint32_t)dice_throw(dice);
    atomic_store(words, value >> dice_below(dice, 32));
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

    if (shm_area_attach(SHM_AREA_CONTROL, scribbler->control_fd, ENDS_ID, &control, NULL) != MAIKO_OK)
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
            memcpy(ends_bytes, frame.data, frame.len);
            believed++;
        }
        if (shm_link_waiting(link) < 1000000)
            (void)!ends_send(link, 3000, 1);
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
    TEST_CASE(a_side_that_jams_what_wakes_it_holds_nobody),
    TEST_CASE(pieces_that_do_not_belong_together_are_refused),
    TEST_CASE(a_side_that_scribbles_over_all_it_may_write_harms_nobody),
};

SUITE_MAIN("shm_liar", cases)
