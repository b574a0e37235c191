/* Network of the simulation: a heap of frames by time of arrival. */
#include "sim/network.h"

#include <stdlib.h>
#include <string.h>

#include <maiko/base.h>

void network_init(struct network *network, uint64_t seed, bool is_datagram, unsigned loss_percent)
{
    *network = (struct network){.is_datagram = is_datagram, .loss_percent = loss_percent, .random = seed ^ 0x5eed};
}

void network_deinit(struct network *network)
{
    size_t i;

    for (i = 0; i < network->count; i++)
        free(network->frames[i].bytes);
    free(network->frames);
}

static uint64_t draw(struct network *network, uint64_t below)
{
    network->random = network->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return below > 0 ? (network->random >> 33) % below : 0;
}

static bool is_before(const struct network_frame *a, const struct network_frame *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct network *network, struct network_frame frame)
{
    size_t i = network->count++;

    if (network->count > network->capacity) {
        network->capacity = network->capacity > 0 ? 2 * network->capacity : 64;
        network->frames = realloc(network->frames, network->capacity * sizeof(frame));
    }
    frame.order = network->next_order++;
    for (; i > 0 && is_before(&frame, &network->frames[(i - 1) / 2]); i = (i - 1) / 2)
        network->frames[i] = network->frames[(i - 1) / 2];
    network->frames[i] = frame;
}

struct network_frame network_pop(struct network *network)
{
    struct network_frame first = network->frames[0];
    struct network_frame last = network->frames[--network->count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= network->count)
            break;
        if (child + 1 < network->count && is_before(&network->frames[child + 1], &network->frames[child]))
            child++;
        if (!is_before(&network->frames[child], &last))
            break;
        network->frames[i] = network->frames[child];
        i = child;
    }
    if (network->count > 0)
        network->frames[i] = last;
    network->now = first.at;
    return first;
}

uint64_t network_next(const struct network *network)
{
    return network->count > 0 ? network->frames[0].at : UINT64_MAX;
}

void network_release(struct network *network, struct network_frame *frame)
{
    (void)network;
    free(frame->bytes);
    frame->bytes = NULL;
}

static struct network_pair *pair_of(struct network *network, unsigned a, unsigned b)
{
    return a < b ? &network->pairs[a][b] : &network->pairs[b][a];
}

void network_again(struct network *network, struct network_frame *frame, uint64_t at)
{
    struct network_frame later = *frame;

    later.at = at;
    push(network, later);
    frame->bytes = NULL;
}

static void push_copy(struct network *network, unsigned from, unsigned to, const uint8_t *bytes, size_t len, uint64_t at)
{
    struct network_frame frame = {.at = at, .from = from, .to = to, .len = len};

    frame.incarnation = pair_of(network, from, to)->incarnation;
    frame.bytes = malloc(len > 0 ? len : 1);
    if (len > 0)
        memcpy(frame.bytes, bytes, len);
    push(network, frame);
}

/* Frames of a connection keep their order; a cut holds them back. */
static void send_in_order(struct network *network, unsigned from, unsigned to, const uint8_t *bytes, size_t len)
{
    struct network_pair *pair = pair_of(network, from, to);
    uint64_t *last = &pair->last_at[from < to];
    uint64_t at = network->now + 1 + draw(network, MAIKO_MS(3));

    if (at < pair->cut_until)
        at = pair->cut_until;
    if (at <= *last)
        at = *last + 1;
    *last = at;
    push_copy(network, from, to, bytes, len, at);
}

static void send_datagram(struct network *network, unsigned from, unsigned to, const uint8_t *bytes, size_t len)
{
    unsigned copies = draw(network, 100) < network->loss_percent / 2 ? 2 : 1;

    if (network->now < pair_of(network, from, to)->cut_until || draw(network, 100) < network->loss_percent)
        return;
    for (; copies > 0; copies--)
        push_copy(network, from, to, bytes, len, network->now + 1 + draw(network, MAIKO_MS(20)));
}

void network_send(struct network *network, unsigned from, unsigned to, const uint8_t *bytes, size_t len)
{
    if (network->is_datagram)
        send_datagram(network, from, to, bytes, len);
    else if (pair_of(network, from, to)->is_open)
        send_in_order(network, from, to, bytes, len);
}

static void remove_in_flight(struct network *network, unsigned a, unsigned b)
{
    struct network_frame *frames = network->frames;
    size_t count = network->count;
    size_t i;

    network->frames = NULL;
    network->count = network->capacity = 0;
    for (i = 0; i < count; i++) {
        if ((frames[i].from == a && frames[i].to == b) || (frames[i].from == b && frames[i].to == a)) {
            free(frames[i].bytes);
        } else {
            uint64_t order = frames[i].order;

            push(network, frames[i]);
            (void)order;
        }
    }
    free(frames);
}

void network_close(struct network *network, unsigned from, unsigned to)
{
    struct network_pair *pair = pair_of(network, from, to);

    if (network->is_datagram || from > to) {
        /* A ROUTER does not close; the other side has to find out. */
        if (from < to)
            pair->is_open = false;
        return;
    }
    pair->is_open = false;
    pair->reconnect_at = network->now + MAIKO_MS(5);
}

bool network_connect(struct network *network, unsigned lower, unsigned higher, uint64_t now)
{
    struct network_pair *pair = &network->pairs[lower][higher];

    if (pair->is_open || now < pair->reconnect_at || now < pair->cut_until)
        return false;
    network->now = now;
    pair->is_open = true;
    pair->incarnation++;
    return true;
}

void network_break(struct network *network, unsigned a, unsigned b, uint64_t now, uint64_t duration)
{
    struct network_pair *pair = pair_of(network, a, b);
    bool was_open = pair->is_open;

    network->now = now;
    if (network->is_datagram)
        return;
    remove_in_flight(network, a, b);
    pair->is_open = false;
    pair->reconnect_at = now + duration;
    pair->last_at[0] = pair->last_at[1] = 0;
    if (!was_open)
        return;
    push_copy(network, a < b ? b : a, a < b ? a : b, NULL, 0, now + 1 + draw(network, MAIKO_MS(5)));
    if (draw(network, 2) == 0) /* the accepting side mostly hears nothing */
        push_copy(network, a < b ? a : b, a < b ? b : a, NULL, 0, now + 1 + draw(network, MAIKO_MS(5)));
}

void network_cut(struct network *network, unsigned a, unsigned b, uint64_t until)
{
    pair_of(network, a, b)->cut_until = until;
}

void network_kill(struct network *network, unsigned node)
{
    unsigned i;

    for (i = 0; i < NETWORK_NODES_MAX; i++)
        if (i != node) {
            struct network_pair *pair = pair_of(network, node, i);
            bool was_open = pair->is_open;

            remove_in_flight(network, node, i);
            pair->is_open = false;
            pair->last_at[0] = pair->last_at[1] = 0;
            if (was_open && !network->is_datagram && i < node)
                push_copy(network, node, i, NULL, 0, network->now + 1);
        }
}

void network_heal(struct network *network, uint64_t now)
{
    unsigned i, j;

    network->now = now;
    for (i = 0; i < NETWORK_NODES_MAX; i++)
        for (j = 0; j < NETWORK_NODES_MAX; j++)
            network->pairs[i][j].cut_until = network->pairs[i][j].reconnect_at = 0;
}

void network_set_reliable(struct network *network)
{
    network->loss_percent = 0;
}
