/* Interrupt: SIGINT and SIGTERM before an app's supervisor runs and takes them itself, and after it has, so that a process that
 * waits for others leaves its space in order, too. */
#ifndef APP_INTERRUPT_H
#define APP_INTERRUPT_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include <maiko/bridge.h>

struct app_interrupt {
    maiko_bridge *bridge; /* who waits */
    void (*cut_short)(maiko_bridge *bridge);
    sigset_t before; /* mask of the main thread */
    pthread_t thread;
    int signal_fd;
    int end_fd;
    int signal; /* that came; 0: none.  The thread's until it is joined */
    bool has_begun;
    bool is_running;
};

/*
 * From here on the first of the two signals cuts the wait for others short; the next one does what it always does.  Without
 * descriptors or a thread for it nothing is changed: then they end the process at once.
 */
void app_interrupt_begin(struct app_interrupt *interrupt, maiko_bridge *bridge, void (*cut_short)(maiko_bridge *bridge));

/* The signal that came, or 0; 0 also when there was no beginning.  Both are still blocked: one that comes before the supervisor
 * runs is for the supervisor. */
int app_interrupt_end(struct app_interrupt *interrupt);

/* Back to the mask before the beginning; nothing when there was none. */
void app_interrupt_restore(const struct app_interrupt *interrupt);

#endif
