/* Attach: how two nodes of one host agree on a link through shared memory, as messages over a control connection.  The node that
 * connects offers the memory it will write and a descriptor to wake it; the other one answers with its own, or refuses.  Either
 * side ends the attachment later.  Pure: bytes in, struct out and back. */
#ifndef SPACE_ATTACH_H
#define SPACE_ATTACH_H

#include <stddef.h>
#include <stdint.h>

#include <maiko/status.h>

enum {
    ATTACH_VERSION = 1,
    ATTACH_SIZE = 4 + 2 + 2 + 4 + 4 + 8 + 32, /* bytes of a message, little-endian; later versions only append */
    ATTACH_REASON_MAX = 31
};

/* X(kind, word) */
#define ATTACH_KIND_MAP(X)                                                                                                       \
    X(ATTACH_OFFER, "offer")   /* descriptors: data, control, wake-up, in this order */                                          \
    X(ATTACH_ANSWER, "answer") /* the same three of the other side */                                                            \
    X(ATTACH_REFUSE, "refuse") /* `reason` says why */                                                                           \
    X(ATTACH_END, "end")       /* nothing more will be written or read */                                                        \
    X(ATTACH_POOL, "pool")     /* descriptors: a pool of large events, and where those that were read are returned */            \
    X(ATTACH_TAKEN, "taken")   /* of that pool: events may be sent by reference from now on */

enum attach_kind {
    ATTACH_NONE,
#define ATTACH_KIND_ENUM_(kind, word) kind,
    ATTACH_KIND_MAP(ATTACH_KIND_ENUM_)
#undef ATTACH_KIND_ENUM_
};

/* Places of the descriptors of an offer or answer. */
enum attach_fd { ATTACH_FD_DATA, ATTACH_FD_CONTROL, ATTACH_FD_WAKE, ATTACH_FDS };

/* And of a pool. */
enum { ATTACH_FD_POOL, ATTACH_FD_RETURNS, ATTACH_POOL_FDS };

struct attach_message {
    enum attach_kind kind;
    uint16_t version;                   /* of the sender */
    uint32_t abi;                       /* byte order and size of pointers of the sender, see shm_layout.h */
    uint32_t layout;                    /* version of the memory's layout */
    uint64_t link;                      /* drawn at random by the side that offers */
    char reason[ATTACH_REASON_MAX + 1]; /* a word: "transport", "version", "abi", "memory", … */
};

void attach_encode(const struct attach_message *message, unsigned char ret_bytes[ATTACH_SIZE]);

/* MAIKO_OK; MAIKO_EPROTOCOL: not such a message, or of no kind. */
MAIKO_MUST_CHECK maiko_status attach_decode(const unsigned char *bytes, size_t len, struct attach_message *ret_message);

#endif
