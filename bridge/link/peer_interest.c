/* Peer, sending: what the other side wants, from where in which stream, and how much of the past. */
#include "link/peer_state.h"

#include <string.h>

#include <maiko/topic.h>

static enum pattern_from from_of(struct slice word)
{
    return slice_is(word, "log") ? FROM_LOG : slice_is(word, "last") ? FROM_LAST : FROM_LIVE;
}

static maiko_overflow overflow_of(struct slice word)
{
    int overflow;

    for (overflow = MAIKO_BLOCK; overflow <= MAIKO_FAIL; overflow++)
        if (slice_is(word, maiko_overflow_name((maiko_overflow)overflow)))
            return (maiko_overflow)overflow;
    return MAIKO_OVERFLOW_OF_TOPIC;
}

static bool is_allowed(struct peer *peer, const char *pattern)
{
    const struct peer_sink *sink = peer->config.sink;

    return sink->may_subscribe == NULL || sink->may_subscribe(peer, pattern, peer->config.userdata);
}

/* What was read of a list, beside the patterns. */
struct told_list {
    uint32_t denied;
    uint64_t youngest_ns; /* the smallest of the ages; UINT64_MAX: none was said */
};

/* Was it known to have failed?  Lists are long, and few of their patterns have. */
static bool is_known_failed(const struct patterns *interest, const char *text, uint64_t id)
{
    size_t i;

    for (i = 0; i < interest->count; i++)
        if (interest->list[i].is_failed && interest->list[i].id == id && strcmp(interest->list[i].text, text) == 0)
            return true;
    return false;
}

/* It stays ended when either side knows that it is: the one may have forgotten the other, or have lost what it said. */
static bool has_failed(const struct peer *peer, const struct frame_pattern *told, const char *text)
{
    return told->has_failed || is_known_failed(&peer->interest, text, told->id);
}

/* Adds one element of the list, with what the answer says of it. */
static maiko_status add_pattern(struct peer *peer, struct patterns *list, const struct frame_pattern *told,
                                struct told_list *about)
{
    char text[WIRE_NAME_MAX + 1];
    struct pattern pattern = {.id = told->id, .from = from_of(told->from), .overflow = overflow_of(told->overflow), .text = text};
    maiko_status status;

    memcpy(text, told->text.data, told->text.len);
    text[told->text.len] = '\0';
    pattern.is_failed = has_failed(peer, told, text);
    pattern.is_denied = !is_allowed(peer, text);
    if (pattern.is_denied) {
        pack_str(&peer->denied, text);
        about->denied++;
    }
    if (pattern.from == FROM_LOG && told->age_ns > 0 && told->age_ns < about->youngest_ns)
        about->youngest_ns = told->age_ns;
    status = patterns_add(list, &pattern);
    return status == MAIKO_OK || status == MAIKO_ENOMEM ? status : MAIKO_EPROTOCOL;
}

static maiko_status read_patterns(struct peer *peer, const struct frame *frame, struct patterns *list, struct told_list *about,
                                  struct text *error)
{
    struct reader reader;
    uint32_t count = frame_array(frame->patterns, &reader);
    size_t place;
    uint32_t i;

    *about = (struct told_list){.youngest_ns = UINT64_MAX};
    if (count > WIRE_PATTERNS_MAX) {
        text_append(error, "patterns: more than 4096");
        return MAIKO_EPROTOCOL;
    }
    pack_clear(&peer->denied);
    place = pack_array_begin(&peer->denied);
    for (i = 0; i < count; i++) {
        struct frame_pattern told;
        maiko_status status = frame_next_pattern(&reader, &told, error);

        if (status == MAIKO_OK)
            status = add_pattern(peer, list, &told, about);
        if (status != MAIKO_OK) {
            text_append(error, error->len == 0 ? "patterns: not a pattern" : "");
            return status;
        }
    }
    pack_array_end(&peer->denied, place, about->denied);
    return pack_status(&peer->denied);
}

/* What late joiners are asked about, event by event: a list, the one that it replaces (NULL: a new stream's), and one answer per
 * topic, because the other side decides how long the lists are. */
struct past {
    const struct patterns *list;
    const struct patterns *before;
    uint8_t *answers; /* by index of the topic; NULL: no memory, worked out every time */
};

enum past_answer { PAST_UNKNOWN = 0, PAST_WANTED, PAST_UNWANTED };

/* Does a pattern that is new in the list ask for this much of the topic's past? */
static bool asks_for(const struct past *past, const char *topic, enum pattern_from from)
{
    size_t i;

    if (past->before != NULL && patterns_match(past->before, topic))
        return false; /* it has been getting this topic */
    for (i = 0; i < past->list->count; i++) {
        const struct pattern *pattern = &past->list->list[i];

        if (pattern_is_live(pattern) && pattern->from == from && maiko_topic_matches(pattern->text, topic))
            return true;
    }
    return false;
}

static bool asks_for_log(const struct past *past, const struct retained_topic *topic)
{
    bool is_wanted;

    if (past->answers != NULL && past->answers[topic->index] != PAST_UNKNOWN)
        return past->answers[topic->index] == PAST_WANTED;
    is_wanted = asks_for(past, topic->name, FROM_LOG);
    if (past->answers != NULL)
        past->answers[topic->index] = is_wanted ? PAST_WANTED : PAST_UNWANTED;
    return is_wanted;
}

static bool has_from(const struct patterns *list, enum pattern_from from)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (list->list[i].from == from)
            return true;
    return false;
}

/* Events of these topics that the log no longer has: told as lost, before what it has. */
static void push_lost_past(struct peer *peer, const struct past *past)
{
    struct retained *log = peer->stream.log;
    uint64_t lost = 0;
    uint64_t position;
    uint32_t i;

    for (i = 0; i < log->topic_count; i++)
        if (asks_for_log(past, log->topic_list[i]))
            lost += log->topic_list[i]->count;
    for (position = log->first; position < log->next; position++)
        lost -= asks_for_log(past, retained_at(log, position)->topic);
    if (lost > 0)
        stream_push_lost(&peer->stream, lost);
}

static void push_last_values(struct peer *peer, const struct past *past)
{
    struct retained *log = peer->stream.log;
    uint32_t i;

    for (i = 0; i < log->topic_count; i++) {
        const struct retained_topic *topic = log->topic_list[i];

        if (topic->last != NULL && asks_for(past, topic->name, FROM_LAST) && !asks_for_log(past, topic))
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

        if (asks_for_log(past, entry->topic))
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

        if (!patterns_match(past->list, topic->name) || (past->before != NULL && patterns_match(past->before, topic->name)) ||
            (has_past && asks_for_log(past, topic)))
            continue;
        peer->ready.earlier += topic->count;
        if (has_past && topic->last != NULL && asks_for(past, topic->name, FROM_LAST))
            peer->ready.earlier--; /* it comes */
    }
}

static void begin_topics(struct peer *peer, const struct patterns *list, const struct patterns *before, bool has_past)
{
    size_t topics = peer->stream.log->topic_count;
    struct past past = {.list = list, .before = before};

    past.answers = heap_alloc_zeroed(peer->heap, topics, sizeof(*past.answers));
    note_earlier(peer, &past, has_past);
    if (has_past && has_from(list, FROM_LAST))
        push_last_values(peer, &past);
    if (has_past && has_from(list, FROM_LOG))
        push_log(peer, &past);
    heap_free(peer->heap, past.answers, topics * sizeof(*past.answers));
}

/* Does the other side go on in our stream?  Who names none, in the same life, has not had the answer to its first subscribe:
 * the connection broke meanwhile, and everything sent since waits in the stream. */
static bool is_of_stream(const struct stream *stream, const struct frame *frame)
{
    if (stream->id == 0)
        return false;
    if (frame->stream == 0)
        return stream->base == 0 && frame->next == 0;
    return frame->stream == stream->id && frame->next >= stream->base && frame->next <= stream_next(stream);
}

/* The first subscribe of a session: goes on where the other side is, or begins a stream.  True when it is a new one.  Who was
 * shut out before it was ever answered hears what it lost by that. */
static bool enter_stream(struct peer *peer, const struct frame *frame)
{
    struct stream *stream = &peer->stream;
    bool is_known = !peer->is_barred && is_of_stream(stream, frame);

    peer->ready = (struct frame){.kind = FRAME_READY,
                                 .resumed = is_known,
                                 .is_lost_known = is_known || frame->stream == 0,
                                 .lost = frame->stream == 0 ? peer->barred : 0,
                                 .is_earlier_known = true,
                                 .earlier = is_known ? peer->ready.earlier : 0};
    stream->window_bytes = peer_window_bytes(peer);
    stream->window_events = peer_window_events(peer);
    stream->oldest_tail = peer->config.oldest_tail;
    peer_forget_told(peer);
    peer_forget_native(peer);
    if (is_known) {
        (void)stream_acknowledge(stream, frame->ack < frame->next ? frame->ack : frame->next, peer->last_now);
        (void)stream_rewind(stream, frame->next);
    } else {
        stream_restart(stream, exporter_next_stream(peer->config.exporter));
        peer->ends_queued = 0;
    }
    stream_connect(stream, peer->last_now);
    peer->ready.stream = stream->id;
    peer->ready.next = stream_next(stream);
    return !is_known;
}

/* Who lost its stream is told of a gap, not given old events twice; what was lost with a key is not given from the log either. */
static void begin_list(struct peer *peer, const struct frame *frame, const struct patterns *list, bool is_new_stream)
{
    bool has_past = !is_new_stream || (frame->stream == 0 && !peer->is_barred);
    uint64_t *earlier = &peer->ready.earlier;

    begin_topics(peer, list, is_new_stream ? NULL : &peer->interest, has_past);
    if (is_new_stream && frame->stream == 0)
        *earlier -= peer->barred < *earlier ? peer->barred : *earlier; /* told as lost */
    peer->is_barred = false;
}

/* What stays ended, but for what the stream is about to say: behind the events that came before. */
static maiko_status list_failed(struct peer *peer)
{
    uint32_t count = 0;
    size_t place;
    size_t i;

    pack_clear(&peer->failed);
    place = pack_array_begin(&peer->failed);
    for (i = 0; i < peer->interest.count; i++) {
        const struct pattern *pattern = &peer->interest.list[i];

        if (!pattern->is_failed || stream_tells_failed(&peer->stream, pattern->text, pattern->id))
            continue;
        frame_write_pattern(&peer->failed, &(struct frame_pattern){.text = slice_of(pattern->text), .id = pattern->id});
        count++;
    }
    pack_array_end(&peer->failed, place, count);
    if (count == 0)
        pack_clear(&peer->failed); /* it is left out */
    return pack_status(&peer->failed);
}

static void send_ready(struct peer *peer, uint64_t number, uint64_t now_ns)
{
    peer->ready.number = number;
    peer->ready.session = peer->session;
    peer->ready.denied = pack_slice(&peer->denied);
    peer->ready.failed = pack_slice(&peer->failed);
    pack_clear(&peer->frame);
    frame_write(&peer->frame, &peer->ready);
    peer_send(peer, now_ns);
}

/* They take a wish for older than this node, going by how long we were up when we wrote, and it has not even the age of what we
 * are by now: our words were long under way, or that wish is as old as we are.  Then they are told again, and say again what
 * they want: by words that were under way for no longer than theirs.  What they say to those is believed. */
static bool is_in_doubt(const struct peer *peer, const struct frame *frame, uint64_t youngest_ns, uint64_t now_ns)
{
    if (peer->interest_number > 0 || youngest_ns >= peer_uptime(peer, now_ns))
        return false;
    return peer->doubted_ns == 0 || (frame->heard_ns > 0 && frame->heard_ns < peer->doubted_ns);
}

static void ask_again(struct peer *peer, uint64_t now_ns)
{
    if (peer->doubted_ns == 0)
        peer->doubted_ns = peer_uptime(peer, now_ns);
    peer_introduce_again(peer, now_ns);
}

void peer_on_subscribe(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_TEXT_MAX + 1];
    struct text error;
    struct told_list about;
    struct patterns list;
    bool is_new_stream = false;
    maiko_status status;

    if (frame->number <= peer->interest_number) {
        if (frame->number == peer->interest_number)
            send_ready(peer, frame->number, now_ns); /* the first answer may be lost */
        return;
    }
    text_init_buffer(&error, reason, sizeof(reason));
    patterns_init(&list, peer->heap);
    status = read_patterns(peer, frame, &list, &about, &error);
    if (status != MAIKO_OK || is_in_doubt(peer, frame, about.youngest_ns, now_ns)) {
        patterns_deinit(&list);
        if (status != MAIKO_OK)
            peer_fail(peer, status, reason, now_ns);
        else
            ask_again(peer, now_ns);
        return;
    }
    if (peer->interest_number == 0)
        is_new_stream = enter_stream(peer, frame);
    begin_list(peer, frame, &list, is_new_stream);
    patterns_deinit(&peer->interest);
    peer->interest = list;
    peer->interest_number = frame->number;
    status = list_failed(peer);
    if (status != MAIKO_OK) {
        peer_fail(peer, status, "", now_ns);
        return;
    }
    peer_offer_ends(peer, now_ns);
    send_ready(peer, frame->number, now_ns);
    if (peer->state != PEER_UP)
        return;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_SUBSCRIBED});
    if (frame->stream == peer->stream.id)
        peer_on_refused(peer, frame, now_ns);
    peer_flush(peer, now_ns);
}

/* ---- the allow list has changed ---- */

/* What they want, with the verdicts of now.  What was denied and is not any more counts from an answer on, which needs a session:
 * until then nothing of it is kept for them. */
static maiko_status judge_again(struct peer *peer, struct patterns *list, bool *ret_has_changed)
{
    bool is_answered = peer->state == PEER_UP && peer->interest_number > 0;
    maiko_status status = MAIKO_OK;
    uint32_t denied = 0;
    size_t place;
    size_t i;

    *ret_has_changed = false;
    pack_clear(&peer->denied);
    place = pack_array_begin(&peer->denied);
    for (i = 0; i < peer->interest.count && status == MAIKO_OK; i++) {
        struct pattern pattern = peer->interest.list[i];

        pattern.is_denied = (pattern.is_denied && !is_answered) || !is_allowed(peer, pattern.text);
        *ret_has_changed = *ret_has_changed || pattern.is_denied != peer->interest.list[i].is_denied;
        if (pattern.is_denied) {
            pack_str(&peer->denied, pattern.text);
            denied++;
        }
        status = patterns_add(list, &pattern);
    }
    pack_array_end(&peer->denied, place, denied);
    return status == MAIKO_OK ? pack_status(&peer->denied) : status;
}

static void deny_all(struct patterns *interest)
{
    size_t i;

    for (i = 0; i < interest->count; i++)
        interest->list[i].is_denied = true;
    patterns_changed(interest);
}

void peer_review(struct peer *peer, uint64_t now_ns)
{
    bool is_answered = peer->state == PEER_UP && peer->interest_number > 0;
    struct patterns list;
    bool has_changed;
    maiko_status status;

    patterns_changed(&peer->wishes);
    patterns_init(&list, peer->heap);
    status = judge_again(peer, &list, &has_changed);
    if (status != MAIKO_OK) { /* not known to be allowed: asked for and judged in another session */
        patterns_deinit(&list);
        deny_all(&peer->interest);
        peer_fail(peer, status, "out of memory", now_ns);
        return;
    }
    if (has_changed && is_answered)
        begin_topics(peer, &list, &peer->interest, true);
    patterns_deinit(&peer->interest);
    peer->interest = list;
    if (!has_changed || !is_answered)
        return;
    send_ready(peer, peer->interest_number, now_ns);
    peer_flush(peer, now_ns);
}

bool peer_is_subscribed(const struct peer *peer, const char *topic)
{
    return peer->state == PEER_UP && peer->interest_number > 0 && patterns_match(&peer->interest, topic);
}
