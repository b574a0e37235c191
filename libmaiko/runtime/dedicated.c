/* Dedicated shards: made when a dedicated actor is added and no earlier one's is free, also while the others run.
 *
 * A shard that comes later is taught before it runs: whoever adds it reads what each of the others has announced so far,
 * and in the same moment has the new one counted among those it tells everything (`peers`, under `announce_lock`).  So
 * nothing is told twice and nothing is missed, and a shard that is stuck in a hook delays nobody.  Only last values of
 * sticky topics come later, from the others' own threads. */
#include "runtime/dedicated.h"

#include "runtime/interest.h"
#include <string.h>

/* One allocation for all that have to introduce themselves; the last of them frees it. */
struct introductions {
    _Atomic uint32_t left;
    uint32_t count;
    uint32_t newcomer;
    struct command commands[]; /* by shard */
};

static size_t introductions_size(uint32_t count)
{
    return sizeof(struct introductions) + count * sizeof(struct command);
}

/* --- last values --- */

struct last_value_command {
    struct command command;
    struct envelope *envelope;
};

static void run_last_value(struct shard *shard, struct command *command)
{
    struct last_value_command *told = CONTAINER_OF(command, struct last_value_command, command);
    struct route *route = shard_route(shard, registry_topic_by_id(&shard->sup->registry, told->envelope->topic->id));

    COUNT(shard->counters, dispatched, 1);
    shard->heap_live++;
    if (route == NULL) {
        supervisor_memory_failed(shard, "last value of a topic");
        shard_release(shard, told->envelope);
    } else {
        shard_dispatch_last(shard, route, told->envelope);
    }
    heap_free(shard->heap, told, command->size);
}

static maiko_status tell_last_value(struct shard *shard, uint32_t newcomer, struct route *route)
{
    struct last_value_command *told = heap_alloc_zeroed(shard->heap, 1, sizeof *told);

    if (told == NULL)
        return MAIKO_ENOMEM;
    told->command.run = run_last_value;
    told->command.size = sizeof *told;
    told->envelope = route->last;
    envelope_ref_heap(route->last);
    if (shard_tell(shard, newcomer, &told->command) == MAIKO_OK) {
        COUNT(shard->counters, routed, 1);
        COUNT(route->counters, routed, 1);
        return MAIKO_OK;
    }
    (void)envelope_unref_heap(route->last); /* not the last one: the route has its own */
    heap_free(shard->heap, told, sizeof *told);
    return MAIKO_ENOMEM;
}

static maiko_status tell_last_values(struct shard *shard, uint32_t newcomer)
{
    maiko_status status = MAIKO_OK;
    uint32_t i;

    for (i = 0; i < shard->broker.route_size && status == MAIKO_OK; i++) {
        struct route *route = shard->broker.routes[i];

        if (route != NULL && route->last != NULL)
            status = tell_last_value(shard, newcomer, route);
    }
    return status;
}

static void run_introduction(struct shard *shard, struct command *command)
{
    struct introductions *all =
        (struct introductions *)(void *)((char *)(command - shard->index) - offsetof(struct introductions, commands));

    broker_knows_shard(&shard->broker, all->newcomer);
    if (tell_last_values(shard, all->newcomer) != MAIKO_OK)
        supervisor_memory_failed(shard, "last value of a topic");
    /* acquire and release: whoever frees it is behind all others' use */
    if (atomic_fetch_sub_explicit(&all->left, 1, memory_order_acq_rel) == 1)
        heap_free(shard->heap, all, introductions_size(all->count));
}

/* --- making one --- */

static struct introductions *introductions_new(struct maiko_supervisor *sup)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    struct introductions *all = heap_alloc_zeroed(&sup->root->heap, 1, introductions_size(count));

    if (all == NULL)
        return NULL;
    all->left = all->count = all->newcomer = count;
    return all;
}

/* The new one learns what one other shard has announced, and is told of everything from here on. */
static maiko_status learn(struct shard *newcomer, struct shard *other)
{
    const struct publication *publication;
    maiko_status status;

    pthread_mutex_lock(&other->announce_lock);
    status = interest_teach(other, newcomer);
    for (publication = other->streams.first; publication != NULL && status == MAIKO_OK; publication = publication->next)
        status = streams_add(&newcomer->streams, publication->pattern, publication->own);
    other->peers = newcomer->index + 1;
    pthread_mutex_unlock(&other->announce_lock);
    broker_knows_shard(&newcomer->broker, other->index);
    return status;
}

/* When memory runs out half-way the shard stays unused: it does not know what it has to. */
static maiko_status learn_from_all(struct shard *newcomer)
{
    maiko_status status = MAIKO_OK;
    uint32_t i;

    newcomer->is_dedicated = true;
    newcomer->is_taken = true;
    supervisor_publish_shard(newcomer);
    for (i = 0; i < newcomer->index; i++) {
        maiko_status learned = learn(newcomer, newcomer->sup->shards[i]);

        status = status == MAIKO_OK ? learned : status;
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
    for (i = 0; i < shard->index; i++)
        broker_knows_shard(&sup->shards[i]->broker, shard->index);
    *ret_shard = shard;
    return MAIKO_OK;
}

/* The thread first, which the lock holds back: a shard that others can see must be able to run. */
static maiko_status add_while_running(struct maiko_supervisor *sup, struct shard **ret_shard)
{
    struct introductions *all = introductions_new(sup);
    struct shard *shard = NULL;
    maiko_status status = all == NULL ? MAIKO_ENOMEM : supervisor_new_shard(sup, &shard);
    uint32_t i;

    if (status == MAIKO_OK && sup->config.mode == MAIKO_THREADS)
        status = supervisor_start_thread(shard);
    if (status != MAIKO_OK) {
        supervisor_free_shard(shard);
        if (all != NULL)
            heap_free(&sup->root->heap, all, introductions_size(all->count));
        return status;
    }
    status = learn_from_all(shard);
    for (i = 0; i < shard->index; i++) {
        all->commands[i].run = run_introduction;
        shard_post(sup->shards[i], &all->commands[i]);
    }
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
    *ret_shard = shard;
    return MAIKO_OK;
}

void dedicated_give(struct shard *shard)
{
    if (shard->is_dedicated)
        shard->is_taken = false;
}
