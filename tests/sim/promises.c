/* Promises: order, bounds, holding and the books of a world. */
#include "sim/promises.h"

#include <stdarg.h>
#include <stdio.h>

#include <maiko/topic.h>

void world_fail(struct world *world, const char *format, ...)
{
    va_list args;

    if (!world->result->is_sound)
        return;
    world->result->is_sound = false;
    va_start(args, format);
    vsnprintf(world->result->reason, sizeof(world->result->reason), format, args);
    va_end(args);
}

uint64_t world_lost(const struct peer_counters *counters)
{
    return counters->lost_window + counters->lost_oldest + counters->lost_deadline + counters->lost_log;
}

uint64_t world_turned_away(const struct node *node, unsigned from)
{
    return peer_counters(node->peers[from])->denied + node->not_taken[from];
}

/* ---- An event comes ---- */

/* Promise 1: per sender in order; promise 2: never twice. */
void promises_check_order(struct node *node, const tally *event, bool is_refused)
{
    struct seen *seen;

    if (event->node >= WORLD_NODES_MAX || event->life >= WORLD_LIVES_MAX) {
        world_fail(node->world, "node %u got an event nobody sent", node->index);
        return;
    }
    seen = &node->seen[event->node][event->life];
    if (event->number <= seen->last)
        world_fail(node->world, "node %u got event %llu of node %u (life %u) behind %llu: order or duplicate", node->index,
                   (unsigned long long)event->number, event->node, event->life, (unsigned long long)seen->last);
    seen->last = event->number;
    seen->delivered += !is_refused;
    node->world->result->delivered += !is_refused;
}

/* A live subscriber gets nothing older than itself of a node that was there before it, however late that node's hello comes.
 * With clocks that have nothing in common it may when it is hardly younger: by no more than its words took there, once it had
 * been told again for how long that node is up; and what the two clocks differ by. */
static uint64_t hardly_ns(const struct node *node, const struct node *from)
{
    if (!node->world->config->has_own_clocks)
        return 0;
    return from->base[node->index].asking_ns + (node->world->now - from->started_ns) / 2048;
}

void promises_check_age(struct node *node, const tally *event, uint64_t published_ns)
{
    const struct node *from = &node->world->nodes[event->node % WORLD_NODES_MAX];

    if (!node->world->result->is_sound || !node->world->config->is_live || from->life != event->life ||
        from->started_ns + hardly_ns(node, from) >= node->started_ns)
        return;
    if (published_ns < node->started_ns)
        world_fail(node->world, "node %u is live and got event %llu of node %u from before it was there", node->index,
                   (unsigned long long)event->number, event->node);
}

/* ---- While running ---- */

static size_t pending_from(const struct node *node, unsigned from)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < node->pending_count; i++)
        count += node->pending[i].from == from && node->pending[i].stream == node->stream_from[from];
    return count;
}

static void check_bounds(struct world *world, struct node *node)
{
    unsigned i;

    for (i = 0; i < world->config->nodes; i++) {
        const struct peer_counters *counters;
        uint64_t events, bytes;

        if (node->peers[i] == NULL)
            continue;
        counters = peer_counters(node->peers[i]);
        peer_depth(node->peers[i], &events, &bytes);
        if (counters->malformed > 0)
            world_fail(world, "node %u found a frame of node %u malformed", node->index, i);
        if (counters->acknowledged + counters->lost_window + counters->lost_oldest + counters->lost_deadline +
                counters->lost_log + counters->lost_peer >
            counters->offered)
            world_fail(world, "node %u to %u: more acknowledged and lost than offered", node->index, i);
        if (counters->refused > counters->acknowledged)
            world_fail(world, "node %u to %u: more refused than acknowledged", node->index, i);
        if (!world->config->faults.has_long_faults && events > world->window_events + 4 * world->config->rounds + 64)
            world_fail(world, "node %u to %u: %llu records queued", node->index, i, (unsigned long long)events);
    }
    for (i = 0; i < world->config->nodes; i++)
        if (pending_from(node, i) > world->window_events)
            world_fail(world, "node %u has %zu events of node %u that were acknowledged too early", node->index,
                       pending_from(node, i), i);
}

/* What waits, by topic, is what waits, by peer. */
static void check_queued(struct world *world, const struct node *node)
{
    const struct retained *log = exporter_log(node->exporter);
    uint64_t queued = 0;
    unsigned i;

    for (i = 0; i < log->topic_count; i++)
        queued += log->topic_list[i]->queued;
    for (i = 0; i < world->config->nodes; i++) {
        const struct peer_counters *counters = node->peers[i] != NULL ? peer_counters(node->peers[i]) : NULL;

        if (counters != NULL)
            queued -= counters->offered - counters->acknowledged - counters->lost_window - counters->lost_oldest -
                      counters->lost_deadline - counters->lost_log - counters->lost_peer;
    }
    if (queued != 0)
        world_fail(world, "node %u: %lld more events wait by topic than by peer", node->index, (long long)queued);
}

/* A full peer holds senders to what it subscribed to, and nobody else. */
static void check_who_is_held(struct world *world, const struct node *node)
{
    bool is_holding = false;
    unsigned topic, i;

    for (i = 0; i < world->config->nodes; i++)
        is_holding = is_holding || (node->peers[i] != NULL && peer_holds(node->peers[i]));
    for (topic = 0; topic < WORLD_TOPICS; topic++) {
        bool is_full = false;

        if (!is_holding || !exporter_holds(node->exporter, world_topics[topic].name))
            continue;
        for (i = 0; i < world->config->nodes; i++) {
            uint64_t events = 0, bytes;

            if (node->peers[i] != NULL && patterns_match(peer_interest(node->peers[i]), world_topics[topic].name))
                peer_depth(node->peers[i], &events, &bytes);
            is_full = is_full || events >= world->window_events || (world->config->is_narrow && events > 0);
        }
        if (!is_full)
            world_fail(world, "node %u holds senders to %s although whoever wants it has room", node->index,
                       world_topics[topic].name);
    }
}

/* Everything below is acknowledged only when its receiver has it. */
static void check_acknowledged(struct world *world, struct node *from, struct node *to)
{
    const struct peer_counters *counters = peer_counters(from->peers[to->index]);
    const struct base *base = &from->base[to->index];
    size_t pending = 0;
    uint64_t taken = to->taken_from[from->index] + peer_counters(to->peers[from->index])->denied;
    size_t i;

    if (base->epoch != to->life + 1)
        return;
    for (i = 0; i < to->pending_count; i++)
        pending += to->pending[i].from == from->index;
    if (pending > 0 && counters->acknowledged - base->acknowledged + pending > taken)
        world_fail(world, "node %u has events of node %u acknowledged that its receivers do not have", to->index, from->index);
}

/* Promise 4: no peer holds anybody for longer than its deadline, unless there is progress. */
static void check_hold(struct world *world, struct node *node)
{
    unsigned i;

    for (i = 0; i < world->config->nodes; i++) {
        const struct peer *peer = node->peers[i];
        uint64_t progress = peer != NULL ? peer_acknowledged(peer) : 0;

        if (peer == NULL || !peer_holds(peer) || node->held_since[i] < node->stopped_until || progress != node->progress[i])
            node->held_since[i] = world->now;
        node->progress[i] = progress;
        if (world->now - node->held_since[i] > MAIKO_SECONDS(8))
            world_fail(world, "node %u is held by node %u for longer than the deadline", node->index, i);
    }
}

void promises_check_node(struct world *world, struct node *node)
{
    unsigned i;

    check_hold(world, node);
    check_bounds(world, node);
    check_queued(world, node);
    check_who_is_held(world, node);
    for (i = 0; i < world->config->nodes; i++)
        if (node->peers[i] != NULL && world->nodes[i].exporter != NULL)
            check_acknowledged(world, node, &world->nodes[i]);
}

/* ---- The end: the books are compared ---- */

static uint64_t wanted(const struct node *from, const struct node *to)
{
    uint64_t count = 0;
    unsigned i;

    for (i = 0; i < WORLD_TOPICS; i++)
        if (maiko_topic_matches(to->wish, world_topics[i].name))
            count += from->published[from->life][i];
    return count;
}

/* Published = received + reported lost, for every pair of lives that knew each other all the time. */
static void compare_books(struct world *world, struct node *from, struct node *to)
{
    const struct seen *seen = &to->seen[from->index][from->life];
    const struct peer_counters *counters = peer_counters(from->peers[to->index]);
    const struct base *base = &from->base[to->index];
    uint64_t expected = to->started_ns <= from->started_ns ? wanted(from, to) : counters->offered - base->offered;
    uint64_t lost = world_lost(counters) - base->lost;
    uint64_t turned = world_turned_away(to, from->index) - to->base[from->index].turned_away;

    world->result->refused += turned;
    world->result->lost += seen->reported;
    world->result->unknown_gaps += seen->unknown;
    world->result->duplicates += counters->duplicates;
    world->result->replays += counters->replays;
    world->result->sessions += counters->sessions;
    world->result->converted += counters->converted;
    if (to->started_ns > from->started_ns && counters->lost_peer > base->dropped)
        return; /* the stream began twice: the receiver never heard of the first one */
    if (seen->delivered + seen->reported + turned != expected)
        world_fail(world, "node %u published %llu for node %u, which has %llu, was told of %llu lost and refused %llu",
                   from->index, (unsigned long long)expected, to->index, (unsigned long long)seen->delivered,
                   (unsigned long long)seen->reported, (unsigned long long)turned);
    if (counters->refused - base->refused != turned && counters->lost_peer == base->dropped)
        world_fail(world, "node %u was told of %llu events that node %u refused, which refused %llu", from->index,
                   (unsigned long long)(counters->refused - base->refused), to->index, (unsigned long long)turned);
    if (seen->reported != lost && counters->lost_peer == base->dropped)
        world_fail(world, "node %u lost %llu for node %u, which was told of %llu", from->index, (unsigned long long)lost,
                   to->index, (unsigned long long)seen->reported);
}

/* Nothing under BLOCK is lost as long as everybody keeps within the deadline; and who lives on the same host is never given
 * up. */
static void check_no_loss(struct world *world, struct node *from, struct node *to)
{
    const struct peer_counters *counters = peer_counters(from->peers[to->index]);

    if (world->config->faults.is_one_host && world->config->faults.crash_percent == 0 &&
        counters->lost_log > from->base[to->index].past)
        world_fail(world, "node %u lost events for node %u by its log although both lived", from->index, to->index);
    if (!world->config->faults.has_long_faults && counters->lost_deadline + counters->lost_log > from->base[to->index].past)
        world_fail(world, "node %u lost events under BLOCK for node %u although nobody was late", from->index, to->index);
}

void promises_check_end(struct world *world)
{
    unsigned i, j;

    for (i = 0; i < world->config->nodes; i++)
        for (j = 0; j < world->config->nodes; j++)
            if (i != j && world->result->is_sound) {
                compare_books(world, &world->nodes[i], &world->nodes[j]);
                check_no_loss(world, &world->nodes[i], &world->nodes[j]);
            }
}
