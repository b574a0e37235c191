/* Interrupt: SIGINT and SIGTERM before an app's supervisor runs and takes them itself, so that a process that is still waiting
 * for others leaves its space in order, too. */
#ifndef APP_INTERRUPT_H
#define APP_INTERRUPT_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include <maiko/bridge.h>

struct app_interrupt {
    maiko_bridge *bridge; /* whose waits are cancelled */
    sigset_t before;      /* mask of the main thread */
    pthread_t thread;
    int signal_fd;
    int end_fd;
    int signal; /* that came; 0: none.  The thread's until it is joined */
    bool is_running;
};

/*
 * From here on the two signals cancel what waits for others.  Without descriptors or a thread for it nothing is changed: then
 * they end the process as they always do.
 */
void app_interrupt_begin(struct app_interrupt *interrupt, maiko_bridge *bridge);

/* The signal that came, or 0.  Both are still blocked: one that comes before the supervisor runs is for the supervisor. */
int app_interrupt_end(struct app_interrupt *interrupt);

/* Back to the mask before the beginning; nothing when there was none. */
void app_interrupt_restore(const struct app_interrupt *interrupt);

#endif
