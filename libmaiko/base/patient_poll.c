/* Patient poll, see patient_poll.h. */
#include "base/patient_poll.h"

#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

/* What one poll() takes. */
static nfds_t part_of(nfds_t count)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < count ? (nfds_t)limit.rlim_cur : count;
}

static int look_at_parts(struct pollfd *fds, nfds_t count, nfds_t part)
{
    int ready = 0;
    nfds_t i;

    for (i = 0; part > 0 && i < count; i += part) {
        int some = poll(fds + i, part < count - i ? part : count - i, 0);

        ready += some > 0 ? some : 0;
    }
    return ready;
}

static int poll_parts(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    nfds_t part = part_of(count);
    int ready;
    nfds_t i;

    for (i = 0; i < count; i++)
        fds[i].revents = 0; /* the limit may change once more meanwhile */
    ready = look_at_parts(fds, count, part);
    if (ready > 0)
        return ready;
    return poll(fds, part, timeout_ms < 0 || timeout_ms > PATIENT_POLL_MS ? PATIENT_POLL_MS : timeout_ms);
}

int patient_poll(struct pollfd *fds, nfds_t count, int timeout_ms, bool *ret_is_limited)
{
    int ready = poll(fds, count, timeout_ms);
    bool is_limited = ready < 0 && errno == EINVAL;

    if (ret_is_limited != NULL)
        *ret_is_limited = is_limited;
    return is_limited ? poll_parts(fds, count, timeout_ms) : ready;
}
