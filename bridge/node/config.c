/* Setting a bridge up, see <maiko/bridge.h>: what it is called, what goes over it and where. */
#include "node/node.h"
#include "wire/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "node/rename.h"
#include "runtime/attachment.h"
#include "runtime/shared_heap.h"
#include "security/endpoint.h"
#include "space/path.h"
#include <maiko/maiko.h>

#define DEFAULT_SPACE "maiko"

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
    bridge->peer_keys = heap_alloc_zeroed(bridge->heap, count, sizeof(*bridge->peer_keys));
    if (bridge->peer_keys == NULL) {
        node_fail(bridge, MAIKO_ENOMEM, "out of memory");
        return;
    }
    bridge->peer_key_count = count;
    text_init_buffer(&error, reason, sizeof(reason));
    for (i = 0; i < count; i++) {
        maiko_status status = peer_key_init(&bridge->peer_keys[i], bridge->heap, keys[i], &error);

        if (status != MAIKO_OK)
            node_fail(bridge, status, "%s", reason[0] != '\0' ? reason : maiko_strerror(status));
    }
}

static void fill_defaults(maiko_bridge *bridge)
{
    maiko_bridge_config *config = &bridge->config;

    if (config->window_events > PORT_WINDOW_EVENTS_MAX)
        node_fail(bridge, MAIKO_EINVAL, "a window has at most %d events", PORT_WINDOW_EVENTS_MAX);
    if (config->linger_ns == 0)
        config->linger_ns = MAIKO_SECONDS(5);
    if (config->space == NULL)
        strcpy(bridge->space_name, DEFAULT_SPACE);
    else if (!space_name_is_valid(bridge->space_name))
        node_fail(bridge, MAIKO_ENAME, "\"%s\" is no name for a space", bridge->space_name);
    if (config->node == NULL)
        node_make_name(bridge, 1);
    if (!space_name_is_valid(bridge->node_name))
        node_fail(bridge, MAIKO_ENAME, "\"%s\" is no name for a node", bridge->node_name);
    if (config->transport == MAIKO_TRANSPORT_SHM && config->space == NULL)
        node_fail(bridge, MAIKO_EINVAL, "links through shared memory need a space");
}

/* Each member of a group has an XDG_RUNTIME_DIR of its own. */
static const char *runtime_dir_of(const maiko_bridge_config *config)
{
    if (config->runtime_dir != NULL || config->space_group != NULL)
        return config->runtime_dir;
    return getenv("XDG_RUNTIME_DIR");
}

/* The first one of the table unless another is named. */
static void choose_codec(maiko_bridge *bridge)
{
    const char *name = bridge->config.listener_codec;

    bridge->listener_codec = name == NULL ? codec_at(0) : codec_by_name(name);
    if (bridge->listener_codec == NULL)
        node_fail(bridge, MAIKO_ENOTFOUND, "listener_codec \"%s\": there is none of that name", name);
}

static void read_config(maiko_bridge *bridge, const maiko_bridge_config *config, size_t config_size)
{
    if (config == NULL)
        return;
    memcpy(&bridge->config, config, config_size < sizeof(bridge->config) ? config_size : sizeof(bridge->config));
    copy_text(bridge, bridge->space_name, sizeof(bridge->space_name), bridge->config.space, "the name of the space");
    copy_text(bridge, bridge->space_group, sizeof(bridge->space_group), bridge->config.space_group, "the group of the space");
    copy_text(bridge, bridge->node_name, sizeof(bridge->node_name), bridge->config.node, "the name of the node");
    copy_text(bridge, bridge->program, sizeof(bridge->program), bridge->config.program, "the name of the program");
    if (bridge->config.runtime_dir != NULL && bridge->config.runtime_dir[0] != '/')
        node_fail(bridge, MAIKO_EINVAL, "runtime_dir \"%s\" is no absolute path", bridge->config.runtime_dir);
    copy_text(bridge, bridge->runtime_dir, sizeof(bridge->runtime_dir), runtime_dir_of(&bridge->config), "XDG_RUNTIME_DIR");
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
    if (pthread_mutex_init(&bridge->turn, NULL) != 0)
        return MAIKO_ESYSTEM;
    return pthread_mutex_init(&bridge->lock, NULL) == 0 ? MAIKO_OK : MAIKO_ESYSTEM;
}

maiko_bridge *maiko_bridge_new_sized(maiko_supervisor *sup, const maiko_bridge_config *config, size_t config_size)
{
    struct heap *heap = maiko_supervisor_heap(sup);

    return node_new(heap != NULL ? heap : heap_default(), sup, config, config_size);
}

maiko_bridge *node_new(struct heap *heap, maiko_supervisor *sup, const maiko_bridge_config *config, size_t config_size)
{
    maiko_bridge *bridge = heap_alloc_zeroed(heap, 1, sizeof(*bridge));

    if (bridge == NULL)
        return NULL;
    bridge->magic = NODE_MAGIC;
    bridge->heap = heap;
    heap_init(&bridge->with_shelf, NULL, 0);
    heap_use_shelf(&bridge->with_shelf, &bridge->large_blocks);
    bridge->large = heap == heap_default() ? &bridge->with_shelf : heap;
    bridge->sup = sup;
    bridge->shm_fd = -1;
    list_init(&bridge->expected);
    list_init(&bridge->placed);
    list_init(&bridge->peers);
    list_init(&bridge->waits);
    list_init(&bridge->held_topics);
    list_init(&bridge->door_waits);
    list_init(&bridge->waiting);
    list_init(&bridge->left_backlogs);
    sources_init(&bridge->sources, bridge->heap, bridge->exports);
    batch_builder_init(&bridge->building, bridge->heap, bridge->large);
    clock_init(&bridge->clock);
    bridge->key_watch_fd = -1;
    bridge->record_due_ns = UINT64_MAX;
    types_init(&bridge->types, bridge->heap);
    origins_init(&bridge->origins, bridge->heap);
    allow_list_init(&bridge->allow, bridge->heap);
    pack_init(&bridge->pack, bridge->heap, WIRE_FRAME_MAX);
    if (make_locks(bridge) != MAIKO_OK || handover_init(&bridge->handover, heap) != MAIKO_OK || make_node_id(bridge) != MAIKO_OK)
        node_fail(bridge, MAIKO_ESYSTEM, "no lock or eventfd for the bridge");
    bridge->is_attached = maiko_supervisor_attach(sup);
    if (sup == NULL)
        node_fail(bridge, MAIKO_EINVAL, "a bridge needs a supervisor");
    read_config(bridge, config, config_size);
    choose_codec(bridge);
    fill_defaults(bridge);
    return bridge;
}

/* ---- what goes over it ---- */

static maiko_status add_pattern(maiko_bridge *bridge, const maiko_bridge_pattern *given, size_t size, struct node_pattern *list,
                                size_t *count)
{
    maiko_bridge_pattern pattern = {.pattern = NULL};
    struct node_pattern *added = &list[*count];
    maiko_status status = node_check_set_up(bridge);

    if (status != MAIKO_OK)
        return status;
    if (given == NULL || *count == NODE_PATTERNS_MAX)
        return node_fail(bridge, given == NULL ? MAIKO_EINVAL : MAIKO_ELIMIT,
                         "a bridge has at most %d patterns of exports and as many of imports: topics/# is one for many",
                         NODE_PATTERNS_MAX);
    memcpy(&pattern, given, size < sizeof(pattern) ? size : sizeof(pattern));
    status = pattern.as != NULL ? rename_check(pattern.pattern, pattern.as) : maiko_pattern_check(pattern.pattern);
    if (status == MAIKO_OK && (topic_stays_here(pattern.pattern) || topic_stays_here(pattern.as)))
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
    return node_is_bridge(bridge) ? add_pattern(bridge, pattern, size, bridge->exports, &bridge->export_count) : MAIKO_EINVAL;
}

maiko_status maiko_bridge_import_sized(maiko_bridge *bridge, const maiko_bridge_pattern *pattern, size_t size)
{
    return node_is_bridge(bridge) ? add_pattern(bridge, pattern, size, bridge->imports, &bridge->import_count) : MAIKO_EINVAL;
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

void node_actor_free(maiko_bridge *bridge, struct node_actor *actor)
{
    list_remove(&actor->link);
    heap_free(bridge->heap, actor->publish, actor->publish_size);
    heap_free(bridge->heap, actor->subscribe, actor->subscribe_size);
    heap_free(bridge->heap, actor, sizeof(*actor));
}

static bool has_too_many(const char *const *texts)
{
    size_t count = 0;

    while (texts != NULL && texts[count] != NULL)
        count++;
    return count > WIRE_TOPICS_MAX;
}

static struct node_actor *actor_new(maiko_bridge *bridge, struct list *list, const char *name, const char *const *publish,
                                    const char *const *subscribe)
{
    struct node_actor *actor = NULL;

    if (node_check_set_up(bridge) != MAIKO_OK)
        return NULL;
    if (name == NULL || strlen(name) >= sizeof(actor->name)) {
        node_fail(bridge, MAIKO_ENAME, "an actor for the bridge needs a name of at most 255 bytes");
        return NULL;
    }
    if (has_too_many(publish) || has_too_many(subscribe)) { /* others would refuse what is said of it */
        node_fail(bridge, MAIKO_ELIMIT, "\"%s\" declares more than %d topics: topics/# is one for many", name, WIRE_TOPICS_MAX);
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
    node_actor_free(bridge, actor);
    node_fail(bridge, MAIKO_ENOMEM, "out of memory");
    return NULL;
}

maiko_status maiko_bridge_expect(maiko_bridge *bridge, const char *name, const char *const *publish)
{
    struct node_actor *actor;
    maiko_status status;

    if (!node_is_bridge(bridge))
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
    struct node_actor *actor;

    if (!node_is_bridge(bridge))
        return NULL;
    if (bridge->placed_count == WIRE_ACTORS_MAX) {
        node_fail(bridge, MAIKO_ELIMIT, "more than %d actors to tell other nodes of", WIRE_ACTORS_MAX);
        return NULL;
    }
    actor = actor_new(bridge, &bridge->placed, name, publish, subscribe);
    if (actor == NULL)
        return NULL;
    actor->index = bridge->placed_count++;
    snprintf(actor->end_topic, sizeof(actor->end_topic), "$maiko/end/%u", actor->index);
    return actor->end_topic;
}

maiko_status maiko_bridge_know_type(maiko_bridge *bridge, const maiko_event_type *type)
{
    maiko_status status = node_check_set_up(bridge);
    struct known_type *known;

    if (status != MAIKO_OK)
        return status;
    status = type == NULL ? MAIKO_EINVAL : types_learn(&bridge->types, type, &known);
    return status == MAIKO_OK ? MAIKO_OK : node_fail(bridge, status, "a type that cannot travel: %s", maiko_strerror(status));
}

/* ---- where it goes ---- */

/* A second link to one node is refused there. */
static maiko_status check_is_new(const maiko_bridge *bridge, const struct node_endpoint *added, const struct endpoint *endpoint,
                                 struct text *error)
{
    const struct node_endpoint *other;
    struct endpoint parsed;

    for (other = bridge->endpoints; other < added; other++) {
        bool is_same = other->use == USE_CONNECT && strcmp(other->peer_key.key, added->peer_key.key) == 0 &&
                       endpoint_parse(other->text, &parsed, error) == MAIKO_OK && endpoint_is_same(&parsed, endpoint);

        if (!is_same)
            continue;
        text_append_format(error, "connecting to %s twice", added->text);
        return MAIKO_EEXIST;
    }
    return MAIKO_OK;
}

static maiko_status add_endpoint(maiko_bridge *bridge, enum endpoint_use use, const char *text, const char *peer_key)
{
    struct node_endpoint *added;
    struct endpoint endpoint;
    char reason[256];
    struct text error;
    maiko_status status = node_check_set_up(bridge);

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
    if (status == MAIKO_OK && peer_key != NULL && bridge->key_file[0] == '\0') {
        text_append(&error, "an encrypted connection needs a key pair of our own");
        status = MAIKO_EINVAL;
    }
    if (status == MAIKO_OK && peer_key != NULL)
        status = peer_key_init(&added->peer_key, bridge->heap, peer_key, &error);
    if (status == MAIKO_OK) {
        added->use = use;
        strcpy(added->text, text); /* endpoint_parse() has looked at the length */
        if (use == USE_CONNECT)
            status = check_is_new(bridge, added, &endpoint, &error);
    }
    if (status != MAIKO_OK) {
        peer_key_deinit(&added->peer_key, bridge->heap);
        return node_fail(bridge, status, "%s", reason[0] != '\0' ? reason : maiko_strerror(status));
    }
    bridge->endpoint_count++;
    return MAIKO_OK;
}

maiko_status maiko_bridge_listen(maiko_bridge *bridge, const char *endpoint)
{
    return node_is_bridge(bridge) ? add_endpoint(bridge, USE_LINKS, endpoint, NULL) : MAIKO_EINVAL;
}

maiko_status maiko_bridge_connect(maiko_bridge *bridge, const char *endpoint, const char *peer_key)
{
    return node_is_bridge(bridge) ? add_endpoint(bridge, USE_CONNECT, endpoint, peer_key) : MAIKO_EINVAL;
}

maiko_status maiko_bridge_publish_at(maiko_bridge *bridge, const char *endpoint)
{
    return node_is_bridge(bridge) ? add_endpoint(bridge, USE_LISTENERS, endpoint, NULL) : MAIKO_EINVAL;
}
