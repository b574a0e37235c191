/* Offline: letting a shard go for a hook, and acting for one that was. */
#include "runtime/offline.h"

#include "runtime/retire.h"
#include "runtime/supervisor_internal.h"

/* --- the shard's own thread --- */

void offline_begin(struct shard *shard)
{
    if (shard->is_dedicated)
        pthread_mutex_lock(&shard->duty);
}

void offline_end(struct shard *shard)
{
    if (shard->is_dedicated)
        pthread_mutex_unlock(&shard->duty);
}

/* A pause that begins while the shard is on its way here looks for it when something changed. */
static __attribute__((noinline)) void tell_pause(struct maiko_supervisor *sup)
{
    pthread_mutex_lock(&sup->lock);
    pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
}

/* `is_offline` is true only while the lock is free or somebody else's, but for moments: it keeps off who would take a shard whose
 * thread has not begun yet.  Relaxed: whoever has the lock sees what was done under it, and believes nothing else. */
void offline_leave_again(struct shard *shard)
{
    if (__builtin_expect(shard->is_to_serve, 0)) /* its next turn may never come */
        offline_serve(shard);
    shard_of_this_thread = NULL;
    shard_left_by_this_thread = shard;
    atomic_store_explicit(&shard->is_offline, !shard->current->rare->asks_predicates, memory_order_relaxed);
    pthread_mutex_unlock(&shard->duty);
    if (__builtin_expect(atomic_load_explicit(&shard->sup->is_pausing, memory_order_relaxed), 0))
        tell_pause(shard->sup);
}

struct shard *offline_return_slowly(void)
{
    struct shard *shard = shard_left_by_this_thread;

    if (supervisor_is_forked(shard->sup)) { /* the lock may have been somebody's; whatever is called says so */
        shard_left_by_this_thread = NULL;
        shard_of_this_thread = shard;
        return NULL;
    }
    pthread_mutex_lock(&shard->duty);
    atomic_store_explicit(&shard->is_offline, false, memory_order_relaxed);
    shard_left_by_this_thread = NULL;
    shard_of_this_thread = shard;
    return shard;
}

/* --- hooks: the actor stays where it is, so its shard is the same behind them --- */

static const maiko_actor_ops *leave_for_hook(const maiko_context *ctx)
{
    const struct actor *actor = actor_of_context(ctx);

    offline_leave_again(actor->shard);
    return actor->rare->hooks;
}

static maiko_status run_on_start(void *self, maiko_context *ctx)
{
    const maiko_actor_ops *hooks = leave_for_hook(ctx);
    maiko_status status = hooks->on_start == NULL ? MAIKO_OK : hooks->on_start(self, ctx);

    (void)offline_return();
    return status;
}

/* The handler of the event's type, or the one for all, as for other actors: there it is written for speed, on the record. */
static maiko_status call_handler(const maiko_actor_ops *hooks, void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const maiko_handler *line = hooks->handlers;

    for (; line != NULL && line->type != NULL; line++) {
        if (line->type == envelope->type || maiko_event_is(line->type, envelope->type))
            return line->handle(self, ctx, envelope->payload, envelope);
    }
    return hooks->handle == NULL ? MAIKO_OK : hooks->handle(self, ctx, envelope);
}

static maiko_status run_handle(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const maiko_actor_ops *hooks = leave_for_hook(ctx);
    maiko_status status = call_handler(hooks, self, ctx, envelope);

    (void)offline_return();
    return status;
}

static maiko_step run_step(void *self, maiko_context *ctx)
{
    const maiko_actor_ops *hooks = leave_for_hook(ctx);
    maiko_step next = hooks->step(self, ctx);

    (void)offline_return();
    return next;
}

static maiko_error_action run_on_error(void *self, maiko_context *ctx, maiko_status error)
{
    const maiko_actor_ops *hooks = leave_for_hook(ctx);
    maiko_error_action action = hooks->on_error == NULL ? maiko_error_stop_actor() : hooks->on_error(self, ctx, error);

    (void)offline_return();
    return action;
}

static maiko_status run_on_end(void *self, maiko_context *ctx)
{
    const maiko_actor_ops *hooks = leave_for_hook(ctx);
    maiko_status status = hooks->on_end == NULL ? MAIKO_OK : hooks->on_end(self, ctx);

    (void)offline_return();
    return status;
}

static maiko_status run_on_stop(void *self, maiko_context *ctx)
{
    const maiko_actor_ops *hooks = leave_for_hook(ctx);
    maiko_status status = hooks->on_stop == NULL ? MAIKO_OK : hooks->on_stop(self, ctx);

    (void)offline_return();
    return status;
}

const maiko_actor_ops offline_ops = {.on_start = run_on_start,
                                     .handle = run_handle,
                                     .step = run_step,
                                     .on_error = run_on_error,
                                     .on_end = run_on_end,
                                     .on_stop = run_on_stop};

/* --- others --- */

bool offline_take(struct shard *shard)
{
    if (!shard->is_dedicated || !atomic_load_explicit(&shard->is_offline, memory_order_relaxed))
        return false;
    if (pthread_mutex_trylock(&shard->duty) != 0)
        return false;
    if (atomic_load_explicit(&shard->is_offline, memory_order_relaxed))
        return true;
    pthread_mutex_unlock(&shard->duty); /* it has returned since, and its thread has ended */
    return false;
}

void offline_give(struct shard *shard)
{
    pthread_mutex_unlock(&shard->duty);
}

static void serve(struct shard *shard)
{
    if (!offline_take(shard))
        return;
    (void)exchange_drain(shard);
    retire_unseen(shard);
    exchange_flush(shard);
    offline_give(shard);
}

void offline_serve(struct shard *server)
{
    uint64_t rest = server->told_dedicated;

    server->told_dedicated = 0;
    server->told_count = 0;
    server->is_to_serve = false;
    exchange_flush(server);
    for (; rest != 0; rest &= rest - 1)
        serve(server->sup->shards[__builtin_ctzll(rest)]);
}
