/* Stop notice: the descriptor. */
#include "runtime/stop_notice.h"

#include "runtime/supervisor_internal.h"
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

void stop_notice_give(struct shard *shard)
{
    const uint64_t one = 1;
    int saved_errno = errno;

    while (shard->stop_fd >= 0 && write(shard->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
    errno = saved_errno;
}

void stop_notice_take_back(struct shard *shard)
{
    uint64_t count;

    if (shard->stop_fd >= 0)
        (void)!read(shard->stop_fd, &count, sizeof count);
}

int stop_notice_fd(struct actor *actor)
{
    struct shard *shard = actor->shard;

    pthread_mutex_lock(&shard->sup->lock);
    if (shard->stop_fd < 0) {
        shard->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (actor_is_told_to_stop(actor)) /* before there was anything to tell it by */
            stop_notice_give(shard);
    }
    pthread_mutex_unlock(&shard->sup->lock);
    return shard->stop_fd;
}
