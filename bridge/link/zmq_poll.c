/* Port: sleeping and reading.  zmq_poll() asks every socket twice per call, with two system calls each; so we sleep on the
 * sockets' descriptors ourselves.  Such a descriptor becomes readable when there is something new for the socket, and any call
 * on the socket may take that away.  Hence the rule: a socket that was touched is asked for its events before we sleep, the
 * others need not.  A read that finds nothing is as good as asking. */
#include <zmq.h>

#include "base/clock.h"
#include "base/patient_poll.h"
#include "link/zmq_internal.h"

/* ---- what there is to sleep on ---- */

static void add_fd(struct port_items *all, int fd)
{
    all->items[all->count] = (struct port_item){.shared_fd = -1};
    all->fds[all->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Touched: whatever happened to it so far may have taken its sign away. */
static void add_socket(struct port_items *all, void *socket)
{
    int fd = -1; /* skipped by poll() */
    size_t size = sizeof(fd);

    if (socket != NULL && zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0)
        fd = -1;
    add_fd(all, fd);
    all->items[all->count - 1] = (struct port_item){.socket = socket, .shared_fd = -1, .is_touched = socket != NULL};
}

static void make_items(struct zmq_port *port)
{
    struct port_items *all = &port->items;
    unsigned i;

    all->count = 0;
    for (i = 0; i < port->watch_count; i++)
        add_fd(all, port->watches[i].fd);
    add_socket(all, port->zap);
    add_socket(all, port->router);
    add_socket(all, port->router_ear.monitor);
    add_socket(all, port->dialer);
    add_socket(all, port->dialer_monitor);
    add_socket(all, port->publisher);
    add_socket(all, port->publisher_ear.monitor);
    port_share(port);
    add_fd(all, port->shared_fd);
    port->items_are_stale = false;
}

maiko_status zmq_port_watch(struct zmq_port *port, int fd, void (*ready)(void *userdata), void *userdata)
{
    if (port->watch_count == PORT_WATCHES_MAX)
        return MAIKO_ELIMIT;
    port->watches[port->watch_count++] = (struct port_watch){.fd = fd, .ready = ready, .userdata = userdata};
    port->items_are_stale = true;
    return MAIKO_OK;
}

struct port_item *port_item_of(struct zmq_port *port, enum port_socket which)
{
    return &port->items.items[port->watch_count + which];
}

void port_touched(struct zmq_port *port, enum port_socket which)
{
    if (!port->items_are_stale) /* else all are when they are made anew */
        port_item_of(port, which)->is_touched = true;
}

/* ---- sleeping ---- */

void port_item_ask(struct port_item *item)
{
    int events = 0;
    size_t size = sizeof(events);

    item->is_ready = zmq_getsockopt(item->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
    item->is_touched = false;
}

static int timeout_until(uint64_t deadline_ns)
{
    uint64_t now_ns, wait_ms;
    struct clock clock;

    if (deadline_ns == UINT64_MAX)
        return -1;
    clock_init(&clock);
    now_ns = clock_mono_ns(&clock);
    if (deadline_ns <= now_ns)
        return 0;
    wait_ms = (deadline_ns - now_ns + 999999) / 1000000; /* round up: too early would spin */
    return wait_ms < INT32_MAX ? (int)wait_ms : INT32_MAX;
}

/* A guest may have left the items stale, or sockets touched. */
static int sleep_on(struct zmq_port *port, int timeout_ms, bool *ret_is_limited)
{
    const struct zmq_port_hooks *hooks = &port->hooks;
    struct port_items *all = &port->items;
    int count;

    if (hooks->sleeps == NULL || timeout_ms == 0)
        return patient_poll(all->fds, (nfds_t)all->count, timeout_ms, ret_is_limited);
    hooks->sleeps(true, hooks->userdata);
    count = patient_poll(all->fds, (nfds_t)all->count, timeout_ms, ret_is_limited);
    hooks->sleeps(false, hooks->userdata);
    return count;
}

static void note_limit(struct zmq_port *port, bool is_limited)
{
    const struct zmq_port_hooks *hooks = &port->hooks;

    if (port->is_limited == is_limited)
        return;
    port->is_limited = is_limited;
    if (hooks->starved != NULL)
        hooks->starved(is_limited ? "RLIMIT_NOFILE is below the descriptors there are: they are looked at every 10 ms" : NULL,
                       hooks->userdata);
}

/* Which sockets have something to read, and which watches. */
static void wait_for_items(struct zmq_port *port, uint64_t deadline_ns)
{
    struct port_items *all = &port->items;
    bool is_any_ready = port_incoming_is_left(port);
    bool is_limited = false;
    int count;
    size_t i;

    for (i = 0; i < all->count; i++) {
        all->items[i].is_ready = false;
        if (all->items[i].is_touched)
            port_item_ask(&all->items[i]);
        is_any_ready |= all->items[i].is_ready;
    }
    count = sleep_on(port, is_any_ready ? 0 : timeout_until(deadline_ns), &is_limited);
    note_limit(port, is_limited);
    if (count <= 0 || port->items_are_stale)
        return;
    if (all->fds[all->count - 1].revents != 0)
        port_shared_look(port);
    for (i = 0; i < all->count; i++) {
        if ((all->fds[i].revents == 0 && !all->items[i].is_touched) || all->items[i].is_ready)
            continue;
        if (all->items[i].socket != NULL)
            port_item_ask(&all->items[i]);
        else
            all->items[i].is_ready = true;
    }
}

/* ---- reading ---- */

/* Ready sockets are read, and asked again before the next sleep. */
static bool take_ready(struct port_item *item)
{
    bool is_ready = item->is_ready;

    item->is_ready = false;
    item->is_touched = item->is_touched || is_ready;
    return is_ready;
}

static void run_watches(struct zmq_port *port)
{
    unsigned i;

    for (i = 0; i < port->watch_count; i++)
        if (port->items.items[i].is_ready)
            port->watches[i].ready(port->watches[i].userdata);
}

/* A hook may bind or make the first connection: then the items are stale, and what was ready is found again at the next turn. */
static void read_frames(struct zmq_port *port, enum port_socket which, bool (*read)(struct zmq_port *port, int most))
{
    if (read(port, PORT_FRAMES_PER_TURN) && !port->items_are_stale)
        port_item_of(port, which)->is_touched = false;
}

static void read_all(struct zmq_port *port)
{
    bool has_router = take_ready(port_item_of(port, PORT_ROUTER));
    bool has_dialer = take_ready(port_item_of(port, PORT_DIALER));
    bool has_events = take_ready(port_item_of(port, PORT_DIALER_MONITOR));
    bool has_listeners = take_ready(port_item_of(port, PORT_PUBLISHER));
    bool has_callers = take_ready(port_item_of(port, PORT_ROUTER_MONITOR));
    bool has_listeners_calling = take_ready(port_item_of(port, PORT_PUBLISHER_MONITOR));

    if (take_ready(port_item_of(port, PORT_ZAP)))
        port_zap_read(port);
    if (has_callers)
        (void)port_monitor_read_ear(port, &port->router_ear);
    if (has_listeners_calling)
        (void)port_monitor_read_ear(port, &port->publisher_ear);
    if (has_listeners)
        port_publisher_read(port);
    if (has_events)
        (void)port_monitor_read_dialer(port);
    if (has_dialer || port->ending_count > 0)
        read_frames(port, PORT_DIALER, port_dialer_read);
    if (has_router || port_incoming_is_left(port))
        read_frames(port, PORT_ROUTER, port_router_read);
    run_watches(port);
}

void zmq_port_wait(struct zmq_port *port, uint64_t deadline_ns)
{
    uint64_t retry_ns = port_next_retry(port);

    if (port->items_are_stale)
        make_items(port);
    port_share_or_keep(port);
    wait_for_items(port, deadline_ns < retry_ns ? deadline_ns : retry_ns);
    pace_begin(&port->pace);
}

void zmq_port_read(struct zmq_port *port)
{
    struct clock clock;
    uint64_t now_ns;

    if (port->items_are_stale)
        return; /* a guest did it: what was ready is found again at the next turn */
    read_all(port);
    clock_init(&clock);
    now_ns = clock_mono_ns(&clock);
    if (port->rebind_ns <= now_ns)
        port_rebind_pending(port, now_ns);
    port_retry(port, now_ns);
    port_free_ended(port);
}

void zmq_port_run(struct zmq_port *port, uint64_t deadline_ns)
{
    zmq_port_wait(port, deadline_ns);
    zmq_port_read(port);
}
