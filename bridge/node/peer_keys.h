/* Peer keys: public keys of others that we were given, as text or as files, which are read again when they change. */
#ifndef NODE_PEER_KEYS_H
#define NODE_PEER_KEYS_H

#include <stdbool.h>

#include "base/heap.h"
#include "base/text.h"
#include "security/z85.h"
#include <maiko/bridge.h>

/* Whose key is changed more often while one connection lasts makes a new one. */
enum { PEER_KEY_FORMERS = 8 };

struct peer_key {
    char key[KEY_TEXT_SIZE];                       /* "": none */
    char formers[PEER_KEY_FORMERS][KEY_TEXT_SIZE]; /* that stood in the file before, the last one first; "": none.  What was
                                                    * connected with them may stay so */
    char *file;                                    /* NULL: it was given as text, and stays */
};

/* `text_or_file` is the key, or the name of a file with one.  MAIKO_OK, MAIKO_ENOMEM, and those of key_file_load(). */
MAIKO_MUST_CHECK maiko_status peer_key_init(struct peer_key *key, struct heap *heap, const char *text_or_file,
                                            struct text *error);
void peer_key_deinit(struct peer_key *key, struct heap *heap);

/* Over all of a bridge: is it one of those that are expected now? */
bool peer_keys_have(const maiko_bridge *bridge, const char *key);

/* The key in whose place another has come: that one.  NULL: it has not been one. */
const char *peer_keys_successor(const maiko_bridge *bridge, const char *former);

/* Reads the files again.  One that is bad leaves its key as it was, and is logged.  True: a key has changed. */
bool peer_keys_renew(maiko_bridge *bridge);

void peer_keys_free(maiko_bridge *bridge);

#endif
