/* Endpoint: where a link socket listens or connects, and whether it may do so without keys.  Pure: names are not resolved. */
#ifndef SECURITY_ENDPOINT_H
#define SECURITY_ENDPOINT_H

#include <stdbool.h>

#include "base/text.h"
#include <maiko/status.h>

enum endpoint_transport { ENDPOINT_TCP, ENDPOINT_IPC };

enum { ENDPOINT_HOST_MAX = 253, ENDPOINT_ANY_PORT = 0 };

struct endpoint {
    enum endpoint_transport transport;
    char host[ENDPOINT_HOST_MAX + 1]; /* TCP: name or address, without brackets; "*" for all interfaces */
    unsigned port;                    /* TCP: 1..65535, or ENDPOINT_ANY_PORT for "*" */
    const char *path;                 /* IPC: into the text that was parsed */
    bool is_loopback;                 /* TCP: reachable from this host only */
};

/* "tcp://HOST:PORT", "tcp://[::1]:PORT", "ipc:///path"; HOST and PORT may be *.  MAIKO_OK; MAIKO_EINVAL, MAIKO_ETOOLONG with
 * the reason. */
MAIKO_MUST_CHECK maiko_status endpoint_parse(const char *text, struct endpoint *ret_endpoint, struct text *error);

/* MAIKO_OK; MAIKO_EPERM: others could reach it, there are no keys, and nobody said insecure. */
MAIKO_MUST_CHECK maiko_status endpoint_check_bind(const struct endpoint *endpoint, bool has_keys, bool is_insecure,
                                                  struct text *error);

/* Wildcards cannot be connected to.  MAIKO_OK, MAIKO_EINVAL. */
MAIKO_MUST_CHECK maiko_status endpoint_check_connect(const struct endpoint *endpoint, struct text *error);

/* The same place in whatever spelling: capitals of a host, zeros before a port, slashes in a row.  Names are not resolved. */
bool endpoint_is_same(const struct endpoint *a, const struct endpoint *b);

#endif
