/* Door queue, see door_queue.h. */
#include "node/door_queue.h"

#include <string.h>

#include "node/peers.h"
#include "wire/envelope.h"

struct door_wait {
    struct list link;
    struct route *route;
    char topic[MAIKO_TOPIC_MAX + 1]; /* as nodes call it */
    uint64_t subscribers;
    uint64_t ends_ns;
    size_t len;
    unsigned char bytes[];
};

static void end_wait(maiko_bridge *bridge, struct door_wait *wait)
{
    list_remove(&wait->link);
    atomic_fetch_sub(&bridge->door_waiting, 1);
    heap_free(bridge->heap, wait, sizeof(*wait) + wait->len);
}

static bool has_place(maiko_bridge *bridge, const struct route *route)
{
    unsigned count = 0;
    struct list *link;

    LIST_FOR_EACH (link, &bridge->door_waits)
        count += CONTAINER_OF(link, struct door_wait, link)->route == route;
    return count < DOOR_QUEUE_OF_ROUTE && atomic_load(&bridge->door_waiting) < DOOR_QUEUE_MAX;
}

static uint64_t end_of(const maiko_bridge *bridge, uint64_t wait_ns)
{
    return clock_deadline(node_now(bridge),
                          wait_ns < MAIKO_SECONDS(DOOR_QUEUE_SECONDS) ? wait_ns : MAIKO_SECONDS(DOOR_QUEUE_SECONDS));
}

const char *door_queue_add(maiko_bridge *bridge, struct route *route, const struct wire_envelope *envelope,
                           const unsigned char *bytes, size_t len)
{
    struct door_wait *wait = NULL;

    if (len <= DOOR_QUEUE_BYTES && has_place(bridge, route))
        wait = heap_alloc(bridge->heap, sizeof(*wait) + len);
    if (wait == NULL)
        return "limit";
    wait->route = route;
    slice_to_text(envelope->topic, wait->topic, sizeof(wait->topic));
    wait->subscribers = envelope->subscribers;
    wait->ends_ns = end_of(bridge, envelope->wait_ns);
    wait->len = len;
    memcpy(wait->bytes, bytes, len);
    list_push_back(&bridge->door_waits, &wait->link);
    atomic_fetch_add(&bridge->door_waiting, 1);
    return NULL;
}

uint64_t door_queue_run(maiko_bridge *bridge, uint64_t deadline_ns)
{
    bool has_ended = atomic_load(&bridge->has_export_ended); /* nobody is waited for in vain */
    uint64_t now_ns = node_now(bridge);
    struct list *after;
    struct list *link;

    LIST_FOR_EACH_SAFE (link, after, &bridge->door_waits) {
        struct door_wait *wait = CONTAINER_OF(link, struct door_wait, link);
        bool is_enough = exporter_subscribers(bridge->exporter, wait->topic) >= wait->subscribers;

        if (is_enough || has_ended || wait->ends_ns <= now_ns) {
            node_door_let_in(bridge, wait->route, wait->bytes, wait->len, DOOR_LAST);
            end_wait(bridge, wait);
        } else if (wait->ends_ns < deadline_ns) {
            deadline_ns = wait->ends_ns;
        }
    }
    return deadline_ns;
}

void door_queue_end(maiko_bridge *bridge)
{
    while (!list_is_empty(&bridge->door_waits)) {
        struct door_wait *wait = CONTAINER_OF(list_first(&bridge->door_waits), struct door_wait, link);

        node_door_let_in(bridge, wait->route, wait->bytes, wait->len, DOOR_CLOSED);
        end_wait(bridge, wait);
    }
}

/* It was not let in, and that can only be counted. */
static void withdraw(maiko_bridge *bridge, struct door_wait *wait)
{
    atomic_fetch_add_explicit(&bridge->import_refused, 1, memory_order_relaxed);
    node_news_refused(bridge, route_address(wait->route), "closed", wait->topic,
                      "an event on %s from %s, which has left and did not wait for its subscribers", wait->topic,
                      route_address(wait->route));
    end_wait(bridge, wait);
}

void door_queue_forget(maiko_bridge *bridge, const struct route *route)
{
    struct list *after;
    struct list *link;

    LIST_FOR_EACH_SAFE (link, after, &bridge->door_waits) {
        struct door_wait *wait = CONTAINER_OF(link, struct door_wait, link);

        if (wait->route == route)
            withdraw(bridge, wait);
    }
}

void door_queue_clear(maiko_bridge *bridge)
{
    while (!list_is_empty(&bridge->door_waits))
        end_wait(bridge, CONTAINER_OF(list_first(&bridge->door_waits), struct door_wait, link));
}
