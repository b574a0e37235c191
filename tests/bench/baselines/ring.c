/* Baseline: two threads and one SPSC ring.  batch=N publishes every N events; park=1 lets either side sleep when the
 * ring is full or empty, and be woken by the other only when it says that it sleeps. */
#include "bench/lib/futex.h"
#include "bench/lib/spsc.h"
#include "bench/lib/subject.h"

#include <pthread.h>

#define SPIN_LOOKS 200u /* before sleeping: a few microseconds, well under the cost of one wake-up */

struct side {
    alignas(128) _Atomic uint32_t asleep; /* Dekker with the other side's position word: store, fence, look again */
};

struct work {
    struct spsc ring;
    struct side writer, reader;
    uint64_t events, batch;
    bool park;
    uint64_t sum, received;
};

static struct work work;

static void wake(struct side *side)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&side->asleep, memory_order_relaxed) == 0)
        return;
    atomic_store_explicit(&side->asleep, 0, memory_order_relaxed);
    futex_wake(&side->asleep);
}

/* Returns once the other side moved `position` away from `seen`, or perhaps sooner.  Watches for a moment before it sleeps. */
static void rest(struct side *side, _Atomic uint64_t *position, uint64_t seen)
{
    for (unsigned look = 0; look < SPIN_LOOKS || !work.park; look++) {
        if (atomic_load_explicit(position, memory_order_acquire) != seen)
            return;
        bench_relax();
    }
    atomic_store_explicit(&side->asleep, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(position, memory_order_acquire) == seen)
        futex_wait(&side->asleep, 1);
    atomic_store_explicit(&side->asleep, 0, memory_order_relaxed);
}

static void publish(struct spsc *ring)
{
    spsc_publish(ring);
    if (work.park)
        wake(&work.reader);
}

static void *write_all(void *unused)
{
    struct spsc *ring = &work.ring;

    (void)unused;
    bench_pin(1);
    for (uint64_t sequence = 0; sequence < work.events; sequence++) {
        struct payload *slot;

        while ((slot = spsc_slot(ring)) == NULL) {
            publish(ring);
            rest(&work.writer, &ring->consumed, ring->seen_consumed);
        }
        payload_fill(slot, sequence);
        spsc_push(ring);
        if (ring->write % work.batch == 0)
            publish(ring);
    }
    publish(ring);
    return NULL;
}

static void consume(struct spsc *ring)
{
    spsc_consume(ring);
    if (work.park)
        wake(&work.writer);
}

static void read_all(void)
{
    struct spsc *ring = &work.ring;

    while (work.received < work.events) {
        const struct payload *payload = spsc_peek(ring);

        if (payload == NULL) {
            consume(ring);
            rest(&work.reader, &ring->published, ring->seen_published);
            continue;
        }
        work.sum += payload_sum(payload);
        work.received++;
        spsc_pop(ring);
        if (ring->read % work.batch == 0 && !work.park)
            spsc_consume(ring);
        else if (ring->read % (SPSC_SLOTS / 2) == 0)
            consume(ring);
    }
}

int main(int argc, char **argv)
{
    struct subject subject;
    pthread_t writer;

    subject_init(&subject, argc, argv);
    work.events = subject_number(&subject, "events", 1000000);
    work.batch = subject_number(&subject, "batch", 1);
    work.park = subject_number(&subject, "park", 0) != 0;
    bench_pin(0);
    subject_begin(&subject);
    if (pthread_create(&writer, NULL, write_all, NULL) != 0)
        subject_die("no thread");
    read_all();
    pthread_join(writer, NULL);
    subject_end(&subject);
    return subject_finish(&subject, work.received, work.events, work.sum, payload_expected(work.events));
}
