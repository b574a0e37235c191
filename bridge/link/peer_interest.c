/* Peer, sending: what the other side wants, from where in which stream, and how much of the past. */
#include "link/peer_state.h"

#include <string.h>

#include "base/hash_table.h"

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
    struct hash_table failed; /* patterns of the list before, by text */
    uint32_t denied;
    uint64_t youngest_ns; /* the smallest of the ages; UINT64_MAX: none was said */
};

/* It stays ended when either side knows that it is: the one may have forgotten the other, or have lost what it said. */
static bool has_failed(const struct told_list *about, const struct frame_pattern *told)
{
    const struct pattern *known = hash_table_find_len(&about->failed, (const char *)told->text.data, told->text.len);

    return told->has_failed || (known != NULL && known->id == told->id);
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
    pattern.is_failed = has_failed(about, told);
    pattern.is_denied = !is_allowed(peer, text);
    if (pattern.is_denied) {
        pack_str(&peer->asking.denied, text);
        about->denied++;
    }
    if (pattern.from == FROM_LOG && told->age_ns > 0 && told->age_ns < about->youngest_ns)
        about->youngest_ns = told->age_ns;
    status = patterns_add(list, &pattern);
    return status == MAIKO_OK || status == MAIKO_ENOMEM ? status : MAIKO_EPROTOCOL;
}

static const char *text_of(const void *pattern)
{
    return ((const struct pattern *)pattern)->text;
}

/* Lists are long, and whoever sends them may have made most of their patterns fail. */
static maiko_status collect_failed(const struct patterns *interest, struct hash_table *failed)
{
    size_t i;

    for (i = 0; i < interest->count; i++)
        if (interest->list[i].is_failed && hash_table_insert(failed, &interest->list[i]) == MAIKO_ENOMEM)
            return MAIKO_ENOMEM;
    return MAIKO_OK;
}

static maiko_status read_patterns(struct peer *peer, struct reader *reader, uint32_t count, struct patterns *list,
                                  struct told_list *about, struct text *error)
{
    size_t place;
    uint32_t i;

    pack_clear(&peer->asking.denied);
    place = pack_array_begin(&peer->asking.denied);
    for (i = 0; i < count; i++) {
        struct frame_pattern told;
        maiko_status status = frame_next_pattern(reader, &told, error);

        if (status == MAIKO_OK)
            status = add_pattern(peer, list, &told, about);
        if (status != MAIKO_OK) {
            text_append(error, error->len == 0 ? "patterns: not a pattern" : "");
            return status;
        }
    }
    pack_array_end(&peer->asking.denied, place, about->denied);
    return pack_status(&peer->asking.denied);
}

static maiko_status read_list(struct peer *peer, const struct frame *frame, struct patterns *list, uint64_t *ret_youngest_ns,
                              struct text *error)
{
    struct told_list about = {.youngest_ns = UINT64_MAX};
    struct reader reader;
    uint32_t count = frame_array(frame->patterns, &reader);
    maiko_status status;

    if (count > WIRE_PATTERNS_MAX) {
        text_append(error, "patterns: more than 4096");
        return MAIKO_EPROTOCOL;
    }
    hash_table_init(&about.failed, peer->heap, text_of);
    status = collect_failed(&peer->interest, &about.failed);
    if (status == MAIKO_OK)
        status = read_patterns(peer, &reader, count, list, &about, error);
    hash_table_deinit(&about.failed);
    *ret_youngest_ns = about.youngest_ns;
    return status;
}

/* Does the other side go on in our stream?  Who names none, in the same life, has not had the answer to its first subscribe:
 * the connection broke meanwhile, and everything sent since waits in the stream. */
static bool is_of_stream(const struct stream *stream, const struct peer_asking *asking)
{
    if (stream->id == 0)
        return false;
    if (asking->stream == 0)
        return stream->base == 0 && asking->next == 0;
    return asking->stream == stream->id && asking->next >= stream->base && asking->next <= stream_next(stream);
}

/* The first subscribe of a session: goes on where the other side is, or begins a stream.  True when it is a new one.  Who was
 * shut out before it was ever answered hears what it lost by that. */
static bool enter_stream(struct peer *peer, const struct peer_asking *asking)
{
    struct stream *stream = &peer->stream;
    bool is_known = !peer->is_barred && is_of_stream(stream, asking);

    peer->ready = (struct frame){.kind = FRAME_READY,
                                 .resumed = is_known,
                                 .is_lost_known = is_known || asking->stream == 0,
                                 .lost = asking->stream == 0 ? peer->barred : 0,
                                 .is_earlier_known = true,
                                 .earlier = is_known ? peer->ready.earlier : 0};
    stream->window_bytes = peer_window_bytes(peer);
    stream->window_events = peer_window_events(peer);
    stream->oldest_tail = peer->config.oldest_tail;
    peer_forget_told(peer);
    peer_forget_native(peer);
    if (is_known) {
        (void)stream_acknowledge(stream, asking->ack < asking->next ? asking->ack : asking->next, peer->last_now);
        (void)stream_rewind(stream, asking->next);
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
static void begin_list(struct peer *peer, const struct peer_asking *asking, bool is_new_stream)
{
    bool has_past = !is_new_stream || (asking->stream == 0 && !peer->is_barred);
    uint64_t *earlier = &peer->ready.earlier;

    peer_begin_topics(peer, asking, !is_new_stream, has_past);
    if (is_new_stream && asking->stream == 0)
        *earlier -= peer->barred < *earlier ? peer->barred : *earlier; /* told as lost */
    peer->is_barred = false;
}

/* Does the stream say it, so that they learn it in its place? */
static bool is_on_its_way(const struct hash_table *failures, const struct pattern *pattern)
{
    const struct stream_failure *failure = hash_table_find(failures, pattern->text);

    return failure != NULL && failure->id == pattern->id;
}

static maiko_status write_failed(struct peer *peer, const struct hash_table *failures)
{
    uint32_t count = 0;
    size_t place;
    size_t i;

    pack_clear(&peer->failed);
    place = pack_array_begin(&peer->failed);
    for (i = 0; i < peer->interest.count; i++) {
        const struct pattern *pattern = &peer->interest.list[i];

        if (!pattern->is_failed || is_on_its_way(failures, pattern))
            continue;
        frame_write_pattern(&peer->failed, &(struct frame_pattern){.text = slice_of(pattern->text), .id = pattern->id});
        count++;
    }
    pack_array_end(&peer->failed, place, count);
    if (count == 0)
        pack_clear(&peer->failed); /* it is left out */
    return pack_status(&peer->failed);
}

/* What stays ended, but for what the stream is about to say: behind the events that came before. */
static maiko_status list_failed(struct peer *peer)
{
    struct hash_table failures;
    maiko_status status;

    status = stream_collect_failures(&peer->stream, &failures);
    if (status == MAIKO_OK)
        status = write_failed(peer, &failures);
    hash_table_deinit(&failures);
    return status;
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

void peer_drop_asking(struct peer *peer)
{
    peer->asking.is_there = false;
    patterns_deinit(&peer->asking.list);
    peer_forget_answers(peer, &peer->asking);
}

/* What it asks of each topic is known: from here on it is in force. */
static void put_in_force(struct peer *peer, uint64_t now_ns)
{
    struct peer_asking *asking = &peer->asking;
    bool is_new_stream = peer->interest_number == 0 && enter_stream(peer, asking);
    struct pack denied = peer->denied;
    maiko_status status;

    begin_list(peer, asking, is_new_stream);
    patterns_deinit(&peer->interest);
    peer->interest = asking->list;
    patterns_init(&asking->list, peer->heap);
    peer->interest_number = asking->number;
    peer->denied = asking->denied;
    asking->denied = denied;
    peer_drop_asking(peer);
    status = list_failed(peer);
    if (status != MAIKO_OK) {
        peer_fail(peer, status, "", now_ns);
        return;
    }
    peer_offer_ends(peer, now_ns);
    send_ready(peer, peer->interest_number, now_ns);
    if (peer->state == PEER_UP)
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_SUBSCRIBED});
}

void peer_go_on_asking(struct peer *peer, uint64_t now_ns)
{
    bool is_whole = false;

    if (!peer->asking.is_there)
        return;
    if (peer_answer_topics(peer, &peer->asking, PEER_MATCHES_AT_ONCE, &is_whole) != MAIKO_OK)
        peer_fail(peer, MAIKO_ENOMEM, "", now_ns);
    else if (is_whole)
        put_in_force(peer, now_ns);
}

static void begin_asking(struct peer *peer, const struct frame *frame, struct patterns *list)
{
    patterns_deinit(&peer->asking.list);
    peer_forget_answers(peer, &peer->asking);
    peer->asking.is_there = true;
    peer->asking.number = frame->number;
    peer->asking.stream = frame->stream;
    peer->asking.next = frame->next;
    peer->asking.ack = frame->ack;
    peer->asking.list = *list;
}

/* False: it was seen to. */
static bool is_new_list(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    if (frame->number == peer->interest_number && now_ns - peer->readied_ns >= peer->config.answer_ns / 2) {
        peer->readied_ns = now_ns;
        send_ready(peer, frame->number, now_ns); /* the first answer may be lost */
    }
    return frame->number > peer->interest_number && !(peer->asking.is_there && frame->number <= peer->asking.number);
}

void peer_on_subscribe(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_TEXT_MAX + 1];
    struct text error;
    uint64_t youngest_ns;
    struct patterns list;
    maiko_status status;

    if (!is_new_list(peer, frame, now_ns))
        return;
    text_init_buffer(&error, reason, sizeof(reason));
    patterns_init(&list, peer->heap);
    status = read_list(peer, frame, &list, &youngest_ns, &error);
    if (status != MAIKO_OK || is_in_doubt(peer, frame, youngest_ns, now_ns)) {
        patterns_deinit(&list);
        if (status != MAIKO_OK)
            peer_fail(peer, status, reason, now_ns);
        else
            ask_again(peer, now_ns);
        return;
    }
    begin_asking(peer, frame, &list);
    peer_go_on_asking(peer, now_ns);
    if (peer->state != PEER_UP || peer->asking.is_there)
        return;
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
    struct peer_asking again = {.is_there = true};
    bool has_changed;
    bool is_whole;
    maiko_status status;

    patterns_changed(&peer->wishes);
    if (peer->asking.is_there)
        peer_drop_asking(peer); /* who has no answer says it again, and it is judged anew */
    patterns_init(&again.list, peer->heap);
    status = judge_again(peer, &again.list, &has_changed);
    if (status == MAIKO_OK && has_changed && is_answered)
        status = peer_answer_topics(peer, &again, SIZE_MAX, &is_whole);
    if (status != MAIKO_OK) { /* not known to be allowed: asked for and judged in another session */
        patterns_deinit(&again.list);
        peer_forget_answers(peer, &again);
        deny_all(&peer->interest);
        peer_fail(peer, status, "out of memory", now_ns);
        return;
    }
    if (has_changed && is_answered)
        peer_begin_topics(peer, &again, true, true);
    peer_forget_answers(peer, &again);
    patterns_deinit(&peer->interest);
    peer->interest = again.list;
    if (!has_changed || !is_answered)
        return;
    send_ready(peer, peer->interest_number, now_ns);
    peer_flush(peer, now_ns);
}

bool peer_is_subscribed(const struct peer *peer, const char *topic)
{
    return peer->state == PEER_UP && peer->interest_number > 0 && patterns_match(&peer->interest, topic);
}
