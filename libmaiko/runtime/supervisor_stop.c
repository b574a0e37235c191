/* Stopping: sources first, then the queues, then the last hooks, then the threads; each phase with its deadline. */
#include "runtime/supervisor_stop.h"

#include "runtime/lookout.h"
#include "runtime/stop_cut.h"
#include "runtime/stop_notice.h"
#include "runtime/stop_tally.h"
#include "runtime/unheard.h"
#include "runtime/world.h"
#include <stdio.h>
#include <string.h>

/* Threads that are not stuck get through in this time unless the machine is very busy. */
#define GRACE_NS MAIKO_MS(10)
/* Virtual time stands while anybody can run; a stop's deadline has to come all the same. */
#define TURNS_PER_TICK 256u
#define TICK_NS MAIKO_MS(1)

static uint64_t now_ns(const struct maiko_supervisor *sup)
{
    return clock_mono_ns(&sup->clock);
}

/* --- by the shards --- */

/* A stop does not wait for memory that nobody is left to give back: settle() says what became of such events. */
static bool inboxes_are_done(const struct maiko_supervisor *sup)
{
    bool is_stopping = supervisor_state(sup) == SUP_STOPPING;
    const struct inbox *inbox;

    for (inbox = sup->inboxes; inbox != NULL; inbox = inbox->next) {
        if (inbox_has_events(inbox) && !(is_stopping && inbox_is_starved(inbox)))
            return false;
    }
    return true;
}

/* Nothing is to be sent on from outside, and everything published and posted is taken in. */
static bool all_is_taken_in(const struct maiko_supervisor *sup)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    uint32_t i;

    if (!inboxes_are_done(sup))
        return false;
    for (i = 0; i < count; i++) {
        if (exchange_has_unread(sup->shards[i]) || atomic_load_explicit(&sup->shards[i]->has_posted, memory_order_relaxed))
            return false;
    }
    return true;
}

/* All idle with nothing alive, and everything taken in: sleepers cannot change any of it without the lock. */
bool supervisor_is_quiet(struct maiko_supervisor *sup)
{
    return sup->idle_shards == supervisor_all_shards(sup) && sup->quiet_shards == supervisor_all_shards(sup) &&
           all_is_taken_in(sup);
}

void supervisor_shard_idle(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    uint64_t own = UINT64_C(1) << shard->index;

    pthread_mutex_lock(&sup->lock);
    sup->idle_shards |= own;
    if (shard_is_quiet(shard))
        sup->quiet_shards |= own;
    if (atomic_load_explicit(&sup->is_pausing, memory_order_relaxed))
        pthread_cond_broadcast(&sup->changed);
    if (sup->idle_shards == supervisor_all_shards(sup) && supervisor_is_quiet(sup)) {
        pthread_cond_broadcast(&sup->changed);
        if (supervisor_state(sup) == SUP_RUNNING)
            (void)world_end_cycles(sup);
    }
    pthread_mutex_unlock(&sup->lock);
}

void supervisor_shard_busy(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    uint64_t own = UINT64_C(1) << shard->index;

    pthread_mutex_lock(&sup->lock);
    sup->idle_shards &= ~own;
    sup->quiet_shards &= ~own;
    lookout_wake(sup);
    pthread_mutex_unlock(&sup->lock);
}

void supervisor_shard_exited(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;

    pthread_mutex_lock(&sup->lock);
    if (shard->is_left_behind)
        stop_tally_drop_left(shard);
    sup->exited_shards |= UINT64_C(1) << shard->index;
    pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
}

static bool may_handle_last(const struct actor *actor, uint64_t until_ns)
{
    const struct shard *shard = actor->shard;

    return actor->state == ACTOR_RUNNING && actor_has_events(actor) && !actor_is_held(actor) && !actor->fail_pending &&
           !atomic_load_explicit(&shard->must_exit, memory_order_relaxed) &&
           now_ns(shard->sup) < until_ns;
}

static void make_exact(struct actor *actor)
{
    actor->tick_limit = 1;
    actor->weight = ACTOR_EXACT;
}

/* One by one, for half of the time that is left, so that hooks behind long queues are run, and no more than are there now: they
 * may send themselves further ones. */
static void handle_last_events(struct actor *actor)
{
    uint64_t now = now_ns(actor->shard->sup);
    uint64_t deadline_ns = actor->shard->sup->hooks_deadline_ns;
    uint64_t until_ns = deadline_ns > now ? now + (deadline_ns - now) / 2 : now;
    uint32_t rest = actor->mailbox.depth + (actor->rare == NULL ? 0 : actor->rare->control.depth);

    make_exact(actor);
    while (rest-- > 0 && may_handle_last(actor, until_ns))
        actor_activate(actor);
}

/* In order of addition: what an on_stop sends is still handled by those behind it on the same shard. */
void supervisor_run_stop_hooks(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    struct list *link;

    shard->stop_hooks = false;
    shard_unready_all(shard);
    while ((link = list_first(&shard->actors)) != NULL) {
        struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

        handle_last_events(actor);
        if (actor->state == ACTOR_STOPPED)
            continue;
        if (!actor->fail_pending) /* else it has lost it by that */
            stop_tally_queue(actor);
        actor_stop_now(actor);
    }
    stop_tally_gates(shard);
    pthread_mutex_lock(&sup->lock);
    sup->hooks_missing--;
    pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
}

/* --- phases --- */

/* From here on the deadline counts, and it is looked at between activations: one event in each, but for the batch under way. */
static void run_close_sources(struct shard *shard, struct command *command)
{
    struct list *link;

    (void)command;
    shard->sources_closed = true;
    LIST_FOR_EACH (link, &shard->actors) {
        struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

        make_exact(actor);
        actor_forget_step(actor);
    }
}

static void run_stop_hooks_wanted(struct shard *shard, struct command *command)
{
    (void)command;
    shard->stop_hooks = true;
    if (shard->current != NULL) /* a dedicated actor that waits in a send: the rest of its batch comes last, too */
        make_exact(shard->current);
    if (atomic_load_explicit(&shard->is_cut, memory_order_relaxed))
        stop_cut_end(shard);
}

/* A stop must not need memory: the commands of both phases are part of the shard. */
static void post_stop_hooks(struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    uint32_t i;

    sup->hooks_deadline_ns = deadline_ns;
    atomic_store_explicit(&sup->runs_stop_hooks, true, memory_order_relaxed); /* the posts' locks order it */
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        sup->shards[i]->stop_command.run = run_stop_hooks_wanted;
        (void)shard_post(sup->shards[i], &sup->shards[i]->stop_command);
    }
}

static void close_sources(struct maiko_supervisor *sup)
{
    struct inbox *inbox;
    uint32_t i;

    for (inbox = sup->inboxes; inbox != NULL; inbox = inbox->next)
        inbox_close(inbox);
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        sup->shards[i]->source_command.run = run_close_sources;
        (void)shard_post(sup->shards[i], &sup->shards[i]->source_command);
    }
}

void supervisor_hurry(struct maiko_supervisor *sup)
{
    pthread_mutex_lock(&sup->lock);
    sup->is_hurried = true;
    pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
}

/* Under the lock, without which no record and no name is given up. */
static void log_late(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        const struct actor *busy = __atomic_load_n(&sup->shards[i]->current, __ATOMIC_RELAXED);
        char name[256];

        if (busy == NULL || busy->is_gate)
            continue;
        snprintf(name, sizeof name, "%s", busy->sender.name);
        pthread_mutex_unlock(&sup->lock); /* the program's log may take its time */
        supervisor_log(sup, MAIKO_LOG_WARNING, "actor '%s' is still busy %llu ms after the stop began", name,
                       (unsigned long long)(sup->config.actor_stop_deadline_ns / 1000000u));
        pthread_mutex_lock(&sup->lock);
    }
}

/* Threads: waits until nothing is under way; false at the deadline, which is now when it is hurried.  Who takes longer than an
 * actor's part is named. */
static bool drain_threads(struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    uint64_t late_ns = clock_deadline(now_ns(sup), sup->config.actor_stop_deadline_ns);
    bool in_time = true;
    bool is_quiet;

    pthread_mutex_lock(&sup->lock);
    while (!(is_quiet = supervisor_is_quiet(sup)) && in_time && !sup->is_hurried) {
        in_time = supervisor_wait_changed(sup, late_ns < deadline_ns ? late_ns : deadline_ns);
        if (in_time || late_ns >= deadline_ns)
            continue;
        log_late(sup);
        late_ns = UINT64_MAX;
        in_time = true;
    }
    sup->was_cut_short = !is_quiet && in_time && sup->is_hurried;
    pthread_mutex_unlock(&sup->lock);
    return is_quiet;
}

static bool run_hooks_threads(struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    bool in_time = true;
    bool have_run;

    pthread_mutex_lock(&sup->lock);
    sup->hooks_missing = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    pthread_mutex_unlock(&sup->lock);
    post_stop_hooks(sup, deadline_ns);
    pthread_mutex_lock(&sup->lock);
    while (!(have_run = sup->hooks_missing == 0) && in_time)
        in_time = supervisor_wait_changed(sup, deadline_ns);
    pthread_mutex_unlock(&sup->lock);
    return have_run;
}

bool supervisor_end_threads(struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    uint64_t wanted = 0;
    uint64_t ended;
    bool in_time = true;
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (!sup->shards[i]->has_thread)
            continue;
        wanted |= UINT64_C(1) << i;
        atomic_store_explicit(&sup->shards[i]->must_exit, true, memory_order_release);
        shard_wake(sup->shards[i]);
    }
    pthread_mutex_lock(&sup->lock);
    while ((sup->exited_shards & wanted) != wanted && in_time)
        in_time = supervisor_wait_changed(sup, deadline_ns == 0 ? UINT64_MAX : deadline_ns);
    ended = wanted & sup->exited_shards;
    pthread_mutex_unlock(&sup->lock);
    for (i = 0; i < count; i++) {
        if (!(ended >> i & 1))
            continue;
        pthread_join(sup->shards[i]->thread, NULL);
        sup->shards[i]->has_thread = false;
    }
    lookout_stop(sup); /* last: slow on_stop hooks are named, too */
    return ended == wanted;
}

/* --- the report --- */

void maiko_stop_report_deinit(maiko_stop_report *report)
{
    size_t i;

    if (report == NULL)
        return;
    for (i = 0; i < report->actor_count; i++)
        heap_strfree(heap_default(), (char *)(uintptr_t)report->actors[i].name);
    heap_free(heap_default(), report->actors, report->actor_count * sizeof *report->actors);
    memset(report, 0, sizeof *report);
}

/* A copy with names of its own.  Without memory for them it goes without. */
static void copy_report(maiko_stop_report *copy, const maiko_stop_report *report)
{
    size_t i;

    *copy = *report;
    copy->actor_count = 0;
    copy->actors = NULL;
    if (report->actor_count > 0)
        copy->actors = heap_alloc_zeroed(heap_default(), report->actor_count, sizeof *copy->actors);
    for (i = 0; copy->actors != NULL && i < report->actor_count; i++) {
        copy->actors[i] = report->actors[i];
        copy->actors[i].name = heap_strdup(heap_default(), report->actors[i].name);
        if (copy->actors[i].name == NULL)
            break;
        copy->actor_count++;
    }
}

/* --- halt --- */

static bool nothing_is_alive(const struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        if (!shard_is_empty(sup->shards[i]))
            return false;
    }
    return true;
}

static bool only_starves(const struct maiko_supervisor *sup)
{
    const struct inbox *inbox = sup->inboxes;

    while (inbox != NULL && !inbox_is_starved(inbox))
        inbox = inbox->next;
    return inbox != NULL && nothing_is_alive(sup) && all_is_taken_in(sup);
}

/* What something outside holds for ever ends the wait here: nobody could let it go meanwhile. */
static bool drain_polled(struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    uint32_t turns = 0;

    while (!only_starves(sup) && (supervisor_poll_once(sup, deadline_ns, UINT64_MAX) ||
                                  (sup->config.mode == MAIKO_POLLED && supervisor_poll_wait(sup, deadline_ns)))) {
        if (sup->clock.is_virtual && ++turns % TURNS_PER_TICK == 0)
            clock_advance(&sup->clock, TICK_NS);
        if (now_ns(sup) >= deadline_ns)
            return false;
    }
    return now_ns(sup) < deadline_ns && nothing_is_alive(sup);
}

/* Whoever is in maiko_supervisor_poll() leaves after the turn it is in.  False when it is still there at the deadline. */
static bool take_over_poll(struct maiko_supervisor *sup)
{
    const struct clock real = {.is_virtual = false};
    uint64_t deadline_ns = clock_deadline(clock_mono_ns(&real), sup->config.stop_deadline_ns);
    bool in_time = true;
    bool is_polled;

    pthread_mutex_lock(&sup->lock);
    while ((is_polled = atomic_exchange_explicit(&sup->is_polled, true, memory_order_acquire)) && in_time)
        in_time = supervisor_wait_changed(sup, deadline_ns);
    pthread_mutex_unlock(&sup->lock);
    return !is_polled;
}

static bool stop_polled(struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    bool in_time;

    sup->is_abandoned = !take_over_poll(sup);
    in_time = !sup->is_abandoned && drain_polled(sup, deadline_ns);
    if (!in_time)
        stop_tally_note_late(sup);
    if (sup->is_abandoned) {
        stop_cut(sup);
        return false;
    }
    sup->hooks_missing = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    post_stop_hooks(sup, clock_deadline(now_ns(sup), sup->config.actor_stop_deadline_ns));
    while (sup->hooks_missing > 0 && supervisor_poll_once(sup, 0, UINT64_MAX))
        ;
    (void)drain_polled(sup, clock_deadline(now_ns(sup), sup->config.actor_stop_deadline_ns));
    return in_time; /* nobody polls any more */
}

/* What is left of the stop's time, an actor's part at most.  When next to nothing is left, because the queues took it all or
 * were empty just in time, an actor's part: hooks that nobody waits for are not run. */
static uint64_t hooks_deadline(const struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    uint64_t now = now_ns(sup);
    uint64_t part_ns = clock_deadline(now, sup->config.actor_stop_deadline_ns);

    return deadline_ns <= clock_deadline(now, GRACE_NS) || part_ns < deadline_ns ? part_ns : deadline_ns;
}

static bool stop_threads(struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    bool has_drained = drain_threads(sup, deadline_ns);
    uint64_t last_ns;
    bool have_hooks_run;

    if (!has_drained) {
        stop_tally_note_late(sup);
        stop_cut(sup);
    }
    have_hooks_run = run_hooks_threads(sup, hooks_deadline(sup, has_drained ? deadline_ns : 0));
    /* a thread that has run its last hooks is not stuck, however late it is */
    last_ns = clock_deadline(now_ns(sup), have_hooks_run ? sup->config.actor_stop_deadline_ns : GRACE_NS);
    sup->is_abandoned = !supervisor_end_threads(sup, last_ns);
    if (sup->is_abandoned)
        stop_cut(sup);
    return has_drained && have_hooks_run && !sup->is_abandoned;
}

static void finish_report(struct maiko_supervisor *sup, maiko_stop_report *report, maiko_status status, uint64_t begin_ns,
                          uint64_t handled_before, const struct stop_tally *tally)
{
    const char *text = supervisor_failure_text(sup);
    size_t len = strlen(text);

    report->status = status;
    report->duration_ns = now_ns(sup) - begin_ns;
    report->handled = supervisor_handled(sup) - handled_before;
    report->unfinished = tally->unfinished;
    memcpy(report->text, text, len < sizeof report->text ? len + 1 : sizeof report->text);
}

/* Commands and events that reached a shard after its thread had gone, or that were never fetched from outside. */
static void settle(struct maiko_supervisor *sup)
{
    struct inbox *inbox;
    uint32_t i;
    bool any;

    do {
        any = false;
        for (inbox = sup->inboxes; inbox != NULL; inbox = inbox->next)
            any |= inbox_settle(inbox);
        for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
            any |= shard_settle(sup->shards[i]);
    } while (any);
}

/* From now on nothing is posted to a shard: whoever wanted to gets to know it, and does not wait for an answer. */
static void close_posts(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        shard_close_posts(sup->shards[i]);
}

/* Stopped before it was started: no hook has run, and what was sent until now is unfinished. */
static void stop_unstarted(struct maiko_supervisor *sup)
{
    struct inbox *inbox;

    for (inbox = sup->inboxes; inbox != NULL; inbox = inbox->next)
        inbox_close(inbox);
    close_posts(sup);
    settle(sup);
    stop_tally_unstarted(sup);
}

static void name_who_held_it_up(struct maiko_supervisor *sup, const struct stop_tally *tally)
{
    const char *name = tally->report->actor_count > 0 ? tally->report->actors[0].name : NULL;
    const char *reason = sup->was_cut_short ? "did not finish before a second signal" : "did not finish before the stop deadline";

    supervisor_note_failure(sup, MAIKO_ETIMEDOUT, name, reason);
}

static void stop_running(struct maiko_supervisor *sup, struct stop_tally *tally, uint64_t begin_ns)
{
    uint64_t deadline_ns = clock_deadline(begin_ns, sup->config.stop_deadline_ns);
    bool in_time;

    close_sources(sup);
    in_time = sup->config.mode == MAIKO_THREADS ? stop_threads(sup, deadline_ns) : stop_polled(sup, deadline_ns);
    stop_tally_rest(sup);
    if (!in_time)
        name_who_held_it_up(sup, tally);
    close_posts(sup);
    if (sup->is_abandoned)
        return;
    settle(sup);
    unheard_tell(sup);
}

/* Under the lock: those in a hook that may last hear of it now. */
static void tell_all(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        stop_notice_give(sup->shards[i]);
}

/* One caller gets to stop it and learns the state before; the others wait until it has stopped. */
static enum supervisor_state begin_stop(struct maiko_supervisor *sup, struct stop_tally *tally)
{
    enum supervisor_state before;

    pthread_mutex_lock(&sup->lock);
    while (supervisor_state(sup) == SUP_STOPPING)
        (void)supervisor_wait_changed(sup, UINT64_MAX);
    before = supervisor_state(sup);
    if (before != SUP_STOPPED) {
        sup->tally = tally;
        atomic_store_explicit(&sup->state, SUP_STOPPING, memory_order_release);
        tell_all(sup);
    }
    pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
    return before;
}

/* Last: whoever sees this finds nothing under way any more. */
static void publish_stopped(struct maiko_supervisor *sup)
{
    pthread_mutex_lock(&sup->lock);
    atomic_store_explicit(&sup->state, SUP_STOPPED, memory_order_release);
    pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
    supervisor_wake_join(sup);
}

/* Fills in the supervisor's own report, which is there for good. */
static void stop_once(struct maiko_supervisor *sup, uint64_t begin_ns)
{
    struct stop_tally tally = {.report = &sup->report};
    uint64_t handled_before = supervisor_handled(sup);
    enum supervisor_state before = begin_stop(sup, &tally);

    if (before == SUP_STOPPED)
        return;
    if (before == SUP_NEW)
        stop_unstarted(sup);
    else
        stop_running(sup, &tally, begin_ns);
    stop_tally_finish(&tally);
    finish_report(sup, &sup->report, maiko_supervisor_status(sup), begin_ns, handled_before, &tally);
    publish_stopped(sup);
}

maiko_status maiko_supervisor_halt(maiko_supervisor *sup, maiko_stop_report *report)
{
    maiko_status status;

    if (report != NULL)
        memset(report, 0, sizeof *report);
    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (supervisor_is_inside(sup))
        return MAIKO_ETHREAD;
    supervisor_enter(sup);
    stop_once(sup, now_ns(sup));
    status = maiko_supervisor_status(sup);
    if (report != NULL)
        copy_report(report, &sup->report);
    supervisor_leave(sup);
    return status;
}
