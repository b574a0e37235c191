/* Streak: what readers derive from it while it is written, at any instruction of the writer and between any two of the reader's
 * own calls; and when hooks go from one streak to the next. */
#include "monitor/counters_reader.h"
#include "runtime/streak.h"

#include "lib/child.h"
#include "lib/scratch.h"
#include "lib/suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ACTORS = 3, TOPICS = 2 };

/* What is true of one counter: it is at least `done`, at most `begun`. */
struct truth {
    _Atomic uint64_t begun;
    _Atomic uint64_t done;
};

struct truths {
    struct truth sent[ACTORS];
    struct truth carried[TOPICS];
    struct truth received[ACTORS];
    _Atomic bool is_over;
};

/* The writer: actors that send to each other as shards do it. */
struct writer {
    struct counters_file *file;
    struct streak streak;
    struct counters_actor *actors[ACTORS];
    struct route routes[TOPICS];
    struct truths *truths;
};

static const char *const actor_names[ACTORS] = {"a", "b", "c"};
static const char *const topic_names[TOPICS] = {"x", "y"};

static bool open_writer(struct writer *writer, const char *path, struct truths *truths)
{
    const struct counters_options options = {.name = "t", .path = path, .no_file = path == NULL};
    int i;

    memset(writer, 0, sizeof(*writer));
    writer->truths = truths;
    if (counters_file_open(heap_default(), &options, &writer->file) != MAIKO_OK)
        return false;
    streak_init(&writer->streak, counters_streak(writer->file, 0), UINT64_MAX - 20);
    for (i = 0; i < ACTORS; i++)
        writer->actors[i] = counters_actor_add(writer->file, (uint64_t)i + 1, actor_names[i], 1, 0);
    for (i = 0; i < TOPICS; i++) {
        writer->routes[i].counters = counters_topic_add(writer->file, 0, topic_names[i]);
        writer->routes[i].care = ROUTE_SINGLE;
    }
    return writer->actors[ACTORS - 1] != NULL && writer->routes[TOPICS - 1].counters != NULL;
}

static void raise_by_one(_Atomic uint64_t *word)
{
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + 1, memory_order_release);
}

/* One event from an actor to another one, as send_simply() counts it. */
static void send_one(struct writer *writer, int sender, int topic, int receiver)
{
    struct truths *truths = writer->truths;
    struct route *route = &writer->routes[topic];

    raise_by_one(&truths->sent[sender].begun);
    raise_by_one(&truths->carried[topic].begun);
    raise_by_one(&truths->received[receiver].begun);
    if (route->care == ROUTE_STREAK) {
        (void)streak_make(&writer->streak);
    } else {
        streak_stop(&writer->streak);
        (void)streak_make(&writer->streak);
        COUNT(writer->actors[sender], sent, 1);
        COUNT(route->counters, sent, 1);
        COUNT(writer->actors[receiver], received, 1);
        streak_note(&writer->streak, route, writer->actors[sender], writer->actors[receiver], STREAK_EVERY);
    }
    raise_by_one(&truths->sent[sender].done);
    raise_by_one(&truths->carried[topic].done);
    raise_by_one(&truths->received[receiver].done);
}

/* Long and short streaks, to the same and to other actors, a change in the middle, and events apart from them. */
static void send_them(struct writer *writer, int rounds)
{
    int round;
    int i;

    for (round = 0; round < rounds; round++) {
        for (i = 0; i < 7; i++)
            send_one(writer, 0, 0, 1);
        if (round % 2 == 0) /* somebody subscribes: the route is not what it was */
            writer->routes[0].care = ROUTE_SINGLE;
        for (i = 0; i < 2; i++)
            send_one(writer, 0, 0, 1);
        for (i = 0; i < 5; i++)
            send_one(writer, 0, 1, 2);
        streak_stop(&writer->streak);
        for (i = 0; i < 6; i++)
            send_one(writer, 1, 0, 2);
        streak_stop(&writer->streak);
        for (i = 0; i < 6; i++)
            send_one(writer, 2, 0, 1);
        streak_stop(&writer->streak);
    }
}

/* --- looking --- */

struct figures {
    uint64_t sent[ACTORS];
    uint64_t carried[TOPICS];
    uint64_t received[ACTORS];
};

static bool figures_of(const maiko_counters *counters, struct figures *figures)
{
    maiko_counters_actor actor;
    maiko_counters_topic topic;
    size_t i;

    for (i = 0; i < ACTORS; i++) {
        if (maiko_counters_find_actor(counters, actor_names[i], &actor) != MAIKO_OK)
            return false;
        figures->sent[i] = actor.sent;
        figures->received[i] = actor.received;
    }
    for (i = 0; i < TOPICS; i++) {
        if (maiko_counters_get_topic(counters, i, &topic) != MAIKO_OK)
            return false;
        figures->carried[i] = topic.sent;
    }
    return true;
}

static bool is_one_of(const struct truth *truth, uint64_t least, uint64_t figure)
{
    return figure >= least && figure <= atomic_load_explicit(&truth->begun, memory_order_acquire);
}

static void note_least(const struct truths *truths, struct figures *least)
{
    size_t i;

    for (i = 0; i < ACTORS; i++) {
        least->sent[i] = atomic_load_explicit(&truths->sent[i].done, memory_order_acquire);
        least->received[i] = atomic_load_explicit(&truths->received[i].done, memory_order_acquire);
    }
    for (i = 0; i < TOPICS; i++)
        least->carried[i] = atomic_load_explicit(&truths->carried[i].done, memory_order_acquire);
}

/* Were all figures true at some moment since `least` was noted? */
static bool are_true(const struct truths *truths, const struct figures *least, const struct figures *figures)
{
    bool truth = true;
    size_t i;

    for (i = 0; i < ACTORS; i++)
        truth = truth && is_one_of(&truths->sent[i], least->sent[i], figures->sent[i]) &&
                is_one_of(&truths->received[i], least->received[i], figures->received[i]);
    for (i = 0; i < TOPICS; i++)
        truth = truth && is_one_of(&truths->carried[i], least->carried[i], figures->carried[i]);
    return truth;
}

static bool has_shrunk(const struct figures *from, const struct figures *to)
{
    bool has = false;
    size_t i;

    for (i = 0; i < ACTORS; i++)
        has = has || to->sent[i] < from->sent[i] || to->received[i] < from->received[i];
    for (i = 0; i < TOPICS; i++)
        has = has || to->carried[i] < from->carried[i];
    return has;
}

/* Of a program that stands still: at most one event is counted here and not there. */
static bool books_close(const struct figures *figures)
{
    uint64_t sent = 0;
    uint64_t carried = 0;
    uint64_t received = 0;
    size_t i;

    for (i = 0; i < ACTORS; i++) {
        sent += figures->sent[i];
        received += figures->received[i];
    }
    for (i = 0; i < TOPICS; i++)
        carried += figures->carried[i];
    return sent - carried + 1 <= 2 && carried - received + 1 <= 2 && sent - received + 1 <= 2;
}

/* --- instruction by instruction --- */

struct stepped {
    char path[600];
    struct truths *truths;
    struct child child;
    bool runs;
    unsigned per_call; /* instructions of the writer before each call of the reader's */
    unsigned last;     /* not 0: so many after the reader's first call, and then it is killed */
};

static struct stepped *stepped_now;

static void step(struct stepped *stepped, unsigned instructions)
{
    int status = 0;

    while (stepped->runs && instructions-- > 0)
        stepped->runs = ptrace(PTRACE_SINGLESTEP, stepped->child.pid, NULL, NULL) == 0 &&
                        waitpid(stepped->child.pid, &status, 0) == stepped->child.pid && WIFSTOPPED(status) &&
                        WSTOPSIG(status) == SIGTRAP;
}

/* Dead, but still to be waited for. */
static void go_on_and_die(struct stepped *stepped)
{
    siginfo_t info;

    step(stepped, stepped->last);
    stepped->last = 0;
    if (!stepped->runs)
        return;
    child_signal(&stepped->child, SIGKILL);
    stepped->runs = waitid(P_PID, (id_t)stepped->child.pid, &info, WEXITED | WNOWAIT) != 0;
}

/* In place of the C library's, for the reader: the writer goes on a little before each. */
ssize_t pread(int fd, void *buffer, size_t len, off_t offset)
{
    ssize_t got;

    if (stepped_now != NULL)
        step(stepped_now, stepped_now->per_call);
    got = syscall(SYS_pread64, fd, buffer, len, offset);
    if (stepped_now != NULL && stepped_now->last != 0)
        go_on_and_die(stepped_now);
    return got;
}

static int be_stepped(void *userdata)
{
    struct stepped *stepped = userdata;
    struct writer writer;

    if (!open_writer(&writer, stepped->path, stepped->truths))
        return 1;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return 2;
    raise(SIGSTOP);
    send_them(&writer, 1);
    raise(SIGSTOP);
    return 0;
}

/* A writer that stands in front of its first event; NULL: it cannot be stepped here. */
static maiko_counters *start_stepped(struct stepped *stepped, struct scratch *scratch)
{
    maiko_counters *counters = NULL;
    int status = 0;

    CU_ASSERT_FATAL(scratch_init(scratch));
    scratch_file(scratch, "file", stepped->path, sizeof(stepped->path));
    stepped->truths = mmap(NULL, sizeof(*stepped->truths), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(stepped->truths != MAP_FAILED);
    CU_ASSERT_FATAL(child_start(&stepped->child, be_stepped, stepped));
    waitpid(stepped->child.pid, &status, 0);
    stepped->runs = WIFSTOPPED(status);
    if (stepped->runs)
        CU_ASSERT_EQUAL_FATAL(maiko_counters_open(stepped->path, &counters), MAIKO_OK);
    return counters;
}

static void end_stepped(struct stepped *stepped, struct scratch *scratch, maiko_counters *counters)
{
    stepped_now = NULL;
    if (counters != NULL)
        child_signal(&stepped->child, SIGKILL);
    child_end(&stepped->child, 60000);
    maiko_counters_free(counters);
    munmap(stepped->truths, sizeof(*stepped->truths));
    scratch_deinit(scratch);
}

static bool can_step(void)
{
    if (suite_slowdown() > 1)
        suite_skip("the instructions would be those of a sanitizer or of valgrind");
    return suite_slowdown() <= 1;
}

static void a_writer_killed_at_any_instruction_leaves_true_figures(void)
{
    struct stepped stepped = {.runs = false};
    struct figures figures;
    struct figures least;
    struct scratch scratch;
    maiko_counters *counters;
    unsigned long wrong = 0;
    unsigned long looks = 0;
    unsigned long in_streaks = 0;

    if (!can_step())
        return;
    counters = start_stepped(&stepped, &scratch);
    if (counters == NULL) {
        end_stepped(&stepped, &scratch, counters);
        suite_skip("ptrace is not allowed here");
        return;
    }
    for (; stepped.runs; looks++) {
        note_least(stepped.truths, &least);
        wrong += maiko_counters_refresh(counters) != MAIKO_OK || !figures_of(counters, &figures) ||
                 !are_true(stepped.truths, &least, &figures) || !books_close(&figures);
        in_streaks += counters->now.header->streaks[0].streak.number != 0;
        step(&stepped, 1);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(looks > 500 && in_streaks > looks / 4 && in_streaks < looks);
    end_stepped(&stepped, &scratch, counters);
}

/* Every call of the reader's with so many instructions of the writer before it. */
static void look_while_it_writes(unsigned per_call, unsigned long *wrong, unsigned long *looks)
{
    struct stepped stepped = {.runs = false, .per_call = per_call};
    struct figures figures;
    struct figures least;
    struct figures last = {.sent = {0}};
    struct scratch scratch;
    maiko_counters *counters = start_stepped(&stepped, &scratch);

    stepped_now = &stepped;
    while (counters != NULL && stepped.runs) {
        note_least(stepped.truths, &least);
        *wrong += maiko_counters_refresh(counters) != MAIKO_OK || !figures_of(counters, &figures) ||
                  !are_true(stepped.truths, &least, &figures) || has_shrunk(&last, &figures);
        last = figures;
        (*looks)++;
    }
    end_stepped(&stepped, &scratch, counters);
}

static void a_reader_finds_true_figures_whatever_the_writer_does_between_its_calls(void)
{
    static const unsigned per_call[] = {1, 3, 7, 17, 31, 61, 113, 211};
    unsigned long wrong = 0;
    unsigned long looks = 0;
    size_t i;

    if (!can_step())
        return;
    for (i = 0; i < sizeof(per_call) / sizeof(per_call[0]); i++)
        look_while_it_writes(per_call[i], &wrong, &looks);
    CU_ASSERT_EQUAL(wrong, 0);
    if (looks == 0)
        suite_skip("ptrace is not allowed here");
}

/* The file says it goes on, the process is gone: what it did in between is part of the final figures. */
static bool is_final_after(unsigned last, unsigned long *streaks)
{
    struct stepped stepped = {.runs = false, .last = last};
    struct figures figures;
    struct figures least;
    struct scratch scratch;
    maiko_counters *counters = start_stepped(&stepped, &scratch);
    bool is_true = true;

    stepped_now = &stepped;
    if (counters != NULL) {
        const maiko_status status = maiko_counters_refresh(counters);

        note_least(stepped.truths, &least);
        is_true = status == MAIKO_OK && !stepped.runs && counters->now.state == MAIKO_COUNTERS_DEAD &&
                  figures_of(counters, &figures) && are_true(stepped.truths, &least, &figures);
        *streaks += counters->now.header->streaks[0].streak.number != 0;
    }
    end_stepped(&stepped, &scratch, counters);
    return is_true;
}

static void what_a_writer_did_until_it_was_found_dead_counts(void)
{
    unsigned long wrong = 0;
    unsigned long streaks = 0;
    unsigned last;

    if (!can_step())
        return;
    for (last = 50; last < 1500; last += 37)
        wrong += !is_final_after(last, &streaks);
    CU_ASSERT_EQUAL(wrong, 0);
    if (streaks == 0)
        suite_skip("ptrace is not allowed here");
}

/* --- threads --- */

static void *write_for_a_while(void *userdata)
{
    struct writer *writer = userdata;

    send_them(writer, 3000);
    atomic_store(&writer->truths->is_over, true);
    return NULL;
}

static void a_thread_that_looks_finds_true_figures(void)
{
    struct truths truths = {.is_over = false};
    struct figures figures;
    struct figures least;
    struct writer writer;
    maiko_counters *counters;
    pthread_t thread;
    unsigned long wrong = 0;
    unsigned long looks = 0;

    CU_ASSERT_FATAL(open_writer(&writer, NULL, &truths));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_for_a_while, &writer), 0);
    do {
        counters = NULL;
        note_least(&truths, &least);
        wrong += counters_read_own(heap_default(), writer.file, &counters) != MAIKO_OK || !figures_of(counters, &figures) ||
                 !are_true(&truths, &least, &figures);
        maiko_counters_free(counters);
        looks++;
    } while (!atomic_load(&truths.is_over));
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(looks > 0);
    counters_file_close(writer.file, true, 0);
}

static void *write_for_long(void *userdata)
{
    struct writer *writer = userdata;

    send_them(writer, 100000);
    atomic_store(&writer->truths->is_over, true);
    return NULL;
}

static void note_unhandled(uint64_t id, const char *name, uint64_t events, void *userdata)
{
    struct figures *figures = userdata;

    (void)name;
    figures->received[id - 1] = events;
}

/* Of a thread that is left behind in a hook that sends on and on; here nothing is handled. */
static void who_counts_what_is_not_handled_finds_true_figures(void)
{
    struct truths truths = {.is_over = false};
    struct figures least;
    struct writer writer;
    pthread_t thread;
    unsigned long wrong = 0;
    size_t i;

    CU_ASSERT_FATAL(open_writer(&writer, NULL, &truths));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_for_long, &writer), 0);
    do {
        struct figures figures = {.received = {0}};

        note_least(&truths, &least);
        counters_actors_unhandled(writer.file, 1, note_unhandled, &figures);
        for (i = 0; i < ACTORS; i++)
            wrong += !is_one_of(&truths.received[i], least.received[i], figures.received[i]);
    } while (!atomic_load(&truths.is_over));
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    counters_file_close(writer.file, true, 0);
}

static void a_streak_in_a_strange_file_changes_nothing_it_should_not(void)
{
    struct truths truths = {.is_over = false};
    struct counters_header *header;
    struct figures figures;
    struct writer writer;
    maiko_counters *counters = NULL;
    void *bytes = NULL;
    size_t len = 0;
    uint32_t row;

    CU_ASSERT_FATAL(open_writer(&writer, NULL, &truths));
    CU_ASSERT_EQUAL_FATAL(counters_file_image(writer.file, heap_default(), &bytes, &len), MAIKO_OK);
    header = bytes;
    header->streaks[COUNTERS_STREAKS - 1].streak.number = 1;
    header->streaks[COUNTERS_STREAKS - 1].streak.next = 1000;
    for (row = 0; row < 40; row++) { /* topics as actors and the other way round, totals, rows there are not */
        header->streaks[COUNTERS_STREAKS - 1].streak.rows[COUNTERS_SENDER] = row * row * row;
        header->streaks[COUNTERS_STREAKS - 1].streak.rows[COUNTERS_TOPIC] = counters_label(writer.actors[0])->row;
        header->streaks[COUNTERS_STREAKS - 1].streak.rows[COUNTERS_RECEIVER] = counters_label(writer.routes[0].counters)->row;
        CU_ASSERT_EQUAL_FATAL(counters_read_image(heap_default(), bytes, len, &counters), MAIKO_OK);
        CU_ASSERT(figures_of(counters, &figures));
        CU_ASSERT(figures.carried[0] == 0 && figures.received[0] == 0);
        maiko_counters_free(counters);
    }
    heap_free(heap_default(), bytes, len);
    counters_file_close(writer.file, true, 0);
}

static const struct test_case cases[] = {
    TEST_CASE(a_writer_killed_at_any_instruction_leaves_true_figures),
    TEST_CASE(a_reader_finds_true_figures_whatever_the_writer_does_between_its_calls),
    TEST_CASE(what_a_writer_did_until_it_was_found_dead_counts),
    TEST_CASE(a_thread_that_looks_finds_true_figures),
    TEST_CASE(who_counts_what_is_not_handled_finds_true_figures),
    TEST_CASE(a_streak_in_a_strange_file_changes_nothing_it_should_not),
};
SUITE_MAIN("streak", cases)
