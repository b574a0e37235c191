/* Offline: while a hook of a dedicated actor runs, its shard is not its thread's.
 *
 * Such a hook may block for ever, and its shard reads no ring meanwhile: what the others tell it would pile up (subscriptions,
 * ends of actors, whose records wait until it has passed their events), and no pause could count on it.  So its thread lets the
 * shard go for the hook and takes it back for every call from there that touches it, as offline threads of user-space RCU
 * do.  Meanwhile others may act for it, under the same lock and in its place: everything that they do is what a send from the
 * hook would do, which reads the rings, too.  They never wait for the lock: who holds it is at work or served already.
 *
 * Nobody acts for an actor with predicates, which may look at what its hooks change: for it all is as if it did not leave.
 *
 * | call                            | by                                  | may overlap with                            |
 * |---------------------------------|-------------------------------------|---------------------------------------------|
 * | offline_leave, offline_return   | the shard's own thread              | offline_take, which keeps a return waiting  |
 * | offline_take, offline_give      | any other, paired, on one thread    | anything                                    |
 */
#ifndef RUNTIME_OFFLINE_H
#define RUNTIME_OFFLINE_H

#include "runtime/shard.h"

/* What a dedicated actor's hooks are called through; its own are in `rare->hooks`. */
extern const maiko_actor_ops offline_ops;

/* Around the life of a dedicated shard's thread. */
void offline_begin(struct shard *shard);
void offline_end(struct shard *shard);

/* By calls of the interface: the shard that this thread left for a hook is its own again until offline_leave() with what was
 * returned; NULL when it left none. */
struct shard *offline_return_slowly(void);
static inline struct shard *offline_return(void)
{
    return __builtin_expect(shard_left_by_this_thread == NULL, 1) ? NULL : offline_return_slowly();
}

void offline_leave_again(struct shard *shard);
static inline void offline_leave(struct shard *shard)
{
    if (__builtin_expect(shard != NULL, 0))
        offline_leave_again(shard);
}

/* By another thread: the shard is the caller's until offline_give().  False when its thread is not in such a hook, or somebody
 * else has it. */
bool offline_take(struct shard *shard);
void offline_give(struct shard *shard);

/* By a shard between activations, and behind calls from a dedicated actor's hook: dedicated shards that it told much read it, or
 * have it read for them. */
void offline_serve(struct shard *server);

#endif
