/* Limit of the rows across processes: one ring on a memfd, one writer, readers with cursors of their own; no topics, no
 * envelopes. batch=N publishes every N events, len=N bytes each, readers=N.  Both sides watch, and yield now and then. */
#include "bench/lib/bulk.h"
#include "bench/lib/team.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_BYTES (1u << 20) /* of slots; large payloads get LEAST_SLOTS */
#define LEAST_SLOTS 4u

struct cursor {
    alignas(128) _Atomic uint64_t position; /* released by its reader, acquired by the writer: slots below are free again */
};

struct ring {
    alignas(128) _Atomic uint64_t published; /* released by the writer, acquired by the readers: slots below are filled */
    struct cursor cursors[TEAM_MOST];
    alignas(128) unsigned char slots[];
};

struct setup {
    struct ring *ring;
    uint64_t events, batch, slot_count;
    size_t len;
};

static struct ring *map_ring(size_t bytes)
{
    const int fd = memfd_create("bench", MFD_CLOEXEC);
    struct ring *ring;

    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
        subject_die("no memfd");
    ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    close(fd);
    if (ring == MAP_FAILED)
        subject_die("no mapping");
    return ring;
}

static unsigned char *slot(const struct setup *setup, uint64_t position)
{
    return setup->ring->slots + (position & (setup->slot_count - 1)) * setup->len;
}

static void receive(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    struct team_result result = {0};
    uint64_t next = 0, seen = 0;
    unsigned looks = 0;

    atomic_fetch_add(&team->ready, 1);
    for (uint64_t position = 0; position < setup->events;) {
        seen = atomic_load_explicit(&setup->ring->published, memory_order_acquire);
        if (seen == position) {
            bench_watch(&looks);
            continue;
        }
        for (; position < seen; position++) {
            const unsigned char *bytes = slot(setup, position);

            team_count(&result, bulk_sequence(bytes), bulk_sum(bytes, setup->len), &next);
            if (setup->len > BULK_SUMMED)
                atomic_store_explicit(&setup->ring->cursors[nth].position, position + 1, memory_order_release);
        }
        atomic_store_explicit(&setup->ring->cursors[nth].position, position, memory_order_release);
    }
    team->results[nth] = result;
}

static uint64_t slowest(const struct team *team, const struct ring *ring)
{
    uint64_t position = UINT64_MAX;

    for (unsigned i = 0; i < team->count; i++) {
        const uint64_t reached = atomic_load_explicit(&ring->cursors[i].position, memory_order_acquire);

        position = reached < position ? reached : position;
    }
    return position;
}

static void send_all(const struct team *team, const struct setup *setup, const void *prepared)
{
    uint64_t consumed = 0;
    unsigned looks = 0;

    for (uint64_t position = 0; position < setup->events; position++) {
        while (position - consumed == setup->slot_count) {
            atomic_store_explicit(&setup->ring->published, position, memory_order_release);
            consumed = slowest(team, setup->ring);
            if (position - consumed == setup->slot_count)
                bench_watch(&looks);
        }
        bulk_fill(slot(setup, position), prepared, setup->len, position);
        if ((position + 1) % setup->batch == 0)
            atomic_store_explicit(&setup->ring->published, position + 1, memory_order_release);
    }
    atomic_store_explicit(&setup->ring->published, setup->events, memory_order_release);
}

int main(int argc, char **argv)
{
    struct subject subject;
    struct setup setup;
    struct team *team;
    void *prepared;

    subject_init(&subject, argc, argv);
    setup.events = subject_number(&subject, "events", 100000);
    setup.batch = subject_number(&subject, "batch", 1);
    setup.len = subject_number(&subject, "len", 64);
    if (setup.len == 0 || setup.len % PAYLOAD_LEN != 0)
        subject_die("len is a multiple of 64");
    for (setup.slot_count = LEAST_SLOTS; setup.slot_count * 2 * setup.len <= RING_BYTES;)
        setup.slot_count *= 2;
    setup.ring = map_ring(sizeof *setup.ring + setup.slot_count * setup.len);
    prepared = bulk_prepare(setup.len);
    team = team_new((unsigned)subject_number(&subject, "readers", 1), &setup);
    team_start(team, receive);
    team_watch();
    while (atomic_load(&team->ready) < team->count)
        bench_relax();
    subject_begin(&subject);
    send_all(team, &setup, prepared);
    team_join(team);
    subject_end(&subject);
    return team_finish(team, &subject, setup.events, bulk_expected(setup.events, prepared, setup.len), setup.len, false);
}
