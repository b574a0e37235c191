/* Patterns: what one peer subscribed to, and which of its patterns a topic falls under, remembered per topic. */
#ifndef LINK_PATTERNS_H
#define LINK_PATTERNS_H

#include <string.h>

#include "base/heap.h"
#include "message/topic.h"
#include "retained/retained.h"
#include <maiko/event.h>

/* What a late joiner gets first. */
enum pattern_from { FROM_LIVE = 0, FROM_LAST, FROM_LOG };

struct pattern {
    uint64_t id; /* the subscriber's own name for it */
    enum pattern_from from;
    maiko_overflow_choice overflow; /* MAIKO_OVERFLOW_OF_TOPIC: the topic's */
    uint64_t made_at_ns;            /* our own subscriptions: when, monotonic */
    bool is_failed;                 /* ended under FAIL, for this life of both nodes */
    bool is_denied;                 /* by the allow list, as the newest answer says */
    bool was_denied;                /* our own subscriptions: by the answer before */
    bool is_plain;                  /* set by patterns_add(): it is a topic's name */
    uint8_t len;                    /* the same: of the text */
    char *text;
};

struct patterns {
    struct heap *heap;
    struct pattern *list;
    size_t count;
    size_t capacity;
    uint64_t generation; /* rises with every change of the list or of a flag in it: what was concluded before may be wrong */
    uint8_t *cache;      /* per topic index, see patterns_judge() */
    size_t cache_size;
};

void patterns_init(struct patterns *patterns, struct heap *heap);
void patterns_deinit(struct patterns *patterns);
void patterns_clear(struct patterns *patterns);

/* Adds a copy.  MAIKO_OK, MAIKO_ENOMEM, MAIKO_ETOPIC and the like for a bad pattern. */
MAIKO_MUST_CHECK maiko_status patterns_add(struct patterns *patterns, const struct pattern *pattern);

/* Takes one of the list out; the others move. */
void patterns_remove(struct patterns *patterns, struct pattern *pattern);

/* NULL when there is none of this text. */
struct pattern *patterns_find(const struct patterns *patterns, const char *text, size_t len);

enum { PATTERNS_UNKNOWN = 0, PATTERNS_UNWANTED = 1, PATTERNS_WANTED = 2 /* plus the policy */ };

/* The function behind patterns_want(): one of these, remembered if there is memory for it. */
uint8_t patterns_judge(struct patterns *patterns, const struct retained_topic *topic);

/* Does any live pattern want the topic?  With what policy: the first one that says one, else the topic's. */
static inline bool patterns_want(struct patterns *patterns, const struct retained_topic *topic, maiko_overflow *ret_overflow)
{
    uint8_t answer = topic->index < patterns->cache_size ? patterns->cache[topic->index] : PATTERNS_UNKNOWN;

    if (answer == PATTERNS_UNKNOWN)
        answer = patterns_judge(patterns, topic);
    if (answer == PATTERNS_UNWANTED)
        return false;
    *ret_overflow = (maiko_overflow)(answer - PATTERNS_WANTED);
    return true;
}

/* The topic is a valid name. */
static inline bool pattern_matches(const struct pattern *pattern, const char *topic)
{
    return pattern->is_plain ? strcmp(pattern->text, topic) == 0 : topic_matches(pattern->text, topic);
}

/* Is the topic's answer remembered? */
static inline bool patterns_know(const struct patterns *patterns, const struct retained_topic *topic)
{
    return topic->index < patterns->cache_size && patterns->cache[topic->index] != PATTERNS_UNKNOWN;
}

/* Without a topic of the log. */
bool patterns_match(const struct patterns *patterns, const char *topic);

/* Does it ask for anything? */
static inline bool pattern_is_live(const struct pattern *pattern)
{
    return !pattern->is_failed && !pattern->is_denied;
}

/* After a change of is_failed or is_denied. */
void patterns_changed(struct patterns *patterns);

#endif
