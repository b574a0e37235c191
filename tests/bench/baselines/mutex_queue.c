/* Baseline: two threads and the queue most programs have: a bounded array under a mutex with two condition variables. */
#include "bench/lib/payload.h"
#include "bench/lib/subject.h"

#include <pthread.h>

#define CAPACITY 1024u

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    unsigned head, depth;
    struct payload slots[CAPACITY];
};

static struct queue queue = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .not_empty = PTHREAD_COND_INITIALIZER, .not_full = PTHREAD_COND_INITIALIZER};
static uint64_t events;

static void push(const struct payload *payload)
{
    pthread_mutex_lock(&queue.mutex);
    while (queue.depth == CAPACITY)
        pthread_cond_wait(&queue.not_full, &queue.mutex);
    queue.slots[(queue.head + queue.depth) % CAPACITY] = *payload;
    if (queue.depth++ == 0)
        pthread_cond_signal(&queue.not_empty);
    pthread_mutex_unlock(&queue.mutex);
}

static void pop(struct payload *ret_payload)
{
    pthread_mutex_lock(&queue.mutex);
    while (queue.depth == 0)
        pthread_cond_wait(&queue.not_empty, &queue.mutex);
    *ret_payload = queue.slots[queue.head];
    queue.head = (queue.head + 1) % CAPACITY;
    if (queue.depth-- == CAPACITY)
        pthread_cond_signal(&queue.not_full);
    pthread_mutex_unlock(&queue.mutex);
}

static void *write_all(void *unused)
{
    (void)unused;
    bench_pin(1);
    for (uint64_t sequence = 0; sequence < events; sequence++) {
        struct payload payload;

        payload_fill(&payload, sequence);
        push(&payload);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct subject subject;
    uint64_t sum = 0, received;
    pthread_t writer;

    subject_init(&subject, argc, argv);
    events = subject_number(&subject, "events", 1000000);
    bench_pin(0);
    subject_begin(&subject);
    if (pthread_create(&writer, NULL, write_all, NULL) != 0)
        subject_die("no thread");
    for (received = 0; received < events; received++) {
        struct payload payload;

        pop(&payload);
        sum += payload_sum(&payload);
    }
    pthread_join(writer, NULL);
    subject_end(&subject);
    return subject_finish(&subject, received, events, sum, payload_expected(events));
}
