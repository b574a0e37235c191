/* Ends: connections made to us are ended by ourselves before libzmq is told to end them.
 *
 * libzmq's session takes the parts of a message one by one.  When it has been told to end it takes none any more, and when its
 * connection breaks then, in the middle of a message (our topic and event, or what stands before the answer to a REQ), libzmq
 * aborts the process: "Resource temporarily unavailable (src/session_base.cpp:260)", seen.  A session whose connection breaks
 * first reads its message to the end, and so does one whose socket was closed with time to linger.  So
 *
 * - zmq_unbind() comes behind the ends of all connections that have been served, as libzmq tells them;
 * - zmq_close() leaves a session more time than we do: what is left then is cut, and so has ended when that time is over.
 *
 * Connections that come meanwhile do not matter: nothing was sent to them. */
#include <zmq.h>

#include "base/clock.h"
#include "link/zmq_internal.h"

enum {
    READS_TO_THE_END = 64, /* of a monitor: more than its queues hold */
    ENDS_WITHIN_MS = 1000, /* without them: a flood that stopped libzmq's reading also keeps it from seeing an end */
    CUT_WITHIN_MS = 250,
    LAST_WORD_WITHIN_MS = 2000, /* behind all that can linger: libzmq ends by then, unless its thread does not run */
};

struct door {
    void *socket;
    struct port_ear *ear;
    bool has_ended;
};

static struct door door_of(struct zmq_port *port, enum port_door door)
{
    return door == PORT_LINKS ? (struct door){.socket = port->router, .ear = &port->router_ear}
                              : (struct door){.socket = port->publisher, .ear = &port->publisher_ear};
}

static uint64_t now(void)
{
    struct clock clock;

    clock_init(&clock);
    return clock_mono_ns(&clock);
}

static long ms_until(uint64_t deadline_ns)
{
    uint64_t now_ns = now();

    return now_ns < deadline_ns ? (long)((deadline_ns - now_ns) / 1000000) + 1 : 0;
}

/* Whoever was served has been told as accepted before. */
static void hear_all(struct zmq_port *port, struct port_ear *ear)
{
    int rounds;

    for (rounds = 0; rounds < READS_TO_THE_END && !port_monitor_read_ear(port, ear); rounds++) {
    }
}

void port_cut_door(struct zmq_port *port, enum port_door which)
{
    struct door door = door_of(port, which);

    if (door.socket == NULL)
        return;
    port->items_are_stale = true; /* the monitor was touched */
    hear_all(port, door.ear);
    port_callers_cut(port, door.ear, false);
}

void port_end_door(struct zmq_port *port, enum port_door which)
{
    struct door door = door_of(port, which);
    uint64_t deadline_ns = clock_deadline(now(), MAIKO_MS(ENDS_WITHIN_MS));
    zmq_pollitem_t item = {.socket = door.ear->monitor, .events = ZMQ_POLLIN};

    port_cut_door(port, which);
    while (door.ear->cut_count > 0 && now() < deadline_ns && zmq_poll(&item, 1, ms_until(deadline_ns)) > 0)
        hear_all(port, door.ear); /* whoever comes meanwhile is heard, too, and may be many */
}

/* ---- closing ---- */

static void close_door(struct zmq_port *port, const struct door *door, unsigned linger_ms)
{
    if (door->socket == NULL)
        return;
    if (door->ear->monitor != NULL)
        hear_all(port, door->ear);
    port_socket_set_int(door->socket, ZMQ_LINGER, (int)(linger_ms + CUT_WITHIN_MS));
    zmq_close(door->socket);
}

/* A monitor's last word is that its socket has ended, and all of its sessions with it.  It is read to there: what libzmq cannot
 * say any more it leaks, and its thread waits for a reader when much is unread. */
static void wait_for_ends(struct door *doors, int count, uint64_t deadline_ns)
{
    for (;;) {
        zmq_pollitem_t items[2];
        struct door *waiting[2];
        int waiting_count = 0;
        int i;

        for (i = 0; i < count; i++) {
            if (doors[i].ear->monitor == NULL || doors[i].has_ended)
                continue;
            waiting[waiting_count] = &doors[i];
            items[waiting_count++] = (zmq_pollitem_t){.socket = doors[i].ear->monitor, .events = ZMQ_POLLIN};
        }
        if (waiting_count == 0 || zmq_poll(items, waiting_count, ms_until(deadline_ns)) <= 0)
            return;
        for (i = 0; i < waiting_count; i++)
            waiting[i]->has_ended = items[i].revents != 0 && port_monitor_has_stopped(items[i].socket);
    }
}

void port_close_doors(struct zmq_port *port, unsigned linger_ms)
{
    struct door doors[] = {door_of(port, PORT_LINKS), door_of(port, PORT_LISTENERS)};
    int count = sizeof(doors) / sizeof(doors[0]);
    uint64_t deadline_ns = clock_deadline(now(), MAIKO_MS((uint64_t)linger_ms));
    int i;

    for (i = 0; i < count; i++)
        close_door(port, &doors[i], linger_ms);
    if (port->zap != NULL)
        zmq_close(port->zap); /* who waits for its answer could not end */
    wait_for_ends(doors, count, deadline_ns);
    for (i = 0; i < count; i++)
        port_callers_cut(port, doors[i].ear, true);
    wait_for_ends(doors, count, clock_deadline(now(), MAIKO_MS(LAST_WORD_WITHIN_MS)));
    (void)zmq_ctx_shutdown(port->context); /* whoever has not ended by now waits for nobody */
    for (i = 0; i < count; i++)
        if (doors[i].ear->monitor != NULL)
            zmq_close(doors[i].ear->monitor);
    zmq_ctx_term(port->context); /* all sockets are closed and linger is bounded, so this ends */
}
