/* Baseline: two bare threads (or processes) that hand one word back and forth: the limit of any round trip.
 *
 *   by=spin      both watch the word                         the figure of the core-to-core probe
 *   by=futex     both sleep until woken
 *   by=eventfd   both sleep in read() of an eventfd
 *   processes=1  over shared memory, instead of two threads
 *   cores=1      both on one processor
 *   cores=0      where the system puts them, as it does with threads of a runtime */
#include "bench/lib/futex.h"
#include "bench/lib/subject.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct player {
    alignas(128) _Atomic uint32_t ball; /* written by the other player with release, read with acquire */
    int eventfd;
};

struct game {
    struct player ping, pong;
    uint64_t rounds;
    unsigned cores;
    void (*pass)(struct player *to, uint32_t ball);
    void (*await)(struct player *self, uint32_t ball);
};

static void pass_spinning(struct player *to, uint32_t ball)
{
    atomic_store_explicit(&to->ball, ball, memory_order_release);
}

static void await_spinning(struct player *self, uint32_t ball)
{
    while (atomic_load_explicit(&self->ball, memory_order_acquire) != ball)
        bench_relax();
}

static void pass_futex(struct player *to, uint32_t ball)
{
    atomic_store_explicit(&to->ball, ball, memory_order_release);
    futex_wake(&to->ball);
}

static void await_futex(struct player *self, uint32_t ball)
{
    while (atomic_load_explicit(&self->ball, memory_order_acquire) != ball)
        futex_wait(&self->ball, ball - 1);
}

static void pass_eventfd(struct player *to, uint32_t ball)
{
    const uint64_t one = 1;

    atomic_store_explicit(&to->ball, ball, memory_order_release);
    if (write(to->eventfd, &one, sizeof one) != sizeof one)
        subject_die("eventfd");
}

static void await_eventfd(struct player *self, uint32_t ball)
{
    uint64_t count;

    if (read(self->eventfd, &count, sizeof count) != sizeof count || atomic_load(&self->ball) != ball)
        subject_die("eventfd");
}

static void *play_pong(void *userdata)
{
    struct game *game = userdata;

    if (game->cores > 0)
        bench_pin(game->cores - 1);
    for (uint64_t round = 1; round <= game->rounds; round++) {
        game->await(&game->pong, (uint32_t)round);
        game->pass(&game->ping, (uint32_t)round);
    }
    return NULL;
}

/* microseconds[] gets each round trip unless it is NULL. */
static void play_ping(struct game *game, double *microseconds)
{
    uint64_t before = 0;

    for (uint64_t round = 1; round <= game->rounds; round++) {
        if (microseconds != NULL)
            before = bench_now_ns();
        game->pass(&game->pong, (uint32_t)round);
        game->await(&game->ping, (uint32_t)round);
        if (microseconds != NULL)
            microseconds[round - 1] = (double)(bench_now_ns() - before) * 1e-3;
    }
}

static void choose(struct game *game, const char *by)
{
    if (strcmp(by, "spin") == 0) {
        game->pass = pass_spinning;
        game->await = await_spinning;
    } else if (strcmp(by, "futex") == 0) {
        game->pass = pass_futex;
        game->await = await_futex;
    } else if (strcmp(by, "eventfd") == 0) {
        game->pass = pass_eventfd;
        game->await = await_eventfd;
    } else {
        subject_die("by=spin, futex or eventfd");
    }
    game->ping.eventfd = eventfd(0, 0);
    game->pong.eventfd = eventfd(0, 0);
}

static void run_threads(struct game *game, double *microseconds)
{
    pthread_t pong;

    if (pthread_create(&pong, NULL, play_pong, game) != 0)
        subject_die("no thread");
    if (game->cores > 0)
        bench_pin(0);
    play_ping(game, microseconds);
    pthread_join(pong, NULL);
}

static void run_processes(struct game *game, double *microseconds)
{
    const pid_t pong = fork();

    if (pong < 0)
        subject_die("no process");
    if (pong == 0) {
        play_pong(game);
        _exit(0);
    }
    if (game->cores > 0)
        bench_pin(0);
    play_ping(game, microseconds);
    waitpid(pong, NULL, 0);
}

int main(int argc, char **argv)
{
    struct game *game = mmap(NULL, sizeof *game, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double *microseconds = NULL;
    struct subject subject;

    if (game == MAP_FAILED)
        subject_die("no memory");
    subject_init(&subject, argc, argv);
    game->rounds = subject_number(&subject, "events", 10000);
    game->cores = (unsigned)subject_number(&subject, "cores", 2);
    choose(game, subject_text(&subject, "by", "futex"));
    if (subject_number(&subject, "percentiles", 0) != 0 && (microseconds = calloc(game->rounds, sizeof *microseconds)) == NULL)
        subject_die("no memory");
    subject_begin(&subject);
    if (subject_number(&subject, "processes", 0) != 0)
        run_processes(game, microseconds);
    else
        run_threads(game, microseconds);
    subject_end(&subject);
    if (microseconds != NULL) {
        subject_report("p50_us", bench_percentile(microseconds, game->rounds, 50));
        subject_report("p99_us", bench_percentile(microseconds, game->rounds, 99));
    }
    free(microseconds);
    return subject_finish(&subject, atomic_load(&game->ping.ball), (uint32_t)game->rounds, 0, 0);
}
