/* Frame: what two nodes say to each other on a link (PROTOCOL.md 2 to 5), as structs.  Reading checks everything; texts and
 * slices point
 * into the frame and live as long as it does. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "wire/envelope.h"
#include "wire/limits.h"

/* X(kind, word) */
#define FRAME_KIND_MAP(X)                                                                                                        \
    X(FRAME_HELLO, "hello")                                                                                                      \
    X(FRAME_WELCOME, "welcome")                                                                                                  \
    X(FRAME_REFUSE, "refuse")                                                                                                    \
    X(FRAME_ACTORS, "actors")                                                                                                    \
    X(FRAME_SUBSCRIBE, "subscribe")                                                                                              \
    X(FRAME_READY, "ready")                                                                                                      \
    X(FRAME_DATA, "data")                                                                                                        \
    X(FRAME_NATIVE, "native")                                                                                                    \
    X(FRAME_ACK, "ack")                                                                                                          \
    X(FRAME_REPLAY, "replay")                                                                                                    \
    X(FRAME_HEARTBEAT, "heartbeat")                                                                                              \
    X(FRAME_RESET, "reset")                                                                                                      \
    X(FRAME_BYE, "bye")

enum frame_kind {
    FRAME_UNKNOWN,
#define FRAME_KIND_ENUM_(kind, word) kind,
    FRAME_KIND_MAP(FRAME_KIND_ENUM_)
#undef FRAME_KIND_ENUM_
};

const char *frame_kind_name(enum frame_kind kind);

/* hello and welcome: who the sender is. */
struct frame_hello {
    uint64_t min;
    uint64_t max;
    uint64_t version; /* welcome only */
    struct slice space;
    struct slice name;
    struct slice host;
    maiko_id node;
    uint64_t epoch;
    uint64_t uptime_ns;
    uint64_t clock;      /* which one; 0: of its own */
    uint64_t started_ns; /* by it */
    uint64_t window_bytes;
    uint64_t window_events;
    uint64_t pid;
};

struct frame_actor {
    struct slice name;
    const struct slice *publish;
    size_t publish_count;
    const struct slice *subscribe;
    size_t subscribe_count;
};

/* One element of `patterns`, or of the `failed` of a ready: text and id. */
struct frame_pattern {
    struct slice text;
    struct slice from;
    struct slice overflow;
    uint64_t id;
    uint64_t age_ns; /* how long ago it was made; 0: not said */
    bool has_failed; /* the subscriber knows that it ended */
};

/* One element of `refused`. */
struct frame_refusal {
    struct slice topic;  /* empty: of all that are not told apart */
    struct slice reason; /* a word */
    uint64_t events;
};

/* One frame.  Which members mean something depends on the kind. */
struct frame {
    enum frame_kind kind;
    uint64_t session;
    struct frame_hello hello; /* hello, welcome */
    struct slice reason;      /* refuse, bye */
    struct slice text;        /* refuse, bye */
    uint64_t number;          /* actors, subscribe, ready */
    uint64_t stream;          /* subscribe, ready */
    uint64_t next;            /* subscribe, ready, ack, replay, heartbeat */
    uint64_t ack;             /* subscribe, heartbeat */
    uint64_t heard_ns;        /* subscribe: how long the other side said last that it was up; 0: not said */
    uint64_t first;           /* data */
    bool resumed;             /* ready */
    bool is_lost_known;       /* ready */
    uint64_t lost;            /* ready */
    bool is_earlier_known;    /* ready */
    uint64_t earlier;         /* ready: events that were published before, and are not in the stream */
    /* Arrays, checked as far as their count; read with the functions below. */
    struct slice actors;
    struct slice patterns;
    struct slice denied;  /* ready */
    struct slice failed;  /* ready: patterns */
    struct slice refused; /* ack, heartbeat, subscribe */
    struct slice types;
    struct slice channels;
    struct slice records;
};

/* MAIKO_OK, MAIKO_ETOOLONG, MAIKO_EPROTOCOL with the reason in `error` (may be NULL).  An unknown kind is MAIKO_OK. */
MAIKO_MUST_CHECK maiko_status frame_read(const uint8_t *bytes, size_t len, struct frame *ret_frame, struct text *error);

/* Whose hello is it?  False when it is no hello at all.  Cheaper than frame_read() and for the same bytes never wrong. */
bool frame_peek_hello(const uint8_t *bytes, size_t len, struct frame *ret_frame);

/* Walk an array of a frame: start with reader_of(slice) after frame_array().  */
uint32_t frame_array(struct slice array, struct reader *ret_reader);

MAIKO_MUST_CHECK maiko_status frame_next_pattern(struct reader *reader, struct frame_pattern *ret_pattern, struct text *error);

MAIKO_MUST_CHECK maiko_status frame_next_refusal(struct reader *reader, struct frame_refusal *ret_refusal, struct text *error);

/* `lists` takes the actor's topics: 2 * WIRE_TOPICS_MAX places. */
MAIKO_MUST_CHECK maiko_status frame_next_actor(struct reader *reader, struct frame_actor *ret_actor, struct slice *lists,
                                               struct text *error);

/* One element of `channels`. */
struct frame_channel {
    uint64_t number;
    struct slice topic;
    struct slice type;
    struct slice sender;
    uint64_t schema;
    uint64_t prefix;
    maiko_id origin;
    uint64_t hops;
};

MAIKO_MUST_CHECK maiko_status frame_next_channel(struct reader *reader, struct frame_channel *ret_channel, struct text *error);

/* One element of `types` in a native frame. */
struct frame_native {
    struct slice type;
    uint64_t schema;
};

MAIKO_MUST_CHECK maiko_status frame_next_native(struct reader *reader, struct frame_native *ret_native, struct text *error);

/* One record of a stream. */
enum record_kind { RECORD_EVENT, RECORD_LOST, RECORD_END, RECORD_FAILED, RECORD_OTHER };

struct record {
    enum record_kind kind;
    /* event */
    uint64_t channel;
    uint64_t id_lo;
    uint64_t time_ns;
    maiko_id parent;
    maiko_id correlation; /* nil: the event's own id */
    struct slice payload; /* one value */
    struct slice native;  /* its bytes when it is a bin; else without data */
    /* lost */
    uint64_t lost;
    struct slice reason;
    /* end, failed */
    struct slice name;
    struct slice publish; /* an array of str: its topics by frame_next_text() */
    uint64_t id;
};

MAIKO_MUST_CHECK maiko_status frame_next_record(struct reader *reader, struct record *ret_record, struct text *error);

/* The next str of an array, 1..WIRE_NAME_MAX bytes. */
MAIKO_MUST_CHECK maiko_status frame_next_text(struct reader *reader, struct slice *ret_text, struct text *error);

/* ---- Writing: every call appends one whole value ---- */

/* All kinds but actors, subscribe, data and native. */
void frame_write(struct pack *pack, const struct frame *frame);

/* The rest of these frames are arrays the caller appends: exactly one value each. */
void frame_begin_actors(struct pack *pack, uint64_t session, uint64_t number); /* then what frame_write_actors() writes */
void frame_write_actors(struct pack *pack, const struct frame_actor *actors, size_t count);
void frame_begin_subscribe(struct pack *pack, const struct frame *frame);         /* then the array of patterns */
void frame_write_refusal(struct pack *pack, const struct frame_refusal *refusal); /* one element of `refused` */
void frame_write_pattern(struct pack *pack, const struct frame_pattern *pattern);
void frame_begin_data(struct pack *pack, const struct frame *frame); /* then "records", an array, and more arrays */
void frame_add_array(struct pack *pack, size_t begin, const char *key,
                     struct slice array); /* to the data frame that begins there */
void frame_write_channel(struct pack *pack, const struct frame_channel *channel);
void frame_begin_native(struct pack *pack, uint64_t session); /* then the array of types */
void frame_write_native(struct pack *pack, const struct frame_native *native);

struct event_head {
    uint64_t channel;
    uint64_t id_lo;
    uint64_t time_ns;
    maiko_id parent;
    maiko_id correlation; /* nil: the event's own id */
};

/* The head of an event record; the payload follows.  Its channel has a fixed width and may be set later. */
void record_begin_event(struct pack *pack, const struct event_head *event);
/* The same with its payload: `len` native bytes. */
void record_write_native(struct pack *pack, const struct event_head *event, const void *bytes, size_t len);

/* What native events have in common that differ in id, time and bytes only: without parent and correlation, of one length. */
enum { RECORD_LIKE_HEAD = 32 /* a head fits, and is copied in two */ };
struct record_like {
    size_t size; /* of the record */
    size_t head; /* bytes before those of the event */
    uint8_t bytes[RECORD_LIKE_HEAD];
};

/* Those like this record of `size` bytes, which was written here and ends with `len` native bytes.  False: it is another one. */
bool record_like_of(const uint8_t *record, size_t size, size_t len, struct record_like *ret_like);

/* Writes one more.  False: its numbers are small, or no memory, which sticks in the pack; nothing was done. */
static inline bool record_write_like(struct pack *pack, const struct record_like *like, uint64_t id_lo, uint64_t time_ns,
                                     const void *bytes)
{
    uint8_t *at = id_lo < 0x80 || time_ns < 0x80 ? NULL : pack_space(pack, like->size + RECORD_LIKE_HEAD);
    uint64_t swapped[2] = {__builtin_bswap64(id_lo), __builtin_bswap64(time_ns)};

    if (at == NULL)
        return false;
    memcpy(at, like->bytes, RECORD_LIKE_HEAD); /* the event's bytes come over what is too much */
    memcpy(at + EVENT_ID + 1, &swapped[0], sizeof(swapped[0]));
    memcpy(at + EVENT_TIME + 1, &swapped[1], sizeof(swapped[1]));
    memcpy(at + like->head, bytes, like->size - like->head);
    pack_add(pack, like->size);
    return true;
}

void record_set_channel(uint8_t *record, uint32_t channel);
void record_write_lost(struct pack *pack, uint64_t lost, const char *reason);
void record_write_end(struct pack *pack, const char *publisher, const char *const *publish);
void record_write_failed(struct pack *pack, const char *pattern, uint64_t id);

#endif
