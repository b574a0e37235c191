/* Trouble: what the watcher does and measures.  Command line: ROW transport=shm, zmq or tcp, rounds=N; X5 has policy=drop or
 * block. */
#include "bench/trouble.h"

#include "bench/lib/port.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PATIENCE_NS MAIKO_SECONDS(20)
#define MOST_ROUNDS 100u
#define SETTLED 2000u       /* events after which things run as they always do */
#define AFTER_A_KILL 40000u /* 200 ms, more than a window of the link */
#define STOPPED_NS MAIKO_SECONDS(3)
#define LATE_EVENTS 1000u

static bool wait_until(struct trouble *trouble, bool (*holds)(const struct trouble *trouble), uint64_t wait_ns)
{
    const uint64_t until = bench_now_ns() + wait_ns;

    for (;;) {
        const uint32_t seen = atomic_load(&trouble->page->bell);
        const uint64_t now = bench_now_ns();

        if (holds(trouble))
            return true;
        if (now >= until)
            return false;
        futex_wait_for(&trouble->page->bell, seen, until - now);
    }
}

static bool never(const struct trouble *trouble)
{
    return false;
}

static bool writer_is_ready(const struct trouble *trouble)
{
    return atomic_load(&trouble->page->writer_ready);
}

/* Every reader that waits for something has it. */
static bool readers_have_it(const struct trouble *trouble)
{
    for (unsigned i = 0; i < TROUBLE_READERS; i++) {
        const struct reader *reader = &trouble->page->readers[i];
        const uint64_t awaited = atomic_load(&reader->awaited);

        if (awaited != UINT64_MAX && atomic_load(&reader->received) + atomic_load(&reader->lost) < awaited)
            return false;
    }
    return true;
}

static void await_reader(struct trouble *trouble, unsigned nth, uint64_t events, const char *otherwise)
{
    const struct reader *reader = &trouble->page->readers[nth];

    atomic_store(&trouble->page->readers[nth].awaited, events);
    if (!wait_until(trouble, readers_have_it, PATIENCE_NS)) {
        fprintf(stderr, "reader %u: %llu received, %llu reported as lost, %llu skipped, of %llu; %llu sent\n", nth,
                (unsigned long long)atomic_load(&reader->received), (unsigned long long)atomic_load(&reader->lost),
                (unsigned long long)atomic_load(&reader->skipped), (unsigned long long)events,
                (unsigned long long)atomic_load(&trouble->page->sent));
        subject_die(otherwise);
    }
    atomic_store(&trouble->page->readers[nth].awaited, UINT64_MAX);
}

static bool started_readers_are_ready(const struct trouble *trouble)
{
    for (unsigned i = 0; i < trouble->readers; i++)
        if (!atomic_load(&trouble->page->readers[i].ready))
            return false;
    return true;
}

/* The first `count` readers; returns when their calls that subscribe have returned. */
static void start_readers(struct trouble *trouble, pid_t *pids, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        pids[i] = trouble_start_reader(trouble, i);
    trouble->readers = count;
    if (!wait_until(trouble, started_readers_are_ready, PATIENCE_NS))
        subject_die("a reader does not start");
}

static void kill_node(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static uint64_t heard_by(const struct trouble *trouble, unsigned nth)
{
    const struct reader *reader = &trouble->page->readers[nth];

    return atomic_load(&reader->received) + atomic_load(&reader->lost);
}

static int finish(const struct trouble *trouble, uint64_t heard, uint64_t sent)
{
    return subject_finish(&trouble->subject, heard, sent, 0, 0);
}

/* --- X5 --- */

/* One of three readers stands still for three seconds: how long do the others get nothing? */
static int stop_a_reader(struct trouble *trouble)
{
    struct page *page = trouble->page;
    pid_t readers[TROUBLE_READERS], writer;
    uint64_t before, heard = 0, longest = 0;
    double share;

    start_readers(trouble, readers, TROUBLE_READERS);
    writer = trouble_start_writer(trouble, 1);
    for (unsigned i = 0; i < TROUBLE_READERS; i++)
        await_reader(trouble, i, SETTLED, "a reader hears nothing");
    before = heard_by(trouble, 0);
    wait_until(trouble, never, STOPPED_NS / 3);
    before = heard_by(trouble, 0) - before;
    atomic_store(&page->readers[0].gap_ns, 0);
    atomic_store(&page->readers[1].gap_ns, 0);
    kill(readers[2], SIGSTOP);
    heard = heard_by(trouble, 0);
    wait_until(trouble, never, STOPPED_NS);
    share = (double)(heard_by(trouble, 0) - heard) / (3.0 * (double)before);
    for (unsigned i = 0; i < 2; i++)
        longest = atomic_load(&page->readers[i].gap_ns) > longest ? atomic_load(&page->readers[i].gap_ns) : longest;
    kill(readers[2], SIGCONT);
    await_reader(trouble, 2, heard_by(trouble, 2) + AFTER_A_KILL, "the reader that stood still hears nothing");
    atomic_store(&page->limit, atomic_load(&page->sent) + SETTLED);
    heard = 0;
    for (unsigned i = 0; i < TROUBLE_READERS; i++) {
        await_reader(trouble, i, atomic_load(&page->limit), "events are neither there nor reported as lost");
        heard += heard_by(trouble, i);
        kill_node(readers[i]);
    }
    kill_node(writer);
    subject_report("stall_ms", (double)longest * 1e-6);
    subject_report("share", share);
    return finish(trouble, heard, TROUBLE_READERS * atomic_load(&page->limit));
}

/* --- X6 --- */

static void report_spread(double *ms, uint64_t rounds)
{
    subject_report("cases", (double)rounds);
    subject_report("min_ms", bench_percentile(ms, rounds, 0));
    subject_report("median_ms", bench_percentile(ms, rounds, 50));
    subject_report("p95_ms", bench_percentile(ms, rounds, 95));
    subject_report("max_ms", bench_percentile(ms, rounds, 100));
}

/* A reader is killed, again and again: the longest time the other one gets nothing.  The writer has finished before it is killed:
 * what it had accepted and not sent would be a loss of its own, which the reader is told of. */
static int kill_readers(struct trouble *trouble, uint64_t rounds)
{
    struct reader *other = &trouble->page->readers[0];
    uint64_t heard, lost;
    double ms[MOST_ROUNDS];
    pid_t survivor, writer;

    trouble->tells_losses = true;
    start_readers(trouble, &survivor, 1);
    writer = trouble_start_writer(trouble, 1);
    await_reader(trouble, 0, SETTLED, "the reader hears nothing");
    for (uint64_t round = 0; round < rounds; round++) {
        const pid_t victim = trouble_start_reader(trouble, 1);

        await_reader(trouble, 1, SETTLED, "the second reader hears nothing");
        atomic_store(&other->gap_ns, 0);
        kill_node(victim);
        await_reader(trouble, 0, heard_by(trouble, 0) + AFTER_A_KILL, "the reader that is left hears nothing");
        ms[round] = (double)atomic_load(&other->gap_ns) * 1e-6;
    }
    atomic_store(&trouble->page->limit, atomic_load(&trouble->page->sent) + SETTLED);
    await_reader(trouble, 0, atomic_load(&trouble->page->limit), "events are neither there nor reported as lost");
    heard = heard_by(trouble, 0);
    lost = atomic_load(&other->lost);
    kill_node(writer);
    kill_node(survivor);
    report_spread(ms, rounds);
    subject_report("lost", (double)lost);
    return finish(trouble, heard, atomic_load(&trouble->page->limit));
}

/* The writer is killed and started again: from the first event of the new one to the first that arrives. */
static int kill_writers(struct trouble *trouble, uint64_t rounds)
{
    struct reader *reader = &trouble->page->readers[0];
    pid_t listener;
    uint64_t heard = 0, received = 0;
    double ms[MOST_ROUNDS];

    trouble->tells_losses = true;
    start_readers(trouble, &listener, 1);
    atomic_store(&trouble->page->limit, SETTLED);
    for (uint64_t round = 0; round <= rounds; round++) { /* the first one has nobody before it */
        pid_t writer;

        atomic_store(&reader->received, 0);
        atomic_store(&reader->lost, 0);
        writer = trouble_start_writer(trouble, 1 + round);
        await_reader(trouble, 0, SETTLED, "the reader does not hear the writer");
        if (round == 0) {
            kill_node(writer);
            continue;
        }
        ms[round - 1] = (double)(atomic_load(&reader->first_ns) - atomic_load(&trouble->page->first_ns)) * 1e-6;
        heard += heard_by(trouble, 0);
        received += atomic_load(&reader->received);
        kill_node(writer);
    }
    kill_node(listener);
    report_spread(ms, rounds);
    subject_report("lost", (double)(heard - received) / (double)rounds);
    return finish(trouble, heard, rounds * SETTLED);
}

/* --- X7 --- */

static int come_late(struct trouble *trouble, bool subscriber_first)
{
    pid_t reader = 0, writer = 0;

    atomic_store(&trouble->page->limit, LATE_EVENTS);
    trouble->waits = !subscriber_first;
    if (!subscriber_first) {
        writer = trouble_start_writer(trouble, 1);
        if (!wait_until(trouble, writer_is_ready, PATIENCE_NS))
            subject_die("no writer");
    }
    start_readers(trouble, &reader, 1);
    if (subscriber_first) {
        writer = trouble_start_writer(trouble, 1);
    } else {
        atomic_store(&trouble->page->go, 1);
        futex_wake(&trouble->page->go);
    }
    atomic_store(&trouble->page->readers[0].awaited, LATE_EVENTS);
    wait_until(trouble, readers_have_it, MAIKO_SECONDS(2));
    kill_node(writer);
    kill_node(reader);
    subject_report("arrived", (double)atomic_load(&trouble->page->readers[0].received));
    return finish(trouble, 1, 1);
}

/* --- command line --- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

static void read_command_line(struct trouble *trouble)
{
    const char *policy = subject_text(&trouble->subject, "policy", "block");
    const char *transport = subject_text(&trouble->subject, "transport", "shm");

    trouble->transport = strcmp(transport, "shm") == 0 ? MAIKO_TRANSPORT_SHM : MAIKO_TRANSPORT_ZMQ;
    if (strcmp(transport, "tcp") == 0)
        snprintf(trouble->endpoint, sizeof trouble->endpoint, "tcp://127.0.0.1:%u", bench_free_ports(1));
    trouble->overflow = strcmp(policy, "drop") == 0 ? MAIKO_DROP_NEWEST : MAIKO_BLOCK;
    trouble->deadline_ns = subject_number(&trouble->subject, "deadline_ms", 0) * 1000000;
    trouble->from = subject_number(&trouble->subject, "log", 0) != 0 ? MAIKO_FROM_LOG : MAIKO_FROM_LIVE;
}

static int run_row(struct trouble *trouble)
{
    const uint64_t rounds = subject_number(&trouble->subject, "rounds", 10);

    if (rounds == 0 || rounds > MOST_ROUNDS)
        subject_die("that many rounds are not kept");
    if (subject_is(&trouble->subject, "X5"))
        return stop_a_reader(trouble);
    if (subject_is(&trouble->subject, "X6-reader"))
        return kill_readers(trouble, rounds);
    if (subject_is(&trouble->subject, "X6-writer"))
        return kill_writers(trouble, rounds);
    if (subject_is(&trouble->subject, "X7-late") || subject_is(&trouble->subject, "X7-new"))
        return come_late(trouble, subject_is(&trouble->subject, "X7-new"));
    subject_die("no such row");
}

int main(int argc, char **argv)
{
    struct trouble trouble = {.directory = "/tmp/maiko-bench-XXXXXX"};
    int status;

    subject_init(&trouble.subject, argc, argv);
    read_command_line(&trouble);
    trouble.page = mmap(NULL, sizeof *trouble.page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (trouble.page == MAP_FAILED || mkdtemp(trouble.directory) == NULL)
        subject_die("no page or no directory");
    atomic_store(&trouble.page->limit, UINT64_MAX);
    for (unsigned i = 0; i < TROUBLE_READERS; i++)
        atomic_store(&trouble.page->readers[i].awaited, UINT64_MAX);
    subject_begin(&trouble.subject);
    subject_end(&trouble.subject);
    status = run_row(&trouble);
    (void)nftw(trouble.directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return status;
}
