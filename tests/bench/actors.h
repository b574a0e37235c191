/* Actors: the rows W1 to W9 on libmaiko, written as a user would write them, on the public headers only. */
#ifndef BENCH_ACTORS_H
#define BENCH_ACTORS_H

#include "bench/lib/payload.h"
#include "bench/lib/subject.h"

#include <maiko/maiko.h>
#include <stdatomic.h>

/* The benchmark events: one for each topic with a name known beforehand.  Their bytes are those of struct payload. */
#define PACKET_FIELDS(F) F(ARRAY, bytes, UINT8, PAYLOAD_LEN)
MAIKO_EVENT(packet, "bench/packet", PACKET_FIELDS)
MAIKO_EVENT(ping, "bench/ping", PACKET_FIELDS)
MAIKO_EVENT(pong, "bench/pong", PACKET_FIELDS)
MAIKO_EVENT(first_hop, "bench/hop/1", PACKET_FIELDS)
MAIKO_EVENT(second_hop, "bench/hop/2", PACKET_FIELDS)
MAIKO_EVENT(third_hop, "bench/hop/3", PACKET_FIELDS)

struct bench;

/* State of one actor.  Lines of their own: actors of different shards write to them. */
struct part {
    struct bench *bench;
    uint64_t made, end;     /* events it sent, and shall send */
    uint64_t received, sum; /* events it handled, and the sum of their bytes */
    uint64_t awaited;       /* received events that make it done; 0: never */
    char (*topics)[32];     /* it sends on in turn; NULL: the type's own */
    uint32_t topic_count, next_topic;
    unsigned shard; /* where it was added, when the row runs apart */
} __attribute__((aligned(128)));

struct bench {
    struct subject subject;
    maiko_supervisor *supervisor;
    uint64_t events;
    unsigned shards; /* 0: the library's default */
    bool apart;      /* the roles of a row are pinned to different shards */
    bool bound;      /* and these to different processors (W4) */
    unsigned undone; /* parts that wait for something, when started */
    _Atomic unsigned done;
};

/* A supervisor with the settings of the command line: shards=N, spin_us=N, capacity=N, tick=N, turn_us=N, apart=1, bound=1.
 * Without them, the defaults. */
void bench_open(struct bench *bench);

/* Adds an actor for `part`, on `shard` when the row runs apart. */
void bench_add(struct bench *bench, const char *name, const maiko_actor_ops *ops, struct part *part, unsigned shard,
               const char *const *subscribe);

/* Starts, waits until every awaiting part is done, stops; the time between goes to the subject. */
void bench_run(struct bench *bench);

/* Hooks that rows share. */
maiko_status bench_receive(void *self, maiko_context *ctx, const maiko_envelope *envelope);
maiko_step bench_produce(void *self, maiko_context *ctx);

/* One more event received by `part`; asks for the stop when it was the last one awaited. */
void bench_count(struct part *part, maiko_context *ctx, const void *event);

void bench_check(const struct bench *bench, maiko_status status);

int run_flow_row(struct bench *bench);
int run_many_row(struct bench *bench);
int run_work_row(struct bench *bench);

#endif
