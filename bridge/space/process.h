/* Process identity: tells this process from all others that had or have its number, in this pid namespace or another. */
#ifndef SPACE_PROCESS_H
#define SPACE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process_identity {
    int64_t pid;
    uint64_t pid_namespace; /* inode of the namespace; 0 without /proc */
    uint64_t start_time;    /* clock ticks since boot; 0 without /proc */
};

struct process_identity process_identity_self(void);

/* Names the monotonic clock of this process: the same in all processes that share it, that is of this boot of this machine and in
 * this time namespace.  0: unknown. */
uint64_t process_clock(void);

/* A descriptor that becomes readable when the process ends; -1 when there is no such process or no such system call. */
int process_open_pidfd(int64_t pid);

static inline bool process_identity_equal(const struct process_identity *a, const struct process_identity *b)
{
    return a->pid == b->pid && a->pid_namespace == b->pid_namespace && a->start_time == b->start_time;
}

#endif
