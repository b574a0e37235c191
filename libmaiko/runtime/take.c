/* Take, see take.h. */
#include "runtime/take.h"

#include "runtime/send.h"
#include "runtime/shard.h"

/* Nothing is in front of it, and its step would run. */
HOT bool could_run(const struct actor *actor)
{
    const struct actor_rare *rare = actor->rare;

    return actor->mailbox.depth == 0 && actor_is_about_to_step(actor) && !actor_in_debt(actor) && !actor->has_finished &&
           !actor->shard->sources_closed && rare->control.depth == 0 && rare->retry_envelope == NULL && !rare->retries_step;
}

/* As if it had been queued, and handled in the actor's turn. */
HOT void count(struct shard *shard, const struct actor *sender, const struct route *route, const struct actor *taker)
{
    struct counters_actor *counters = taker->counters;

    COUNT(sender->counters, sent, 1);
    COUNT(route->counters, sent, 1);
    COUNT(counters, received, 1);
    COUNT(counters, handled, 1);
    __atomic_store_n(&shard->handled, shard->handled + 1, __ATOMIC_RELAXED); /* as note_handled() */
}

bool take_at_once(struct actor *sender, struct route *route, const maiko_event_type *type, const void *event, size_t len)
{
    struct actor *taker = CONTAINER_OF(route->single, struct actor, subscriber);
    struct shard *shard = sender->shard;
    struct maiko_taking taking;

    if (taker == sender || !could_run(taker) || (shard->current_envelope != NULL && shard->current_envelope->from_system))
        return false;
    streak_stop(&shard->streak);
    taking = (struct maiko_taking){.type = type,
                                   .topic = route->topic,
                                   .sender = &sender->sender,
                                   .id = shard_coming_id(shard),
                                   .time_ns = shard_wall(shard),
                                   .event = event,
                                   .len = len};
    if (!taker->rare->take(taker->self, &taking))
        return false;
    (void)shard_next_id(shard);
    count(shard, sender, route, taker);
    if (__builtin_expect(taker->step_state != ACTOR_STEP_READY, 0))
        taker->step_state = ACTOR_STEP_READY;
    if (__builtin_expect(!taker->is_queued, 0))
        shard_queue(shard, taker);
    return true;
}

maiko_status maiko_context_take(maiko_context *ctx, maiko_take take)
{
    struct actor *actor;
    struct actor_rare *rare;
    maiko_status status = context_own_actor(ctx, &actor);

    if (status != MAIKO_OK)
        return status;
    rare = actor_rare(actor);
    if (rare == NULL)
        return MAIKO_ENOMEM;
    rare->take = take;
    streak_stop(&actor->shard->streak);
    broker_look_again(&actor->shard->broker);
    return MAIKO_OK;
}
