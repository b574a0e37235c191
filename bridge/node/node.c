/* Public calls of a bridge, see <maiko/bridge.h>: set-up, start, waiting, stop. */
#include "node/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "node/rename.h"
#include "security/endpoint.h"
#include "security/key_file.h"
#include "space/path.h"
#include <maiko/maiko.h>

#define COMMON_IMPORTER "bridge import"
#define DEFAULT_SPACE "maiko"

const char *maiko_bridge_version(void)
{
    return MAIKO_VERSION_STRING;
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

uint64_t node_now(const maiko_bridge *bridge)
{
    return clock_mono_ns(&bridge->clock);
}

static bool is_bridge(const maiko_bridge *bridge)
{
    return bridge != NULL && bridge->magic == NODE_MAGIC;
}

/* Before the start, and without a failure so far. */
static maiko_status check_set_up(maiko_bridge *bridge)
{
    if (!is_bridge(bridge))
        return MAIKO_EINVAL;
    if (bridge->is_started)
        return MAIKO_ESTATE;
    return bridge->failure;
}

/* ---- configuration ---- */

static void copy_text(maiko_bridge *bridge, char *to, size_t size, const char *from, const char *what)
{
    if (from == NULL)
        return;
    if (strlen(from) >= size)
        node_fail(bridge, MAIKO_ETOOLONG, "%s is longer than %zu bytes", what, size - 1);
    else
        memcpy(to, from, strlen(from) + 1);
}

/* A key as text, or the name of a file with one. */
static maiko_status read_key(const char *text_or_file, char ret_key[KEY_TEXT_SIZE], struct text *error)
{
    struct key_text keys;
    maiko_status status;
    size_t at;

    if (z85_check_key(text_or_file, &at) == Z85_OK) {
        memcpy(ret_key, text_or_file, KEY_TEXT_SIZE);
        return MAIKO_OK;
    }
    status = key_file_load(text_or_file, false, &keys, error);
    if (status == MAIKO_OK)
        memcpy(ret_key, keys.public_key, KEY_TEXT_SIZE);
    explicit_bzero(&keys, sizeof(keys));
    return status;
}

static void read_peer_keys(maiko_bridge *bridge, const char *const *keys)
{
    char reason[256];
    struct text error;
    size_t count = 0;
    size_t i;

    while (keys != NULL && keys[count] != NULL)
        count++;
    if (count == 0)
        return;
    bridge->peer_keys = heap_alloc_zeroed(bridge->heap, count, KEY_TEXT_SIZE);
    if (bridge->peer_keys == NULL) {
        node_fail(bridge, MAIKO_ENOMEM, "out of memory");
        return;
    }
    bridge->peer_key_count = count;
    text_init_buffer(&error, reason, sizeof(reason));
    for (i = 0; i < count; i++) {
        maiko_status status = read_key(keys[i], bridge->peer_keys[i], &error);

        if (status != MAIKO_OK)
            node_fail(bridge, status, "%s", reason);
    }
}

static void fill_defaults(maiko_bridge *bridge)
{
    maiko_bridge_config *config = &bridge->config;

    if (config->linger_ns == 0)
        config->linger_ns = MAIKO_SECONDS(5);
    if (bridge->space_name[0] == '\0')
        strcpy(bridge->space_name, DEFAULT_SPACE);
    if (bridge->node_name[0] == '\0')
        snprintf(bridge->node_name, sizeof(bridge->node_name), "%.32s.%ld", bridge->program[0] != '\0' ? bridge->program : "node",
                 (long)getpid());
    if (!space_name_is_valid(bridge->node_name))
        node_fail(bridge, MAIKO_ENAME, "\"%s\" is no name for a node", bridge->node_name);
    if (config->transport == MAIKO_TRANSPORT_SHM)
        node_fail(bridge, MAIKO_ENOTSUP, "links through shared memory are not part of this build: use auto or zmq");
}

static void read_config(maiko_bridge *bridge, const maiko_bridge_config *config, size_t config_size)
{
    if (config == NULL)
        return;
    memcpy(&bridge->config, config, config_size < sizeof(bridge->config) ? config_size : sizeof(bridge->config));
    copy_text(bridge, bridge->space_name, sizeof(bridge->space_name), bridge->config.space, "the name of the space");
    copy_text(bridge, bridge->node_name, sizeof(bridge->node_name), bridge->config.node, "the name of the node");
    copy_text(bridge, bridge->program, sizeof(bridge->program), bridge->config.program, "the name of the program");
    copy_text(bridge, bridge->runtime_dir, sizeof(bridge->runtime_dir),
              bridge->config.runtime_dir != NULL ? bridge->config.runtime_dir : getenv("XDG_RUNTIME_DIR"), "XDG_RUNTIME_DIR");
    copy_text(bridge, bridge->key_file, sizeof(bridge->key_file), bridge->config.key_file, "the name of the key file");
    copy_text(bridge, bridge->allow_file, sizeof(bridge->allow_file), bridge->config.allow_file, "the name of the allow file");
    read_peer_keys(bridge, bridge->config.peer_keys);
}

static maiko_status make_node_id(maiko_bridge *bridge)
{
    uint64_t bits[2];

    if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
        return MAIKO_ESYSTEM;
    bridge->node_id.hi = (bits[0] & ~UINT64_C(0xf000)) | UINT64_C(0x4000);                         /* version 4 */
    bridge->node_id.lo = (bits[1] & ~UINT64_C(0xc000000000000000)) | UINT64_C(0x8000000000000000); /* variant */
    return MAIKO_OK;
}

static maiko_status make_locks(maiko_bridge *bridge)
{
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0 || pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&bridge->changed, &attributes) != 0)
        return MAIKO_ESYSTEM;
    pthread_condattr_destroy(&attributes);
    return pthread_mutex_init(&bridge->lock, NULL) == 0 ? MAIKO_OK : MAIKO_ESYSTEM;
}

maiko_bridge *maiko_bridge_new_sized(maiko_supervisor *sup, const maiko_bridge_config *config, size_t config_size)
{
    maiko_bridge *bridge = heap_alloc_zeroed(heap_default(), 1, sizeof(*bridge));

    if (bridge == NULL)
        return NULL;
    bridge->magic = NODE_MAGIC;
    bridge->heap = heap_default();
    bridge->sup = sup;
    list_init(&bridge->expected);
    list_init(&bridge->placed);
    list_init(&bridge->peers);
    list_init(&bridge->waits);
    list_init(&bridge->held_topics);
    sources_init(&bridge->sources, bridge->heap, bridge->exports);
    batch_builder_init(&bridge->building, bridge->heap);
    clock_init(&bridge->clock);
    types_init(&bridge->types, bridge->heap);
    origins_init(&bridge->origins, bridge->heap);
    allow_list_init(&bridge->allow, bridge->heap);
    pack_init(&bridge->pack, bridge->heap, WIRE_FRAME_MAX);
    if (make_locks(bridge) != MAIKO_OK || handover_init(&bridge->handover) != MAIKO_OK || make_node_id(bridge) != MAIKO_OK)
        node_fail(bridge, MAIKO_ESYSTEM, "no lock or eventfd for the bridge");
    if (sup == NULL)
        node_fail(bridge, MAIKO_EINVAL, "a bridge needs a supervisor");
    read_config(bridge, config, config_size);
    fill_defaults(bridge);
    return bridge;
}

/* ---- what goes over it ---- */

static maiko_status add_pattern(maiko_bridge *bridge, const maiko_bridge_pattern *given, size_t size, struct node_pattern *list,
                                size_t *count)
{
    maiko_bridge_pattern pattern = {.pattern = NULL};
    struct node_pattern *added = &list[*count];
    maiko_status status = check_set_up(bridge);

    if (status != MAIKO_OK)
        return status;
    if (given == NULL || *count == NODE_PATTERNS_MAX)
        return node_fail(bridge, given == NULL ? MAIKO_EINVAL : MAIKO_ELIMIT, "at most %d exports and as many imports",
                         NODE_PATTERNS_MAX);
    memcpy(&pattern, given, size < sizeof(pattern) ? size : sizeof(pattern));
    status = pattern.as != NULL ? rename_check(pattern.pattern, pattern.as) : maiko_pattern_check(pattern.pattern);
    if (status == MAIKO_OK && (maiko_topic_is_reserved(pattern.pattern) || maiko_topic_is_reserved(pattern.as)))
        status = MAIKO_EPERM; /* what the library says about a process stays there */
    if (status != MAIKO_OK)
        return node_fail(bridge, status, "\"%s\"%s%s: %s", pattern.pattern == NULL ? "" : pattern.pattern,
                         pattern.as != NULL ? " as " : "", pattern.as != NULL ? pattern.as : "", maiko_strerror(status));
    strcpy(added->pattern, pattern.pattern);
    strcpy(added->as, pattern.as != NULL ? pattern.as : "");
    added->overflow = pattern.overflow;
    added->relay = pattern.relay;
    bridge->has_relays = bridge->has_relays || (list == bridge->exports && pattern.relay);
    added->from = pattern.from == MAIKO_FROM_LOG ? FROM_LOG : pattern.from == MAIKO_FROM_LAST ? FROM_LAST : FROM_LIVE;
    (*count)++;
    return MAIKO_OK;
}

maiko_status maiko_bridge_export_sized(maiko_bridge *bridge, const maiko_bridge_pattern *pattern, size_t size)
{
    return is_bridge(bridge) ? add_pattern(bridge, pattern, size, bridge->exports, &bridge->export_count) : MAIKO_EINVAL;
}

maiko_status maiko_bridge_import_sized(maiko_bridge *bridge, const maiko_bridge_pattern *pattern, size_t size)
{
    return is_bridge(bridge) ? add_pattern(bridge, pattern, size, bridge->imports, &bridge->import_count) : MAIKO_EINVAL;
}

/* A copy of a NULL-terminated list, texts and all in one block. */
static maiko_status copy_texts(struct heap *heap, const char *const *texts, const char ***ret_copy, size_t *ret_size)
{
    size_t size = sizeof(char *);
    size_t count;
    const char **copy;
    char *at;
    size_t i;

    for (count = 0; texts != NULL && texts[count] != NULL; count++)
        size += sizeof(char *) + strlen(texts[count]) + 1;
    copy = heap_alloc_zeroed(heap, 1, size);
    if (copy == NULL)
        return MAIKO_ENOMEM;
    at = (char *)(copy + count + 1);
    for (i = 0; i < count; i++) {
        size_t len = strlen(texts[i]) + 1;

        copy[i] = memcpy(at, texts[i], len);
        at += len;
    }
    *ret_copy = copy;
    *ret_size = size;
    return MAIKO_OK;
}

static void actor_free(maiko_bridge *bridge, struct node_actor *actor)
{
    list_remove(&actor->link);
    heap_free(bridge->heap, actor->publish, actor->publish_size);
    heap_free(bridge->heap, actor->subscribe, actor->subscribe_size);
    heap_free(bridge->heap, actor, sizeof(*actor));
}

static struct node_actor *actor_new(maiko_bridge *bridge, struct list *list, const char *name, const char *const *publish,
                                    const char *const *subscribe)
{
    struct node_actor *actor = NULL;

    if (check_set_up(bridge) != MAIKO_OK)
        return NULL;
    if (name == NULL || strlen(name) >= sizeof(actor->name)) {
        node_fail(bridge, MAIKO_ENAME, "an actor for the bridge needs a name of at most 255 bytes");
        return NULL;
    }
    actor = heap_alloc_zeroed(bridge->heap, 1, sizeof(*actor));
    if (actor == NULL) {
        node_fail(bridge, MAIKO_ENOMEM, "out of memory");
        return NULL;
    }
    strcpy(actor->name, name);
    list_push_back(list, &actor->link);
    if (copy_texts(bridge->heap, publish, &actor->publish, &actor->publish_size) == MAIKO_OK &&
        copy_texts(bridge->heap, subscribe, &actor->subscribe, &actor->subscribe_size) == MAIKO_OK)
        return actor;
    actor_free(bridge, actor);
    node_fail(bridge, MAIKO_ENOMEM, "out of memory");
    return NULL;
}

maiko_status maiko_bridge_expect(maiko_bridge *bridge, const char *name, const char *const *publish)
{
    struct node_actor *actor;
    maiko_status status;

    if (!is_bridge(bridge))
        return MAIKO_EINVAL;
    actor = actor_new(bridge, &bridge->expected, name, publish, NULL);
    if (actor == NULL)
        return bridge->failure != MAIKO_OK ? bridge->failure : MAIKO_ESTATE;
    status = maiko_importer_new(bridge->sup, name, publish, &actor->importer.importer);
    if (status != MAIKO_OK)
        return node_fail(bridge, status, "expecting \"%s\": %s", name, maiko_strerror(status));
    maiko_importer_on_room(actor->importer.importer, node_import_on_room, bridge);
    return MAIKO_OK;
}

const char *maiko_bridge_announce(maiko_bridge *bridge, const char *name, const char *const *publish,
                                  const char *const *subscribe)
{
    struct node_actor *actor = is_bridge(bridge) ? actor_new(bridge, &bridge->placed, name, publish, subscribe) : NULL;

    if (actor == NULL)
        return NULL;
    actor->index = bridge->placed_count++;
    snprintf(actor->end_topic, sizeof(actor->end_topic), "$maiko/end/%u", actor->index);
    return actor->end_topic;
}

maiko_status maiko_bridge_know_type(maiko_bridge *bridge, const maiko_event_type *type)
{
    maiko_status status = check_set_up(bridge);
    struct known_type *known;

    if (status != MAIKO_OK)
        return status;
    status = type == NULL ? MAIKO_EINVAL : types_learn(&bridge->types, type, &known);
    return status == MAIKO_OK ? MAIKO_OK : node_fail(bridge, status, "a type that cannot travel: %s", maiko_strerror(status));
}

/* ---- where it goes ---- */

static maiko_status add_endpoint(maiko_bridge *bridge, enum endpoint_use use, const char *text, const char *peer_key)
{
    struct node_endpoint *added;
    struct endpoint endpoint;
    char reason[256];
    struct text error;
    maiko_status status = check_set_up(bridge);

    if (status != MAIKO_OK)
        return status;
    if (text == NULL || bridge->endpoint_count == NODE_ENDPOINTS_MAX)
        return node_fail(bridge, text == NULL ? MAIKO_EINVAL : MAIKO_ELIMIT, "at most %d endpoints", NODE_ENDPOINTS_MAX);
    added = &bridge->endpoints[bridge->endpoint_count];
    text_init_buffer(&error, reason, sizeof(reason));
    status = endpoint_parse(text, &endpoint, &error);
    if (status == MAIKO_OK && use == USE_CONNECT)
        status = endpoint_check_connect(&endpoint, &error);
    else if (status == MAIKO_OK)
        status = endpoint_check_bind(&endpoint, bridge->key_file[0] != '\0', bridge->config.insecure, &error);
    if (status == MAIKO_OK && peer_key != NULL)
        status = read_key(peer_key, added->peer_key, &error);
    if (status != MAIKO_OK)
        return node_fail(bridge, status, "%s", reason);
    added->use = use;
    strcpy(added->text, text); /* endpoint_parse() has looked at the length */
    bridge->endpoint_count++;
    return MAIKO_OK;
}

maiko_status maiko_bridge_listen(maiko_bridge *bridge, const char *endpoint)
{
    return is_bridge(bridge) ? add_endpoint(bridge, USE_LINKS, endpoint, NULL) : MAIKO_EINVAL;
}

maiko_status maiko_bridge_connect(maiko_bridge *bridge, const char *endpoint, const char *peer_key)
{
    return is_bridge(bridge) ? add_endpoint(bridge, USE_CONNECT, endpoint, peer_key) : MAIKO_EINVAL;
}

maiko_status maiko_bridge_publish_at(maiko_bridge *bridge, const char *endpoint)
{
    return is_bridge(bridge) ? add_endpoint(bridge, USE_LISTENERS, endpoint, NULL) : MAIKO_EINVAL;
}

/* ---- start ---- */

static void on_space_arrived(const struct node_record *node, void *userdata)
{
    node_peers_arrived(userdata, node);
}

static void on_space_left(const struct node_record *node, enum space_departure departure, void *userdata)
{
    maiko_bridge *bridge = userdata;

    node_log(bridge, departure == SPACE_DIED ? MAIKO_LOG_WARNING : MAIKO_LOG_INFO, "node %s %s", node->name,
             space_departure_name(departure));
    node_peers_left(bridge, node->name, departure == SPACE_DIED);
}

static void on_warning(const char *text, void *userdata)
{
    node_log(userdata, MAIKO_LOG_WARNING, "%s", text);
}

static void on_refused(const char *who, const char *reason, const char *text, void *userdata)
{
    node_news_refused(userdata, who, reason, NULL, "%s", text);
}

static maiko_status open_port(maiko_bridge *bridge, struct text *error)
{
    struct zmq_port_config config = {.heap = bridge->heap,
                                     .hooks = {.frame = node_peers_frame,
                                               .up = node_peers_up,
                                               .down = node_peers_down,
                                               .forgotten = node_peers_forgotten,
                                               .admit = node_access_admit,
                                               .may_listen = node_access_may_listen,
                                               .refused = on_refused,
                                               .warn = on_warning,
                                               .userdata = bridge}};

    memcpy(config.public_key, bridge->keys.public_key, KEY_TEXT_SIZE);
    memcpy(config.secret_key, bridge->keys.secret_key, KEY_TEXT_SIZE);
    return zmq_port_open(&config, &bridge->port, error);
}

static maiko_status join_space(maiko_bridge *bridge, struct text *error)
{
    struct space_config config = {
        .heap = bridge->heap,
        .runtime_dir = bridge->runtime_dir,
        .space = bridge->space_name,
        .node = bridge->node_name,
        .hooks = {.node_arrived = on_space_arrived, .node_left = on_space_left, .warn = on_warning, .userdata = bridge}};
    maiko_status status;
    unsigned attempt;

    status = space_join(&config, &bridge->space, error);
    for (attempt = 2; status == MAIKO_EEXIST && bridge->config.node == NULL && attempt < 64; attempt++) {
        text_clear(error); /* a name nobody chose: several bridges of one process */
        snprintf(bridge->node_name, sizeof(bridge->node_name), "%.32s.%ld.%u",
                 bridge->program[0] != '\0' ? bridge->program : "node", (long)getpid(), attempt);
        status = space_join(&config, &bridge->space, error);
    }
    if (status == MAIKO_OK)
        bridge->epoch = space_record(bridge->space)->epoch;
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
    for (i = 0; i < bridge->export_count && status == MAIKO_OK; i++)
        status = text_list_add(&record->exports, record->heap,
                               bridge->exports[i].as[0] != '\0' ? bridge->exports[i].as : bridge->exports[i].pattern);
    for (i = 0; i < bridge->import_count && status == MAIKO_OK; i++)
        status = text_list_add(&record->imports, record->heap, bridge->imports[i].pattern);
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

static maiko_status bind_all(maiko_bridge *bridge, struct text *error)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < bridge->endpoint_count && status == MAIKO_OK; i++) {
        struct node_endpoint *endpoint = &bridge->endpoints[i];
        char bound[PORT_ENDPOINT_MAX];

        if (endpoint->use == USE_CONNECT)
            continue;
        status =
            zmq_port_bind(bridge->port, endpoint->use == USE_LINKS ? PORT_LINKS : PORT_LISTENERS, endpoint->text, bound, error);
        if (status == MAIKO_OK)
            memcpy(endpoint->text, bound, sizeof(bound));
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
        status = describe(bridge, bound);
    return status == MAIKO_OK ? space_announce(bridge->space, error) : status;
}

static maiko_status connect_all(maiko_bridge *bridge)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < bridge->endpoint_count && status == MAIKO_OK; i++)
        if (bridge->endpoints[i].use == USE_CONNECT)
            status = node_peers_connect(bridge, bridge->endpoints[i].text, bridge->endpoints[i].peer_key);
    return status;
}

static maiko_status open_all(maiko_bridge *bridge, struct text *error)
{
    struct exporter_config config = {
        .heap = bridge->heap, .log_bytes = bridge->config.log_bytes, .stream_seed = clock_wall_ns(&bridge->clock)};
    maiko_status status = exporter_new(&config, &bridge->exporter);

    bridge->started_ns = node_now(bridge);
    bridge->epoch = clock_wall_ns(&bridge->clock);
    if (status == MAIKO_OK)
        status = node_access_load(bridge, error);
    if (status == MAIKO_OK)
        status = open_port(bridge, error);
    if (status == MAIKO_OK)
        status = bind_all(bridge, error);
    if (status == MAIKO_OK && bridge->config.space != NULL)
        status = enter_space(bridge, error);
    if (status == MAIKO_OK)
        status = connect_all(bridge);
    return status;
}

static maiko_status set_up_actors(maiko_bridge *bridge)
{
    maiko_status status = maiko_importer_new(bridge->sup, COMMON_IMPORTER, NULL, &bridge->importer.importer);

    if (status != MAIKO_OK)
        return node_fail(bridge, status, "the bridge's importer: %s", maiko_strerror(status));
    maiko_importer_on_room(bridge->importer.importer, node_import_on_room, bridge);
    status = node_news_set_up(bridge);
    if (status == MAIKO_OK)
        status = node_export_set_up(bridge);
    return status == MAIKO_OK ? MAIKO_OK : node_fail(bridge, status, "%s", maiko_supervisor_error_text(bridge->sup));
}

maiko_status maiko_bridge_start(maiko_bridge *bridge)
{
    char reason[NODE_ERROR_SIZE];
    struct text error;
    maiko_status status = check_set_up(bridge);

    if (status != MAIKO_OK)
        return status;
    status = set_up_actors(bridge);
    if (status != MAIKO_OK)
        return status;
    text_init_buffer(&error, reason, sizeof(reason));
    status = open_all(bridge, &error);
    if (status == MAIKO_OK)
        status = node_thread_start(bridge, &error);
    return status == MAIKO_OK ? MAIKO_OK : node_fail(bridge, status, "%s", reason[0] != '\0' ? reason : maiko_strerror(status));
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
    while (!wait->is_done && !bridge->is_closed && !is_late)
        is_late = end_ns == UINT64_MAX ? pthread_cond_wait(&bridge->changed, &bridge->lock) != 0
                                       : pthread_cond_timedwait(&bridge->changed, &bridge->lock, &end) == ETIMEDOUT;
    list_remove(&wait->link);
    is_closed = bridge->is_closed;
    pthread_mutex_unlock(&bridge->lock);
    return wait->is_done ? MAIKO_OK : is_closed ? MAIKO_ECLOSED : MAIKO_ETIMEDOUT;
}

maiko_status maiko_bridge_wait_ready(maiko_bridge *bridge, const char *topic, unsigned subscribers, uint64_t timeout_ns)
{
    struct node_wait wait = {.topic = topic, .subscribers = subscribers};

    if (!is_bridge(bridge) || topic == NULL || maiko_topic_check(topic) != MAIKO_OK)
        return MAIKO_EINVAL;
    return bridge->is_started ? wait_for(bridge, &wait, timeout_ns) : MAIKO_ESTATE;
}

maiko_status maiko_bridge_wait_actors(maiko_bridge *bridge, uint64_t timeout_ns, char *missing, size_t missing_size)
{
    char own[8];
    struct node_wait wait = {.missing = missing, .missing_size = missing_size};

    if (!is_bridge(bridge))
        return MAIKO_EINVAL;
    if (missing == NULL || missing_size == 0) {
        wait.missing = own;
        wait.missing_size = sizeof(own);
    }
    wait.missing[0] = '\0';
    return bridge->is_started ? wait_for(bridge, &wait, timeout_ns) : MAIKO_ESTATE;
}

maiko_status maiko_bridge_drain(maiko_bridge *bridge)
{
    struct node_wait wait = {.is_for_drain = true};

    if (!is_bridge(bridge))
        return MAIKO_EINVAL;
    return bridge->is_started ? wait_for(bridge, &wait, bridge->config.linger_ns) : MAIKO_ESTATE;
}

const char *maiko_bridge_endpoint(maiko_bridge *bridge, size_t index)
{
    size_t i;

    if (!is_bridge(bridge))
        return NULL;
    for (i = 0; i < bridge->endpoint_count; i++)
        if (bridge->endpoints[i].use != USE_CONNECT && index-- == 0)
            return bridge->endpoints[i].text;
    return NULL;
}

maiko_status maiko_bridge_reload(maiko_bridge *bridge)
{
    if (!is_bridge(bridge))
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

    if (!is_bridge(bridge) || counters == NULL || counters->struct_size < sizeof(counters->struct_size))
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
#undef READ_COUNTER
    all.peers = atomic_load_explicit(&bridge->peers_up, memory_order_relaxed);
    size = counters->struct_size < sizeof(all) ? counters->struct_size : sizeof(all);
    all.struct_size = counters->struct_size;
    memcpy(counters, &all, size);
    return MAIKO_OK;
}

const char *maiko_bridge_error_text(const maiko_bridge *bridge)
{
    return is_bridge(bridge) ? bridge->error_text : "";
}

/* ---- stop ---- */

static void free_actors(maiko_bridge *bridge, struct list *list)
{
    while (!list_is_empty(list))
        actor_free(bridge, CONTAINER_OF(list_first(list), struct node_actor, link));
}

static void bridge_free(maiko_bridge *bridge)
{
    struct heap *heap = bridge->heap;

    node_peers_free(bridge); /* what a failed start has left */
    zmq_port_close(bridge->port, 0);
    space_leave(bridge->space);
    exporter_free(bridge->exporter);
    handover_deinit(&bridge->handover);
    batch_builder_deinit(&bridge->building);
    sources_deinit(&bridge->sources);
    free_actors(bridge, &bridge->expected);
    free_actors(bridge, &bridge->placed);
    types_deinit(&bridge->types);
    origins_deinit(&bridge->origins);
    allow_list_deinit(&bridge->allow);
    pack_deinit(&bridge->pack);
    heap_free(heap, bridge->peer_keys, bridge->peer_key_count * KEY_TEXT_SIZE);
    pthread_cond_destroy(&bridge->changed);
    pthread_mutex_destroy(&bridge->lock);
    explicit_bzero(&bridge->keys, sizeof(bridge->keys));
    bridge->magic = 0;
    heap_free(heap, bridge, sizeof(*bridge));
}

maiko_status maiko_bridge_stop(maiko_bridge **bridge)
{
    maiko_status status = MAIKO_OK;

    if (bridge == NULL || !is_bridge(*bridge))
        return MAIKO_EINVAL;
    if ((*bridge)->is_started) {
        node_thread_stop(*bridge);
        status = (*bridge)->is_drained ? MAIKO_OK : MAIKO_ETIMEDOUT;
    }
    bridge_free(*bridge);
    *bridge = NULL;
    return status;
}
