/* Chores, see chores.h. */
#include "node/chores.h"

#include "node/guest.h"
#include "node/node.h"
#include "node/shm.h"

enum {
    CHORES_MAX = 64,  /* more wait only while others come and go in masses; then memory is worth more than a little time */
    TURNS_BEFORE = 16 /* at most: while there are events to move a piece waits, but not for ever */
};

/* From piece to piece, asleep: where all processors are busy, those who move events have them meanwhile. */
static const uint64_t pause_ns = MAIKO_MS(1);

void node_chores_add(maiko_bridge *bridge, struct chore *chore)
{
    if (chore->is_waiting)
        return;
    chore->is_waiting = true;
    fifo_push(&bridge->chores, &chore->link);
    bridge->chore_count++;
    bridge->knows_chores = false;
}

static struct chore *take(maiko_bridge *bridge)
{
    struct chore *chore = CONTAINER_OF(fifo_pop(&bridge->chores), struct chore, link);

    bridge->chore_count--;
    chore->is_waiting = false;
    if (chore->begin != NULL)
        chore->begin(chore);
    return chore;
}

/* One with more to do goes to the end of the queue, so that none is kept waiting by another. */
static void put_back(maiko_bridge *bridge, struct chore *chore, void (*end)(struct chore *chore), bool has_more)
{
    if (has_more)
        node_chores_add(bridge, chore);
    else if (end != NULL)
        end(chore);
}

/* As before a sleep: whoever has something for us from now on finds a guest. */
static bool lie_down(maiko_bridge *bridge)
{
    bool is_at_rest = node_shm_arm(bridge, UINT64_MAX) != 0;

    is_at_rest = handover_rest(&bridge->handover) && is_at_rest;
    is_at_rest = zmq_port_is_settled(bridge->port) && is_at_rest; /* what was just sent may have taken the sign of what came */
    return is_at_rest || bridge->turns_without_chore++ >= TURNS_BEFORE;
}

static void do_a_piece(maiko_bridge *bridge)
{
    struct chore *chore = take(bridge);
    void (*end)(struct chore * chore) = chore->end;
    bool has_more;

    bridge->turns_without_chore = 0;
    node_guest_sleeps(true, bridge);
    has_more = chore->work(chore);
    node_guest_sleeps(false, bridge);
    put_back(bridge, chore, end, has_more);
    bridge->chore_ns = clock_deadline(node_now(bridge), pause_ns);
}

static void do_at_once(maiko_bridge *bridge)
{
    struct chore *chore = take(bridge);
    void (*end)(struct chore * chore) = chore->end;
    bool has_more;

    do
        has_more = chore->work(chore);
    while (has_more);
    put_back(bridge, chore, end, false);
}

uint64_t node_chores_run(maiko_bridge *bridge, uint64_t deadline_ns)
{
    while (bridge->chore_count > CHORES_MAX)
        do_at_once(bridge);
    if (fifo_is_empty(&bridge->chores))
        return deadline_ns;
    bridge->knows_chores = true;
    bridge->sleeps_until_ns = deadline_ns;
    if (bridge->chore_ns <= node_now(bridge) && lie_down(bridge))
        do_a_piece(bridge);
    bridge->knows_chores = true;
    if (fifo_is_empty(&bridge->chores) || deadline_ns <= bridge->chore_ns)
        return deadline_ns;
    return bridge->chore_ns;
}

void node_chores_finish(maiko_bridge *bridge)
{
    while (!fifo_is_empty(&bridge->chores))
        do_at_once(bridge);
}

bool node_chores_are_news(const maiko_bridge *bridge)
{
    return !bridge->knows_chores && !fifo_is_empty(&bridge->chores);
}
