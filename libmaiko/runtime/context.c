/* Context: what an actor may ask and tell. */
#include "runtime/arming.h"
#include "runtime/inbox.h"
#include "runtime/offline.h"
#include "runtime/stay.h"
#include "runtime/stop_notice.h"
#include "runtime/supervisor_internal.h"
#include <stdarg.h>
#include <string.h>

maiko_status context_own_actor(const maiko_context *ctx, struct actor **ret_actor)
{
    struct actor *actor = actor_of_context(ctx);

    if (actor == NULL)
        return ctx == NULL ? MAIKO_EINVAL : MAIKO_ECLOSED;
    if (supervisor_is_forked(actor->shard->sup))
        return MAIKO_EFORKED;
    if (actor->state == ACTOR_STOPPED || actor->state == ACTOR_FREE)
        return MAIKO_ECLOSED;
    if (actor->is_gate)
        return MAIKO_EINVAL;
    if (actor->shard != shard_of_this_thread || actor->shard->current != actor)
        return MAIKO_ETHREAD;
    *ret_actor = actor;
    return MAIKO_OK;
}

const char *maiko_context_name(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    return actor == NULL || actor->sender.name == NULL ? "" : actor->sender.name;
}

uint64_t maiko_context_id(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    return actor == NULL ? 0 : actor->sender.id;
}

static bool is_alive(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    if (actor == NULL || supervisor_is_forked(actor->shard->sup))
        return false;
    if (actor->is_gate)
        return supervisor_state(actor->shard->sup) <= SUP_RUNNING;
    return (actor->state == ACTOR_ADDED || actor->state == ACTOR_RUNNING) && !actor->has_finished && !actor->fail_pending &&
           !actor_is_told_to_stop(actor);
}

bool maiko_context_is_alive(const maiko_context *ctx)
{
    struct shard *left = offline_return();
    bool alive = is_alive(ctx);

    offline_leave(left);
    return alive;
}

static int stop_fd(maiko_context *ctx)
{
    struct actor *actor;

    return context_own_actor(ctx, &actor) == MAIKO_OK && actor->is_dedicated ? stop_notice_fd(actor) : -1;
}

int maiko_context_stop_fd(maiko_context *ctx)
{
    struct shard *left = offline_return();
    int fd = stop_fd(ctx);

    offline_leave(left);
    return fd;
}

maiko_supervisor *maiko_context_supervisor(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    return actor == NULL ? NULL : actor->shard->sup;
}

static uint64_t time_of(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    if (actor == NULL)
        return 0;
    return actor->shard == shard_of_this_thread ? shard_wall(actor->shard) : clock_wall_ns(&actor->shard->sup->clock);
}

uint64_t maiko_context_time(const maiko_context *ctx)
{
    struct shard *left = offline_return();
    uint64_t time_ns = time_of(ctx);

    offline_leave(left);
    return time_ns;
}

static size_t depth_of(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    if (actor == NULL || actor->is_gate || actor->shard != shard_of_this_thread)
        return 0;
    return actor->mailbox.depth + (actor->rare == NULL ? 0 : actor->rare->control.depth);
}

size_t maiko_context_depth(const maiko_context *ctx)
{
    struct shard *left = offline_return();
    size_t depth = depth_of(ctx);

    offline_leave(left);
    return depth;
}

static bool is_full(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    if (actor == NULL || supervisor_is_forked(actor->shard->sup))
        return true;
    if (actor->is_gate)
        return inbox_is_full(actor_inbox(actor));
    if (actor->shard->scarce_for == actor->index + 1 && actor->shard->scarce_in == actor->activations)
        return true;
    return actor->hold != 0 || actor_in_debt(actor) || exchange_is_over_limit(actor->shard, actor);
}

static __attribute__((noinline)) bool ask_is_full(const maiko_context *ctx)
{
    struct shard *left = offline_return();
    bool full = is_full(ctx);

    offline_leave(left);
    return full;
}

/* Asked before every event of a producing step: the usual answer first. */
bool maiko_is_sender_full(const maiko_context *ctx)
{
    const struct shard *shard = shard_of_this_thread;
    struct actor *actor = __builtin_expect(shard != NULL, 1) ? shard->current : NULL;

    if (__builtin_expect(
            actor != NULL && actor_context(actor) == ctx && actor->sends_simply && actor->hold == 0 && shard->scarce_for == 0 &&
                (actor->debt | actor->ring_events | atomic_load_explicit(&actor->remote_debt, memory_order_relaxed)) == 0,
            1))
        return false;
    return ask_is_full(ctx);
}

static maiko_status stop(maiko_context *ctx)
{
    struct actor *actor;
    maiko_status status = context_own_actor(ctx, &actor);

    if (status == MAIKO_OK)
        actor_drain(actor);
    return status;
}

maiko_status maiko_stop(maiko_context *ctx)
{
    struct shard *left = offline_return();
    maiko_status status = stop(ctx);

    offline_leave(left);
    return status;
}

static maiko_status stay(maiko_context *ctx)
{
    struct actor *actor;
    maiko_status status = context_own_actor(ctx, &actor);

    if (status == MAIKO_OK)
        actor->stays = true;
    return status;
}

maiko_status maiko_context_stay(maiko_context *ctx)
{
    struct shard *left = offline_return();
    maiko_status status = stay(ctx);

    offline_leave(left);
    return status;
}

maiko_status maiko_stop_runtime(maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    if (actor == NULL)
        return ctx == NULL ? MAIKO_EINVAL : MAIKO_ECLOSED;
    if (!supervisor_is_forked(actor->shard->sup) && supervisor_state(actor->shard->sup) == SUP_STOPPED)
        return MAIKO_ECLOSED;
    return maiko_supervisor_request_stop(actor->shard->sup);
}

static maiko_status finish(maiko_context *ctx)
{
    struct actor *actor;
    maiko_status status = context_own_actor(ctx, &actor);

    if (status == MAIKO_OK)
        actor_finish(actor);
    return status;
}

maiko_status maiko_finish(maiko_context *ctx)
{
    struct shard *left = offline_return();
    maiko_status status = finish(ctx);

    offline_leave(left);
    return status;
}

/* --- subscriptions --- */

static struct subscription *find_subscription(struct actor *actor, const char *pattern)
{
    struct subscription *subscription;

    for (subscription = actor->subscriber.first; subscription != NULL; subscription = subscription->next) {
        if (strcmp(subscription->pattern, pattern) == 0 && topic_index_has(&subscription->entry))
            return subscription;
    }
    return NULL;
}

static struct subscription *subscription_new(struct actor *actor, const maiko_subscription *from)
{
    struct running_subscription *made = heap_alloc_zeroed(actor->shard->heap, 1, sizeof *made);

    if (made == NULL)
        return NULL;
    made->subscription.pattern = text_pool_take(&actor->shard->sup->patterns, from->pattern);
    if (made->subscription.pattern == NULL) {
        heap_free(actor->shard->heap, made, sizeof *made);
        return NULL;
    }
    made->subscription.subscriber = &actor->subscriber;
    subscription_terms_set(actor, &made->subscription, &made->terms, from);
    return &made->subscription;
}

static void append(struct actor *actor, struct subscription *subscription)
{
    struct subscription **last = &actor->subscriber.first;

    while (*last != NULL)
        last = &(*last)->next;
    *last = subscription;
}

static void unlink_and_free(struct actor *actor, struct subscription *subscription)
{
    struct subscription **at = &actor->subscriber.first;

    while (*at != subscription)
        at = &(*at)->next;
    *at = subscription->next;
    actor_free_subscription(actor, subscription);
}

static maiko_status subscribe(maiko_context *ctx, const maiko_subscription *subscription)
{
    struct subscription *made;
    struct actor *actor;
    maiko_status status = context_own_actor(ctx, &actor);

    if (status != MAIKO_OK)
        return status;
    if (subscription == NULL || subscription->pattern == NULL || (unsigned)subscription->overflow > MAIKO_FAIL)
        return MAIKO_EINVAL;
    if (actor->state != ACTOR_RUNNING)
        return MAIKO_ECLOSED;
    status = maiko_pattern_check(subscription->pattern);
    if (status != MAIKO_OK)
        return maiko_error(ctx, status, "pattern '%s': %s", subscription->pattern, maiko_strerror(status));
    if (find_subscription(actor, subscription->pattern) != NULL)
        return MAIKO_EEXIST;
    made = subscription_new(actor, subscription);
    if (made == NULL)
        return MAIKO_ENOMEM;
    append(actor, made);
    supervisor_listens_anew(actor);
    status = supervisor_subscribe(actor->shard, made, NULL);
    if (status == MAIKO_OK && subscription->notify) {
        status = arming_begin(actor, made);
        if (status != MAIKO_OK)
            supervisor_unsubscribe(actor->shard, made);
    }
    if (status != MAIKO_OK)
        unlink_and_free(actor, made);
    else if (actor->is_dedicated) /* its hook may last: others hear of it now */
        exchange_flush(actor->shard);
    return status;
}

maiko_status maiko_subscribe(maiko_context *ctx, const maiko_subscription *subscription)
{
    struct shard *left = offline_return();
    maiko_status status = subscribe(ctx, subscription);

    offline_leave(left);
    return status;
}

static maiko_status unsubscribe(maiko_context *ctx, const char *pattern)
{
    struct subscription *subscription;
    struct actor *actor;
    maiko_status status = context_own_actor(ctx, &actor);

    if (status != MAIKO_OK)
        return status;
    subscription = pattern == NULL ? NULL : find_subscription(actor, pattern);
    if (subscription == NULL)
        return pattern == NULL ? MAIKO_EINVAL : MAIKO_ENOTFOUND;
    supervisor_unsubscribe(actor->shard, subscription);
    unlink_and_free(actor, subscription);
    supervisor_listens_anew(actor);
    return MAIKO_OK;
}

maiko_status maiko_unsubscribe(maiko_context *ctx, const char *pattern)
{
    struct shard *left = offline_return();
    maiko_status status = unsubscribe(ctx, pattern);

    offline_leave(left);
    return status;
}

/* --- errors --- */

/* NULL: not from here. */
static struct actor_rare *error_place(struct actor *actor)
{
    return actor == NULL || actor->is_gate || actor->shard != shard_of_this_thread ? NULL : actor_rare(actor);
}

maiko_status maiko_error(maiko_context *ctx, maiko_status status, const char *format, ...)
{
    struct shard *left = offline_return();
    struct actor_rare *rare = error_place(actor_of_context(ctx));
    struct text text;
    va_list args;

    if (rare != NULL) {
        rare->tells_refusal = false;
        text_init_buffer(&text, rare->error_text, sizeof rare->error_text);
        va_start(args, format);
        text_append_vformat(&text, format, args);
        va_end(args);
    }
    offline_leave(left);
    return (int)status < 0 ? status : MAIKO_EACTOR;
}

const char *maiko_context_error_text(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    if (actor != NULL && actor->is_gate)
        return supervisor_refusal_text(actor->shard->sup);
    return actor == NULL || actor->rare == NULL ? "" : actor->rare->error_text;
}

maiko_status maiko_context_last_refusal(const maiko_context *ctx)
{
    struct actor *actor = actor_of_context(ctx);

    return actor == NULL ? MAIKO_ECLOSED : actor->last_refusal;
}
