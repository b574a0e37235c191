/* A node that keeps to the protocol and scribbles over all the shared memory it may write: the nodes it is linked to end the
 * link, and go on with all others. */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bridge_end.h"
#include "lib/dice.h"
#include "lib/leaks.h"
#include "lib/process.h"
#include "lib/random.h"
#include "lib/suite.h"
#include "shm/shm_layout.h"

enum { AREAS = 64, AT_ONCE = 300 };

static const char good_name[] = "m";
static struct host host;

/* ---- the scribbler ---- */

struct writable {
    uint64_t start[AREAS];
    uint64_t bytes[AREAS];
    size_t count;
};

/* All that it shares and may write, as it is now: links come and go. */
static void look(struct writable *writable)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];

    writable->count = 0;
    while (maps != NULL && writable->count < AREAS && fgets(line, sizeof(line), maps) != NULL) {
        uint64_t start;
        uint64_t end;

        if (strstr(line, " rw-s ") == NULL || strstr(line, "memfd:maiko") == NULL ||
            sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
            continue;
        writable->start[writable->count] = start;
        writable->bytes[writable->count++] = end - start;
    }
    if (maps != NULL)
        fclose(maps);
}

/* Anywhere in the first page, which has the words that mean most. */
static uint64_t place_of_a_word(struct dice *dice)
{
    return dice_percent(dice, 50) ? dice_below(dice, SHM_PAGE / SHM_LINE) * SHM_LINE : dice_below(dice, SHM_PAGE / 8) * 8;
}

/* In a record that was just written, or is about to be. */
static uint64_t place_near_the_head(int memory_fd, uint64_t start, uint64_t ring_bytes, struct dice *dice)
{
    uint64_t ahead = 8 * dice_below(dice, 64);
    uint64_t behind = 8 * dice_below(dice, 64);
    uint64_t head = 0;

    (void)!pread(memory_fd, &head, sizeof(head), (off_t)(start + offsetof(struct shm_data, head)));
    return SHM_PAGE + ((head + ahead - behind) & (ring_bytes - 1));
}

enum habit { WORDS, RECORDS, ANYTHING, HABITS };

/* By the kernel's hand: an area that is not mapped any more is an error and no signal. */
static void scribble_once(int memory_fd, const struct writable *writable, enum habit habit, struct dice *dice)
{
    size_t nth = dice_below(dice, writable->count);
    uint64_t start = writable->start[nth];
    uint64_t bytes = writable->bytes[nth];
    uint64_t bits = dice_throw(dice);
    uint64_t value = bits >> dice_below(dice, 64);
    uint64_t place = dice_below(dice, bytes / 4 - 1) * 4;

    if (habit == WORDS)
        place = place_of_a_word(dice);
    else if (habit == RECORDS && bytes > SHM_PAGE)
        place = place_near_the_head(memory_fd, start, bytes - SHM_PAGE, dice);
    else if (habit == RECORDS)
        return;
    (void)!pwrite(memory_fd, &value, (size_t)1 << dice_below(dice, 4), (off_t)(start + place));
}

/* Never ends by itself.  What is anywhere may be where nobody looks: it says when it has done much of that. */
static int scribble(uint64_t seed)
{
    enum habit habit = (enum habit)(seed / 2 % HABITS);
    unsigned long done = 0;
    int memory_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    struct writable writable;
    struct dice dice;

    dice_init_seeded(&dice, seed);
    if (memory_fd < 0 || write(STDOUT_FILENO, "on\n", 3) != 3)
        return 9;
    for (;;) {
        look(&writable);
        if (writable.count > 0)
            scribble_once(memory_fd, &writable, habit, &dice);
        if (habit == ANYTHING && ++done == 5000 && write(STDOUT_FILENO, "on\n", 3) != 3)
            return 9;
    }
}

static const maiko_bridge_config memory_only = {.transport = MAIKO_TRANSPORT_SHM, .deadline_ns = MAIKO_MS(100)};

/* Of two nodes the one with the smaller name connects. */
static const char *name_of(uint64_t seed)
{
    return seed % 2 == 0 ? "a" : "z";
}

static int subscribe_and_scribble(uint64_t seed)
{
    static struct bridge_end end;

    bridge_end_make(&end, name_of(seed), &memory_only, "count/up");
    if (bridge_end_import(&end, "count/up", MAIKO_FROM_LIVE) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK ||
        !wait_until(bridge_end_counters(&end).peers == 2, 60000))
        return 9;
    return scribble(seed);
}

static void *publish_for_ever(void *userdata)
{
    uint64_t number = 0;

    while (bridge_end_publish(userdata, ++number) == MAIKO_OK)
        continue;
    return NULL;
}

static int publish_and_scribble(uint64_t seed)
{
    static struct bridge_end end;
    pthread_t thread;

    bridge_end_make(&end, name_of(seed), &memory_only, NULL);
    if (bridge_end_export(&end, "count/#", NULL) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK ||
        maiko_bridge_wait_ready(end.bridge, "count/up", 1, MAIKO_SECONDS(60)) != MAIKO_OK ||
        pthread_create(&thread, NULL, publish_for_ever, &end) != 0)
        return 9;
    return scribble(seed);
}

/* ---- those who have to do with it ---- */

static void wait_for_word(const struct child *child)
{
    char text[4] = "";

    CU_ASSERT_EQUAL_FATAL(read(child->output_fd, text, 3), 3);
    CU_ASSERT_STRING_EQUAL(text, "on\n");
}

/* It may have fallen over its own feet before. */
static void end_it(struct child *child)
{
    child_signal(child, SIGKILL);
    (void)child_end(child, 60000);
}

static bool has_ended_or_done(const struct child *child)
{
    struct pollfd output = {.fd = child->output_fd};

    return poll(&output, 1, 0) == 1;
}

static uint64_t lies_noticed(struct bridge_end *end)
{
    maiko_bridge_counters counters = bridge_end_counters(end);

    return counters.refusals + counters.gaps;
}

static void publish_some(struct bridge_end *publisher, uint64_t *number)
{
    unsigned count;

    for (count = AT_ONCE; count > 0; count--)
        CU_ASSERT_EQUAL(bridge_end_publish(publisher, ++*number), MAIKO_OK);
}

static void make_steady(struct bridge_end *steady)
{
    bridge_end_make(steady, "steady", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM}, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(steady, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(steady), MAIKO_OK);
}

static void a_subscriber_that_scribbles_harms_no_other(void)
{
    static struct bridge_end publisher;
    static struct bridge_end steady;
    uint64_t number = 0;
    unsigned long round;
    unsigned descriptors;
    unsigned mappings;

    host_init(&host);
    bridge_end_make(&publisher, good_name, &memory_only, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    make_steady(&steady);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    publish_some(&publisher, &number);
    CU_ASSERT(wait_until(steady.received == number, 60000));
    descriptors = leaks_count_fds();
    mappings = leaks_count_shared_mappings();
    for (round = 0; round < suite_scale(4, 60); round++) {
        struct child child;
        unsigned turn;

        CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--subscriber", random_first_seed(0) + round));
        CU_ASSERT(wait_until(bridge_end_counters(&publisher).peers == 2, 60000));
        publish_some(&publisher, &number);
        wait_for_word(&child);
        for (turn = 0; turn < 20; turn++) {
            publish_some(&publisher, &number);
            CU_ASSERT_FATAL(wait_until(steady.received == number, 60000));
        }
        end_it(&child);
        CU_ASSERT(wait_until(bridge_end_counters(&publisher).peers == 1, 60000));
    }
    CU_ASSERT_EQUAL(steady.not_rising + steady.holes, 0);
    CU_ASSERT(wait_until(leaks_count_fds() <= descriptors, 60000));
    CU_ASSERT(wait_until(leaks_count_shared_mappings() == mappings, 60000));
    bridge_end_stop(&steady);
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

static void a_publisher_that_scribbles_harms_no_other(void)
{
    static struct bridge_end publisher;
    static struct bridge_end steady;
    uint64_t number = UINT64_C(1) << 40;
    uint64_t received;
    uint64_t wrong;
    unsigned long round;

    host_init(&host);
    make_steady(&steady);
    for (round = 0; round < suite_scale(4, 60); round++) {
        struct child child;

        uint64_t noticed = lies_noticed(&steady);

        CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--publisher", random_first_seed(0) + round));
        wait_for_word(&child);
        CU_ASSERT(wait_until(lies_noticed(&steady) > noticed || has_ended_or_done(&child), 60000));
        end_it(&child);
        CU_ASSERT(wait_until(bridge_end_counters(&steady).peers == 0, 60000));
    }
    steady.only_from = number + 1; /* what the scribblers made of theirs may still wait, and come behind it */
    steady.only_to = number + 2 * AT_ONCE;
    bridge_end_make(&publisher, good_name, &memory_only, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    publish_some(&publisher, &number);
    CU_ASSERT(wait_until(steady.last == number, 60000));
    received = steady.received;
    wrong = steady.not_rising + steady.holes;
    publish_some(&publisher, &number);
    CU_ASSERT(wait_until(steady.last == number, 60000));
    CU_ASSERT_EQUAL(steady.received, received + AT_ONCE);
    CU_ASSERT_EQUAL(steady.not_rising + steady.holes, wrong);
    bridge_end_stop(&publisher);
    bridge_end_stop(&steady);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(a_subscriber_that_scribbles_harms_no_other),
    TEST_CASE(a_publisher_that_scribbles_harms_no_other),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "shm_scribbler", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2 && strcmp(argv[1], "--subscriber") == 0)
        return subscribe_and_scribble(strtoull(argv[2], NULL, 10));
    if (argc > 2 && strcmp(argv[1], "--publisher") == 0)
        return publish_and_scribble(strtoull(argv[2], NULL, 10));
    return suite_main(argc, argv, &suite);
}
