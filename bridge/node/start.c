/* Starting a bridge, see <maiko/bridge.h>: its actors, its port, its place in the space. */
#include "node/guest.h"
#include "node/node.h"
#include "node/pool.h"
#include "node/shm.h"
#include "runtime/attachment.h"
#include "space/process.h"
#include "space/socket_lock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <maiko/maiko.h>

#define COMMON_IMPORTER "bridge import"

static void on_space_arrived(const struct node_record *node, void *userdata)
{
    node_peers_arrived(userdata, node);
}

static void on_space_left(const struct node_record *node, enum space_departure departure, void *userdata)
{
    maiko_bridge *bridge = userdata;

    node_log(bridge, departure == SPACE_DIED ? MAIKO_LOG_WARNING : MAIKO_LOG_INFO, "node %s %s", node->name,
             space_departure_name(departure));
    node_peers_left(bridge, node, departure == SPACE_DIED);
}

static void on_warning(const char *text, void *userdata)
{
    node_log(userdata, MAIKO_LOG_WARNING, "%s", text);
}

static void on_refused(const char *who, const char *reason, const char *text, void *userdata)
{
    node_news_refused(userdata, who, reason, NULL, "%s", text);
}

static void on_starved(const char *text, void *userdata)
{
    node_news_starved(userdata, text);
}

/* A shard that sleeps comes first; where it cannot, the bridge's thread does it all. */
static void share_fd(int fd, void *userdata)
{
    maiko_bridge *bridge = userdata;

    (void)!maiko_importer_watch(bridge->importers[0].importer, fd, &bridge->visit);
}

static void unshare_fd(int fd, void *userdata)
{
    maiko_importer_unwatch(((maiko_bridge *)userdata)->importers[0].importer, fd);
}

static maiko_status open_port(maiko_bridge *bridge, struct text *error)
{
    struct zmq_port_config config = {.heap = bridge->heap,
                                     .hooks = {.frame = node_peers_frame,
                                               .up = node_peers_up,
                                               .down = node_peers_down,
                                               .forgotten = node_peers_forgotten,
                                               .admit = node_access_admit,
                                               .admit_user = node_access_admit_user,
                                               .may_listen = node_access_may_listen,
                                               .refused = on_refused,
                                               .warn = on_warning,
                                               .starved = on_starved,
                                               .sleeps = node_guest_sleeps,
                                               .share = share_fd,
                                               .unshare = unshare_fd,
                                               .userdata = bridge}};

    memcpy(config.public_key, bridge->keys.public_key, KEY_TEXT_SIZE);
    memcpy(config.secret_key, bridge->keys.secret_key, KEY_TEXT_SIZE);
    return zmq_port_open(&config, &bridge->port, error);
}

static maiko_status join_space(maiko_bridge *bridge, struct text *error)
{
    struct space_config config = {.heap = bridge->heap,
                                  .runtime_dir = bridge->runtime_dir,
                                  .group = bridge->space_group,
                                  .space = bridge->space_name,
                                  .node = bridge->node_name,
                                  .hooks = {.node_arrived = on_space_arrived,
                                            .node_left = on_space_left,
                                            .channel_ready = node_shm_channel_ready,
                                            .message = node_shm_message,
                                            .channel_ended = node_shm_channel_ended,
                                            .warn = on_warning,
                                            .starved = on_starved,
                                            .userdata = bridge}};
    maiko_status status;
    unsigned attempt;

    status = space_join(&config, &bridge->space, error);
    for (attempt = 2; status == MAIKO_EEXIST && bridge->config.node == NULL && attempt < 64; attempt++) {
        text_clear(error); /* a name nobody chose: several bridges of one process */
        node_make_name(bridge, attempt);
        status = space_join(&config, &bridge->space, error);
    }
    if (status == MAIKO_OK)
        bridge->epoch = space_record(bridge->space)->epoch;
    return status;
}

static const char *new_name(const struct node_pattern *pattern)
{
    return pattern->as[0] != '\0' ? pattern->as : pattern->pattern;
}

static bool is_any_renamed(const struct node_pattern *patterns, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (patterns[i].as[0] != '\0')
            return true;
    return false;
}

/* The patterns as they are given, or what they are called behind them. */
static maiko_status add_names(struct text_list *list, struct heap *heap, const struct node_pattern *patterns, size_t count,
                              bool is_new)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < count && status == MAIKO_OK; i++)
        status = text_list_add(list, heap, is_new ? new_name(&patterns[i]) : patterns[i].pattern);
    return status;
}

/* What others call them, and what its own topics are called where any has another name. */
static maiko_status describe_exports(const maiko_bridge *bridge, struct node_record *record)
{
    maiko_status status = add_names(&record->exports, record->heap, bridge->exports, bridge->export_count, true);

    if (status == MAIKO_OK && is_any_renamed(bridge->exports, bridge->export_count))
        status = add_names(&record->exports_inside, record->heap, bridge->exports, bridge->export_count, false);
    return status;
}

static maiko_status describe_imports(const maiko_bridge *bridge, struct node_record *record)
{
    maiko_status status = add_names(&record->imports, record->heap, bridge->imports, bridge->import_count, false);

    if (status == MAIKO_OK && is_any_renamed(bridge->imports, bridge->import_count))
        status = add_names(&record->imports_inside, record->heap, bridge->imports, bridge->import_count, true);
    return status;
}

static maiko_status describe(maiko_bridge *bridge, const char *ipc_endpoint)
{
    struct node_record *record = space_record(bridge->space);
    maiko_status status = text_list_add(&record->endpoints, record->heap, ipc_endpoint);
    struct list *link;
    size_t i;

    for (i = 0; i < bridge->endpoint_count && status == MAIKO_OK; i++)
        if (bridge->endpoints[i].use != USE_CONNECT)
            status = text_list_add(bridge->endpoints[i].use == USE_LINKS ? &record->endpoints : &record->publishers, record->heap,
                                   bridge->endpoints[i].text);
    if (status == MAIKO_OK)
        status = describe_exports(bridge, record);
    if (status == MAIKO_OK)
        status = describe_imports(bridge, record);
    LIST_FOR_EACH (link, &bridge->placed) {
        if (status == MAIKO_OK)
            status = text_list_add(&record->actors, record->heap, CONTAINER_OF(link, struct node_actor, link)->name);
    }
    if (status == MAIKO_OK)
        status = node_record_set_text(record, &record->program, bridge->program);
    if (status == MAIKO_OK)
        status = node_record_set_text(record, &record->counters_path, maiko_supervisor_counters_path(bridge->sup));
    return status;
}

/* Who was there before may be about to remove its socket, or somebody else to make one: that takes no time, unless it stands
 * still. */
static const uint64_t lock_wait_ns = MAIKO_SECONDS(2);

/* A path of a user's own choice, which two may come for at a time; the port looks whether somebody lives there. */
static maiko_status bind_one(maiko_bridge *bridge, struct node_endpoint *endpoint, struct text *error)
{
    struct socket_lock lock = {.fd = -1};
    maiko_status status = MAIKO_OK;
    char bound[PORT_ENDPOINT_MAX];

    if (strncmp(endpoint->text, "ipc://", strlen("ipc://")) == 0) {
        text_append_format(error, "listening at %s: ", endpoint->text);
        status = socket_lock_take(&lock, endpoint->text + strlen("ipc://"), lock_wait_ns, error);
        if (status != MAIKO_OK)
            return status;
        text_clear(error);
    }
    status = zmq_port_bind(bridge->port, endpoint->use == USE_LINKS ? PORT_LINKS : PORT_LISTENERS, endpoint->text, bound, error);
    if (status == MAIKO_OK)
        memcpy(endpoint->text, bound, sizeof(bound));
    endpoint->is_bound = status == MAIKO_OK;
    socket_lock_release(&lock);
    return status;
}

static maiko_status bind_all(maiko_bridge *bridge, struct text *error)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < bridge->endpoint_count && status == MAIKO_OK; i++) {
        struct node_endpoint *endpoint = &bridge->endpoints[i];

        if (endpoint->use != USE_CONNECT)
            status = bind_one(bridge, endpoint, error);
    }
    return status;
}

static maiko_status enter_space(maiko_bridge *bridge, struct text *error)
{
    char bound[PORT_ENDPOINT_MAX];
    maiko_status status = join_space(bridge, error);

    if (status == MAIKO_OK)
        status = zmq_port_bind(bridge->port, PORT_LINKS, space_link_endpoint(bridge->space), bound, error);
    if (status == MAIKO_OK)
        status = space_link_bound(bridge->space, error);
    if (status == MAIKO_OK)
        status = describe(bridge, bound);
    return status == MAIKO_OK ? space_announce(bridge->space, error) : status;
}

static maiko_status connect_all(maiko_bridge *bridge, struct text *error)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < bridge->endpoint_count && status == MAIKO_OK; i++) {
        const struct node_endpoint *endpoint = &bridge->endpoints[i];

        if (endpoint->use != USE_CONNECT)
            continue;
        if (node_access_may_dial(bridge, endpoint->peer_key.key)) {
            status = node_peers_connect(bridge, endpoint->text, endpoint->peer_key.key);
            continue;
        }
        text_append_format(error, "key %s, expected at %s, is neither in the allow file nor among the peer keys",
                           endpoint->peer_key.key, endpoint->text);
        status = MAIKO_EPERM;
    }
    return status;
}

/* What is kept of the past takes from what the supervisor may have only a part. */
static size_t log_bytes(const maiko_bridge *bridge)
{
    size_t bytes = bridge->config.log_bytes > 0 ? bridge->config.log_bytes : EXPORTER_LOG_BYTES;
    size_t most = bridge->heap->cap / 8;

    return bridge->heap->cap == 0 || bytes < most ? bytes : most;
}

static maiko_status open_all(maiko_bridge *bridge, struct text *error)
{
    struct exporter_config config = {
        .heap = bridge->heap, .log_bytes = log_bytes(bridge), .stream_seed = clock_wall_ns(&bridge->clock)};
    maiko_status status = exporter_new(&config, &bridge->exporter);
    bool has_changed;

    bridge->started_ns = node_now(bridge);
    bridge->clock_name = process_clock();
    bridge->epoch = clock_wall_ns(&bridge->clock);
    if (bridge->config.node == NULL)
        node_make_name(bridge, 1); /* with what it connects to and where it listens */
    if (status == MAIKO_OK)
        status = node_access_load(bridge, &has_changed, error);
    if (status == MAIKO_OK)
        status = open_port(bridge, error);
    if (status == MAIKO_OK)
        status = bind_all(bridge, error);
    if (status == MAIKO_OK && bridge->config.space != NULL)
        status = enter_space(bridge, error);
    if (status == MAIKO_OK)
        status = connect_all(bridge, error);
    return status;
}

static maiko_status make_importers(maiko_bridge *bridge)
{
    maiko_status status = MAIKO_OK;
    char name[sizeof(COMMON_IMPORTER) + 16] = COMMON_IMPORTER;
    unsigned i;

    for (i = 0; i < NODE_IMPORTERS && status == MAIKO_OK; i++) {
        if (i > 0)
            snprintf(name, sizeof(name), COMMON_IMPORTER " %u", i + 1);
        status = maiko_importer_new(bridge->sup, name, NULL, &bridge->importers[i].importer);
        maiko_importer_on_room(bridge->importers[i].importer, node_import_on_room, bridge);
    }
    return status;
}

static maiko_status set_up_actors(maiko_bridge *bridge)
{
    maiko_status status = make_importers(bridge);

    if (status != MAIKO_OK)
        return node_fail(bridge, status, "%s",
                         status == MAIKO_ESTATE ? "maiko_bridge_start() comes before maiko_supervisor_start()"
                                                : maiko_strerror(status));
    bridge->visit = (struct maiko_visit){.run = node_guest_read,
                                         .look = node_guest_look,
                                         .look_aside = node_guest_look_aside,
                                         .look_away = node_guest_look_away,
                                         .userdata = bridge};
    bridge->types.keeper = bridge->importers[0].importer;
    status = node_news_set_up(bridge);
    if (status == MAIKO_OK)
        status = node_export_set_up(bridge);
    return status == MAIKO_OK ? MAIKO_OK : node_fail(bridge, status, "%s", maiko_supervisor_error_text(bridge->sup));
}

/* Its actors are there already, and nobody takes what they would hand over. */
static maiko_status start_failed(maiko_bridge *bridge, maiko_status status, const char *reason)
{
    char text[NODE_ERROR_SIZE];
    struct text refusal;

    text_init_buffer(&refusal, text, sizeof(text));
    text_append_format(&refusal, "its bridge did not start: %s", reason);
    if (bridge->is_attached)
        maiko_supervisor_refuse_start(bridge->sup, status, text);
    return node_fail(bridge, status, "%s", reason);
}

/* A signal of the program's would interrupt what neither libzmq nor we begin again.  It comes behind this. */
static maiko_status open_undisturbed(maiko_bridge *bridge, struct text *error)
{
    sigset_t all, before;
    maiko_status status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = open_all(bridge, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

maiko_status maiko_bridge_start(maiko_bridge *bridge)
{
    char reason[NODE_ERROR_SIZE];
    struct text error;
    maiko_status status = node_check_set_up(bridge);

    if (status != MAIKO_OK)
        return status;
    status = set_up_actors(bridge);
    if (status != MAIKO_OK)
        return status;
    text_init_buffer(&error, reason, sizeof(reason));
    status = node_export_name_end(bridge, &error);
    if (status == MAIKO_OK)
        status = open_undisturbed(bridge, &error);
    if (status == MAIKO_OK)
        status = node_pool_set_up(bridge);
    if (status == MAIKO_OK)
        status = node_thread_start(bridge, &error);
    return status == MAIKO_OK ? MAIKO_OK : start_failed(bridge, status, reason[0] != '\0' ? reason : maiko_strerror(status));
}
