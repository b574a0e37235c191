/* Texts that say where: an endpoint, and (behind NULs) a pattern, what it is called at the other end, a topic, and another
 * endpoint. */
#include <stdlib.h>
#include <string.h>

#include "node/rename.h"
#include "security/endpoint.h"
#include "space/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void read_endpoint(const char *text)
{
    struct endpoint endpoint;
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    if (endpoint_parse(text, &endpoint, &error) != MAIKO_OK) {
        require(error.len > 0);
        return;
    }
    if (endpoint.transport == ENDPOINT_IPC)
        require(endpoint.path[0] == '/' && strlen(endpoint.path) < SPACE_SOCKET_PATH_MAX);
    else
        require(endpoint.host[0] != '\0' && endpoint.port <= 65535);
    if (endpoint_check_bind(&endpoint, false, false, &error) == MAIKO_OK)
        require(endpoint.transport == ENDPOINT_IPC || endpoint.is_loopback);
    (void)!endpoint_check_connect(&endpoint, &error);
}

/* Whichever is asked first; and who connects to the one connects to the other. */
static void compare(const char *text, const char *other_text)
{
    struct endpoint endpoint, other;
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    if (endpoint_parse(text, &endpoint, &error) != MAIKO_OK)
        return;
    require(endpoint_is_same(&endpoint, &endpoint));
    if (endpoint_parse(other_text, &other, &error) != MAIKO_OK)
        return;
    require(endpoint_is_same(&endpoint, &other) == endpoint_is_same(&other, &endpoint));
    if (endpoint_is_same(&endpoint, &other))
        require(endpoint_check_connect(&endpoint, &error) == endpoint_check_connect(&other, &error));
}

/* A topic under the pattern gets a name under the other one. */
static void rename_it(const char *pattern, const char *as, const char *topic)
{
    char renamed[MAIKO_TOPIC_MAX + 1];

    if (rename_check(pattern, as) != MAIKO_OK || maiko_topic_check(topic) != MAIKO_OK || !maiko_topic_matches(pattern, topic) ||
        !rename_topic(pattern, as, topic, renamed))
        return;
    require(strlen(renamed) <= MAIKO_TOPIC_MAX);
    if (maiko_topic_check(renamed) == MAIKO_OK && renamed[0] != '$')
        require(maiko_topic_matches(as, renamed));
}

/* Where the next text begins; the end when there is none. */
static const char *next(const char *text, const char *end)
{
    text += strlen(text) + 1;
    return text > end ? end : text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = calloc(1, len + 1);
    const char *pattern;
    const char *as;
    const char *topic;

    if (text == NULL)
        return 0;
    if (len > 0)
        memcpy(text, data, len);
    read_endpoint(text);
    pattern = next(text, text + len);
    as = next(pattern, text + len);
    topic = next(as, text + len);
    rename_it(pattern, as, topic);
    compare(text, next(topic, text + len));
    free(text);
    return 0;
}
