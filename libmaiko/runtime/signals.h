/* Signals: SIGINT and SIGTERM while maiko_supervisor_run() runs.  The first asks for a stop, a later one ends the wait for the
 * queues.  They are blocked in the calling thread and read from a descriptor, so the program's handlers stay as they are. */
#ifndef RUNTIME_SIGNALS_H
#define RUNTIME_SIGNALS_H

#include "base/text.h"
#include <maiko/status.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct maiko_supervisor;

struct signals {
    struct maiko_supervisor *sup;
    sigset_t before; /* the calling thread's mask */
    int fd;          /* -1: they are not ours to handle */
    int end_fd;      /* ends the thread that reads while a stop is under way */
    uint64_t first_ns;
    bool has_first;
    bool has_thread;
    pthread_t thread;
};

/* MAIKO_OK, or with the reason in `error`, and signals as they were: MAIKO_ESYSTEM without a descriptor, MAIKO_ESTATE while
 * another supervisor takes them.  A thread that does not block them is named to the log. */
MAIKO_MUST_CHECK maiko_status signals_begin(struct signals *signals, struct maiko_supervisor *sup, struct text *error);

/* Takes what has come. */
void signals_take(struct signals *signals);

/* The calling thread is going to stop the supervisor: another one reads from now on. */
void signals_hand_over(struct signals *signals);

/* What came until now ends with it. */
void signals_end(struct signals *signals);

#endif
