/* Keyring: a report end that listens with keys and an allow file, and keys for others; see report_end.h. */
#ifndef TESTS_LIB_KEYRING_H
#define TESTS_LIB_KEYRING_H

#include <maiko/keypair.h>

#include "lib/report_end.h"

struct keys {
    maiko_keypair pair;
    char file[128];
};

/* A server with a key pair, an allow file that is not written yet, and two more pairs. */
struct keyring {
    struct keys server;
    struct keys first;
    struct keys second;
    char allow_file[128];
    maiko_bridge_config config; /* of the server */
};

void keyring_make_keys(struct keys *keys, const char *name);

/* With report_ends_begin(). */
void keyring_begin(struct keyring *ring);

/* Admitted by name instead. */
void keyring_admit_only(struct keyring *ring, const char *const *keys);

/* A client that connects to `server` by `server_key`, with its own keys (NULL: none). */
void keyring_start_client_as(struct report_end *client, const char *name, const char *endpoint, const struct keys *own,
                             const char *server_key);
void keyring_start_client(struct report_end *client, const char *endpoint, const struct keys *own, const char *server_key);

/* Written beside and renamed, as editors and deployments do. */
void keyring_replace_file(const char *path, const char *text);

/* An allow file in which these may do everything; `second` may be NULL. */
void keyring_allow(const char *file, const struct keys *first, const struct keys *second);

#endif
