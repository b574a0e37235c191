/* Endpoint, see endpoint.h. */
#include "security/endpoint.h"

#include <string.h>
#include <strings.h>

#include "space/limits.h"

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* 127.0.0.0/8 in full, ::1 and the name that everybody has.  Anything cleverer is not loopback: then keys are asked for. */
static bool host_is_loopback(const char *host)
{
    unsigned dots = 0;
    const char *at;

    if (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        return true;
    if (!has_prefix(host, "127."))
        return false;
    for (at = host; *at != '\0'; at++) {
        if (*at == '.')
            dots++;
        else if (*at < '0' || *at > '9')
            return false; /* 127.example.org */
    }
    return dots == 3;
}

static bool parse_port(const char *text, unsigned *ret_port)
{
    unsigned port = 0;
    const char *at;

    if (strcmp(text, "*") == 0) {
        *ret_port = ENDPOINT_ANY_PORT;
        return true;
    }
    for (at = text; *at >= '0' && *at <= '9' && port <= 65535; at++)
        port = port * 10 + (unsigned)(*at - '0');
    *ret_port = port;
    return *at == '\0' && port >= 1 && port <= 65535;
}

static maiko_status bad(struct text *error, const char *text, const char *reason)
{
    text_append_format(error, "endpoint \"%s\": %s", text, reason);
    return MAIKO_EINVAL;
}

static maiko_status parse_tcp(const char *text, struct endpoint *endpoint, struct text *error)
{
    const char *host = text + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    size_t len;

    if (colon == NULL || colon == host)
        return bad(error, text, "not tcp://HOST:PORT");
    len = (size_t)(colon - host);
    if (host[0] == '[') {
        if (host[len - 1] != ']' || len < 3)
            return bad(error, text, "a bracket is missing");
        host++;
        len -= 2;
    } else if (memchr(host, ':', len) != NULL) {
        return bad(error, text, "an IPv6 address needs brackets");
    }
    if (len > ENDPOINT_HOST_MAX || memchr(host, '/', len) != NULL || memchr(host, ' ', len) != NULL)
        return bad(error, text, "no host name");
    memcpy(endpoint->host, host, len);
    endpoint->host[len] = '\0';
    if (!parse_port(colon + 1, &endpoint->port))
        return bad(error, text, "a port is 1 to 65535, or * for any");
    endpoint->is_loopback = host_is_loopback(endpoint->host);
    return MAIKO_OK;
}

static maiko_status parse_ipc(const char *text, struct endpoint *endpoint, struct text *error)
{
    endpoint->transport = ENDPOINT_IPC;
    endpoint->path = text + strlen("ipc://");
    if (endpoint->path[0] != '/')
        return bad(error, text, "not ipc:///ABSOLUTE/PATH");
    if (strlen(endpoint->path) >= SPACE_SOCKET_PATH_MAX) {
        text_append_format(error, "endpoint \"%s\": the path has %zu bytes, the system takes %d", text, strlen(endpoint->path),
                           SPACE_SOCKET_PATH_MAX - 1);
        return MAIKO_ETOOLONG;
    }
    return MAIKO_OK;
}

maiko_status endpoint_parse(const char *text, struct endpoint *ret_endpoint, struct text *error)
{
    struct endpoint endpoint = {.transport = ENDPOINT_TCP};
    maiko_status status;

    if (has_prefix(text, "tcp://"))
        status = parse_tcp(text, &endpoint, error);
    else if (has_prefix(text, "ipc://"))
        status = parse_ipc(text, &endpoint, error);
    else
        status = bad(error, text, "neither tcp:// nor ipc://");
    if (status == MAIKO_OK)
        *ret_endpoint = endpoint;
    return status;
}

maiko_status endpoint_check_bind(const struct endpoint *endpoint, bool has_keys, bool is_insecure, struct text *error)
{
    if (endpoint->transport == ENDPOINT_IPC || endpoint->is_loopback || has_keys || is_insecure)
        return MAIKO_OK;
    text_append_format(error, "listening on \"%s\" without keys would let anybody in: give a key, or ask for insecure",
                       endpoint->host);
    return MAIKO_EPERM;
}

maiko_status endpoint_check_connect(const struct endpoint *endpoint, struct text *error)
{
    if (endpoint->transport == ENDPOINT_IPC || (strcmp(endpoint->host, "*") != 0 && endpoint->port != ENDPOINT_ANY_PORT))
        return MAIKO_OK;
    text_append(error, "connecting needs a host and a port, not *");
    return MAIKO_EINVAL;
}

static bool is_same_path(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        bool is_slash = *a == '/';

        a++;
        b++;
        while (is_slash && *a == '/')
            a++;
        while (is_slash && *b == '/')
            b++;
    }
    return *a == *b;
}

bool endpoint_is_same(const struct endpoint *a, const struct endpoint *b)
{
    if (a->transport != b->transport)
        return false;
    if (a->transport == ENDPOINT_IPC)
        return is_same_path(a->path, b->path);
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}
