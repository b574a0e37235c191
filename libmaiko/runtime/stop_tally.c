/* Stop tally: the report's names and counts. */
#include "runtime/stop_tally.h"

#include "runtime/supervisor_internal.h"
#include <string.h>

static uint64_t queued(const struct actor *actor)
{
    uint64_t events = actor->mailbox.depth;

    if (actor->rare != NULL)
        events += actor->rare->control.depth + (actor->rare->retry_envelope != NULL ? 1 : 0);
    return events;
}

/* --- entries --- */

/* Few are noted, so they are looked through; what comes behind them is entered once. */
static maiko_unfinished *noted_entry(const struct stop_tally *tally, const char *name)
{
    size_t i;

    for (i = 0; i < tally->noted; i++) {
        if (strcmp(tally->report->actors[i].name, name) == 0)
            return &tally->report->actors[i];
    }
    return NULL;
}

static bool has_room(struct stop_tally *tally)
{
    size_t room = tally->room == 0 ? 8 : 2 * tally->room;
    maiko_unfinished *entries;

    if (tally->report->actor_count < tally->room)
        return true;
    entries = heap_resize(heap_default(), tally->report->actors, tally->room * sizeof *entries, room * sizeof *entries);
    if (entries == NULL)
        return false;
    tally->report->actors = entries;
    tally->room = room;
    return true;
}

/* Names live with the report: it may outlast the supervisor. */
static maiko_unfinished *new_entry(struct stop_tally *tally, const char *name)
{
    char *copy = has_room(tally) ? heap_strdup(heap_default(), name) : NULL;
    maiko_unfinished *entry;

    if (copy == NULL)
        return NULL;
    entry = &tally->report->actors[tally->report->actor_count++];
    *entry = (maiko_unfinished){.name = copy};
    return entry;
}

static void add_named(struct stop_tally *tally, const char *name, uint64_t events)
{
    maiko_unfinished *entry;

    tally->unfinished += events;
    if (events == 0)
        return;
    entry = noted_entry(tally, name);
    if (entry == NULL)
        entry = new_entry(tally, name);
    if (entry != NULL)
        entry->events += events;
}

static void add(struct stop_tally *tally, const struct actor *actor, uint64_t events)
{
    add_named(tally, actor->sender.name, events);
}

static void note(struct stop_tally *tally, const struct actor *actor, bool is_busy)
{
    maiko_unfinished *entry = noted_entry(tally, actor->sender.name);

    if (entry == NULL) {
        entry = new_entry(tally, actor->sender.name);
        tally->noted = tally->report->actor_count;
    }
    if (entry != NULL)
        entry->busy |= is_busy;
}

/* --- at the deadline --- */

static bool stands_still(const struct maiko_supervisor *sup, const struct shard *shard)
{
    return sup->config.mode != MAIKO_THREADS ? !sup->is_abandoned : (sup->idle_shards >> shard->index & 1);
}

static const struct actor *first_that_waits(const struct shard *shard)
{
    const struct list *link;

    LIST_FOR_EACH (link, &shard->actors) {
        const struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

        if (queued(actor) > 0)
            return actor;
    }
    return NULL;
}

/* A shard that runs is not looked into: only its current actor's name is. */
static void note_shard(struct stop_tally *tally, const struct maiko_supervisor *sup, const struct shard *shard)
{
    const struct actor *busy = __atomic_load_n(&shard->current, __ATOMIC_RELAXED);
    const struct actor *waits = tally->noted == 0 && stands_still(sup, shard) ? first_that_waits(shard) : NULL;

    if (waits != NULL)
        note(tally, waits, waits == busy);
    if (busy != NULL)
        note(tally, busy, true);
}

void stop_tally_note_late(struct maiko_supervisor *sup)
{
    uint32_t i;

    pthread_mutex_lock(&sup->lock);
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        note_shard(sup->tally, sup, sup->shards[i]);
    pthread_mutex_unlock(&sup->lock);
}

/* --- where their fate is decided --- */

/* A thread that was left behind finds no tally any more. */
static void add_under_lock(struct actor *actor, uint64_t events)
{
    struct maiko_supervisor *sup = actor->shard->sup;

    if (events == 0)
        return;
    pthread_mutex_lock(&sup->lock);
    if (sup->tally != NULL)
        add(sup->tally, actor, events);
    pthread_mutex_unlock(&sup->lock);
}

void stop_tally_queue(struct actor *actor)
{
    add_under_lock(actor, queued(actor));
}

void stop_tally_gates(struct shard *shard)
{
    struct inbox *inbox;

    for (inbox = shard->gates; inbox != NULL; inbox = inbox->next_on_shard)
        add_under_lock(inbox->gate, inbox_end(inbox));
}

static void add_queues(struct stop_tally *tally, const struct shard *shard)
{
    const struct list *link;

    LIST_FOR_EACH (link, &shard->actors) {
        const struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

        add(tally, actor, queued(actor));
    }
}

/* What its actors have not handled stands in the counters, which may be read while it runs. */
struct left_shard {
    struct stop_tally *tally;
    uint64_t busy; /* id of the actor whose hook runs; 0: none */
};

/* One less of who runs: that may be the event it handles, and will have handled. */
static void add_left(uint64_t id, const char *name, uint64_t events, void *userdata)
{
    const struct left_shard *left = userdata;

    add_named(left->tally, name, id == left->busy ? events - 1 : events);
}

static void add_left_queues(struct stop_tally *tally, struct maiko_supervisor *sup, const struct shard *shard)
{
    struct left_shard left = {.tally = tally, .busy = COUNTED(shard->counters, current_actor)};

    counters_actors_unhandled(sup->counters, UINT64_C(1) << shard->index, add_left, &left);
}

/* Its thread has gone, or it never had one: nothing runs there.  Else it is stuck, and its queues are its own still: no handler
 * is called there any more, see stop_cut.h. */
static void add_shard(struct stop_tally *tally, struct maiko_supervisor *sup, struct shard *shard)
{
    bool is_over = sup->config.mode != MAIKO_THREADS ? !sup->is_abandoned : (sup->exited_shards >> shard->index & 1);
    const struct actor *busy = is_over ? NULL : __atomic_load_n(&shard->current, __ATOMIC_RELAXED);
    struct inbox *inbox;

    if (!is_over)
        add_left_queues(tally, sup, shard); /* before it is told to drop them */
    shard->is_left_behind = !is_over;
    if (is_over)
        add_queues(tally, shard);
    else if (busy != NULL)
        note(tally, busy, true);
    for (inbox = shard->gates; inbox != NULL; inbox = inbox->next_on_shard)
        add(tally, inbox->gate, is_over ? inbox_end(inbox) : inbox_cut(inbox));
}

void stop_tally_rest(struct maiko_supervisor *sup)
{
    bool is_whole = true;
    uint32_t i;

    pthread_mutex_lock(&sup->lock);
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        add_shard(sup->tally, sup, sup->shards[i]);
        is_whole &= !sup->shards[i]->is_left_behind;
    }
    if (!is_whole) /* what is on its way there nobody has yet */
        sup->tally->unfinished += counters_shards_in_flight(sup->counters);
    sup->tally = NULL;
    pthread_mutex_unlock(&sup->lock);
}

static void drop_left(struct shard *shard, struct actor *actor, const struct mailbox *mailbox)
{
    uint32_t i;

    for (i = 0; i < mailbox->depth; i++) {
        struct envelope *envelope = mailbox_envelope(mailbox_at(mailbox, i));

        shard_count_drop(shard, actor, envelope->topic, envelope, MAIKO_DROPPED_STOPPED);
    }
}

void stop_tally_drop_left(struct shard *shard)
{
    struct list *link;

    LIST_FOR_EACH (link, &shard->actors) {
        struct actor *actor = CONTAINER_OF(link, struct actor, siblings);
        struct envelope *again = actor->rare == NULL ? NULL : actor->rare->retry_envelope;

        if (again != NULL)
            shard_count_drop(shard, actor, again->topic, again, MAIKO_DROPPED_STOPPED);
        if (actor->rare != NULL)
            drop_left(shard, actor, &actor->rare->control);
        drop_left(shard, actor, &actor->mailbox);
    }
}

void stop_tally_unstarted(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        add_queues(sup->tally, sup->shards[i]);
    sup->tally = NULL;
}

/* Of no entries no array is left; that it would be larger than its count says hurts nobody where memory is not counted. */
static void fit(struct stop_tally *tally, size_t count)
{
    maiko_stop_report *report = tally->report;
    maiko_unfinished *fitting = NULL;

    report->actor_count = count;
    if (count > 0)
        fitting = heap_resize(heap_default(), report->actors, tally->room * sizeof *fitting, count * sizeof *fitting);
    else
        heap_free(heap_default(), report->actors, tally->room * sizeof *fitting);
    if (count == 0 || fitting != NULL)
        report->actors = fitting;
}

void stop_tally_finish(struct stop_tally *tally)
{
    maiko_unfinished *entries = tally->report->actors;
    size_t kept = 0;
    size_t i;

    for (i = 0; i < tally->report->actor_count; i++) {
        if (entries[i].events > 0 || entries[i].busy)
            entries[kept++] = entries[i];
        else
            heap_strfree(heap_default(), (char *)(uintptr_t)entries[i].name);
    }
    fit(tally, kept);
}
