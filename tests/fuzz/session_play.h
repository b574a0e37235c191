/* Session play: one life of a peer as a script, see fuzz_session.c, and what the other side says in it. */
#ifndef TESTS_FUZZ_SESSION_PLAY_H
#define TESTS_FUZZ_SESSION_PLAY_H

#include "lib/failing_allocator.h"
#include "link/origins.h"
#include "link/peer.h"

enum switches {
    CONNECTS = 1,
    HAS_ORIGINS = 2,
    HAS_LISTS = 4, /* allow lists: nothing that begins with 'c', at first */
    KEEPS = 8,     /* events are with their receivers later */
    IS_ROOMY = 16, /* default windows */
    IS_UNSETTLED = 32,
    HAS_LITTLE = 64, /* a log of a few events, and few channels */
    HAS_SINK = 128   /* every function of it that may be missing; with HAS_LISTS the other side shares our memory, too */
};

struct play {
    const uint8_t *data;
    size_t len;
    unsigned switches;
    struct failing_allocator allocator;
    struct heap heap;
    struct origins origins;
    struct exporter *exporter;
    struct peer *peer;
    uint64_t now;
    uint64_t published;
    unsigned kept;  /* large events that somebody refers to */
    char forbidden; /* what topics may not begin with */
    /* what the other side knows from the peer's frames */
    uint64_t session;
    uint64_t wish;
    uint64_t next; /* of the peer's stream */
    /* what the other side says */
    uint64_t epoch;
    uint64_t first; /* of its stream, the next */
    uint64_t list;  /* its subscriptions */
    uint64_t stream;
    uint64_t acked;
    /* what the peer delivered last */
    uint64_t got_stream;
    uint64_t got_position;
};

/* The next byte of the script; 0 behind its end. */
static inline unsigned take(struct play *play)
{
    if (play->len == 0)
        return 0;
    play->len--;
    return *play->data++;
}

enum { SESSION_PATTERNS = 8, SESSION_WORDS = 13 /* kinds of what the other side says */ };
extern const char *const session_patterns[SESSION_PATTERNS];

/* `what` is below SESSION_WORDS. */
void session_speak(struct play *play, unsigned what);

/* A list of actors, the other side's or our own. */
void session_actors(struct play *play, bool is_ours);

/* Which types the other side takes as native bytes. */
void session_ask_native(struct play *play);

#endif
