/* What the other side says in a session: mostly well-formed frames, at any time and with any numbers, and sometimes any bytes. */
#include <stdio.h>

#include "fuzz/session_play.h"
#include "lib/sample_events.h"
#include "wire/payload.h"

static void deliver(struct play *play, struct pack *pack)
{
    if (pack_status(pack) == MAIKO_OK)
        peer_frame(play->peer, pack->data, pack->len, play->now);
    pack_deinit(pack);
}

static void say(struct play *play, struct frame *frame)
{
    struct pack pack;

    frame->session = play->session;
    pack_init(&pack, heap_default(), 1 << 20);
    frame_write(&pack, frame);
    deliver(play, &pack);
}

/* Bits of the argument: what is wrong or new. */
static void introduce(struct play *play, enum frame_kind kind)
{
    unsigned how = take(play);
    struct frame frame = {.kind = kind,
                          .hello = {.min = how & 1 ? 9 : 1,
                                    .max = how & 1 ? 12 : 1,
                                    .version = how & 1 ? 9 : 1,
                                    .space = slice_of(how & 2 ? "other" : "s"),
                                    .name = slice_of(how & 4 ? "no/name" : "n"),
                                    .host = slice_of("h"),
                                    .node = {how & 8 ? 1 : 2, how & 8 ? 1 : 2},
                                    .uptime_ns = how & 16 ? 1 : play->now,
                                    .window_events = how & 16 ? 2 : 0,
                                    .window_bytes = how & 16 ? 600 : 0}};

    if (how & 32)
        play->epoch++;
    if (kind == FRAME_HELLO && (how & 64) != 0)
        play->session++;
    if (kind == FRAME_HELLO && (how & 128) != 0)
        play->session--;
    frame.hello.epoch = play->epoch;
    say(play, &frame);
}

const char *const session_patterns[SESSION_PATTERNS] = {"#", "a", "b", "c", "+/x", "a/#", "$sys/peer", "d"};

static void subscribe(struct play *play)
{
    static const char *const from[] = {"", "last", "log", "log"}; /* the last one with an age */
    static const char *const overflow[] = {"", "block", "drop_oldest", "drop_newest", "fail", "x"};
    unsigned how = take(play);
    unsigned count = how % 4;
    struct frame frame = {.session = play->session, .number = how & 16 ? play->list : ++play->list};
    struct pack pack;
    size_t place;
    unsigned i;

    frame.stream = how & 32 ? 0 : play->stream;
    frame.next = how & 64 ? play->next : how & 128 ? play->acked : 0;
    frame.heard_ns = how & 8 ? play->now : how & 4 ? MAIKO_MS(1) : 0;
    pack_init(&pack, heap_default(), 1 << 20);
    frame_begin_subscribe(&pack, &frame);
    place = pack_array_begin(&pack);
    for (i = 0; i < count; i++) {
        unsigned which = take(play);

        frame_write_pattern(&pack, &(struct frame_pattern){.text = slice_of(session_patterns[which % 8]),
                                                           .from = slice_of(from[which / 8 % 4]),
                                                           .overflow = slice_of(overflow[which / 32 % 6]),
                                                           .id = i,
                                                           .age_ns = which / 8 % 4 == 3 ? MAIKO_MS(400) * (which / 32) : 0,
                                                           .has_failed = which >= 192});
    }
    pack_array_end(&pack, place, count);
    deliver(play, &pack);
}

static void ready(struct play *play)
{
    unsigned how = take(play);
    struct pack denied;
    struct pack failed;
    struct frame frame = {.kind = FRAME_READY,
                          .number = how & 1 ? play->wish - 1 : play->wish,
                          .stream = how & 2 ? 7 : 1,
                          .next = how & 4 ? play->first : 0,
                          .resumed = (how & 4) != 0,
                          .is_lost_known = (how & 8) != 0,
                          .lost = how & 16 ? 3 : 0,
                          .is_earlier_known = (how & 12) != 0,
                          .earlier = how & 16 ? 5 : 0};

    pack_init(&denied, heap_default(), 4096);
    pack_array(&denied, 2);
    pack_str(&denied, session_patterns[how / 32]);
    pack_str(&denied, "never/asked");
    if (how & 8)
        frame.denied = pack_slice(&denied);
    pack_init(&failed, heap_default(), 4096);
    pack_array(&failed, 1);
    frame_write_pattern(&failed, &(struct frame_pattern){.text = slice_of(session_patterns[how / 32]), .id = how / 32});
    if (how & 16)
        frame.failed = pack_slice(&failed);
    if ((how & 4) == 0)
        play->first = 0;
    say(play, &frame);
    pack_deinit(&failed);
    pack_deinit(&denied);
}

/* As processes that share memory write it: bytes of the event, more of them than fit, or where they are. */
static void write_native_record(struct pack *pack, unsigned how, uint64_t id)
{
    static const uint8_t bytes[sizeof(numbers) + 1];
    struct event_head head = {
        .channel = how % 4, .id_lo = (how & 4 ? 0 : id) | UINT64_C(1) << 40, .time_ns = how & 16 ? UINT64_C(1) << 60 : 1};

    if (how & 8)
        head.parent = (maiko_id){5, 6};
    if ((how & 64) == 0) {
        record_write_native(pack, &head, bytes, sizeof(numbers));
        return;
    }
    record_begin_event(pack, &head);
    payload_write_reference(pack, &(struct payload_reference){.slot = how, .len = 99999, .head = {bytes, how % 8}});
}

static void write_event_record(struct pack *pack, unsigned how, uint64_t id)
{
    static const maiko_id parent = {5, 6};

    if (how & 32) {
        write_native_record(pack, how, id);
        return;
    }
    if (how & 4) { /* as others write it, a later version perhaps */
        pack_array(pack, how & 8 ? 5 : 7);
        pack_uint(pack, how % 4);
        pack_uint(pack, id);
        pack_uint(pack, 1);
        pack_id(pack, parent);
        pack_id(pack, parent);
        if ((how & 8) == 0) {
            pack_array(pack, 0);
            pack_nil(pack);
        }
        return;
    }
    record_begin_event(pack,
                       &(struct event_head){.channel = how % 4,
                                            .id_lo = how & 16 ? id | UINT64_C(1) << 40 : id, /* the usual form, or a short one */
                                            .time_ns = how & 16 ? UINT64_C(1) << 60 : 1,
                                            .parent = how & 8 ? parent : (maiko_id){0, 0}});
    pack_array(pack, 1);
    pack_int(pack, -1);
}

static void write_record(struct play *play, struct pack *pack, uint64_t id)
{
    static const char *const topics[] = {"a", "b", NULL};
    unsigned how = take(play);

    switch (how / 32) {
    case 0:
        record_write_lost(pack, how, "window");
        break;
    case 1:
        record_write_end(pack, "publisher", how & 1 ? topics : topics + 2);
        break;
    case 2:
        record_write_failed(pack, session_patterns[how % 8], how / 8 % 4);
        break;
    case 3:
        pack_map(pack, 1);
        pack_str(pack, how & 1 ? "later" : "lost");
        pack_nil(pack);
        break;
    default:
        write_event_record(pack, how, id);
    }
}

static void write_channels(struct pack *pack, unsigned how)
{
    static const maiko_id origins[] = {{0, 0}, {1, 1}, {3, 3}, {2, 2}};
    unsigned i;

    pack_array(pack, 3);
    for (i = 0; i < 3; i++)
        frame_write_channel(pack, &(struct frame_channel){.number = i,
                                                          .topic = slice_of(session_patterns[1 + (how + i) % 3]),
                                                          .type = slice_of("numbers"),
                                                          .sender = slice_of(how & 8 ? "t" : "s"),
                                                          .schema = 1,
                                                          .prefix = 4,
                                                          .origin = origins[how % 4],
                                                          .hops = how & 4 ? 9 : 1});
}

static void add_references(struct pack *frame, unsigned how)
{
    struct pack pack;

    pack_init(&pack, heap_default(), 1 << 16);
    pack_array(&pack, 1);
    foreign_type_write(&pack, MAIKO_TYPE(numbers), 1);
    frame_add_array(frame, 0, "types", pack_slice(&pack));
    pack_clear(&pack);
    write_channels(&pack, how);
    frame_add_array(frame, 0, "channels", pack_slice(&pack));
    pack_deinit(&pack);
}

static void data(struct play *play)
{
    unsigned how = take(play);
    unsigned count = how % 8;
    struct frame frame = {.session = play->session, .first = play->first};
    struct pack pack;
    size_t place;
    unsigned i;

    if (how & 8)
        frame.first += 2; /* something is missing */
    else if (how & 16)
        frame.first -= frame.first > 1 ? 2 : frame.first; /* again */
    else
        play->first += count;
    if ((how & 24) == 24)
        frame.first = UINT64_MAX - 1;
    pack_init(&pack, heap_default(), 1 << 20);
    frame_begin_data(&pack, &frame);
    place = pack_array_begin(&pack);
    for (i = 0; i < count; i++)
        write_record(play, &pack, frame.first + i);
    pack_array_end(&pack, place, count);
    if (how & 32)
        add_references(&pack, how / 64 + take(play));
    deliver(play, &pack);
}

/* More topics than are told apart, or a few. */
static void write_refused(struct pack *pack, unsigned how)
{
    unsigned count = how & 64 ? 20 : 2;
    char topic[8];
    unsigned i;

    pack_array(pack, count);
    for (i = 0; i < count; i++) {
        snprintf(topic, sizeof(topic), "t/%u", i);
        frame_write_refusal(pack, &(struct frame_refusal){.topic = slice_of(i == 1 ? "" : topic),
                                                          .reason = slice_of(how & 1 ? "denied" : ""),
                                                          .events = how & 2 ? UINT64_MAX : 1 + how / 8});
    }
}

static void number(struct play *play, enum frame_kind kind)
{
    unsigned how = take(play);
    struct pack refused;
    struct frame frame = {.kind = kind, .next = how < 128 ? play->next - how % 8 : how % 16, .ack = play->next - how / 8 % 4};

    if (kind == FRAME_HEARTBEAT)
        frame.next = play->first + how % 2;
    if (kind == FRAME_ACK)
        play->acked = frame.next;
    pack_init(&refused, heap_default(), 4096);
    if (how < 128 && (how & 32) != 0)
        write_refused(&refused, how);
    frame.refused = pack_slice(&refused);
    say(play, &frame);
    pack_deinit(&refused);
}

void session_actors(struct play *play, bool is_ours)
{
    static const struct slice topics[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}};
    struct frame_actor list[3] = {
        {.name = slice_of("x"), .publish = topics, .publish_count = 2, .subscribe = topics, .subscribe_count = 1}};
    unsigned count = take(play) % 4;
    struct pack pack;
    unsigned i;

    for (i = 1; i < 3; i++)
        list[i] = list[0];
    if (is_ours) {
        (void)!peer_announce(play->peer, list, count == 3 ? WIRE_ACTORS_MAX + 1 : count, play->now);
        return;
    }
    pack_init(&pack, heap_default(), 1 << 16);
    frame_begin_actors(&pack, play->session, 1);
    frame_write_actors(&pack, list, count);
    deliver(play, &pack);
}

static void refuse(struct play *play)
{
    static const char *const reasons[] = {"duplicate", "version", "limit", "denied"};
    struct pack pack;

    pack_init(&pack, heap_default(), 4096);
    peer_write_refusal(&pack, play->session, reasons[take(play) % 4], "text");
    deliver(play, &pack);
}

/* Which types it takes as native bytes: those we publish, with the layout they have or another one. */
void session_ask_native(struct play *play)
{
    unsigned how = take(play);
    const maiko_event_type *const types[] = {MAIKO_TYPE(numbers), MAIKO_TYPE(body), MAIKO_TYPE(line)};
    uint32_t count = how & 64 ? WIRE_TYPES_MAX + 1 : 1 + how % 4;
    struct pack pack;
    uint32_t i;

    pack_init(&pack, heap_default(), 1 << 20);
    frame_begin_native(&pack, play->session);
    pack_array(&pack, count);
    if (how & 128) /* no type at all */
        pack_nil(&pack);
    for (i = how / 128; i < count; i++)
        frame_write_native(&pack, &(struct frame_native){.type = slice_of(types[(how / 4 + i) % 3]->name),
                                                         .schema = maiko_schema_hash(types[(how / 4 + i) % 3]) + (how & 32)});
    deliver(play, &pack);
}

static void raw(struct play *play)
{
    size_t len = take(play);

    if (len > play->len)
        len = play->len;
    peer_frame(play->peer, play->data, len, play->now);
    play->data += len;
    play->len -= len;
}

void session_speak(struct play *play, unsigned what)
{
    switch (what) {
    case 0:
        raw(play);
        break;
    case 1:
        introduce(play, FRAME_HELLO);
        break;
    case 2:
        introduce(play, FRAME_WELCOME);
        break;
    case 3:
        subscribe(play);
        break;
    case 4:
        ready(play);
        break;
    case 5:
        data(play);
        break;
    case 6:
        number(play, FRAME_ACK);
        break;
    case 7:
        number(play, FRAME_REPLAY);
        break;
    case 8:
        number(play, FRAME_HEARTBEAT);
        break;
    case 9:
        say(play, &(struct frame){.kind = FRAME_RESET});
        break;
    case 10:
        say(play, &(struct frame){.kind = FRAME_BYE, .reason = slice_of("closed"), .text = slice_of("text")});
        break;
    case 11:
        session_actors(play, false);
        break;
    default:
        refuse(play);
    }
}
