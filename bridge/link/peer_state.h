/* What a peer is made of; shared by the peer_*.c files only. */
#ifndef LINK_PEER_STATE_H
#define LINK_PEER_STATE_H

#include "link/inflow.h"
#include "link/stream.h"
#include "wire/parts.h"

enum peer_role { ROLE_NONE, ROLE_CONNECTING, ROLE_ACCEPTING };

/* The list of our actors, as it travels. */
struct announcement {
    struct pack pack; /* the array of an actors frame, without the frame */
    uint64_t number;  /* 0: nothing to announce */
    uint64_t last_number;
};

/* A list of patterns of theirs, and what it asks of each topic: looked at over as many turns as that takes, see peer_past.c. */
struct peer_asking {
    bool is_there;
    uint64_t number; /* of the frame, and these three */
    uint64_t stream;
    uint64_t next;
    uint64_t ack;
    struct patterns list;
    bool has_from;       /* a pattern asks for something of the past */
    struct pack denied;  /* for the answer */
    uint64_t generation; /* of the list in force, when this was begun */
    uint8_t *answers;    /* by index of the topic */
    size_t answers_size;
    uint32_t answered; /* topics so far */
};

enum { PEER_MATCHES_AT_ONCE = 8192 /* of a pattern and a topic, in one turn of a peer */ };

struct peer {
    struct heap *heap;
    struct peer_config config; /* defaults filled in; its texts are below */
    struct peer_counters counters;
    struct list link; /* of the exporter */
    char *space;
    char *name;
    char *host;

    /* session */
    enum peer_state state;
    enum peer_role role;
    uint64_t session;      /* the current one, or the last */
    uint64_t last_session; /* accepting: the largest of this life of the remote node */
    bool is_refused_for_good;
    char refused_for[WIRE_NAME_MAX + 1]; /* what was told last, since the last session */
    bool has_said_no_answer;
    bool is_silent; /* for too long, but its process lives */
    bool has_left;  /* it said goodbye: nothing is owed to it until it comes again */
    uint64_t last_now;
    uint64_t last_heard;
    uint64_t last_sent;
    uint64_t hello_due;     /* 0: no */
    uint64_t subscribe_due; /* 0: no */
    uint64_t ack_due;       /* 0: no */
    uint64_t replay_due;    /* no replay is asked for before */
    uint64_t reset_due;     /* no reset is sent before */

    /* the other side */
    struct frame_hello remote; /* texts point to the two below; `name` is empty before the first session */
    uint64_t met_ns;           /* when it said so, its uptime that is */
    char remote_name[WIRE_NAME_MAX + 1];
    char remote_host[WIRE_NAME_MAX + 1];

    /* what we want */
    struct patterns wishes;
    uint64_t wish_number;  /* of the list as it is */
    uint64_t ready_number; /* of the list that is armed there, in this session */
    struct inflow inflow;
    bool is_told_behind;  /* that its stream has to wait, in this session */
    uint64_t left_bytes;  /* what waited of its earlier streams when this one began */
    bool has_lost_stream; /* the stream we knew ended with the life of the remote node */
    bool is_whole;        /* the stream we receive began with all the other side had */
    uint64_t before;      /* what accounted() said when it began */
    bool is_earlier_known;
    uint64_t earlier; /* events for our patterns that were published there before, and are not in it */

    /* what they want */
    struct patterns interest;
    uint64_t interest_number;  /* 0: not subscribed in this session */
    struct peer_asking asking; /* the next list */
    uint64_t replayed_ns;      /* when it last got what it asked for again, and an answer again, in this session; 0: not yet */
    uint64_t readied_ns;
    uint64_t doubted_ns;       /* our uptime when we first told it again, because of their age; 0: not in this session */
    struct stream stream;
    struct refusals refused; /* of what we sent, as they tell it */
    struct frame ready;      /* the answer to a repeated subscribe */
    struct pack denied;      /* its lists */
    struct pack failed;
    uint8_t *given; /* by index of the topic: some of its past is in the stream, which does not ask twice for ever */
    size_t given_size;
    uint64_t given_stream;
    uint64_t given_end; /* position behind the last of it */
    uint32_t survey;    /* the last one that has looked at it */
    size_t ends_queued; /* of the exporter's, how many are in the stream */
    bool is_stalled;    /* reported: lossy or silent */
    bool is_barred;     /* it was shut out with what it had asked for: in this life of it nothing of the past comes any more */
    uint64_t barred;    /* events that were lost by that, and it has not been told of */
    uint8_t *told_channels;
    size_t told_channels_size;
    uint8_t *told_types;
    size_t told_types_size;
    uint8_t *native_types; /* those it asked for the native bytes of, in this session */
    size_t native_types_size;

    struct announcement actors;

    /* frames being made */
    struct pack frame;
    struct parts parts; /* what of a frame with data is not in the pack */
    bool takes_parts;
    size_t last_frame; /* bytes of the pack of the last one with data */
    struct pack types;
    struct pack channels;
    struct pack natives; /* types whose native bytes we ask for with the next frame */
    uint32_t native_count;
    struct pack refusals;
};

/* ---- peer.c ---- */

/* Sends the frame in peer->frame; without memory for it the session ends. */
void peer_send(struct peer *peer, uint64_t now_ns);

/* The same for one with parts. */
void peer_send_parts(struct peer *peer, uint64_t now_ns);
void peer_tell(struct peer *peer, const struct peer_notice *notice);

/* The session is over: the connection is closed, `reason` is told. */
void peer_end_session(struct peer *peer, const char *reason, const char *text, uint64_t now_ns);

/* A malformed frame, a broken rule, no memory: says bye and ends the session. */
void peer_fail(struct peer *peer, maiko_status status, const char *text, uint64_t now_ns);

/* Called first by everything that lets the peer see the time: whoever only sends has not stood still either. */
void peer_notice_time(struct peer *peer, uint64_t now_ns);

/* ---- peer_session.c ---- */
void peer_number_session(struct peer *peer);
void peer_send_hello(struct peer *peer, uint64_t now_ns);
void peer_on_hello(struct peer *peer, const struct frame *frame, uint64_t now_ns);
void peer_on_welcome(struct peer *peer, const struct frame *frame, uint64_t now_ns);
void peer_on_refuse(struct peer *peer, const struct frame *frame, uint64_t now_ns);
void peer_on_reset(struct peer *peer, uint64_t now_ns);
void peer_on_bye(struct peer *peer, const struct frame *frame, uint64_t now_ns);
void peer_keep_nothing(struct peer *peer); /* nobody waits for it, and what it was to have is lost */
void peer_send_reset(struct peer *peer, uint64_t session, uint64_t now_ns);
void peer_send_actors(struct peer *peer, uint64_t now_ns);
uint64_t peer_uptime(const struct peer *peer, uint64_t now_ns); /* ours */
void peer_introduce_again(struct peer *peer, uint64_t now_ns);  /* in this session: says how long we are up by now */

/* ---- peer_import.c: what we receive ---- */
void peer_hear_again(struct peer *peer, const struct frame_hello *hello, uint64_t now_ns); /* a repeated hello or welcome */
void peer_send_subscribe(struct peer *peer, uint64_t now_ns);
uint64_t peer_settled(struct peer *peer); /* everything below is with its receivers: what may be acknowledged */
void peer_send_ack(struct peer *peer, uint64_t now_ns);
void peer_consider_ack(struct peer *peer, uint64_t now_ns);
struct slice peer_refusals(struct peer *peer, uint64_t acked); /* `refused` of a frame that acknowledges so much */
void peer_ask_replay(struct peer *peer, uint64_t now_ns);
void peer_wish_failed(struct peer *peer, struct slice text, uint64_t id); /* there: a record says so, or an answer */
void peer_on_ready(struct peer *peer, const struct frame *frame, uint64_t now_ns);
void peer_on_actors(struct peer *peer, const struct frame *frame, uint64_t now_ns);

/* ---- peer_window.c: what it may send before we have acknowledged ---- */

/* Events of `len` bytes each, of `most`, that it may have sent; 0: it has gone beyond the window. */
uint32_t peer_take_within(struct peer *peer, uint32_t most, size_t len);

/* Another stream of it would come behind so much of those before that it has to wait: told once. */
bool peer_is_behind(struct peer *peer);

/* ---- peer_records.c: the records of data frames ---- */
void peer_on_data(struct peer *peer, const struct frame *frame, uint64_t now_ns);

/* ---- peer_native.c: which types travel as native bytes ---- */
void peer_want_native(struct peer *peer, const struct inflow_channel *channel); /* asked for by peer_ask_native() */
void peer_ask_native(struct peer *peer, uint64_t now_ns);
void peer_on_native(struct peer *peer, const struct frame *frame, uint64_t now_ns);
void peer_forget_native(struct peer *peer);
void peer_write_converted(struct peer *peer, const struct retained_entry *entry, uint8_t index);

/* ---- peer_interest.c: what they want ---- */
void peer_on_subscribe(struct peer *peer, const struct frame *frame, uint64_t now_ns);
void peer_go_on_asking(struct peer *peer, uint64_t now_ns); /* with the list that is looked at, a turn's part */
void peer_drop_asking(struct peer *peer);                   /* nothing is answered */

/* ---- peer_past.c: what their lists ask of each topic ---- */

/* Goes on with `most` matches or somewhat more; *ret_is_whole: every topic has its answer.  MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status peer_answer_topics(struct peer *peer, struct peer_asking *asking, size_t most, bool *ret_is_whole);
void peer_forget_answers(struct peer *peer, struct peer_asking *asking);

/* The list, whose topics are all answered, begins to count; `has_before`: it replaces the one in force. */
void peer_begin_topics(struct peer *peer, const struct peer_asking *asking, bool has_before, bool has_past);

/* ---- peer_export.c: what we send ---- */
void peer_forget_told(struct peer *peer);
bool peer_tell_once(struct peer *peer, uint8_t **told, size_t *size, size_t index);
void peer_on_ack(struct peer *peer, uint64_t next, uint64_t now_ns);
void peer_on_replay(struct peer *peer, uint64_t next, uint64_t now_ns);
void peer_on_refused(struct peer *peer, const struct frame *frame, uint64_t now_ns); /* behind its acknowledgement */
void peer_check_deadline(struct peer *peer, uint64_t now_ns);

/* What both sides take, at most. */
size_t peer_window_bytes(const struct peer *peer);
uint32_t peer_window_events(const struct peer *peer);

#endif
