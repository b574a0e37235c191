/* Peer, sending: what a list of patterns asks of each topic, the past above all: what late joiners get of what was published
 * before they came.  The other side decides how long a list is, so topics are gone through a part at a time. */
#include <string.h>

#include "link/peer_state.h"

/* What a list asks of one topic. */
enum { ANSWER_WANTED = 1, ANSWER_LAST = 2, ANSWER_LOG = 4, ANSWER_HAD = 8 /* by the list before */ };

enum { AGAIN_MAX = 16384 /* records that wait, and somebody asks again for the past that is among them */ };

/* ---- one topic after the other ---- */

static bool has_from(const struct patterns *list)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (list->list[i].from != FROM_LIVE)
            return true;
    return false;
}

static uint8_t past_of(const struct patterns *list, const char *topic)
{
    uint8_t answer = 0;
    size_t i;

    for (i = 0; i < list->count; i++) {
        const struct pattern *pattern = &list->list[i];

        if (pattern->from != FROM_LIVE && pattern_is_live(pattern) && pattern_matches(pattern, topic))
            answer |= pattern->from == FROM_LOG ? ANSWER_LOG : ANSWER_LAST;
    }
    return answer;
}

static uint8_t answer_of(struct peer *peer, struct peer_asking *asking, const struct retained_topic *topic)
{
    maiko_overflow overflow;
    uint8_t answer = 0;

    if (patterns_want(&peer->interest, topic, &overflow))
        answer |= ANSWER_HAD;
    if (!patterns_want(&asking->list, topic, &overflow))
        return answer;
    answer |= ANSWER_WANTED;
    return asking->has_from ? answer | past_of(&asking->list, topic->name) : answer;
}

/* How often a pattern is held against it, at most. */
static size_t cost_of(const struct peer *peer, const struct peer_asking *asking, const struct retained_topic *topic)
{
    size_t before = patterns_know(&peer->interest, topic) ? 0 : peer->interest.count;

    return before + asking->list.count * (asking->has_from ? 2 : 1) + 1;
}

static bool grow_answers(struct peer *peer, struct peer_asking *asking)
{
    size_t size = asking->answers_size > 0 ? asking->answers_size : 64;
    uint8_t *grown;

    while (size < peer->stream.log->topic_count)
        size *= 2;
    if (size == asking->answers_size)
        return true;
    grown = heap_resize(peer->heap, asking->answers, asking->answers_size, size);
    if (grown == NULL)
        return false;
    asking->answers = grown;
    asking->answers_size = size;
    return true;
}

void peer_forget_answers(struct peer *peer, struct peer_asking *asking)
{
    heap_free(peer->heap, asking->answers, asking->answers_size);
    asking->answers = NULL;
    asking->answers_size = 0;
    asking->answered = 0;
}

maiko_status peer_answer_topics(struct peer *peer, struct peer_asking *asking, size_t most, bool *ret_is_whole)
{
    const struct retained *log = peer->stream.log;
    size_t cost = 0;

    if (asking->answered == 0 || asking->generation != peer->interest.generation) { /* what they had has changed */
        asking->answered = 0;
        asking->generation = peer->interest.generation;
        asking->has_from = has_from(&asking->list);
    }
    if (!grow_answers(peer, asking))
        return MAIKO_ENOMEM;
    while (cost < most && asking->answered < log->topic_count) {
        const struct retained_topic *topic = log->topic_list[asking->answered];

        cost += cost_of(peer, asking, topic);
        asking->answers[asking->answered++] = answer_of(peer, asking, topic);
    }
    *ret_is_whole = asking->answered == log->topic_count;
    return MAIKO_OK;
}

/* ---- the past ---- */

/* A list whose topics have their answers. */
struct past {
    const struct peer_asking *asking;
    bool has_before; /* it replaces one */
    bool is_full;    /* so much waits that none of it is given twice */
};

static bool is_new(const struct past *past, const struct retained_topic *topic)
{
    return !past->has_before || (past->asking->answers[topic->index] & ANSWER_HAD) == 0;
}

/* Does a pattern that is new in the list ask for this much of the topic's past? */
static bool asks_for(const struct past *past, const struct retained_topic *topic, uint8_t what)
{
    return (past->asking->answers[topic->index] & what) != 0 && is_new(past, topic);
}

/* Was it given in this stream, and not all that was given has arrived?  Without memory to know it, yes. */
static bool was_given(const struct peer *peer, const struct retained_topic *topic)
{
    return topic->index >= peer->given_size || peer->given[topic->index];
}

/* Whoever asks again and again for the past, and takes nothing, gets no more of it. */
static bool is_refused(const struct peer *peer, const struct past *past, const struct retained_topic *topic)
{
    return past->is_full && was_given(peer, topic);
}

static bool gives_log(const struct peer *peer, const struct past *past, const struct retained_topic *topic)
{
    return asks_for(past, topic, ANSWER_LOG) && !is_refused(peer, past, topic);
}

static bool gives_last(const struct peer *peer, const struct past *past, const struct retained_topic *topic)
{
    return topic->last != NULL && asks_for(past, topic, ANSWER_LAST) && !asks_for(past, topic, ANSWER_LOG) &&
           !is_refused(peer, past, topic);
}

/* Events of these topics that the log no longer has, or that are not given: told as lost, before what it has. */
static void push_lost_past(struct peer *peer, const struct past *past)
{
    struct retained *log = peer->stream.log;
    uint64_t lost = 0;
    uint64_t position;
    uint32_t i;

    for (i = 0; i < log->topic_count; i++)
        if (asks_for(past, log->topic_list[i], ANSWER_LOG))
            lost += log->topic_list[i]->count;
    for (position = log->first; position < log->next; position++)
        lost -= gives_log(peer, past, retained_at(log, position)->topic);
    if (lost > 0)
        stream_push_lost(&peer->stream, lost);
}

static void push_last_values(struct peer *peer, const struct past *past)
{
    struct retained *log = peer->stream.log;
    uint32_t i;

    for (i = 0; i < log->topic_count; i++) {
        const struct retained_topic *topic = log->topic_list[i];

        if (gives_last(peer, past, topic))
            stream_push_past(&peer->stream, topic->last, (uint8_t)(topic->last->count - 1));
    }
}

static void push_log(struct peer *peer, const struct past *past)
{
    struct retained *log = peer->stream.log;
    uint64_t position;

    push_lost_past(peer, past);
    for (position = log->first; position < log->next; position++) {
        struct retained_entry *entry = retained_at(log, position);

        if (gives_log(peer, past, entry->topic))
            stream_push_past(&peer->stream, entry, retained_index(entry, position));
    }
}

/* Events of topics that are new in the list, which do not come because they were published before: so that it is known what
 * all that this node has accepted makes together with the stream.  `has_past`: what late joiners get first is in the stream. */
static void note_earlier(struct peer *peer, const struct past *past, bool has_past)
{
    const struct retained *log = peer->stream.log;
    uint32_t i;

    for (i = 0; i < log->topic_count; i++) {
        const struct retained_topic *topic = log->topic_list[i];

        if (!asks_for(past, topic, ANSWER_WANTED) || (has_past && asks_for(past, topic, ANSWER_LOG)))
            continue;
        peer->ready.earlier += topic->count;
        if (has_past && gives_last(peer, past, topic))
            peer->ready.earlier--; /* it comes */
    }
}

static bool grow_given(struct peer *peer)
{
    size_t topics = peer->stream.log->topic_count;
    uint8_t *grown;

    if (topics <= peer->given_size)
        return true;
    grown = heap_resize(peer->heap, peer->given, peer->given_size, topics);
    if (grown == NULL)
        return false;
    memset(grown + peer->given_size, 0, topics - peer->given_size);
    peer->given = grown;
    peer->given_size = topics;
    return true;
}

/* What arrived counts no more. */
static void forget_given(struct peer *peer)
{
    const struct stream *stream = &peer->stream;

    if (peer->given_size > 0 && (peer->given_stream != stream->id || stream->base >= peer->given_end))
        memset(peer->given, 0, peer->given_size);
}

static void note_given(struct peer *peer, const struct past *past)
{
    const struct retained *log = peer->stream.log;
    uint32_t i;

    for (i = 0; i < log->topic_count && i < peer->given_size; i++)
        peer->given[i] |= asks_for(past, log->topic_list[i], ANSWER_LOG | ANSWER_LAST);
    peer->given_stream = peer->stream.id;
    peer->given_end = peer->stream.base + peer->stream.count;
}

void peer_begin_topics(struct peer *peer, const struct peer_asking *asking, bool has_before, bool has_past)
{
    struct past past = {.asking = asking, .has_before = has_before, .is_full = peer->stream.count > AGAIN_MAX};

    has_past = has_past && asking->has_from;
    if (has_past) {
        (void)grow_given(peer);
        forget_given(peer);
    }
    note_earlier(peer, &past, has_past);
    if (!has_past)
        return;
    push_last_values(peer, &past);
    push_log(peer, &past);
    note_given(peer, &past);
}
