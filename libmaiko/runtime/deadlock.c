/* Deadlock search: a graph of who waits for whom, and the lowest actor of a cycle. */
#include "runtime/deadlock.h"

#include "runtime/supervisor_internal.h"
#include "runtime/world.h"
#include <string.h>

#define LOOK_EVERY_TURNS 64u
#define GAP_MAX_NS MAIKO_SECONDS(1)

struct edge {
    struct actor *from; /* held */
    struct actor *to;   /* held too: an event of `from` waits there */
};

struct graph {
    struct heap *heap;
    struct edge *edges;
    size_t count;
    size_t size;
    bool failed;
};

static bool is_stuck(const struct actor *actor)
{
    return actor_in_debt(actor) && !actor->is_overdrawn && !actor->fail_pending;
}

static void add_edge(struct graph *graph, struct actor *from, struct actor *to)
{
    size_t new_size = graph->size == 0 ? 64 : 2 * graph->size;
    struct edge *edges;

    if (graph->count > 0 && graph->edges[graph->count - 1].from == from && graph->edges[graph->count - 1].to == to)
        return;
    if (graph->count == graph->size) {
        edges = heap_resize(graph->heap, graph->edges, graph->size * sizeof *edges, new_size * sizeof *edges);
        if (edges == NULL) {
            graph->failed = true;
            return;
        }
        graph->edges = edges;
        graph->size = new_size;
    }
    graph->edges[graph->count++] = (struct edge){from, to};
}

static void add_waiters(struct graph *graph, struct actor *actor, const struct mailbox *mailbox, uint64_t visible)
{
    uint32_t i;

    for (i = mailbox->capacity; i < mailbox->depth; i++) {
        uintptr_t entry = mailbox_at(mailbox, i);
        struct actor *from = mailbox_envelope(entry)->origin;

        if ((entry & MAILBOX_WAITED) && (visible >> from->shard->index & 1) && is_stuck(from))
            add_edge(graph, from, actor);
    }
}

static void build(struct graph *graph, struct maiko_supervisor *sup, uint64_t visible)
{
    uint64_t rest;

    for (rest = visible; rest != 0; rest &= rest - 1) {
        struct shard *shard = sup->shards[__builtin_ctzll(rest)];
        struct list *link;

        LIST_FOR_EACH (link, &shard->actors) {
            struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

            if (!is_stuck(actor))
                continue;
            add_waiters(graph, actor, &actor->mailbox, visible);
            if (actor->rare != NULL && actor->rare->control.capacity != 0)
                add_waiters(graph, actor, &actor->rare->control, visible);
        }
    }
}

static bool leads_on(const struct graph *graph, const struct actor *actor)
{
    size_t i;

    for (i = 0; i < graph->count; i++) {
        if (graph->edges[i].from == actor)
            return true;
    }
    return false;
}

/* Drops edges into actors from which nothing leads on, until only cycles and what leads to them are left. */
static void prune(struct graph *graph)
{
    size_t before;

    do {
        size_t kept = 0;
        size_t i;

        before = graph->count;
        for (i = 0; i < before; i++) {
            if (leads_on(graph, graph->edges[i].to))
                graph->edges[kept++] = graph->edges[i];
        }
        graph->count = kept;
    } while (graph->count != before);
}

static struct actor *successor(const struct graph *graph, const struct actor *actor)
{
    size_t i;

    for (i = 0; i < graph->count; i++) {
        if (graph->edges[i].from == actor)
            return graph->edges[i].to;
    }
    return NULL;
}

static void report(struct maiko_supervisor *sup, const struct graph *graph, struct actor *first, const struct actor *chosen)
{
    char buffer[512];
    struct text text;
    struct actor *at = first;

    text_init_buffer(&text, buffer, sizeof buffer);
    do {
        text_append(&text, at->sender.name);
        text_append(&text, " -> ");
        at = successor(graph, at);
    } while (at != first);
    supervisor_log(sup, MAIKO_LOG_WARNING, "deadlock: %s%s; '%s' may run although in debt", text_str(&text), first->sender.name,
                   chosen->sender.name);
}

/* After pruning every actor with an edge reaches a cycle: walk until one repeats, then around it once. */
static struct actor *choose(struct maiko_supervisor *sup, const struct graph *graph)
{
    struct actor *at = graph->edges[0].from;
    struct actor *lowest;
    struct actor *first;
    size_t steps;

    for (steps = 0; steps < graph->count; steps++)
        at = successor(graph, at);
    first = at;
    lowest = at;
    for (at = successor(graph, first); at != first; at = successor(graph, at)) {
        if (at->sender.id < lowest->sender.id)
            lowest = at;
    }
    report(sup, graph, first, lowest);
    return lowest;
}

static void let_go(struct actor *actor)
{
    struct maiko_supervisor *sup = actor->shard->sup;

    actor->is_overdrawn = true;
    actor->sends_simply = false; /* every send is counted against the overdraft */
    actor->overdraft = sup->config.overdraft_events;
    sup->deadlocks++;
    shard_ready(actor->shard, actor);
    wakeup_signal(&actor->shard->wakeup);
}

bool deadlock_search(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    struct graph graph = {.heap = shard->heap};
    uint64_t visible = world_pause(shard);
    bool found = false;

    if (visible == 0)
        return false;
    build(&graph, sup, visible);
    prune(&graph);
    if (graph.count > 0 && !graph.failed) {
        let_go(choose(sup, &graph));
        found = true;
    }
    world_resume(shard);
    heap_free(graph.heap, graph.edges, graph.size * sizeof *graph.edges);
    return found;
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
