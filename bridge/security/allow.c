/* Allow list, see allow.h. */
#include "security/allow.h"

#include <ini.h>
#include <string.h>

#include "space/ini_text.h"
#include "space/path.h"
#include <maiko/topic.h>

void allow_list_init(struct allow_list *list, struct heap *heap)
{
    *list = (struct allow_list){.heap = heap};
}

void allow_list_deinit(struct allow_list *list)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        text_list_clear(&list->peers[i].nodes, list->heap);
        text_list_clear(&list->peers[i].publish, list->heap);
        text_list_clear(&list->peers[i].subscribe, list->heap);
    }
    heap_free(list->heap, list->peers, list->count * sizeof(list->peers[0]));
    allow_list_init(list, list->heap);
}

/* ---- reading ---- */

struct reader {
    struct allow_list *list;
    struct text *error;
    maiko_status status;
};

static int refuse(struct reader *reader, const char *section, const char *name, const char *reason)
{
    if (reader->status == MAIKO_OK) {
        reader->status = MAIKO_EINVAL;
        text_append_format(reader->error, "[%s] %s: %s", section, name, reason);
    }
    return 0;
}

static struct allow_peer *add_peer(struct allow_list *list, const char *name)
{
    size_t size = list->count * sizeof(list->peers[0]);
    struct allow_peer *peers = heap_resize(list->heap, list->peers, size, size + sizeof(*peers));

    if (peers == NULL)
        return NULL;
    list->peers = peers;
    memset(&peers[list->count], 0, sizeof(*peers));
    memcpy(peers[list->count].name, name, strlen(name) + 1);
    return &peers[list->count++];
}

static struct allow_peer *peer_named(struct allow_list *list, const char *name)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (strcmp(list->peers[i].name, name) == 0)
            return &list->peers[i];
    return add_peer(list, name);
}

static int read_key(struct reader *reader, struct allow_peer *peer, const char *value)
{
    size_t at;
    enum z85_fault fault = z85_check_key(value, &at);

    if (fault != Z85_OK)
        return refuse(reader, peer->name, "key", z85_fault_text(fault));
    if (peer->key[0] != '\0')
        return refuse(reader, peer->name, "key", "given twice");
    if (allow_list_find(reader->list, value) != NULL)
        return refuse(reader, peer->name, "key", "another peer has it");
    memcpy(peer->key, value, KEY_TEXT_SIZE);
    return 1;
}

static int fail(struct reader *reader, const char *section, const char *name, maiko_status status)
{
    reader->status = status;
    text_append_format(reader->error, "[%s] %s: %s", section, name, maiko_strerror(status));
    return 0;
}

static int read_patterns(struct reader *reader, struct allow_peer *peer, const char *name, struct text_list *list,
                         const char *value)
{
    size_t known = list->count;

    maiko_status status = text_list_add_parts(list, reader->list->heap, value);

    if (status != MAIKO_OK)
        return fail(reader, peer->name, name, status);
    for (; known < list->count; known++)
        if (maiko_pattern_check(list->items[known]) != MAIKO_OK)
            return refuse(reader, peer->name, name, "not a topic pattern");
    return 1;
}

static int read_nodes(struct reader *reader, struct allow_peer *peer, const char *value)
{
    struct text_list *nodes = &peer->nodes;
    size_t known = nodes->count;
    size_t i;
    maiko_status status = text_list_add_parts(nodes, reader->list->heap, value);

    if (status != MAIKO_OK)
        return fail(reader, peer->name, "node", status);
    if (nodes->count == known)
        return refuse(reader, peer->name, "node", "no name"); /* which must not mean any */
    for (; known < nodes->count; known++) {
        if (!space_name_is_valid(nodes->items[known]))
            return refuse(reader, peer->name, "node", "not a name of a node");
        for (i = 0; i < reader->list->count; i++)
            if (&reader->list->peers[i] != peer && text_list_has(&reader->list->peers[i].nodes, nodes->items[known]))
                return refuse(reader, peer->name, "node", "another peer has this name");
    }
    return 1;
}

static int read_line(void *userdata, const char *section, const char *name, const char *value)
{
    struct reader *reader = userdata;
    struct allow_peer *peer;

    if (reader->status != MAIKO_OK)
        return 0;
    if (!space_name_is_valid(section))
        return refuse(reader, section, name, "a line outside a [peer], or a bad name");
    peer = peer_named(reader->list, section);
    if (peer == NULL) {
        reader->status = MAIKO_ENOMEM;
        return 0;
    }
    if (strcmp(name, "key") == 0)
        return read_key(reader, peer, value);
    if (strcmp(name, "node") == 0)
        return read_nodes(reader, peer, value);
    if (strcmp(name, "publish") == 0)
        return read_patterns(reader, peer, name, &peer->publish, value);
    if (strcmp(name, "subscribe") == 0)
        return read_patterns(reader, peer, name, &peer->subscribe, value);
    return refuse(reader, section, name, "unknown: key, node, publish or subscribe");
}

static void check_keys_given(struct reader *reader)
{
    size_t i;

    for (i = 0; i < reader->list->count && reader->status == MAIKO_OK; i++)
        if (reader->list->peers[i].key[0] == '\0')
            refuse(reader, reader->list->peers[i].name, "key", "missing");
}

maiko_status allow_list_parse(struct allow_list *list, const char *text, struct text *error)
{
    struct reader reader = {.list = list, .error = error, .status = ini_text_check(text, error)};
    int line = 0;

    if (reader.status == MAIKO_OK)
        line = ini_parse_string(text, read_line, &reader);
    if (reader.status == MAIKO_OK && line != 0) {
        reader.status = line > 0 ? MAIKO_EINVAL : MAIKO_ENOMEM;
        text_append_format(error, "line %d is neither [peer] nor name = value", line);
    }
    check_keys_given(&reader);
    if (reader.status != MAIKO_OK)
        allow_list_deinit(list);
    return reader.status;
}

/* ---- comparing ---- */

static bool is_same_texts(const struct text_list *a, const struct text_list *b)
{
    size_t i;

    if (a->count != b->count)
        return false;
    for (i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

bool allow_list_is_same(const struct allow_list *a, const struct allow_list *b)
{
    size_t i;

    if (a->count != b->count)
        return false;
    for (i = 0; i < a->count; i++) {
        const struct allow_peer *one = &a->peers[i];
        const struct allow_peer *other = &b->peers[i];

        if (strcmp(one->name, other->name) != 0 || strcmp(one->key, other->key) != 0 ||
            !is_same_texts(&one->nodes, &other->nodes) || !is_same_texts(&one->publish, &other->publish) ||
            !is_same_texts(&one->subscribe, &other->subscribe))
            return false;
    }
    return true;
}

/* ---- deciding ---- */

const struct allow_peer *allow_list_find(const struct allow_list *list, const char *key)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (strcmp(list->peers[i].key, key) == 0)
            return &list->peers[i];
    return NULL;
}

bool allow_list_may_be_named(const struct allow_list *list, const char *key, const char *node)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        const struct allow_peer *peer = &list->peers[i];
        bool is_own = strcmp(peer->key, key) == 0;

        if (text_list_has(&peer->nodes, node) ? !is_own : is_own && peer->nodes.count > 0)
            return false;
    }
    return true;
}

static bool matches_any(const struct text_list *patterns, const char *topic)
{
    size_t i;

    for (i = 0; i < patterns->count; i++)
        if (maiko_topic_matches(patterns->items[i], topic))
            return true;
    return false;
}

bool allow_peer_may_publish(const struct allow_peer *peer, const char *topic)
{
    return matches_any(&peer->publish, topic);
}

bool allow_peer_may_subscribe(const struct allow_peer *peer, const char *topic)
{
    return matches_any(&peer->subscribe, topic);
}

/* One level of a pattern; *at becomes NULL after the last. */
static size_t next_level(const char **at, const char **ret_level)
{
    size_t len = strcspn(*at, "/");

    *ret_level = *at;
    *at = (*at)[len] == '/' ? *at + len + 1 : NULL;
    return len;
}

/* Level by level: '#' covers all the rest, '+' any one level but '#', a name only itself.  Neither wildcard covers a first level
 * that begins with '$'. */
static bool covers_pattern(const char *pattern, const char *asked)
{
    if (asked[0] == '$' && (pattern[0] == '+' || pattern[0] == '#'))
        return false;
    while (pattern != NULL) {
        const char *wanted;
        const char *level;
        size_t wanted_len = next_level(&pattern, &wanted);
        size_t len;

        if (wanted_len == 1 && wanted[0] == '#')
            return true;
        if (asked == NULL)
            return false;
        len = next_level(&asked, &level);
        if (len == 1 && level[0] == '#')
            return false;
        if (wanted_len == 1 && wanted[0] == '+')
            continue;
        if (len != wanted_len || memcmp(level, wanted, len) != 0)
            return false;
    }
    return asked == NULL;
}

bool allow_peer_may_subscribe_pattern(const struct allow_peer *peer, const char *pattern)
{
    size_t i;

    for (i = 0; i < peer->subscribe.count; i++)
        if (covers_pattern(peer->subscribe.items[i], pattern))
            return true;
    return false;
}

/* A pattern that ends in '#' covers a prefix when the levels before match complete levels of the prefix. */
static bool covers_prefix(const char *pattern, const char *prefix, size_t len)
{
    char levels[MAIKO_TOPIC_MAX + 1];
    size_t pattern_len = strlen(pattern);
    size_t end = len;

    if (pattern_len == 0 || pattern[pattern_len - 1] != '#' || len > MAIKO_TOPIC_MAX || memchr(prefix, '\0', len) != NULL)
        return false;
    while (end > 0 && prefix[end - 1] != '/')
        end--;
    if (pattern_len == 1) /* "#" covers all but what begins with '$', and an empty prefix includes that */
        return len > 0 && prefix[0] != '$';
    if (end == 0)
        return false;
    memcpy(levels, prefix, end - 1); /* the complete levels, without the last '/' */
    levels[end - 1] = '\0';
    return maiko_topic_matches(pattern, levels);
}

bool allow_peer_may_subscribe_prefix(const struct allow_peer *peer, const char *prefix, size_t len)
{
    size_t i;

    for (i = 0; i < peer->subscribe.count; i++)
        if (covers_prefix(peer->subscribe.items[i], prefix, len))
            return true;
    return false;
}
