/*
 * Fuzz: two texts, split at the first NUL, as pattern and topic.  Whatever they are, checks, matcher, overlap test and
 * index agree with each other.
 */
#include "base/utf8.h"
#include "message/topic.h"
#include "routing/topic_index.h"
#include "routing/topic_set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void ignore_entry(struct topic_index_entry *entry, void *userdata)
{
    (void)entry;
    (void)userdata;
}

static void ignore_topic(struct topic_set_entry *entry, void *userdata)
{
    (void)entry;
    (void)userdata;
}

/* What a check lets through is what its comment says. */
static void require_clean(const char *text)
{
    const size_t len = strlen(text);

    require(len >= 1 && len <= MAIKO_TOPIC_MAX && utf8_is_valid(text, len));
    require(strpbrk(text, "\r\n\t\x1b\x7f") == NULL);
}

static bool index_says(const char *pattern, const char *topic)
{
    struct topic_index_entry entry = {.node = NULL};
    struct topic_index index;
    size_t count;

    topic_index_init(&index, heap_default());
    require(topic_index_add(&index, pattern, &entry) == MAIKO_OK);
    count = topic_index_resolve(&index, topic, ignore_entry, NULL);
    topic_index_remove(&index, &entry);
    topic_index_deinit(&index);
    return count == 1;
}

static bool set_says(const char *pattern, const char *topic)
{
    struct topic_set_entry entry = {.node = NULL};
    struct topic_set set;
    size_t count;

    topic_set_init(&set, heap_default());
    require(topic_set_add(&set, topic, &entry) == MAIKO_OK);
    count = topic_set_for_each(&set, pattern, ignore_topic, NULL);
    topic_set_deinit(&set);
    return count == 1;
}

static void compare(const char *pattern, const char *topic)
{
    const bool is_pattern = maiko_pattern_check(pattern) == MAIKO_OK;
    const bool is_topic = maiko_topic_check(topic) == MAIKO_OK;
    const bool matches = maiko_topic_matches(pattern, topic);
    const bool overlap = maiko_patterns_overlap(pattern, topic);

    if (is_pattern)
        require_clean(pattern);
    if (is_topic) {
        require_clean(topic);
        require(maiko_pattern_check(topic) == MAIKO_OK && maiko_topic_matches(topic, topic));
    }
    require(overlap == maiko_patterns_overlap(topic, pattern));
    require(!maiko_pattern_has_wildcard(pattern) || (is_pattern && maiko_topic_check(pattern) != MAIKO_OK));
    require((topic_check_sendable(topic) == MAIKO_OK) == (is_topic && !maiko_topic_is_reserved(topic)));
    if (!is_pattern || !is_topic) {
        require(!matches);
        return;
    }
    require(matches == overlap); /* a name overlaps with exactly the patterns it matches */
    require(matches == index_says(pattern, topic));
    require(matches == set_says(pattern, topic));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = calloc(1, len + 2);
    const char *pattern = text;
    const char *topic;

    if (text == NULL)
        return 0;
    if (len > 0)
        memcpy(text, data, len);
    topic = text + strlen(text) + 1;
    if (topic > text + len + 1)
        topic = text + len + 1;
    compare(pattern, topic);
    free(text);
    return 0;
}
