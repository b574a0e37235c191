/*
 * A whole life of one peer, either side of it, as a script.  Byte 0: switches (struct switches); byte 1: which allocation fails,
 * 0 for none; then a byte for what happens, and its arguments.  The other side speaks mostly well-formed frames, at any time and
 * with any numbers, and sometimes any bytes.  The peer may end the session; what it sends can be read, and no memory stays
 * behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/session_play.h"
#include "lib/sample_events.h"
#include "wire/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* ---- the sink ---- */

static void on_send(struct peer *peer, const uint8_t *bytes, size_t len, void *userdata)
{
    struct play *play = userdata;
    struct frame frame;
    struct reader records;

    require(frame_read(bytes, len, &frame, NULL) == MAIKO_OK);
    play->session = frame.session;
    if (frame.kind == FRAME_SUBSCRIBE)
        play->wish = frame.number;
    if (frame.kind == FRAME_DATA)
        play->next = frame.first + frame_array(frame.records, &records);
    if (frame.kind == FRAME_READY) {
        play->stream = frame.stream;
        play->next = frame.next;
    }
}

static bool on_give(struct peer *peer, uint8_t *bytes, size_t len, size_t size, void *userdata)
{
    struct play *play = userdata;

    on_send(peer, bytes, len, userdata);
    heap_free(&play->heap, bytes, size);
    return true;
}

static void on_close(struct peer *peer, void *userdata)
{
}

static bool on_deliver(struct peer *peer, const struct inbound_event *event, void *userdata)
{
    struct play *play = userdata;

    play->got_stream = event->stream;
    play->got_position = event->position;
    event->channel->user = play;
    if (event->position % 3 == 2)
        peer_refuse(peer, event->stream, event->channel->topic, "type");
    return (play->switches & KEEPS) == 0;
}

static bool on_settle(struct peer *peer, void *userdata)
{
    const struct play *play = userdata;

    return (play->switches & IS_UNSETTLED) == 0 || play->got_position % 2 == 0;
}

static void on_forgotten(struct peer *peer, struct inbound_channel *channel, void *userdata)
{
    require(channel->user == NULL || channel->user == userdata);
}

static void on_ended(struct peer *peer, const char *publisher, const char *const *publish, void *userdata)
{
    for (; *publish != NULL; publish++)
        (void)strlen(*publish);
}

static void on_actors(struct peer *peer, const struct frame_actor *actors, size_t count, void *userdata)
{
}

static void on_news(struct peer *peer, const struct peer_notice *notice, void *userdata)
{
    require(peer_news_name(notice->news) != NULL && notice->reason != NULL && notice->text != NULL && notice->pattern != NULL);
}

static bool may(struct peer *peer, const char *topic, void *userdata)
{
    const struct play *play = userdata;

    return topic[0] != play->forbidden;
}

/* ---- the sink of a node that shares memory with the other side ---- */

static bool on_near_deliver(struct peer *peer, const struct inbound_event *event, void *userdata)
{
    struct payload_reference reference = {.len = 0};

    event->channel->is_native = true;
    if (event->native.data != NULL)
        require(event->native.data >= event->payload.data && event->native.len <= event->payload.len);
    if (payload_read_reference(event->payload, &reference))
        require(reference.head.len < event->payload.len);
    return on_deliver(peer, event, userdata);
}

/* Some of them; the next one comes alone. */
static uint32_t on_deliver_run(struct peer *peer, const struct inbound_run *run, bool *ret_is_pending, void *userdata)
{
    struct play *play = userdata;
    const struct record_run *records = &run->records;
    uint32_t count = records->count - (uint32_t)(run->position % 2);
    uint32_t i;

    require(records->count > 0 && run->channel->is_native);
    for (i = 0; i < records->count; i++)
        require(record_run_native(records, i).len < record_run_payload(records, i).len);
    play->got_stream = run->stream;
    play->got_position = count > 0 ? run->position + count - 1 : play->got_position;
    *ret_is_pending = count > 0 && run->position % 3 == 0;
    return count;
}

static bool on_is_near(struct peer *peer, void *userdata)
{
    return true;
}

static bool on_lend(struct peer *peer, const maiko_event_type *type, const void *event, size_t len,
                    struct payload_reference *ret_reference, void *userdata)
{
    const struct play *play = userdata;

    *ret_reference = (struct payload_reference){.slot = 1, .len = len, .head = {event, type->size}};
    return play->published % 4 != 0; /* else there is no slot */
}

static void on_pass(struct peer *peer, uint32_t slot, void *userdata)
{
}

static bool on_is_alive(struct peer *peer, void *userdata)
{
    const struct play *play = userdata;

    return play->now % 3 != 0;
}

static const struct peer_sink small_sink = {.send = on_send, .close = on_close, .deliver = on_deliver};
static const struct peer_sink whole_sink = {.send = on_send,
                                            .give = on_give,
                                            .close = on_close,
                                            .deliver = on_deliver,
                                            .settle = on_settle,
                                            .forgotten = on_forgotten,
                                            .ended = on_ended,
                                            .actors = on_actors,
                                            .news = on_news};
static const struct peer_sink strict_sink = {.send = on_send,
                                             .close = on_close,
                                             .deliver = on_deliver,
                                             .settle = on_settle,
                                             .ended = on_ended,
                                             .news = on_news,
                                             .may_publish = may,
                                             .may_subscribe = may};
static const struct peer_sink near_sink = {.send = on_send,
                                           .give = on_give,
                                           .close = on_close,
                                           .deliver = on_near_deliver,
                                           .deliver_run = on_deliver_run,
                                           .settle = on_settle,
                                           .is_near = on_is_near,
                                           .lend = on_lend,
                                           .pass = on_pass,
                                           .forgotten = on_forgotten,
                                           .ended = on_ended,
                                           .actors = on_actors,
                                           .news = on_news,
                                           .is_alive = on_is_alive,
                                           .may_publish = may,
                                           .may_subscribe = may};

static const struct peer_sink *sink_of(unsigned switches)
{
    static const struct peer_sink *const sinks[] = {&small_sink, &strict_sink, &whole_sink, &near_sink};

    return sinks[(switches & HAS_SINK ? 2 : 0) + (switches & HAS_LISTS ? 1 : 0)];
}

/* ---- what happens on our side ---- */

/* A line is longer than what is handed over as a whole frame. */
static void publish(struct play *play)
{
    enum { LONG = 9000 };
    static char text[sizeof(line) + LONG];
    static const uint64_t text_len = LONG;
    static const numbers number = {.u8 = 1};
    unsigned how = take(play);
    unsigned count = how / 32;
    struct export_event event = {.type = how & 4 ? MAIKO_TYPE(line) : MAIKO_TYPE(numbers),
                                 .payload = how & 4 ? (const void *)text : &number,
                                 .topic = session_patterns[1 + how % 3],
                                 .sender = how & 4 ? "s" : "t",
                                 .overflow = (maiko_overflow)(how / 8 % 4 + MAIKO_BLOCK)};

    memcpy(text + sizeof(line) - sizeof(text_len), &text_len, sizeof(text_len));
    do {
        event.id = (maiko_id){1, ++play->published};
        (void)!exporter_publish(play->exporter, &event, play->now);
    } while (count-- > 0);
    exporter_evict(play->exporter);
}

static void let_go(void *owner)
{
    struct play *play = owner;

    play->kept--;
}

/* What lies in front of an event's last bytes, which stay where they are. */
static struct retained_block *new_block(struct play *play, const struct pack *pack, struct slice rest, size_t head_len)
{
    uint8_t *head = heap_alloc(&play->heap, pack->len);
    struct retained_block *block = head != NULL ? retained_block_new(&play->heap, head, pack->len) : NULL;

    if (block == NULL) {
        heap_free(&play->heap, head, pack->len);
        return NULL;
    }
    memcpy(head, pack->data, pack->len);
    block->rest = rest.data;
    block->rest_len = rest.len;
    block->owner = play;
    block->let_go = let_go;
    block->head_len = head_len;
    play->kept++;
    return block;
}

/* A large event whose bytes are not copied: as native bytes when all of its readers take them. */
static void publish_large(struct play *play)
{
    enum { LONG = 9000 };
    static char event[sizeof(body) + LONG];
    static const uint64_t tail_len = LONG;
    struct export_event meaning = {.type = MAIKO_TYPE(body), .topic = session_patterns[1 + take(play) % 3], .sender = "s"};
    struct slice rest = {(const uint8_t *)event, sizeof(event)};
    struct export_channel *channel;
    struct retained_block *block;
    struct pack pack;
    size_t head_len;
    size_t count;

    memcpy(event + sizeof(body) - sizeof(tail_len), &tail_len, sizeof(tail_len));
    meaning.id = (maiko_id){1, ++play->published};
    meaning.overflow = MAIKO_BLOCK;
    if (exporter_channel(play->exporter, &meaning, &channel) != MAIKO_OK)
        return;
    pack_init(&pack, heap_default(), 1 << 16);
    record_begin_event(&pack, &(struct event_head){.id_lo = play->published, .time_ns = 1});
    head_len = pack.len;
    if (channel->type->is_native)
        pack_bin_head(&pack, rest.len);
    else
        require(payload_write_array_head(channel->type->plan, &pack, event, &rest));
    block = new_block(play, &pack, rest, head_len);
    if (block != NULL) {
        block->event = event;
        block->event_len = sizeof(event);
        (void)!exporter_append(play->exporter, channel,
                               &(struct export_run){.block = block,
                                                    .records = block->data,
                                                    .len = block->size + rest.len,
                                                    .count = 1,
                                                    .is_native = channel->type->is_native},
                               play->now, &count);
        retained_block_unref(block);
    }
    pack_deinit(&pack);
    exporter_evict(play->exporter);
}

static void finish(struct play *play)
{
    static const char *const topics[] = {"a", NULL};

    (void)!exporter_finish(play->exporter, session_patterns[take(play) % 8], topics, play->now);
}

static void wish(struct play *play)
{
    unsigned how = take(play);
    struct pattern pattern = {.text = (char *)(uintptr_t)session_patterns[how % 8],
                              .id = how % 8,
                              .from = (enum pattern_from)(how / 8 % 3),
                              .overflow = (maiko_overflow_choice)(how / 32 % 5),
                              .made_at_ns = play->now};

    if (how & 128)
        peer_unsubscribe(play->peer, pattern.text, play->now);
    else
        (void)!peer_subscribe(play->peer, &pattern, play->now);
}

static void pass(struct play *play)
{
    unsigned how = take(play);

    play->now += how < 128 ? MAIKO_MS(how) : MAIKO_MS(100) * (how - 127);
    require(peer_deadline(play->peer) > 0);
    peer_tick(play->peer, play->now);
}

/* The books of what was offered to it, and everything else that can be asked. */
static void look(struct play *play)
{
    const struct peer_counters *counters = peer_counters(play->peer);
    uint64_t events = 0, bytes = 0;

    require(counters->acknowledged + counters->lost_window + counters->lost_oldest + counters->lost_deadline +
                counters->lost_log + counters->lost_peer <=
            counters->offered);
    require(counters->refused <= counters->acknowledged);
    peer_depth(play->peer, &events, &bytes);
    require(peer_is_drained(play->peer) == (events == 0));
    require(strcmp(peer_state_name(peer_state(play->peer)), "?") != 0);
    require(peer_remote(play->peer) == NULL || peer_remote(play->peer)->name.len > 0);
    require(peer_userdata(play->peer) == play && peer_interest(play->peer)->count < 4);
    if (peer_state(play->peer) != PEER_UP)
        require(!peer_is_ready(play->peer) && !peer_is_subscribed(play->peer, "a"));
    (void)peer_may_retry(play->peer);
    (void)peer_received(play->peer, &events);
    (void)peer_acknowledged(play->peer);
    if (peer_is_lossy(play->peer))
        require(!peer_holds(play->peer) && peer_is_stalled(play->peer));
    require(!peer_is_owed(play->peer) || !peer_is_drained(play->peer));
    require(exporter_is_drained(play->exporter) == !peer_is_owed(play->peer));
    require(exporter_holds(play->exporter, "a") <= peer_holds(play->peer));
}

/* The allow lists have changed. */
static void review(struct play *play)
{
    play->forbidden = (char)('a' + take(play) % 4);
    peer_review(play->peer, play->now);
}

/* Another node has the same events, and was faster. */
static void hear_elsewhere(struct play *play)
{
    unsigned how = take(play);
    struct origin *origin =
        origins_join(&play->origins, 4, session_patterns[1 + how % 3], "s", (maiko_id){2, 2}, (maiko_id){9, 9});

    if (origin == NULL)
        return;
    (void)origin_hear(origin, (how & 4 ? UINT64_C(1) << 40 : 0) + how / 8);
    origins_leave(&play->origins, origin);
}

/* The rarer things: bytes above those of all others. */
enum { RARE = 250 };

static void happen_rarely(struct play *play, unsigned what)
{
    switch (what - RARE) {
    case 0:
        review(play);
        break;
    case 1:
        peer_shut_out(play->peer, play->now);
        break;
    case 2:
        publish_large(play);
        break;
    case 3:
        session_ask_native(play);
        break;
    case 4:
        play->first = UINT64_MAX - take(play);
        break;
    default:
        hear_elsewhere(play);
    }
}

static void happen(struct play *play)
{
    unsigned what = take(play);

    if (what >= RARE) {
        happen_rarely(play, what);
        return;
    }
    if (what % 28 < SESSION_WORDS) {
        session_speak(play, what % 28);
        return;
    }
    switch (what % 28) {
    case 13:
        publish(play);
        break;
    case 14:
        finish(play);
        break;
    case 15:
        wish(play);
        break;
    case 16:
        pass(play);
        break;
    case 17:
        look(play);
        break;
    case 18:
        session_actors(play, true);
        break;
    case 19:
        peer_delivered(play->peer, play->got_stream, play->got_position, play->now);
        break;
    case 20:
        peer_flush(play->peer, play->now);
        break;
    case 21:
        peer_connected(play->peer, play->now);
        break;
    case 22:
        peer_disconnected(play->peer, "lost", play->now);
        break;
    case 23:
        peer_died(play->peer, play->now);
        break;
    case 24:
        peer_bye(play->peer, "shutdown", play->now);
        break;
    case 25:
        play->session = take(play);
        break;
    case 26:
        play->switches ^= IS_UNSETTLED;
        break;
    default:
        failing_allocator_fail_nth(&play->allocator, take(play));
    }
}

static maiko_status begin(struct play *play)
{
    bool is_little = (play->switches & HAS_LITTLE) != 0;
    struct exporter_config exporter = {
        .heap = &play->heap, .log_bytes = is_little ? 1500 : 0, .channels = is_little ? 2 : 0, .stream_seed = 1};
    struct peer_config config = {.heap = &play->heap,
                                 .identity = {.space = "s", .name = "m", .node = {1, 1}, .epoch = 1},
                                 .sink = sink_of(play->switches),
                                 .userdata = play,
                                 .origins = play->switches & HAS_ORIGINS ? &play->origins : NULL};
    maiko_status status = exporter_new(&exporter, &play->exporter);

    config.exporter = play->exporter;
    if ((play->switches & IS_ROOMY) == 0) {
        config.window_events = config.oldest_tail = 3;
        config.window_bytes = config.batch_bytes = 400;
    }
    return status == MAIKO_OK ? peer_new(&config, &play->peer) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct play play = {
        .data = bytes, .len = len, .now = MAIKO_SECONDS(1), .session = 1, .epoch = 1, .stream = 1, .forbidden = 'c'};
    long nth;

    play.switches = take(&play);
    nth = (long)take(&play) - 1;
    failing_allocator_init(&play.allocator);
    heap_init(&play.heap, &play.allocator.allocator, 0);
    origins_init(&play.origins, &play.heap);
    failing_allocator_fail_nth(&play.allocator, nth);
    if (begin(&play) == MAIKO_OK) {
        if (play.switches & CONNECTS)
            peer_connected(play.peer, play.now);
        while (play.len > 0)
            happen(&play);
        look(&play);
    }
    peer_free(play.peer);
    exporter_free(play.exporter);
    origins_deinit(&play.origins);
    require(play.kept == 0 && failing_allocator_is_balanced(&play.allocator));
    return 0;
}
