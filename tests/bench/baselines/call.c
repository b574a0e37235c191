/* Baseline: a call through a function pointer.  One payload filled, one summed, nothing between: the cost of the
 * work itself, which every other figure of a row contains. */
#include "bench/lib/payload.h"
#include "bench/lib/subject.h"

typedef void (*receiver)(void *self, const struct payload *payload);

static void receive(void *self, const struct payload *payload)
{
    *(uint64_t *)self += payload_sum(payload);
}

int main(int argc, char **argv)
{
    receiver volatile target = receive; /* volatile: not inlined */
    struct subject subject;
    uint64_t events, sum = 0;

    subject_init(&subject, argc, argv);
    events = subject_number(&subject, "events", 1000000);
    subject_begin(&subject);
    for (uint64_t sequence = 0; sequence < events; sequence++) {
        struct payload payload;

        payload_fill(&payload, sequence);
        target(&sum, &payload);
    }
    subject_end(&subject);
    return subject_finish(&subject, events, events, sum, payload_expected(events));
}
