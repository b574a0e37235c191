/* Deadlock search: who waits for whom, and the lowest actor of a cycle. */
#include "runtime/deadlock.h"

#include "runtime/supervisor_internal.h"
#include "runtime/world.h"
#include <string.h>

#define LOOK_EVERY_TURNS 64u
#define GAP_MAX_NS MAIKO_SECONDS(1)

/* Those in whose mailboxes events wait: each actor of a cycle is one, and all that waits is with them. */
#define FOR_EACH_CROWDED(sup, visible_shards, rest, actor)                                                                       \
    for (rest = (visible_shards); rest != 0; rest &= rest - 1)                                                                   \
        for ((actor) = (sup)->shards[__builtin_ctzll(rest)]->crowded; (actor) != NULL; (actor) = (actor)->crowded_next)

static bool is_stuck(const struct actor *actor)
{
    return actor_in_debt(actor) && !actor->is_overdrawn && !actor->fail_pending;
}

/* Whoever has an event waiting there is blocked by the actor. */
static void block_waiters(struct actor *actor, const struct mailbox *mailbox, uint64_t visible)
{
    uint32_t i;

    for (i = mailbox->capacity; i < mailbox->depth; i++) {
        uintptr_t entry = mailbox_at(mailbox, i);
        struct actor *from = mailbox_envelope(entry)->origin;

        if ((entry & MAILBOX_WAITED) && (visible >> from->shard->index & 1) && from->is_candidate)
            from->blocked_by = actor;
    }
}

/* Candidates are blocked by another candidate each; drops those that are not.  True when there were any. */
static bool narrow(struct maiko_supervisor *sup, uint64_t visible)
{
    struct actor *actor;
    bool any = false;
    uint64_t rest;

    FOR_EACH_CROWDED(sup, visible, rest, actor)
    actor->blocked_by = NULL;
    FOR_EACH_CROWDED(sup, visible, rest, actor)
    {
        if (!actor->is_candidate)
            continue;
        block_waiters(actor, &actor->mailbox, visible);
        if (actor->rare != NULL && actor->rare->control.capacity != 0)
            block_waiters(actor, &actor->rare->control, visible);
    }
    FOR_EACH_CROWDED(sup, visible, rest, actor)
    {
        if (!actor->is_candidate || actor->blocked_by != NULL)
            continue;
        actor->is_candidate = false;
        any = true;
    }
    return any;
}

static bool is_crowded(const struct actor *actor)
{
    return actor->state != ACTOR_STOPPED &&
           (mailbox_waiting(&actor->mailbox) > 0 || (actor->rare != NULL && mailbox_waiting(&actor->rare->control) > 0));
}

void deadlock_forget_crowded(struct shard *shard)
{
    struct actor **at = &shard->crowded;

    while (*at != NULL) {
        struct actor *actor = *at;

        actor->is_crowded = actor->shard == shard && is_crowded(actor);
        if (actor->is_crowded)
            at = &actor->crowded_next;
        else
            *at = actor->crowded_next;
    }
}

/* Everybody who is in debt.  Needs no memory, like all that follows: there may be none left. */
static void mark_candidates(struct maiko_supervisor *sup, uint64_t visible)
{
    struct actor *actor;
    uint64_t rest;

    for (rest = visible; rest != 0; rest &= rest - 1)
        deadlock_forget_crowded(sup->shards[__builtin_ctzll(rest)]);
    FOR_EACH_CROWDED(sup, visible, rest, actor)
    {
        actor->is_candidate = is_stuck(actor);
        sup->looked_at++;
    }
}

/* From one candidate to the next comes back to where it was: some actor of a cycle, or NULL when there is none. */
static struct actor *find_cycle(struct maiko_supervisor *sup, uint64_t visible)
{
    struct actor *found = NULL;
    struct actor *actor;
    uint64_t rest;
    size_t steps = 0;

    while (narrow(sup, visible))
        ;
    FOR_EACH_CROWDED(sup, visible, rest, actor)
    {
        if (!actor->is_candidate)
            continue;
        found = actor;
        steps++;
    }
    for (; steps > 0; steps--)
        found = found->blocked_by;
    return found;
}

static uint32_t count_events_of(const struct actor *from, const struct mailbox *mailbox)
{
    uint32_t count = 0;
    uint32_t i;

    for (i = mailbox->capacity; i < mailbox->depth; i++)
        count += (mailbox_at(mailbox, i) & MAILBOX_WAITED) && mailbox_envelope(mailbox_at(mailbox, i))->origin == from;
    return count;
}

/* Its debt elsewhere is more than the events that wait there: something outside holds it and will let it go, and until then it
 * may not run at all.  With shards left out, which may be in a hook for ever, holds cannot be told from debts there. */
static bool is_held_from_outside(const struct actor *from, uint64_t visible)
{
    struct maiko_supervisor *sup = from->shard->sup;
    uint32_t events = 0;
    struct actor *actor;
    uint64_t rest;

    if (visible != supervisor_all_shards(sup))
        return false;
    FOR_EACH_CROWDED(sup, visible, rest, actor)
    {
        if (actor->shard == from->shard)
            continue;
        events += count_events_of(from, &actor->mailbox);
        if (actor->rare != NULL && actor->rare->control.capacity != 0)
            events += count_events_of(from, &actor->rare->control);
    }
    return atomic_load_explicit(&from->remote_debt, memory_order_relaxed) > events;
}

static void describe(struct text *text, const struct actor *first)
{
    const struct actor *at = first;

    do {
        text_append(text, at->sender.name);
        text_append(text, " -> ");
        at = at->blocked_by;
    } while (at != first);
    text_append(text, first->sender.name);
}

/* The lowest of the cycle that nothing outside holds; NULL when all are held so: whoever lets one go makes us look again. */
static struct actor *choose(struct actor *first, uint64_t visible)
{
    struct actor *lowest = NULL;
    struct actor *at = first;

    do {
        if ((lowest == NULL || at->sender.id < lowest->sender.id) && !is_held_from_outside(at, visible))
            lowest = at;
        at = at->blocked_by;
    } while (at != first);
    return lowest;
}

static void pass_over(struct actor *first)
{
    struct actor *at = first;

    do {
        at->is_candidate = false;
        at = at->blocked_by;
    } while (at != first);
}

static void let_go(struct actor *actor)
{
    struct maiko_supervisor *sup = actor->shard->sup;

    actor->is_overdrawn = true;
    actor->sends_simply = false; /* every send is counted against the overdraft */
    if (!actor->has_overdraft)
        actor->overdraft = sup->config.overdraft_events;
    actor->has_overdraft = true;
    sup->deadlocks++;
    shard_ready(actor->shard, actor);
    wakeup_if_asleep(&actor->shard->wakeup);
}

bool deadlock_search(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    uint64_t visible = world_pause(shard);
    struct actor *chosen = NULL;
    struct actor *found = NULL;
    char cycle_buffer[512];
    char name_buffer[256];
    struct text cycle;
    struct text name;

    if (visible == 0)
        return false;
    text_init_buffer(&cycle, cycle_buffer, sizeof cycle_buffer);
    text_init_buffer(&name, name_buffer, sizeof name_buffer);
    mark_candidates(sup, visible);
    while (chosen == NULL && (found = find_cycle(sup, visible)) != NULL) {
        chosen = choose(found, visible);
        if (chosen == NULL)
            pass_over(found);
    }
    if (chosen != NULL) {
        describe(&cycle, found);
        text_append(&name, chosen->sender.name);
        let_go(chosen);
    }
    world_resume(shard);
    if (chosen != NULL) /* the records may be gone; and the program's log may take its time, and locks of its own */
        supervisor_log(sup, MAIKO_LOG_WARNING, "deadlock: %s; '%s' may run although in debt", text_str(&cycle), text_str(&name));
    return chosen != NULL;
}

static void schedule(struct shard *shard, uint64_t now)
{
    uint64_t first = shard->sup->config.deadlock_check_ns;

    if (shard->deadlock_gap_ns == 0)
        shard->deadlock_gap_ns = first;
    shard->deadlock_at_ns = clock_deadline(now, shard->deadlock_gap_ns);
}

static bool look(struct shard *shard)
{
    uint64_t now = clock_mono_ns(&shard->sup->clock);
    bool found;

    if (shard->deadlock_at_ns == 0) {
        schedule(shard, now);
        return false;
    }
    if (now < shard->deadlock_at_ns)
        return false;
    found = deadlock_search(shard);
    shard->deadlock_gap_ns =
        found || 2 * shard->deadlock_gap_ns > GAP_MAX_NS ? shard->deadlock_gap_ns : 2 * shard->deadlock_gap_ns;
    schedule(shard, now);
    return found;
}

static void rest(struct shard *shard)
{
    shard->deadlock_at_ns = 0;
    shard->deadlock_gap_ns = 0;
}

void deadlock_look(struct shard *shard)
{
    if (__builtin_expect(shard->waiting == 0, 1)) {
        if (shard->deadlock_at_ns != 0)
            rest(shard);
        return;
    }
    if (shard->sup->config.mode == MAIKO_THREADS && ++shard->deadlock_turns % LOOK_EVERY_TURNS == 0)
        (void)look(shard);
}

bool deadlock_look_idle(struct shard *shard)
{
    if (shard->waiting == 0)
        return false;
    if (shard->sup->config.mode != MAIKO_THREADS)
        return false; /* the scheduler searches when nothing at all can run */
    if (shard->known_shards == 1)
        return deadlock_search(shard);
    return look(shard);
}
