/* Team: one process that sends and some that receive, with a page between them for what they counted. */
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

#include "bench/lib/subject.h"

#include <stdalign.h>
#include <stdatomic.h>

#define TEAM_MOST 8u

/* What one receiver found; written by it alone, read when it has ended. */
struct team_result {
    alignas(128) uint64_t received, sum;
    uint64_t lost;   /* gaps in the sequence numbers */
    bool disordered; /* a number not above the one before */
    _Atomic bool done;
};

struct team {
    struct team_result results[TEAM_MOST];
    _Atomic unsigned ready; /* receivers that may be sent to */
    _Atomic bool ended;     /* the sender has sent all */
    unsigned count;         /* receivers */
    void *setup;            /* the program's own, made before the fork */
};

struct team *team_new(unsigned receivers, void *setup);

/* Forks the receivers; each runs `receive` and ends.  They end with their parent. */
void team_start(struct team *team, void (*receive)(struct team *team, unsigned nth));

/* For senders that wait for nothing but words that receivers write: from here on this process exits with 2 at once when one of
 * them dies, and when it has not ended by itself after some minutes.  Calls into the kernel may be interrupted. */
void team_watch(void);

/* Waits for the receivers; exits with 2 when one died. */
void team_join(struct team *team);

/* One more event with this sequence number and sum. */
static inline void team_count(struct team_result *result, uint64_t sequence, uint64_t sum, uint64_t *next)
{
    if (sequence < *next)
        result->disordered = true;
    else
        result->lost += sequence - *next;
    *next = sequence + 1;
    result->received++;
    result->sum += sum;
}

/* Prints the rate per receiver and the CPU time of each event, and judges: every receiver got every event, in order and
 * undamaged. With `lossy`, losses are only noted. */
int team_finish(const struct team *team, const struct subject *subject, uint64_t sent, uint64_t expected_sum, uint64_t len,
                bool lossy);

#endif
