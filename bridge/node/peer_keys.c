/* Peer keys, see peer_keys.h. */
#include "node/peer_keys.h"

#include <string.h>

#include "node/peers.h"
#include "security/key_file.h"

static maiko_status read_file(const char *file, char ret_key[KEY_TEXT_SIZE], struct text *error)
{
    struct key_text keys;
    maiko_status status = key_file_load(file, false, &keys, error);

    if (status == MAIKO_OK)
        memcpy(ret_key, keys.public_key, KEY_TEXT_SIZE);
    explicit_bzero(&keys, sizeof(keys));
    return status;
}

maiko_status peer_key_init(struct peer_key *key, struct heap *heap, const char *text_or_file, struct text *error)
{
    maiko_status status;
    size_t at;

    memset(key, 0, sizeof(*key));
    if (z85_check_key(text_or_file, &at) == Z85_OK) {
        memcpy(key->key, text_or_file, KEY_TEXT_SIZE);
        return MAIKO_OK;
    }
    status = read_file(text_or_file, key->key, error);
    if (status != MAIKO_OK)
        return status;
    key->file = heap_strdup(heap, text_or_file);
    return key->file != NULL ? MAIKO_OK : MAIKO_ENOMEM;
}

void peer_key_deinit(struct peer_key *key, struct heap *heap)
{
    heap_strfree(heap, key->file);
    memset(key, 0, sizeof(*key));
}

bool peer_keys_have(const maiko_bridge *bridge, const char *key)
{
    size_t i;

    for (i = 0; i < bridge->peer_key_count; i++)
        if (strcmp(bridge->peer_keys[i].key, key) == 0)
            return true;
    return false;
}

static bool was_once(const struct peer_key *key, const char *former)
{
    size_t i;

    for (i = 0; i < PEER_KEY_FORMERS; i++)
        if (strcmp(key->formers[i], former) == 0)
            return true;
    return false;
}

const char *peer_keys_successor(const maiko_bridge *bridge, const char *former)
{
    size_t i;

    for (i = 0; i < bridge->peer_key_count; i++)
        if (was_once(&bridge->peer_keys[i], former))
            return bridge->peer_keys[i].key;
    return NULL;
}

/* True: it is another one now. */
static bool renew(maiko_bridge *bridge, struct peer_key *key)
{
    char now[KEY_TEXT_SIZE];
    char reason[512];
    struct text error;

    if (key->file == NULL)
        return false;
    text_init_buffer(&error, reason, sizeof(reason));
    if (read_file(key->file, now, &error) != MAIKO_OK) {
        node_log(bridge, MAIKO_LOG_ERROR, "a peer's key stays as it was: %s", reason);
        return false;
    }
    if (strcmp(now, key->key) == 0)
        return false;
    memmove(key->formers[1], key->formers[0], sizeof(key->formers) - sizeof(key->formers[0]));
    memcpy(key->formers[0], key->key, KEY_TEXT_SIZE);
    memcpy(key->key, now, KEY_TEXT_SIZE);
    node_log(bridge, MAIKO_LOG_INFO, "peer key file %s has another key", key->file);
    return true;
}

/* Two nodes have one link: of two endpoints with one key the second is refused there, if they are one node's, and else is not who
 * we expect. */
static void warn_of_double(maiko_bridge *bridge, const struct node_endpoint *changed)
{
    size_t i;

    for (i = 0; i < bridge->endpoint_count; i++) {
        const struct node_endpoint *other = &bridge->endpoints[i];

        if (other != changed && strcmp(other->peer_key.key, changed->peer_key.key) == 0)
            node_log(bridge, MAIKO_LOG_WARNING, "peer key file %s has the key expected at %s, too: two nodes have one link",
                     changed->peer_key.file, other->text);
    }
}

bool peer_keys_renew(maiko_bridge *bridge)
{
    bool has_changed = false;
    size_t i;

    for (i = 0; i < bridge->peer_key_count; i++)
        has_changed = renew(bridge, &bridge->peer_keys[i]) || has_changed;
    for (i = 0; i < bridge->endpoint_count; i++) {
        struct node_endpoint *endpoint = &bridge->endpoints[i];

        if (!renew(bridge, &endpoint->peer_key))
            continue;
        node_peers_expect(bridge, endpoint->text, endpoint->peer_key.formers[0], endpoint->peer_key.key);
        warn_of_double(bridge, endpoint);
        has_changed = true;
    }
    return has_changed;
}

void peer_keys_free(maiko_bridge *bridge)
{
    size_t i;

    for (i = 0; i < bridge->peer_key_count; i++)
        peer_key_deinit(&bridge->peer_keys[i], bridge->heap);
    heap_free(bridge->heap, bridge->peer_keys, bridge->peer_key_count * sizeof(*bridge->peer_keys));
    for (i = 0; i < bridge->endpoint_count; i++)
        peer_key_deinit(&bridge->endpoints[i].peer_key, bridge->heap);
}
