/* An allow file, and behind NULs a pattern and a topic that somebody asks for, and another allow file.  A peer that may have a
 * pattern or a prefix may have every topic that falls under it. */
#include <stdlib.h>
#include <string.h>

#include "security/allow.h"
#include <maiko/topic.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void ask(const struct allow_peer *peer, const char *pattern, const char *topic)
{
    size_t prefix_len = strlen(pattern);
    size_t at;

    (void)allow_peer_may_publish(peer, topic);
    if (maiko_topic_check(topic) != MAIKO_OK)
        return;
    if (maiko_pattern_check(pattern) == MAIKO_OK && maiko_topic_matches(pattern, topic) &&
        allow_peer_may_subscribe_pattern(peer, pattern))
        require(allow_peer_may_subscribe(peer, topic));
    if (strncmp(topic, pattern, prefix_len) == 0 && allow_peer_may_subscribe_prefix(peer, pattern, prefix_len))
        require(allow_peer_may_subscribe(peer, topic));
    for (at = 0; at <= strlen(topic); at++)
        if (allow_peer_may_subscribe_prefix(peer, topic, at))
            require(allow_peer_may_subscribe(peer, topic));
}

/* Read again it is the same; another one is as different from it as it is from the other. */
static void compare(const struct allow_list *list, const char *text, const char *other_text)
{
    struct allow_list again, other;
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    allow_list_init(&again, heap_default());
    allow_list_init(&other, heap_default());
    require(allow_list_parse(&again, text, &error) == MAIKO_OK && allow_list_is_same(list, &again));
    if (allow_list_parse(&other, other_text, &error) == MAIKO_OK) {
        bool is_same = allow_list_is_same(list, &other);

        require(allow_list_is_same(&other, list) == is_same);
        require(!is_same || other.count == list->count);
    }
    allow_list_deinit(&again);
    allow_list_deinit(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = calloc(1, len + 4);
    struct allow_list list;
    char reason[256];
    struct text error;
    const char *pattern;
    const char *topic;
    const char *other;
    size_t i;

    if (text == NULL)
        return 0;
    if (len > 0)
        memcpy(text, data, len);
    pattern = text + strlen(text) + 1;
    topic = pattern < text + len ? pattern + strlen(pattern) + 1 : pattern;
    other = topic < text + len ? topic + strlen(topic) + 1 : topic;
    text_init_buffer(&error, reason, sizeof(reason));
    allow_list_init(&list, heap_default());
    if (allow_list_parse(&list, text, &error) != MAIKO_OK)
        require(error.len > 0 && list.count == 0);
    else
        compare(&list, text, other);
    for (i = 0; i < list.count; i++) {
        require(allow_list_find(&list, list.peers[i].key) == &list.peers[i]);
        ask(&list.peers[i], pattern, topic);
        if (list.peers[i].nodes.count > 0) {
            require(allow_list_may_be_named(&list, list.peers[i].key, list.peers[i].nodes.items[0]));
            require(!allow_list_may_be_named(&list, "no key", list.peers[i].nodes.items[0]));
        }
    }
    allow_list_deinit(&list);
    free(text);
    return 0;
}
