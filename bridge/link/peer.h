/* Peer: one remote node as a state machine.  Frames, time and wishes go in; frames to send, events to deliver and news come
 * out through
 * the sink.  Pure: no sockets, no threads, no clock.  PROTOCOL.md is what it speaks.
 *
 * A peer outlives its connections: what was unacknowledged is sent again after a reconnect, what was received is not
 * delivered twice.
 * One per remote node (by name), or per endpoint we connect to; it attaches itself to the exporter for life.
 *
 * All calls come from one thread; `now` is monotonic and never goes back.  Sink functions are called inside of them and may
 * not call
 * the peer or the exporter. */
#ifndef LINK_PEER_H
#define LINK_PEER_H

#include "link/exporter.h"
#include "link/patterns.h"
#include "wire/frame.h"

struct peer;
struct origins;
struct refusals;

/* Who we are; texts are copied. */
struct peer_identity {
    const char *space;
    const char *name;
    maiko_id node;
    uint64_t epoch;      /* larger in every life of this name */
    uint64_t started_ns; /* monotonic */
    uint64_t clock;      /* the monotonic clock that is, so that nodes which share it know who was first; 0: nobody else's */
    const char *host;    /* may be NULL */
    uint64_t pid;
};

/* X(state, name): where a link stands. */
#define PEER_STATE_MAP(X)                                                                                                        \
    X(PEER_DOWN, "down")         /* no connection */                                                                             \
    X(PEER_GREETING, "greeting") /* hello sent, no answer yet */                                                                 \
    X(PEER_UP, "up")             /* session established */                                                                       \
    X(PEER_REFUSED, "refused")   /* the other side (or we) will not have it */

enum peer_state {
#define PEER_STATE_ENUM_(state, name) state,
    PEER_STATE_MAP(PEER_STATE_ENUM_)
#undef PEER_STATE_ENUM_
};

const char *peer_state_name(enum peer_state state);

/* What `$sys/peer` reports. */
enum peer_news {
    PEER_NEWS_UP,         /* handshake done: `remote` is known */
    PEER_NEWS_READY,      /* everything we subscribed to is armed there; also after stalled, when the peer has caught up */
    PEER_NEWS_SUBSCRIBED, /* what the other side wants from us changed */
    PEER_NEWS_GAP,        /* events for us are lost: `lost`, or LOST_UNKNOWN */
    PEER_NEWS_STALLED,    /* "deadline": it takes nothing since the link's, lossy until it has caught up; "silent": it lives and
                           * says nothing */
    PEER_NEWS_DOWN,       /* the session is over */
    PEER_NEWS_REFUSED,    /* by either side, with the reason */
    PEER_NEWS_FAILED      /* a subscription ended under FAIL: `pattern`; `is_ours` when it was our own */
};

const char *peer_news_name(enum peer_news news);

#define LOST_UNKNOWN UINT64_MAX

struct peer_notice {
    enum peer_news news;
    const char *reason;  /* a word: "silent", "version", "window", "closed", "no_answer", … */
    const char *text;    /* for people, may be "" */
    const char *pattern; /* or topic */
    uint64_t lost;       /* gap; refused: how many of our events on that topic so far, 0: it is not about events */
    bool is_ours;
};

/* A channel the other side announced.  `user` is the importer's, NULL at first; the channel itself goes with the session. */
struct inbound_channel {
    uint32_t number;
    const char *topic;
    const char *sender;
    const struct foreign_type *type;
    uint64_t prefix;
    maiko_id origin; /* never nil: the remote node's when it said none */
    uint32_t hops;   /* links crossed, this one included */
    bool is_native;  /* set by the importer: it reads native bytes of the type, and they can come from there */
    void *user;
};

/* An event that arrived, in order, once.  Borrowed for the call. */
struct inbound_event {
    struct inbound_channel *channel;
    maiko_id id;
    maiko_id parent;
    maiko_id correlation;
    uint64_t time_ns;
    struct slice payload; /* array of values: payload_read() with a plan of (local type, channel->type); or, of a type of which
                           * channel->type says so, native bytes: payload_read_native(), or a reference to them, which is
                           * whose it is delivered to */
    struct slice native;  /* the bytes of a payload that is a bin, whether it may be one or not; else without data */
    uint64_t stream;      /* these two are handed back to peer_delivered() */
    uint64_t position;
};

/* Native events of one channel, without parents, that arrived in order, once. */
struct inbound_run {
    struct inbound_channel *channel;
    struct record_run records;
    uint64_t stream;
    uint64_t position; /* of the first */
};

/* What came from a peer and waits for its receivers, of every stream it ever had. */
struct peer_backlog {
    uint64_t events;
    uint64_t bytes; /* as it is kept, or as it came, whichever is less */
};

struct peer_sink {
    /* One frame to the other side.  The window keeps the number of unsent ones small; it must not be lost while the
     * connection lives. */
    void (*send)(struct peer *peer, const uint8_t *bytes, size_t len, void *userdata);
    /* The same for large frames: true when it took over the memory, `size` bytes of the peer's heap; false: nothing was done, and
     * send() follows.  May be NULL. */
    bool (*give)(struct peer *peer, uint8_t *bytes, size_t len, size_t size, void *userdata);
    /* Frames may come in parts, none of them empty, valid for the call; one that did so does not come by the functions above.
     * Both NULL: never. */
    bool (*takes_parts)(struct peer *peer, void *userdata);
    void (*send_parts)(struct peer *peer, const struct slice *parts, size_t count, void *userdata);
    /* The connection is of no use any more: close it (after what was sent).  A connecting side connects again; not so
     * soon when the state is PEER_REFUSED, and slowly when peer_may_retry() says no. */
    void (*close)(struct peer *peer, void *userdata);
    /* Take the event and call peer_delivered() once its receivers have it: now by returning true, or later. */
    bool (*deliver)(struct peer *peer, const struct inbound_event *event, void *userdata);
    /* The same for as many events of a run as can be taken as native bytes without a question; returns how many, and in
     * *ret_is_pending, false before, whether peer_delivered() will be called for them.  When it is none the next one is delivered
     * alone.  NULL: all are. */
    uint32_t (*deliver_run)(struct peer *peer, const struct inbound_run *run, bool *ret_is_pending, void *userdata);
    /* How much of what it said is pending waits.  NULL: nobody knows more than the positions of its stream. */
    void (*backlog)(struct peer *peer, struct peer_backlog *ret_backlog, void *userdata);
    /* Before anything is acknowledged: false when what was taken is not with its receivers yet, tried again a little later.
     * NULL: it always is. */
    bool (*settle)(struct peer *peer, void *userdata);
    /* Frames stay in memory that both sides share, and both have one ABI: native bytes may be sent.  NULL: never. */
    bool (*is_near)(struct peer *peer, void *userdata);
    /* A large event may lie where the other side can read it: true when it was lent to it, once more.  NULL: never. */
    bool (*lend)(struct peer *peer, const maiko_event_type *type, const void *event, size_t len,
                 struct payload_reference *ret_reference, void *userdata);
    /* An event that came by reference, in that slot, and is not delivered. */
    void (*pass)(struct peer *peer, uint32_t slot, void *userdata);
    /* A channel means something else from now on, or its session is over: `user` is of no use any more.  May be NULL. */
    void (*forgotten)(struct peer *peer, struct inbound_channel *channel, void *userdata);
    /* A remote publisher has finished; all its events came before.  `publish` is NULL-terminated. */
    void (*ended)(struct peer *peer, const char *publisher, const char *const *publish, void *userdata);
    /* The remote node's actors, the whole list. */
    void (*actors)(struct peer *peer, const struct frame_actor *actors, size_t count, void *userdata);
    void (*news)(struct peer *peer, const struct peer_notice *notice, void *userdata);
    /* Does the other process live, although it says nothing?  It is stopped or stuck then, and its words stand still: the
     * session goes on.  NULL: silence is all there is to know, and ends the session. */
    bool (*is_alive)(struct peer *peer, void *userdata);
    /* Allow lists; NULL: everything is allowed. */
    bool (*may_subscribe)(struct peer *peer, const char *pattern, void *userdata);
    bool (*may_publish)(struct peer *peer, const char *topic, void *userdata);
};

enum { PEER_WINDOW_EVENTS = 16384 /* unless the configuration says another number */ };

/* 0 means the default. */
struct peer_config {
    struct heap *heap;
    struct exporter *exporter;
    struct origins *origins; /* of the node, for all its peers; NULL: what comes by two ways is delivered twice */
    struct peer_identity identity;
    const struct peer_sink *sink;
    void *userdata;
    uint64_t session_seed;  /* connecting side: sessions are numbered from here; larger in every life, such as the epoch */
    size_t window_bytes;    /* 2 MiB */
    uint32_t window_events; /* PEER_WINDOW_EVENTS */
    uint32_t oldest_tail;   /* 128: events that wait under DROP_OLDEST */
    size_t batch_bytes;     /* 256 KiB: frames are closed past this */
    uint32_t hop_limit;     /* 8 */
    uint64_t deadline_ns;   /* 5 s: BLOCK without progress */
    uint64_t heartbeat_ns;  /* 1 s */
    uint64_t silence_ns;    /* 5 s: ends the session, but see is_alive */
    uint64_t answer_ns;     /* 1 s */
    uint64_t ack_delay_ns;  /* 20 ms */
    uint64_t replay_ns;     /* 250 ms */
};

/* Cumulative.  offered = sent and acknowledged + lost + queued. */
struct peer_counters {
    uint64_t offered;       /* events for this peer: what its patterns match */
    uint64_t acknowledged;  /* events it has */
    uint64_t window_turns;  /* acknowledged bytes over the window */
    uint64_t lost_window;   /* DROP_NEWEST without room */
    uint64_t lost_oldest;   /* DROP_OLDEST evicted */
    uint64_t lost_deadline; /* BLOCK while lossy */
    uint64_t lost_log;      /* left the log before they were sent */
    uint64_t lost_past;     /* of these, before the peer asked for them */
    uint64_t lost_peer;     /* unacknowledged when its stream ended: the peer's life was over, or it was forgotten */
    uint64_t delivered;     /* to our receivers */
    uint64_t native_in;     /* of those, as native bytes */
    uint64_t native_out;    /* sent as native bytes, repetitions included */
    uint64_t lent_in;       /* of those that came as native bytes, those that came by reference */
    uint64_t lent_out;      /* sent by reference, repetitions included */
    uint64_t converted;     /* native bytes in the log, sent as an array */
    uint64_t lost_reported; /* by the other side */
    uint64_t gaps_unknown;  /* reports without a number */
    uint64_t duplicates;
    uint64_t loops;         /* events of ours that came back */
    uint64_t too_many_hops; /* that had crossed more links than we allow */
    uint64_t repeated;      /* that had come by another way before */
    uint64_t denied;        /* events on topics the peer may not publish, or we did not ask for */
    uint64_t refused;       /* of those acknowledged, events the other side would not have */
    uint64_t replays;       /* asked for by us */
    uint64_t malformed;     /* frames */
    uint64_t stale;         /* frames of another session */
    uint64_t own_stalls;    /* times this node found it had not run */
    uint64_t sessions;
    uint64_t frames_in;
    uint64_t frames_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
};

/* MAIKO_OK, MAIKO_EINVAL, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status peer_new(const struct peer_config *config, struct peer **ret_peer);

/* Says nothing to anybody; peer_bye() before.  What it had queued is lost.  NULL is allowed; returns NULL. */
struct peer *peer_free(struct peer *peer);

/* ---- Connection ---- */

/* We connected: sends hello. */
void peer_connected(struct peer *peer, uint64_t now_ns);

/* A frame came.  On the accepting side the first one is a hello, which begins a session (and ends the one before it);
 * peek_hello() tells whose it is, before the peer is chosen.  Malformed frames end the session with `protocol`. */
void peer_frame(struct peer *peer, const uint8_t *bytes, size_t len, uint64_t now_ns);

/* The connection broke.  `reason` is a word for people. */
void peer_disconnected(struct peer *peer, const char *reason, uint64_t now_ns);

/* The remote process is known to be dead: nobody waits for it, what is queued for it is lost and counted. */
void peer_died(struct peer *peer, uint64_t now_ns);

#define PEER_BYE_STOP "stop" /* the node ends: what it does not have yet is not waited for */

/* Ends the session in order; call it when exporter_is_drained() or a deadline has passed. */
void peer_bye(struct peer *peer, const char *reason, uint64_t now_ns);

/* The allow list has changed: what either side may have of the other is judged again.  What is denied from now on is told to the
 * other side, and nothing more of it is queued, nor taken; what was published before still goes there. */
void peer_review(struct peer *peer, uint64_t now_ns);

/* It may have nothing any more: the session ends with `denied`, and what was kept for it is lost and counted. */
void peer_shut_out(struct peer *peer, uint64_t now_ns);

/* Timers.  To be called at peer_deadline() at the latest, any earlier call is harmless. */
void peer_tick(struct peer *peer, uint64_t now_ns);

/* UINT64_MAX: nothing is due. */
uint64_t peer_deadline(const struct peer *peer);

/* Sends what is queued and fits; what is published is packed into frames here, not one by one.  Call it when a round of work
 * is done. */
void peer_flush(struct peer *peer, uint64_t now_ns);

/* ---- What we want from the other side ---- */

/* Adds or, by text, replaces one.  MAIKO_OK, MAIKO_ENOMEM, MAIKO_ETOPIC, MAIKO_ELIMIT. */
MAIKO_MUST_CHECK maiko_status peer_subscribe(struct peer *peer, const struct pattern *pattern, uint64_t now_ns);
void peer_unsubscribe(struct peer *peer, const char *pattern, uint64_t now_ns);

/* All our subscriptions are armed there. */
bool peer_is_ready(const struct peer *peer);

/* The receivers have the event (and all before it). */
void peer_delivered(struct peer *peer, uint64_t stream, uint64_t position, uint64_t now_ns);

/* An event of this stream was handed over and will never be taken: the other side is told with its acknowledgement.  Before
 * peer_delivered(); also from within deliver(), which then returns true.  `reason` is a word of PROTOCOL.md 4. */
void peer_refuse(struct peer *peer, uint64_t stream, const char *topic, const char *reason);

/* Our actors, the whole list; copied.  MAIKO_OK, MAIKO_ENOMEM, MAIKO_ELIMIT. */
MAIKO_MUST_CHECK maiko_status peer_announce(struct peer *peer, const struct frame_actor *actors, size_t count, uint64_t now_ns);

/* ---- Looking ---- */

enum peer_state peer_state(const struct peer *peer);

/* Its last session ended with the node's own goodbye: it will not be back in this life. */
bool peer_has_left(const struct peer *peer);

/* After a refusal: would the same attempt do better later, without anybody changing something? */
bool peer_may_retry(const struct peer *peer);

/* The other side as it introduced itself; NULL before the first session. */
const struct frame_hello *peer_remote(const struct peer *peer);
const struct peer_counters *peer_counters(struct peer *peer);

/* What it would not have of what we sent, by topic and reason: link/refusals.h. */
const struct refusals *peer_refused(const struct peer *peer);
void *peer_userdata(const struct peer *peer);

/* Does the other side want this topic, and was it told that it will get it? */
bool peer_is_subscribed(const struct peer *peer, const char *topic);
const struct patterns *peer_interest(const struct peer *peer);

/* Events for us that came, or of which it or we said that they do not: of all that the other side has published in its life, or
 * false: when the stream did not begin with all of that, and it does not say how much came before. */
bool peer_received(const struct peer *peer, uint64_t *ret_events);

/* It was asked only for what comes from its answer on, and has not answered yet: nothing of it can be missing. */
bool peer_awaits_nothing(const struct peer *peer);

/* The other side has everything. */
bool peer_is_drained(const struct peer *peer);

/* It does not have everything, and has not said goodbye. */
bool peer_is_owed(const struct peer *peer);

/* It takes nothing since the link's deadline. */
bool peer_is_lossy(const struct peer *peer);

/* That, or it lives and says nothing. */
bool peer_is_stalled(const struct peer *peer);

/* Senders are held because of it. */
bool peer_holds(const struct peer *peer);

/* The position in its stream below which it has acknowledged everything, losses and ends included. */
uint64_t peer_acknowledged(const struct peer *peer);

/* Unacknowledged and queued for it, in events and bytes. */
void peer_depth(const struct peer *peer, uint64_t *ret_events, uint64_t *ret_bytes);

/* Of two links between the same two nodes, made at the same time: does the one we connected stay? */
bool peer_keeps_own_connection(maiko_id own_node, maiko_id remote_node);

/* The frame that refuses somebody before there is a peer: `reason` is a word of PROTOCOL.md 2.  Appends to the pack. */
void peer_write_refusal(struct pack *pack, uint64_t session, const char *reason, const char *text);

/* ---- For the exporter ---- */

void peer_offer(struct peer *peer, const struct retained_topic *topic, uint64_t first, uint64_t end, uint64_t now_ns);
void peer_offer_ends(struct peer *peer, uint64_t now_ns);
struct peer *peer_of_link(struct list *link);
void peer_forget_channel(struct peer *peer, uint32_t number);

/* In this session: was it told of the published type, did it ask for its native bytes? */
bool peer_knows_type(const struct peer *peer, uint32_t index);
bool peer_takes_native(const struct peer *peer, uint32_t index);
void peer_trim(struct peer *peer);

/* Survey number `survey` looks at its stream, once: `look` is another number for each, `topics` how many have events in streams.
 * What is found is in their found_ns; returns how many runs of records it has looked at. */
size_t peer_survey(struct peer *peer, uint32_t survey, uint64_t look, size_t topics);

#endif
