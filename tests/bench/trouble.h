/* Trouble: the rows X5 to X7: what others notice when a reader stands still, a process is killed, or somebody comes late.  One
 * process watches, the others are nodes of a space that it forks, stops and kills; a shared page is between them. */
#ifndef BENCH_TROUBLE_H
#define BENCH_TROUBLE_H

#include "bench/lib/futex.h"
#include "bench/lib/subject.h"

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <stdalign.h>
#include <sys/types.h>

#define TROUBLE_READERS 3u

/* Written by one reader; reset by the watcher while nothing comes. */
struct reader {
    alignas(128) _Atomic uint64_t received, lost; /* lost: as it was told */
    _Atomic uint64_t last_ns, gap_ns;             /* the latest event, and the longest time between two */
    _Atomic uint64_t first_ns;                    /* the first event of the present writer */
    _Atomic uint64_t writer;
    _Atomic uint64_t next, skipped; /* number of the next event of that writer, and numbers that did not come */
    _Atomic uint64_t awaited;       /* by the watcher: the bell is rung at so many events received or lost */
    _Atomic bool ready;             /* its calls that subscribe have returned */
};

struct page {
    _Atomic uint32_t bell;
    struct reader readers[TROUBLE_READERS];
    alignas(128) _Atomic uint64_t sent, first_ns; /* by the present writer */
    _Atomic uint64_t limit;                       /* events that a writer sends; UINT64_MAX: until it is killed */
    _Atomic bool writer_ready;
    _Atomic uint32_t go;
};

struct trouble {
    struct subject subject;
    struct page *page;
    char directory[64], endpoint[64]; /* endpoint: over TCP, where the writer listens; else "", and nodes of a space */
    maiko_transport transport;
    maiko_overflow overflow; /* what readers import with */
    maiko_bridge_from from;
    uint64_t deadline_ns; /* of BLOCK at the writer's links; 0: the default */
    bool waits;           /* writers wait for `go` */
    bool tells_losses;    /* readers say what they were told of: where nothing should be lost */
    unsigned readers;     /* started together */
};

/* Forks a node that sends events, 200 000 a second, as writer `number`; and one that receives them as reader `nth`. */
pid_t trouble_start_writer(struct trouble *trouble, uint64_t number);
pid_t trouble_start_reader(struct trouble *trouble, unsigned nth);

/* Wakes the watcher. */
void trouble_ring(struct page *page);

#endif
