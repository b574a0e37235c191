/* Raw link: one end of a link that is no bridge, only a socket of libzmq and frames that the test writes itself. */
#ifndef TESTS_LIB_RAW_LINK_H
#define TESTS_LIB_RAW_LINK_H

#include <maiko/keypair.h>

#include "wire/frame.h"

enum { RAW_FRAME_SIZE = 4096, RAW_NAME_SIZE = 64 };

struct raw_link {
    void *context;
    void *socket; /* a DEALER, or the ROUTER that listens */
    bool listens;
    char endpoint[128];
    uint8_t caller[256]; /* listening: the routing id of who spoke last */
    size_t caller_len;
    uint64_t session;
    maiko_id node;
    const char *name;
    const char *space;
    uint8_t bytes[RAW_FRAME_SIZE]; /* of the last frame heard */
    struct frame frame;
};

/* Both make a node of this name with an id of its own; failures fail the test. */
void raw_link_connect(struct raw_link *link, const char *name, const char *space, const char *endpoint);
void raw_link_listen(struct raw_link *link, const char *name, const char *space);
void raw_link_close(struct raw_link *link);

/* Links made from now on have these; `of_server` NULL: as a server.  NULL: none. */
void raw_link_use_keys(const maiko_keypair *own, const char *of_server);

/* Any bytes, as one message. */
void raw_link_send(struct raw_link *link, const void *bytes, size_t len);

/* The session is that of the link. */
void raw_link_say(struct raw_link *link, struct frame frame);

/* Hello or welcome; `min` to `max` are the versions, and `min` the one that is chosen. */
void raw_link_introduce(struct raw_link *link, enum frame_kind kind, uint64_t min, uint64_t max);

/* The next frame of this kind, others are passed over; listening, its session becomes that of the link.  False: none within a
 * minute. */
bool raw_link_hears(struct raw_link *link, enum frame_kind kind);

/* Says hello each second until such an answer comes, as every node does: behind the end of a session one is lost that comes
 * before its connection is let go.  False: none within a minute. */
bool raw_link_greets_until(struct raw_link *link, enum frame_kind kind);

/* Any message, as a text.  False: none within a minute. */
bool raw_link_hears_bytes(struct raw_link *link, char *text, size_t size);

/* The reason of the last frame. */
bool raw_link_was_told(const struct raw_link *link, const char *reason);

#endif
