/* Daemon: a broker that a benchmark starts for itself: in a private directory, on a Unix socket in it, gone with its
 * parent. */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include <stdio.h>
#include <sys/types.h>

struct daemon {
    pid_t pid;
    char directory[48], config[80], log[80], socket[80];
};

/* Makes the directory and an empty configuration; the caller writes it and closes it. */
FILE *daemon_prepare(struct daemon *daemon);

/* Starts the first of `programs` (paths, or names looked up in PATH; NULL at the end) that is installed, with `arguments` behind
 * its name (NULL at the end), and returns when its socket takes connections.  Exits with 127 when none is installed, which the
 * driver takes as "skipped", and with 2 when it does not come up. */
void daemon_start(struct daemon *daemon, const char *const *programs, const char *const *arguments);

/* Ends it, waits for it, so that its CPU time counts among that of the children, and removes the directory. */
void daemon_stop(struct daemon *daemon);

#endif
