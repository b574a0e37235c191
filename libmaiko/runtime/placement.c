/* Placement: costs, balancing and moving. */
#include "runtime/placement.h"

#include "runtime/interest.h"
#include "runtime/supervisor_internal.h"
#include "runtime/world.h"

/* What one event must cost before a second core is worth its wake-ups and copies. */
#define HEAVY_NS 2000u
#define LIGHT_NS 500u /* what an actor that was moved must cost at most to be brought back */
#define SUSPICION_MAX 4u
#define BALANCE_FIRST_NS MAIKO_MS(1) /* the gap in the beginning, when most is to be moved; doubled each time */
#define BALANCE_EVERY_NS MAIKO_MS(10)
#define BALANCE_GAP_MAX_NS MAIKO_SECONDS(1)

/* --- costs --- */

static bool is_away(const struct actor *actor)
{
    return actor->home != actor->shard->index;
}

/* Gaps grow while there is nothing to be moved.  Now there may be: the one under way ends as early as if it were a short one. */
static void shorten_gap(struct shard *shard)
{
    if (shard->balance_gap_ns <= BALANCE_EVERY_NS)
        return;
    shard->balance_at_ns -= shard->balance_gap_ns - BALANCE_EVERY_NS;
    shard->balance_gap_ns = BALANCE_EVERY_NS;
}

static uint64_t units_so_far(const struct actor *actor)
{
    return COUNTED(actor->counters, handled) + COUNTED(actor->counters, sent);
}

/* The least of several activations in a row counts: one alone may have been preempted. */
void placement_note(struct shard *shard, struct actor *actor, uint64_t duration_ns, uint64_t units)
{
    uint64_t cost = units == 0 ? 0 : duration_ns / units;
    bool was_light = actor->cost_ns < LIGHT_NS; /* who goes to and fro about the border hurries nobody */

    if (units == 0)
        return;
    if (!actor->is_load)
        load_list_add(&shard->loads, shard->heap, actor, (uint32_t)(units_so_far(actor) - units));
    cost = cost > UINT32_MAX ? UINT32_MAX : cost;
    if (actor->suspicion == 0 || cost < actor->least_ns)
        actor->least_ns = (uint32_t)cost;
    if (cost >= HEAVY_NS && actor->suspicion < SUSPICION_MAX) {
        actor->suspicion++;
        return;
    }
    actor->suspicion = 0;
    actor->cost_ns = actor->least_ns;
    if (actor->is_pinned)
        return;
    if (was_light && actor->cost_ns >= HEAVY_NS)
        shorten_gap(shard);
    if (actor->cost_ns >= HEAVY_NS || (is_away(actor) && actor->cost_ns < LIGHT_NS))
        shard->wants_balance = true;
}

/* What the actor took since the last look, `window_ns` ago, and what waits for it, in ns: shards that are never idle take the
 * same, whoever has more to do.  Of a core of its own it could have taken no more than all of it, however much waits. */
static uint64_t load_of(const struct load *load, uint64_t window_ns)
{
    const struct actor *actor = load->actor;
    uint32_t units = (uint32_t)units_so_far(actor) - load->units_seen + actor->mailbox.depth;
    uint64_t load_ns = (uint64_t)units * actor->cost_ns;

    return load_ns < window_ns ? load_ns : window_ns;
}

static uint64_t load_of_shard(struct shard *shard, uint64_t window_ns)
{
    uint64_t load = 0;
    uint32_t i;

    for (i = 0; i < shard->loads.count; i++)
        load += load_of(&shard->loads.entries[i], window_ns);
    shard->sup->looked_at += shard->loads.count;
    return load;
}

/* It did nothing since the last look, and there is no reason to look at it again before it is timed. */
static bool rests(const struct load *load)
{
    const struct actor *actor = load->actor;

    return load->units_seen == (uint32_t)units_so_far(actor) && actor->mailbox.depth == 0 && actor->cost_ns < HEAVY_NS &&
           !is_away(actor);
}

static void forget_loads_of(struct shard *shard)
{
    uint32_t i;

    for (i = shard->loads.count; i-- > 0;) {
        struct load *load = &shard->loads.entries[i];

        if (rests(load))
            load_list_remove_at(&shard->loads, i);
        else
            load->units_seen = (uint32_t)units_so_far(load->actor);
    }
}

static void forget_stopped(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        load_list_forget_stopped(&sup->shards[i]->loads);
}

static void forget_loads(struct maiko_supervisor *sup, uint64_t now)
{
    uint32_t i;

    sup->loads_since_ns = now;
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        forget_loads_of(sup->shards[i]);
}

/* --- balancing --- */

static struct shard *least_loaded(struct maiko_supervisor *sup, uint64_t window_ns, uint64_t *ret_load)
{
    struct shard *best = NULL;
    uint32_t i;

    for (i = 0; i < sup->config.shards; i++) {
        uint64_t load = load_of_shard(sup->shards[i], window_ns);

        if (best == NULL || load < *ret_load) {
            best = sup->shards[i];
            *ret_load = load;
        }
    }
    return best;
}

/* The heavy actor whose load comes nearest to half the difference without passing the difference. */
static struct actor *best_to_move(struct shard *shard, uint64_t window_ns, uint64_t difference)
{
    struct actor *best = NULL;
    uint64_t best_distance = UINT64_MAX;
    uint32_t i;

    for (i = 0; i < shard->loads.count; i++) {
        struct actor *actor = shard->loads.entries[i].actor;
        uint64_t load = load_of(&shard->loads.entries[i], window_ns);
        uint64_t distance = load > difference / 2 ? load - difference / 2 : difference / 2 - load;

        if (actor->cost_ns < HEAVY_NS || load == 0 || load >= difference || !placement_is_movable(actor) ||
            distance >= best_distance)
            continue;
        best = actor;
        best_distance = distance;
    }
    return best;
}

/* Sleepers whose rings were read for them look at their run queues. */
static void wake_all(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        wakeup_if_asleep(&sup->shards[i]->wakeup);
}

static bool balance_once(struct shard *shard, uint64_t window_ns)
{
    uint64_t own = load_of_shard(shard, window_ns);
    uint64_t least = 0;
    struct shard *target = least_loaded(shard->sup, window_ns, &least);
    struct actor *actor;

    if (target == shard || own <= least + own / 8)
        return false;
    actor = best_to_move(shard, window_ns, own - least);
    return actor != NULL && placement_move(actor, target);
}

/* Actors that turned out light go back to where they were added: together they are fastest. */
static uint32_t bring_back(struct shard *shard)
{
    uint32_t moved = 0;
    uint32_t i;

    for (i = shard->loads.count; i-- > 0;) { /* who is moved leaves the list */
        struct actor *actor = shard->loads.entries[i].actor;

        if (is_away(actor) && actor->cost_ns < LIGHT_NS && placement_move(actor, shard->sup->shards[actor->home]))
            moved++;
    }
    return moved;
}

/* Short in the beginning, when most is to be moved and others are about to prove heavy; longer and longer while nothing is. */
static uint64_t next_gap(uint64_t gap_ns, bool has_moved)
{
    uint64_t most_ns = has_moved ? BALANCE_EVERY_NS : BALANCE_GAP_MAX_NS;

    if (gap_ns == 0)
        return BALANCE_FIRST_NS;
    return 2 * gap_ns < most_ns ? 2 * gap_ns : most_ns;
}

static uint64_t gap_after_failure(uint64_t gap_ns)
{
    return gap_ns < BALANCE_EVERY_NS ? BALANCE_EVERY_NS : next_gap(gap_ns, false);
}

/* In a pause: whoever balances next goes on from here, so that shards that find nothing do not stop the others by turns. */
static void set_gap(struct maiko_supervisor *sup, uint64_t now, uint64_t gap_ns)
{
    uint32_t i;

    for (i = 0; i < sup->config.shards; i++) {
        sup->shards[i]->balance_gap_ns = gap_ns;
        sup->shards[i]->balance_at_ns = now + gap_ns;
    }
}

/* Everybody stands still, and nothing is under way. */
static uint32_t balance(struct shard *shard, uint64_t now)
{
    struct maiko_supervisor *sup = shard->sup;
    uint64_t window_ns = now - sup->loads_since_ns;
    uint32_t moved;

    if (!placement_settle_rings(sup))
        return 0;
    forget_stopped(sup);
    moved = bring_back(shard);
    while (moved < 64 && balance_once(shard, window_ns))
        moved++;
    forget_loads(sup, now);
    wake_all(sup);
    return moved;
}

void placement_balance(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    uint64_t now = clock_mono_ns(&sup->clock);
    uint64_t visible;
    uint32_t moved;

    /* A wish that comes too early is kept while the gap is short, or it would be forgotten until an actor is timed again: 64
     * activations later.  After that this is asked at leisure: a wish kept costs a look at the clock in every turn. */
    shard->wants_balance = now < shard->balance_at_ns && shard->balance_gap_ns <= BALANCE_EVERY_NS;
    if (now < shard->balance_at_ns)
        return;
    visible = world_pause(shard);
    if (visible == supervisor_all_shards(sup)) {
        moved = balance(shard, now);
        set_gap(sup, now, next_gap(shard->balance_gap_ns, moved > 0));
        shard->wants_balance =
            shard->balance_gap_ns < BALANCE_EVERY_NS && (moved > 0 || shard->balance_gap_ns == BALANCE_FIRST_NS);
    } else { /* somebody was in a long hook, and all waited for it: less and less often, for as long as that is so */
        shard->balance_gap_ns = gap_after_failure(shard->balance_gap_ns);
        shard->balance_at_ns = now + shard->balance_gap_ns;
    }
    if (visible != 0)
        world_resume(shard);
}
