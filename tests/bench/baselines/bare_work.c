/* Baseline of W9: threads that only do the work of the events, without events: what the processors can give. */
#include "bench/lib/subject.h"
#include "bench/lib/work.h"

#include <pthread.h>

#define MOST_THREADS 64u

static uint64_t share, worked_ns;

static void *do_work(void *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < share; i++)
        work_for_ns(worked_ns);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[MOST_THREADS];
    struct subject subject;
    unsigned count;

    subject_init(&subject, argc, argv);
    count = (unsigned)subject_number(&subject, "threads", 2);
    if (count == 0 || count > MOST_THREADS)
        subject_die("threads=1 … 64");
    share = subject_number(&subject, "events", 100000) / count;
    worked_ns = subject_number(&subject, "work_ns", 10000);
    work_calibrate();
    subject_begin(&subject);
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, do_work, NULL) != 0)
            subject_die("no thread");
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    subject_end(&subject);
    return subject_finish(&subject, share * count, share * count, 0, 0);
}
