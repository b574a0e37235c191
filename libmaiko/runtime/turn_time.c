/* Turn time: the wall-clock time that events are stamped with, one reading per turn. */
#include "runtime/shard.h"

#include "runtime/supervisor_internal.h"

/* A time that was read before the turn goes on with that of what came in, but no further than this. */
#define AHEAD_MOST_NS MAIKO_US(100)

void shard_begin_time(struct shard *shard)
{
    shard->wall_ahead_of = shard->wall_ahead;
    shard->wall_ns = shard->wall_ahead == 0 ? 0 : clock_clamp(shard->wall_ahead, &shard->wall_last);
    shard->wall_ahead = 0;
}

uint64_t shard_wall_slow(struct shard *shard)
{
    shard->wall_ns = clock_wall_clamped(&shard->sup->clock, &shard->wall_last);
    return shard->wall_ns;
}

/* A reading of the same clock by another shard is as good as ours.  What is further off comes from another clock, or is said to
 * be late without saying how late: then the clock is read when it is needed. */
void shard_met_later(struct shard *shard, uint64_t time_ns)
{
    if (time_ns - shard->wall_ahead_of < AHEAD_MOST_NS) {
        shard->wall_ns = shard->wall_last = time_ns;
    } else {
        shard->wall_ns = 0;
        shard->wall_ahead_of = 0;
    }
}
