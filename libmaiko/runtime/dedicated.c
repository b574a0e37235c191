/* Dedicated shards: made when a dedicated actor is added and no earlier one's is free, also while the others run.
 *
 * A shard that comes later is taught before it runs: whoever adds it reads what all others have announced so far, and in the
 * same moment has the new one counted among those they tell everything (`peers`, under `announce_lock`).  So nothing is told
 * twice and nothing is missed, and a shard that is stuck in a hook delays nobody.  It is one moment for all of them, or the
 * last values of sticky topics could be older than what comes through the rings. */
#include "runtime/dedicated.h"

#include "runtime/interest.h"
#include "runtime/last_values.h"
#include "runtime/stop_notice.h"
#include <string.h>

/* The new one learns what one other shard has announced, and is told of everything from here on.  Under the other's lock. */
static maiko_status learn(struct shard *newcomer, struct shard *other)
{
    maiko_status status = interest_teach(other, newcomer);

    if (status == MAIKO_OK)
        status = streams_teach(&other->streams, &newcomer->streams);
    if (status == MAIKO_OK)
        status = last_values_teach(other, newcomer);
    other->peers = newcomer->index + 1;
    return status;
}

/* When memory runs out half-way the shard stays unused: it does not know what it has to. */
static maiko_status learn_from_all(struct shard *newcomer)
{
    struct shard *const *shards = newcomer->sup->shards;
    maiko_status status = MAIKO_OK;
    uint32_t i;

    newcomer->is_dedicated = true;
    newcomer->is_taken = true;
    supervisor_publish_shard(newcomer);
    for (i = 0; i < newcomer->index; i++)
        pthread_mutex_lock(&shards[i]->announce_lock);
    for (i = 0; i < newcomer->index; i++) {
        maiko_status learned = learn(newcomer, shards[i]);

        status = status == MAIKO_OK ? learned : status;
    }
    for (i = 0; i < newcomer->index; i++) {
        pthread_mutex_unlock(&shards[i]->announce_lock);
        broker_knows_shard(&newcomer->broker, i);
    }
    return status;
}

/* Nothing runs: everything is there when the call returns. */
static maiko_status add_before_start(struct maiko_supervisor *sup, struct shard **ret_shard)
{
    struct shard *shard = NULL;
    maiko_status status = supervisor_new_shard(sup, &shard);
    uint32_t i;

    if (status == MAIKO_OK)
        status = learn_from_all(shard);
    if (status != MAIKO_OK)
        return status;
    for (i = 0; i < shard->index; i++) {
        broker_knows_shard(&sup->shards[i]->broker, shard->index);
        sup->shards[i]->greeted = shard->index + 1;
    }
    *ret_shard = shard;
    return MAIKO_OK;
}

/* The thread first, which the lock holds back: a shard that others can see must be able to run. */
static maiko_status add_while_running(struct maiko_supervisor *sup, struct shard **ret_shard)
{
    struct shard *shard = NULL;
    maiko_status status = supervisor_new_shard(sup, &shard);

    if (status == MAIKO_OK && sup->config.mode == MAIKO_THREADS)
        status = supervisor_start_thread(shard);
    if (status != MAIKO_OK) {
        supervisor_free_shard(shard);
        return status;
    }
    status = learn_from_all(shard);
    if (status == MAIKO_OK)
        *ret_shard = shard;
    return status;
}

static struct shard *find_free(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = sup->config.shards; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        if (sup->shards[i]->is_dedicated && !sup->shards[i]->is_taken)
            return sup->shards[i];
    }
    return NULL;
}

maiko_status dedicated_take(struct maiko_supervisor *sup, struct shard **ret_shard)
{
    enum supervisor_state state = supervisor_state(sup);
    struct shard *shard = find_free(sup);

    if (state > SUP_RUNNING)
        return state == SUP_STOPPING ? MAIKO_ESTATE : MAIKO_ECLOSED;
    if (shard == NULL)
        return state == SUP_NEW ? add_before_start(sup, ret_shard) : add_while_running(sup, ret_shard);
    shard->is_taken = true;
    stop_notice_take_back(shard);
    *ret_shard = shard;
    return MAIKO_OK;
}

void dedicated_give(struct shard *shard)
{
    if (shard->is_dedicated)
        shard->is_taken = false;
}
