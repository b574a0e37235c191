/* Patient poll: poll() for a process that may have fewer descriptors than it sleeps on, as RLIMIT_NOFILE can be lowered behind
 * their back.  poll() then fails with EINVAL at once, and who only tries again spins. */
#ifndef BASE_PATIENT_POLL_H
#define BASE_PATIENT_POLL_H

#include <poll.h>
#include <stdbool.h>

enum { PATIENT_POLL_MS = 10 };

/*
 * poll(), and where it refuses so many descriptors they are looked at in parts: the first part is slept on, for PATIENT_POLL_MS
 * at most, and what has become ready in the others meanwhile is found by the next call.  So 0 does not mean that the time is up.
 * `ret_is_limited` (NULL: not asked for) says whether it was so; with a limit of 0 nothing is found ready.
 */
int patient_poll(struct pollfd *fds, nfds_t count, int timeout_ms, bool *ret_is_limited);

#endif
