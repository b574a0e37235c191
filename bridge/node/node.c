/* Public calls of a bridge while it runs, and its end, see <maiko/bridge.h>; and what all files of this folder use. */
#include "node/door_queue.h"
#include "node/node.h"
#include "node/pool.h"
#include "node/shm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "runtime/attachment.h"
#include "space/control.h"
#include "space/socket_lock.h"
#include <maiko/maiko.h>

const char *maiko_bridge_version(void)
{
    return MAIKO_VERSION_STRING;
}

/* It stays one line, whatever names and texts of others are in it. */
static void blank_controls(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void node_log(maiko_bridge *bridge, maiko_log_level level, const char *format, ...)
{
    char buffer[768];
    struct text text;
    va_list args;

    if (bridge->config.log == NULL)
        return;
    text_init_buffer(&text, buffer, sizeof(buffer));
    va_start(args, format);
    text_append_vformat(&text, format, args);
    va_end(args);
    blank_controls(buffer);
    bridge->config.log(level, buffer, bridge->config.log_userdata);
}

/* The first failure sticks. */
maiko_status node_fail(maiko_bridge *bridge, maiko_status status, const char *format, ...)
{
    struct text text;
    va_list args;

    if (bridge->failure != MAIKO_OK)
        return bridge->failure;
    bridge->failure = status;
    text_init_buffer(&text, bridge->error_text, sizeof(bridge->error_text));
    va_start(args, format);
    text_append_vformat(&text, format, args);
    va_end(args);
    return status;
}

/* What was asked of a bridge that goes on; it says so, unless it has failed before. */
static void tell_refusal(maiko_bridge *bridge, const char *reason)
{
    struct text text;

    node_log(bridge, MAIKO_LOG_ERROR, "the bridge goes on: %s", reason);
    if (bridge->failure != MAIKO_OK)
        return;
    text_init_buffer(&text, bridge->error_text, sizeof(bridge->error_text));
    text_append(&text, reason);
}

uint64_t node_now(const maiko_bridge *bridge)
{
    return clock_mono_ns(&bridge->clock);
}

bool node_is_bridge(const maiko_bridge *bridge)
{
    return bridge != NULL && bridge->magic == NODE_MAGIC;
}

/* Before the start, and without a failure so far. */
maiko_status node_check_set_up(maiko_bridge *bridge)
{
    if (!node_is_bridge(bridge))
        return MAIKO_EINVAL;
    if (bridge->is_started)
        return MAIKO_ESTATE;
    return bridge->failure;
}

/* ---- while it runs ---- */

static maiko_status wait_for(maiko_bridge *bridge, struct node_wait *wait, uint64_t timeout_ns)
{
    uint64_t end_ns = clock_deadline(node_now(bridge), timeout_ns);
    struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000u), .tv_nsec = (long)(end_ns % 1000000000u)};
    bool is_late = false;
    bool is_closed;

    pthread_mutex_lock(&bridge->lock);
    list_push_back(&bridge->waits, &wait->link);
    handover_wake(&bridge->handover);
    while (!wait->is_done && !bridge->is_closed && !bridge->is_cancelled && !is_late)
        is_late = end_ns == UINT64_MAX ? pthread_cond_wait(&bridge->changed, &bridge->lock) != 0
                                       : pthread_cond_timedwait(&bridge->changed, &bridge->lock, &end) == ETIMEDOUT;
    list_remove(&wait->link);
    is_closed = bridge->is_closed || bridge->is_cancelled;
    pthread_mutex_unlock(&bridge->lock);
    return wait->is_done ? MAIKO_OK : is_closed ? MAIKO_ECLOSED : MAIKO_ETIMEDOUT;
}

maiko_status maiko_bridge_wait_ready(maiko_bridge *bridge, const char *topic, unsigned subscribers, uint64_t timeout_ns)
{
    struct node_wait wait = {.topic = topic, .subscribers = subscribers};

    if (!node_is_bridge(bridge) || topic == NULL || maiko_topic_check(topic) != MAIKO_OK)
        return MAIKO_EINVAL;
    return bridge->is_started ? wait_for(bridge, &wait, timeout_ns) : MAIKO_ESTATE;
}

maiko_status maiko_bridge_wait_actors(maiko_bridge *bridge, uint64_t timeout_ns, char *missing, size_t missing_size)
{
    return node_wait_actors(bridge, timeout_ns, missing, missing_size, NULL);
}

void node_cancel_waits(maiko_bridge *bridge)
{
    pthread_mutex_lock(&bridge->lock);
    bridge->is_cancelled = true;
    pthread_cond_broadcast(&bridge->changed);
    pthread_mutex_unlock(&bridge->lock);
}

void node_hurry(maiko_bridge *bridge)
{
    atomic_store(&bridge->wants_haste, true);
    handover_wake(&bridge->handover);
    node_cancel_waits(bridge);
}

/* As long as the bridge's thread has not looked, nobody is known to be here, and no link to be there. */
static void expect_all(const maiko_bridge *bridge, struct node_wait *wait)
{
    struct text missing;
    struct list *link;
    size_t i;

    text_init_buffer(&missing, wait->missing, wait->missing_size);
    LIST_FOR_EACH (link, &bridge->expected)
        text_append_format(&missing, "%s%s", missing.len > 0 ? ", " : "", CONTAINER_OF(link, struct node_actor, link)->name);
    for (i = 0; wait->unlinked != NULL && i < bridge->endpoint_count; i++)
        if (bridge->endpoints[i].use == USE_CONNECT)
            text_append_format(wait->unlinked, "%s%s", wait->unlinked->len > 0 ? ", " : "", bridge->endpoints[i].text);
}

maiko_status node_wait_actors(maiko_bridge *bridge, uint64_t timeout_ns, char *missing, size_t missing_size,
                              struct text *unlinked)
{
    char own[8];
    struct node_wait wait = {.missing = missing, .missing_size = missing_size, .unlinked = unlinked};

    if (!node_is_bridge(bridge))
        return MAIKO_EINVAL;
    if (missing == NULL || missing_size == 0) {
        wait.missing = own;
        wait.missing_size = sizeof(own);
    }
    wait.missing[0] = '\0';
    if (!bridge->is_started)
        return MAIKO_ESTATE;
    expect_all(bridge, &wait);
    return wait_for(bridge, &wait, timeout_ns);
}

maiko_status maiko_bridge_drain(maiko_bridge *bridge)
{
    char own[8];

    return node_drain(bridge, own, sizeof(own));
}

maiko_status node_drain(maiko_bridge *bridge, char *missing, size_t missing_size)
{
    struct node_wait wait = {.is_for_drain = true, .missing = missing, .missing_size = missing_size};

    if (!node_is_bridge(bridge))
        return MAIKO_EINVAL;
    wait.missing[0] = '\0';
    return bridge->is_started ? wait_for(bridge, &wait, bridge->config.linger_ns) : MAIKO_ESTATE;
}

uint64_t node_overdue(const maiko_bridge *bridge)
{
    return atomic_load_explicit(&bridge->overdue, memory_order_relaxed);
}

const char *maiko_bridge_endpoint(maiko_bridge *bridge, size_t index)
{
    size_t i;

    if (!node_is_bridge(bridge))
        return NULL;
    for (i = 0; i < bridge->endpoint_count; i++)
        if (bridge->endpoints[i].use != USE_CONNECT && index-- == 0)
            return bridge->endpoints[i].text;
    return NULL;
}

maiko_status maiko_bridge_reload(maiko_bridge *bridge)
{
    if (!node_is_bridge(bridge))
        return MAIKO_EINVAL;
    if (!bridge->is_started)
        return MAIKO_ESTATE;
    atomic_store(&bridge->wants_reload, true);
    handover_wake(&bridge->handover);
    return MAIKO_OK;
}

maiko_status maiko_bridge_count(maiko_bridge *bridge, maiko_bridge_counters *counters)
{
    maiko_bridge_counters all = {.struct_size = sizeof(all)};
    size_t size;

    if (!node_is_bridge(bridge) || counters == NULL || counters->struct_size < sizeof(counters->struct_size))
        return MAIKO_EINVAL;
#define READ_COUNTER(name) all.name = atomic_load_explicit(&bridge->name, memory_order_relaxed)
    READ_COUNTER(exported);
    READ_COUNTER(export_refused);
    READ_COUNTER(acknowledged);
    READ_COUNTER(lost);
    READ_COUNTER(imported);
    READ_COUNTER(import_refused);
    READ_COUNTER(gaps);
    READ_COUNTER(lost_for_us);
    READ_COUNTER(denied);
    READ_COUNTER(published);
    READ_COUNTER(publish_lost);
    READ_COUNTER(window_waits);
    READ_COUNTER(relayed);
    READ_COUNTER(looped);
    READ_COUNTER(repeated);
    READ_COUNTER(refusals);
    READ_COUNTER(reports);
    READ_COUNTER(reports_dropped);
    READ_COUNTER(window_turns);
    READ_COUNTER(refused_there);
    READ_COUNTER(lent);
#undef READ_COUNTER
    all.export_refused += atomic_load_explicit(&bridge->handover.dropped, memory_order_relaxed);
    all.pool_starved = node_pool_starved(bridge);
    all.peers = atomic_load_explicit(&bridge->peers_up, memory_order_relaxed);
    size = counters->struct_size < sizeof(all) ? counters->struct_size : sizeof(all);
    all.struct_size = counters->struct_size;
    memcpy(counters, &all, size);
    return MAIKO_OK;
}

const char *maiko_bridge_error_text(const maiko_bridge *bridge)
{
    return node_is_bridge(bridge) ? bridge->error_text : "";
}

/* ---- stop ---- */

static void free_actors(maiko_bridge *bridge, struct list *list)
{
    while (!list_is_empty(list))
        node_actor_free(bridge, CONTAINER_OF(list_first(list), struct node_actor, link));
}

/* One that answers belongs to somebody else by now, and one that is being taken will. */
static void remove_socket(const char *path)
{
    struct socket_lock lock;
    char reason[64];
    struct text unused;

    text_init_buffer(&unused, reason, sizeof(reason));
    if (socket_path_life(path, SOCK_STREAM) != SOCKET_STALE || socket_lock_take(&lock, path, 0, &unused) != MAIKO_OK)
        return;
    if (socket_path_life(path, SOCK_STREAM) == SOCKET_STALE)
        (void)unlink(path);
    socket_lock_release(&lock);
}

/* libzmq leaves the files of ipc sockets behind. */
void node_remove_sockets(const maiko_bridge *bridge)
{
    size_t i;

    for (i = 0; i < bridge->endpoint_count; i++) {
        const struct node_endpoint *endpoint = &bridge->endpoints[i];

        if (endpoint->use != USE_CONNECT && endpoint->is_bound && strncmp(endpoint->text, "ipc://", strlen("ipc://")) == 0)
            remove_socket(endpoint->text + strlen("ipc://"));
    }
}

static void bridge_free(maiko_bridge *bridge)
{
    struct heap *heap = bridge->heap;
    maiko_supervisor *attached_to = bridge->is_attached ? bridge->sup : NULL;

    door_queue_clear(bridge);
    node_peers_free(bridge); /* what a failed start has left */
    zmq_port_close(bridge->port, 0);
    node_remove_sockets(bridge);
    node_key_watch_stop(bridge);
    space_leave(bridge->space);
    node_shm_tear_down(bridge);
    exporter_free(bridge->exporter);
    node_pool_tear_down(bridge);
    handover_deinit(&bridge->handover);
    batch_builder_deinit(&bridge->building);
    sources_deinit(&bridge->sources);
    free_actors(bridge, &bridge->expected);
    free_actors(bridge, &bridge->placed);
    peer_keys_free(bridge);
    types_deinit(&bridge->types);
    origins_deinit(&bridge->origins);
    allow_list_deinit(&bridge->allow);
    pack_deinit(&bridge->pack);
    pthread_cond_destroy(&bridge->changed);
    pthread_mutex_destroy(&bridge->lock);
    pthread_mutex_destroy(&bridge->turn);
    explicit_bzero(&bridge->keys, sizeof(bridge->keys));
    bridge->magic = 0;
    heap_clear_shelf(&bridge->with_shelf);
    heap_free(heap, bridge, sizeof(*bridge));
    if (attached_to != NULL)
        maiko_supervisor_detach(attached_to); /* last: with it the heap may go */
}

/* Its actors and importers, once there are any, point into it. */
static maiko_status check_stop(maiko_bridge *bridge)
{
    maiko_status status = MAIKO_OK;

    if (bridge->is_attached && bridge->importers[0].importer != NULL)
        status = maiko_supervisor_let_go(bridge->sup, "its bridge was stopped before it was started");
    if (status == MAIKO_ESTATE)
        tell_refusal(bridge, "the supervisor runs; maiko_bridge_stop() comes after maiko_supervisor_halt()");
    return status;
}

maiko_status maiko_bridge_stop(maiko_bridge **bridge)
{
    maiko_status status;

    if (bridge == NULL || !node_is_bridge(*bridge))
        return MAIKO_EINVAL;
    status = check_stop(*bridge);
    if (status != MAIKO_OK)
        return status;
    if ((*bridge)->is_started) {
        node_thread_stop(*bridge);
        status = (*bridge)->is_drained ? MAIKO_OK : MAIKO_ETIMEDOUT;
    }
    bridge_free(*bridge);
    *bridge = NULL;
    return status;
}
