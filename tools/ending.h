/* Ending: what ends a verb that would go on for ever: SIGINT, SIGTERM, its time, or that nobody reads stdout any more.  A thread
 * of its own waits for them, because stdout may be quiet for long and a write to it may wait for long. */
#ifndef TOOLS_ENDING_H
#define TOOLS_ENDING_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct ending {
    int stop_fd;       /* readable once the verb shall end */
    int timeout_ms;    /* from ending_begin() on; -1, as ending_init() has it: no limit */
    bool is_abandoned; /* because nobody reads stdout any more; known after ending_finish() */
    bool is_late;      /* because its time was over; the same */
    /* the thread's and ending.c's */
    int signal_fd;
    int over_fd; /* readable once nobody waits for it any more */
    void (*end)(void *userdata);
    void *userdata;
    pthread_t thread;
    bool has_thread;
    sigset_t before;
};

/* Before any other thread is started, which inherit that signals are blocked.  False: errno says why. */
bool ending_init(struct ending *ending);
void ending_deinit(struct ending *ending);

/* From now on `end` is called, once and on a thread of its own; the next signal kills.  False: errno says why. */
bool ending_begin(struct ending *ending, void (*end)(void *userdata), void *userdata);

/* `end` is not called any more, and has returned.  Also when it never began. */
void ending_finish(struct ending *ending);

#endif
