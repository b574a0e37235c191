/* Relay: a TCP port of this host that passes everything on to another one, until the test cuts what goes through it. */
#ifndef TESTS_LIB_RELAY_H
#define TESTS_LIB_RELAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { RELAY_PAIRS = 8 };

struct relay {
    int port; /* to connect to */
    int target_port;
    /* the relay's thread only */
    int listen_fd;
    int pairs[RELAY_PAIRS][2]; /* -1: none */
    /* both */
    pthread_t thread;
    int wake_fd;
    _Atomic unsigned cuts_wanted;
    _Atomic unsigned cuts_done;
    atomic_bool wants_end;
    atomic_bool is_parted;
};

bool relay_init(struct relay *relay, int target_port);

/* Closes every connection there is; returns when they are closed.  New ones are taken as before. */
void relay_cut(struct relay *relay);

/* The same, and new ones are closed at once, until it is joined again. */
void relay_part(struct relay *relay);
void relay_join(struct relay *relay);

void relay_deinit(struct relay *relay);

#endif
