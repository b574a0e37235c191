/* Actor: activation, errors, end and stop. */
#include "runtime/actor.h"

#include "runtime/inbox.h"
#include "runtime/lookout.h"
#include "runtime/placement.h"
#include "runtime/send.h"
#include "runtime/shard.h"
#include "runtime/stop_cut.h"
#include "runtime/supervisor_internal.h"
#include "runtime/ticket.h"
#include <string.h>

#define MORE_BATCHES 5u
#define ERROR_BACKOFF_FIRST_MS 1u
#define ERROR_BACKOFF_LAST_MS 1000u

struct actor_rare *actor_rare(struct actor *actor)
{
    struct actor_rare *rare = actor->rare;

    if (rare != NULL)
        return rare;
    rare = heap_alloc_zeroed(actor->shard->heap, 1, sizeof *rare);
    if (rare == NULL)
        return NULL;
    rare->actor = actor;
    rare->step_timer.actor = actor;
    rare->retry_timer.actor = actor;
    rare->retry_timer.ends_retry = true;
    /* release: whoever draws the topology looks at it from outside */
    __atomic_store_n(&actor->rare, rare, __ATOMIC_RELEASE);
    return rare;
}

static bool step_is_due(const struct actor *actor)
{
    return actor->step_state == ACTOR_STEP_READY && actor->state == ACTOR_RUNNING && !actor->has_finished &&
           !actor->shard->sources_closed;
}

bool actor_is_ready(const struct actor *actor)
{
    if (actor->state == ACTOR_FREE || actor->state == ACTOR_STOPPED)
        return false;
    if (actor->fail_pending)
        return true;
    if (actor_is_held(actor))
        return false;
    return actor->mailbox.depth != 0 || actor->state == ACTOR_ADDED || actor->state == ACTOR_DRAINING || actor->end_pending ||
           step_is_due(actor) || (actor->is_gate && inbox_has_events(actor_inbox(actor))) ||
           (actor->rare != NULL && (actor->rare->control.depth != 0 || actor->rare->retry_envelope != NULL));
}

static const char *error_text(const struct actor *actor, maiko_status status)
{
    const struct actor_rare *rare = actor->rare;

    if (rare == NULL || rare->error_text[0] == '\0' || (rare->tells_refusal && status != actor->last_refusal))
        return NULL;
    return rare->error_text;
}

/* Whoever waits for its on_start gets to know and decides what that means: it is not the runtime's failure. */
static void tell_failure(struct actor *actor, maiko_status status, const char *text)
{
    struct maiko_supervisor *sup = actor->shard->sup;
    char reason[64];

    if (actor->rare != NULL && actor->rare->ticket != NULL)
        ticket_explain(sup, actor->rare->ticket, actor->sender.name,
                       text != NULL ? text : supervisor_status_text(status, reason, sizeof reason));
    else
        supervisor_note_failure(sup, status, actor->sender.name, text);
}

void actor_fail(struct actor *actor, maiko_status status, maiko_drop_reason reason, const char *text)
{
    if (actor->fail_pending || actor->state == ACTOR_STOPPED)
        return;
    actor->fail_pending = true;
    actor->failure = status;
    actor->fail_reason = (uint8_t)reason;
    tell_failure(actor, status, text != NULL ? text : error_text(actor, status));
    actor_unsubscribe_all(actor);
    shard_ready(actor->shard, actor);
}

/* --- hooks --- */

/* What is no status, such as an errno, is no success either. */
static maiko_status judge(struct actor *actor, maiko_status status, const char *hook)
{
    if (status <= 0)
        return status;
    return maiko_error(actor_context(actor), MAIKO_EACTOR, "%s returned %d, which is no status", hook, (int)status);
}

static void after_hook(struct actor *actor)
{
    actor->shard->over_mark = 0;
    send_abandon_forgotten(actor->shard);
}

/* What readers of the counters see it doing. */
static void show_phase(struct actor *actor, bool is_held)
{
    actor->is_shown_held = is_held;
    counters_actor_set_phase(actor->counters, is_held                          ? MAIKO_ACTOR_HELD
                                              : actor->state == ACTOR_ADDED    ? MAIKO_ACTOR_ADDED
                                              : actor->state == ACTOR_DRAINING ? MAIKO_ACTOR_STOPPING
                                              : actor->has_finished            ? MAIKO_ACTOR_FINISHED
                                                                               : MAIKO_ACTOR_RUNNING);
}

static void start(struct actor *actor)
{
    maiko_status status = MAIKO_OK;

    actor->state = ACTOR_RUNNING;
    show_phase(actor, false);
    if (actor->ops->on_start != NULL) {
        status = judge(actor, actor->ops->on_start(actor->self, actor_context(actor)), "on_start");
        after_hook(actor);
    }
    if (status < 0) {
        COUNT(actor->counters, errors, 1);
        actor_fail(actor, status, MAIKO_DROPPED_FAILED, NULL);
    } else {
        actor->was_started = true;
        if (actor->drain_pending)
            actor_drain(actor);
    }
    ticket_answer(actor->shard->sup, actor->rare == NULL ? NULL : &actor->rare->ticket,
                  status < 0            ? status
                  : actor->fail_pending ? actor->failure /* by what it sent to itself */
                                        : MAIKO_OK);
}

HOT maiko_status call_handler(struct actor *actor, const maiko_envelope *envelope)
{
    const maiko_handler *line = actor->ops->handlers;

    if (__builtin_expect(line == NULL && actor->ops->handle != NULL, 1))
        return actor->ops->handle(actor->self, actor_context(actor), envelope);
    for (; line != NULL && line->type != NULL; line++) {
        if (line->type == envelope->type || maiko_event_is(line->type, envelope->type))
            return line->handle(actor->self, actor_context(actor), envelope->payload, envelope);
    }
    return actor->ops->handle == NULL ? MAIKO_OK : actor->ops->handle(actor->self, actor_context(actor), envelope);
}

/* The actor is asked what to do; without an answer it stops. */
static maiko_error_action ask(struct actor *actor, maiko_status status)
{
    maiko_error_action action;

    COUNT(actor->counters, errors, 1);
    if (actor->ops->on_error == NULL)
        return maiko_error_stop_actor();
    action = actor->ops->on_error(actor->self, actor_context(actor), status);
    after_hook(actor);
    return action;
}

static bool retry_later(struct actor *actor, const maiko_error_action *action, bool is_step)
{
    struct actor_rare *rare = actor_rare(actor);
    uint32_t *retries;

    if (rare == NULL)
        return false;
    retries = is_step ? &rare->step_retries : &rare->retries;
    if (*retries >= action->limit)
        return false;
    ++*retries;
    shard_account_retry(actor->shard, actor);
    return shard_hold_for_retry(actor->shard, actor, action->after_ns) == MAIKO_OK;
}

/* True when the event (or step) is to be run again, before anything else: until then the actor is held. */
static bool decide_error(struct actor *actor, maiko_status status, bool is_step)
{
    maiko_error_action action = ask(actor, status);

    switch (action.kind) {
    case MAIKO_ERROR_IGNORE:
        return false;
    case MAIKO_ERROR_RETRY:
        if (retry_later(actor, &action, is_step))
            return true;
        actor_fail(actor, status, MAIKO_DROPPED_FAILED, NULL);
        return false;
    case MAIKO_ERROR_STOP_RUNTIME:
        supervisor_note_failure(actor->shard->sup, status, actor->sender.name, error_text(actor, status));
        (void)maiko_supervisor_request_stop(actor->shard->sup);
        return false;
    case MAIKO_ERROR_RESTART:
        actor_fail(actor, MAIKO_ENOTSUP, MAIKO_DROPPED_FAILED, "on_error asked for a restart, which needs supervision");
        return false;
    default:
        actor_fail(actor, status, MAIKO_DROPPED_FAILED, NULL);
        return false;
    }
}

/* Consumes the reference, unless the event is to be handled again. */
HOT void handle_one(struct actor *actor, struct envelope *envelope)
{
    struct shard *shard = actor->shard;
    maiko_status status;

    shard->current_envelope = envelope;
    status = call_handler(actor, &envelope->head);
    shard->current_envelope = NULL;
    shard->over_mark = 0;
    if (__builtin_expect(shard->reserved != NULL, 0))
        send_abandon_forgotten(shard);
    if (__builtin_expect(status != 0, 0)) {
        if (decide_error(actor, judge(actor, status, "a handler"), false)) {
            actor->rare->retry_envelope = envelope;
            return;
        }
    }
    if (__builtin_expect(actor->rare != NULL, 0))
        actor->rare->retries = 0;
    COUNT(actor->counters, handled, 1);
    shard_release(shard, envelope);
}

HOT bool may_go_on(const struct actor *actor)
{
    return !actor->fail_pending && !actor_is_held(actor);
}

/* Once per batch; the report of a stop reads it from outside. */
HOT void note_handled(struct shard *shard, uint32_t count)
{
    __atomic_store_n(&shard->handled, shard->handled + count, __ATOMIC_RELAXED);
}

void actor_forget_step(struct actor *actor)
{
    if (actor->rare == NULL || !actor->rare->retries_step)
        return;
    actor->rare->retries_step = false;
    timer_heap_remove(&actor->shard->timers, &actor->rare->retry_timer.timer);
    actor->hold &= (uint8_t)~ACTOR_HELD_BY_RETRY;
    shard_ready(actor->shard, actor);
}

static void step_failed(struct actor *actor, maiko_status status)
{
    struct actor_rare *rare;
    uint32_t backoff;

    if (decide_error(actor, status, true)) {
        actor->step_state = ACTOR_STEP_READY;
        actor->rare->retries_step = true;
        if (actor->shard->sources_closed)
            actor_forget_step(actor);
        return;
    }
    if (actor->fail_pending)
        return;
    rare = actor_rare(actor);
    backoff = rare == NULL || rare->error_backoff_ms == 0 ? ERROR_BACKOFF_FIRST_MS : rare->error_backoff_ms * 2u;
    backoff = backoff > ERROR_BACKOFF_LAST_MS ? ERROR_BACKOFF_LAST_MS : backoff;
    if (rare != NULL)
        rare->error_backoff_ms = (uint16_t)backoff;
    actor->step_state = ACTOR_STEP_TIMER;
    if (shard_delay_step(actor->shard, actor, MAIKO_MS(backoff)) != MAIKO_OK)
        actor_fail(actor, MAIKO_ENOMEM, MAIKO_DROPPED_FAILED, "no memory for a timer");
}

/* It went on when ends of cycles were looked for the last time: now it may be part of one. */
static void note_step(struct actor *actor, maiko_step next)
{
    if (actor->rare->step_went_on && (next == MAIKO_STEP_AWAIT_EVENT || next == MAIKO_STEP_NEVER)) {
        actor->rare->step_went_on = false;
        actor->shard->has_new_ends = true;
    }
}

static void run_step(struct actor *actor)
{
    maiko_step next = actor->ops->step(actor->self, actor_context(actor));

    after_hook(actor);
    actor->shard->steps++;
    if (next < 0) {
        step_failed(actor, next >= INT32_MIN ? (maiko_status)next : MAIKO_EINVAL);
        return;
    }
    if (actor->rare != NULL) {
        actor->rare->error_backoff_ms = 0;
        actor->rare->step_retries = 0;
        note_step(actor, next);
    }
    switch (next) {
    case MAIKO_STEP_CONTINUE:
    case MAIKO_STEP_YIELD:
        actor->step_state = ACTOR_STEP_READY;
        break;
    case MAIKO_STEP_AWAIT_EVENT:
        actor->step_state = ACTOR_STEP_AFTER_EVENTS;
        break;
    case MAIKO_STEP_NEVER:
        actor->step_state = ACTOR_STEP_NEVER;
        break;
    default:
        actor->step_state = ACTOR_STEP_TIMER;
        if (shard_delay_step(actor->shard, actor, (uint64_t)next) != MAIKO_OK)
            actor_fail(actor, MAIKO_ENOMEM, MAIKO_DROPPED_FAILED, "no memory for a timer");
    }
}

/* What failed last time comes first.  Returns the number of events. */
static __attribute__((noinline)) uint32_t run_again(struct actor *actor)
{
    struct actor_rare *rare = actor->rare;
    struct envelope *envelope = rare->retry_envelope;

    if (rare->retries_step) {
        rare->retries_step = false;
        if (step_is_due(actor))
            run_step(actor);
        return 0;
    }
    rare->retry_envelope = NULL;
    handle_one(actor, envelope);
    return 1;
}

static bool has_to_run_again(const struct actor *actor)
{
    return actor->rare != NULL && (actor->rare->retry_envelope != NULL || actor->rare->retries_step);
}

HOT uint32_t run_batch(struct actor *actor)
{
    uint32_t count = 0;

    if (__builtin_expect(has_to_run_again(actor), 0) && may_go_on(actor))
        count = run_again(actor);
    while (count < actor->tick_limit && actor_has_events(actor) && may_go_on(actor)) {
        handle_one(actor, shard_take(actor->shard, actor));
        count++;
    }
    note_handled(actor->shard, count > 0 && (actor->hold & ACTOR_HELD_BY_RETRY) ? count - 1 : count);
    return count;
}

/* Nothing happens between the batches of an actor without a step, so a light one gets some in a row: coming back to it costs more
 * than its events do.  Others wait for 10 us more; without it W1 takes 475 instructions per event instead of 428, W2 242 instead
 * of 230. */
HOT void run_more_batches(struct actor *actor, uint32_t handled)
{
    uint32_t rest = MORE_BATCHES;

    while (handled == actor->tick_limit && rest-- > 0)
        handled = run_batch(actor);
}

/* --- end and stop --- */

void actor_finish(struct actor *actor)
{
    if (actor->has_finished)
        return;
    actor->has_finished = true;
    actor->shard->has_new_ends = true;
    actor->sends_simply = false;
    show_phase(actor, actor->is_shown_held);
    if (actor->rare != NULL && actor->rare->is_publisher)
        supervisor_announce_finished(actor);
    if (actor->is_gate)
        return;
    if (actor->state == ACTOR_RUNNING && actor->subscriber.first == NULL)
        actor_drain(actor);
    else if (actor->state == ACTOR_RUNNING)
        actor_check_end(actor);
}

enum streams_state actor_streams(const struct actor *actor)
{
    const char *const *own = actor->rare == NULL ? NULL : actor->rare->publish;

    return streams_heard(&actor->shard->streams, actor->subscriber.first, own, !actor->has_finished);
}

void actor_check_end(struct actor *actor)
{
    if (actor->end_pending || actor->has_ended || actor->subscriber.first == NULL || actor->is_gate ||
        actor->state > ACTOR_RUNNING || atomic_load_explicit(&actor->shard->sup->runs_stop_hooks, memory_order_relaxed))
        return;
    if (actor_streams(actor) != STREAMS_ENDED)
        return;
    actor->end_pending = true;
    shard_ready(actor->shard, actor);
}

bool actor_step_goes_on(const struct actor *actor)
{
    return actor->step_state != ACTOR_STEP_NEVER && actor->step_state != ACTOR_STEP_AFTER_EVENTS && !actor->has_finished;
}

static void end(struct actor *actor)
{
    maiko_status status = MAIKO_OK;

    actor->end_pending = false;
    actor->has_ended = true;
    if (actor->ops->on_end != NULL) {
        status = judge(actor, actor->ops->on_end(actor->self, actor_context(actor)), "on_end");
        after_hook(actor);
    }
    if (status < 0) {
        COUNT(actor->counters, errors, 1);
        actor_fail(actor, status, MAIKO_DROPPED_FAILED, NULL);
    } else if (!actor->stays && !actor_step_goes_on(actor)) {
        actor_drain(actor);
    }
}

void actor_drain(struct actor *actor)
{
    if (actor->state != ACTOR_RUNNING && actor->state != ACTOR_ADDED)
        return;
    if (actor->state == ACTOR_ADDED) {
        actor->drain_pending = true;
        return;
    }
    actor->state = ACTOR_DRAINING;
    show_phase(actor, false);
    actor_unsubscribe_all(actor);
    shard_ready(actor->shard, actor);
}

/* What is queued, and what was to be tried again. */
static void discard_all(struct shard *shard, struct actor *actor)
{
    maiko_drop_reason reason = actor->fail_pending ? (maiko_drop_reason)actor->fail_reason : MAIKO_DROPPED_STOPPED;

    if (actor->rare != NULL && actor->rare->retry_envelope != NULL) {
        shard_count_drop(shard, actor, actor->rare->retry_envelope->topic, actor->rare->retry_envelope, reason);
        shard_release(shard, actor->rare->retry_envelope);
        actor->rare->retry_envelope = NULL;
    }
    shard_discard(shard, actor, reason);
}

void actor_stop_now(struct actor *actor)
{
    struct shard *shard = actor->shard;
    maiko_status status = MAIKO_OK;

    if (actor->state == ACTOR_STOPPED)
        return;
    streak_stop(&shard->streak); /* its counters go with it */
    actor_note_depth(actor);
    actor_unsubscribe_all(actor);
    if (actor->state == ACTOR_RUNNING)
        actor->state = ACTOR_DRAINING; /* what on_stop subscribed to would stay in the index when the actor is freed */
    discard_all(shard, actor);
    if (actor->rare != NULL) {
        timer_heap_remove(&shard->timers, &actor->rare->step_timer.timer);
        timer_heap_remove(&shard->timers, &actor->rare->retry_timer.timer);
        actor->rare->retries_step = false;
    }
    actor->hold &= (uint8_t)~ACTOR_HELD_BY_RETRY; /* that timer would not end it: a send of a dedicated on_stop waited for ever */
    if (actor->was_started && actor->ops->on_stop != NULL) {
        struct actor *before = shard->current;

        shard_set_current(shard, actor);
        status = judge(actor, actor->ops->on_stop(actor->self, actor_context(actor)), "on_stop");
        after_hook(actor);
        streak_stop(&shard->streak);
        shard_set_current(shard, before);
    }
    if (status < 0) {
        COUNT(actor->counters, errors, 1);
        supervisor_note_failure(shard->sup, status, actor->sender.name, error_text(actor, status));
    }
    actor_finish(actor);
    actor->state = ACTOR_STOPPED;
    shard_unready(shard, actor); /* its last hooks may have made it ready: what it sent to itself, debts paid */
    supervisor_actor_stopped(actor);
}

/* --- activation --- */

HOT void run(struct actor *actor)
{
    uint32_t handled;

    if (__builtin_expect(actor->fail_pending, 0)) {
        actor_stop_now(actor);
        return;
    }
    if (__builtin_expect(actor->state == ACTOR_ADDED, 0))
        start(actor);
    if (__builtin_expect(actor->is_gate, 0)) {
        inbox_run(actor_inbox(actor));
        actor->shard->over_mark = 0;
    }
    handled = run_batch(actor);
    if (actor->weight == ACTOR_LIGHT)
        run_more_batches(actor, handled);
    if (__builtin_expect(actor_is_plain(actor), 1))
        return;
    if (handled > 0 && actor->step_state == ACTOR_STEP_AFTER_EVENTS)
        actor->step_state = ACTOR_STEP_READY;
    if (step_is_due(actor) && may_go_on(actor))
        run_step(actor);
    if (__builtin_expect(actor->end_pending, 0) && !actor_has_events(actor) && may_go_on(actor))
        end(actor);
    if (__builtin_expect(actor->state == ACTOR_DRAINING, 0) && !actor_has_events(actor) && may_go_on(actor))
        actor_stop_now(actor);
}

static __attribute__((noinline)) void run_sampled(struct actor *actor)
{
    struct shard *shard = actor->shard;
    uint64_t begin = clock_mono_ns(&shard->sup->clock);
    uint64_t units = COUNTED(actor->counters, handled) + COUNTED(actor->counters, sent);
    bool is_sample = (actor->activations & (SAMPLE_EVERY - 1)) == 0 || actor->suspicion != 0;
    uint32_t tick_limit = actor->tick_limit;
    bool is_suspect = actor->suspicion != 0;
    bool is_exact = actor->weight == ACTOR_EXACT;
    bool is_slow;

    /* what seemed heavy is looked at event by event: soon there are enough in a row, of which one at most was interrupted */
    if (is_suspect && !is_exact)
        actor->tick_limit = 1;
    run(actor);
    streak_stop(&shard->streak); /* what was sent is read below */
    actor->tick_limit = tick_limit;
    shard->mono_ns = clock_mono_ns(&shard->sup->clock);
    is_slow = shard->times_all && shard->mono_ns - begin >= shard->sup->config.watchdog_ns;
    if (is_slow)
        lookout_report(shard->sup, actor->sender.name, shard->mono_ns - begin);
    if (actor->state == ACTOR_STOPPED || !(is_sample || is_slow))
        return;
    shard_account_time(shard, actor, shard->mono_ns - begin);
    actor->is_quick = shard->mono_ns - begin <= ACTOR_LIGHT_NS;
    if (!is_exact && !is_suspect)
        actor->weight = shard->mono_ns - begin <= ACTOR_LIGHT_NS ? ACTOR_LIGHT : ACTOR_USUAL;
    if (shard->sup->may_balance)
        placement_note(shard, actor, shard->mono_ns - begin,
                       COUNTED(actor->counters, handled) + COUNTED(actor->counters, sent) - units);
}

/* The usual state after an activation, known from one place in memory; false: ask actor_is_ready(). */
HOT bool waits_for_events(const struct actor *actor)
{
    return actor->mailbox.depth == 0 && actor_is_plain(actor) && !actor->is_gate && actor->rare == NULL;
}

void actor_activate(struct actor *actor)
{
    struct shard *shard = actor->shard;

    shard_set_current(shard, actor);
    COUNT(actor->counters, activations, 1);
    actor_note_depth(actor);
    if (__builtin_expect(actor->is_shown_held, 0))
        show_phase(actor, false);
    __atomic_store_n(&actor->activations, (uint16_t)(actor->activations + 1), __ATOMIC_RELAXED); /* the lookout reads it */
    if (__builtin_expect((actor->activations & (SAMPLE_EVERY - 1)) == 0 || actor->suspicion != 0 || shard->times_all, 0))
        run_sampled(actor);
    else
        run(actor);
    streak_stop(&shard->streak);
    shard_set_current(shard, NULL);
    if (actor->state == ACTOR_STOPPED)
        return;
    if (__builtin_expect(actor_is_held(actor), 0)) {
        show_phase(actor, true);
        stop_cut_meet(shard);
    }
    if (!waits_for_events(actor))
        shard_ready(shard, actor);
}
