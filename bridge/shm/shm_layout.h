/* Layout: what lies in the memories two nodes of one host share per direction of a link.  Little-endian, 64-bit; a word
 * of the header says so, and a peer that differs is refused before anything is mapped.
 *
 *   data      header | head | asleep | ring of records                                   written by the exporter alone
 *   control   header | consumed, acknowledged | asleep | returned | slots               written by the importer alone
 *   payload   header | chunks of whole pages                                            written by the exporter alone
 *
 * and for large events, which any number of links refer to:
 *
 *   pool      header, counts of slots | slots                                           written by the node that has it alone
 *   returns   header | returned, a word per slot of the other side's pool | kept, closed   written by the importer alone
 *
 * Data, payload and pool are sealed SHRINK|GROW|FUTURE_WRITE|SEAL, so nobody but the exporter can ever write, resize or punch
 * them; control is sealed SHRINK|GROW|SEAL, returns SHRINK|GROW: its owner adds WRITE in the end, to see that nobody has it
 * mapped any more.  But for the pool no memory is ever used for another attachment.  Every word of the other side is read once,
 * into a local, and believed only after a check. */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SHM_DATA_MAGIC UINT64_C(0x544144524b49414d)    /* "MAIKRDAT" */
#define SHM_CONTROL_MAGIC UINT64_C(0x4c5443524b49414d) /* "MAIKRCTL" */
#define SHM_PAYLOAD_MAGIC UINT64_C(0x594150524b49414d) /* "MAIKRPAY" */
#define SHM_POOL_MAGIC UINT64_C(0x4c4f50524b49414d)    /* "MAIKRPOL" */
#define SHM_RETURNS_MAGIC UINT64_C(0x544552524b49414d) /* "MAIKRRET" */

enum {
    SHM_VERSION = 1,
    SHM_ABI = 0x01020308, /* byte order by its spelling, bytes of a pointer in the last digit */
    SHM_LINE = 128,       /* two cache lines: processors fetch them in pairs */
    SHM_SMALL_LINES = 4,  /* cache lines of a frame with a small event */
    SHM_PAGE = 4096,
    SHM_RING_BYTES = 1048576,      /* of a link */
    SHM_RING_BYTES_LOSSY = 262144, /* of a link that never holds anybody */
    SHM_RING_BYTES_MIN = 32768,    /* twice the largest record */
    SHM_RING_BYTES_MAX = 268435456,
    SHM_INLINE_MAX = 4096, /* bytes of payload inside a record; more goes into a chunk */
    SHM_GAP_MAX = 56,      /* bytes between the header of a run and its payloads */
    SHM_BODY_MAX = 8192,   /* bytes behind the header of a record, whatever it holds */
    SHM_CHUNKS_MAX = 256,  /* out per link */
    SHM_PAYLOAD_SHARE = 4, /* one link has at most the area divided by this out */
    SHM_LOSS_REASONS = 4,  /* the numbers of `enum loss` */
    SHM_CLASSES = 4,       /* sizes of slots: 64 KiB, and four times the one before */
    SHM_CLASS_SLOTS = 240, /* slots of one size at most */
    SHM_SLOTS_MAX = SHM_CLASSES * SHM_CLASS_SLOTS,
    SHM_KEPT_BITS = 64
};
#define SHM_PAYLOAD_BYTES ((uint64_t)67108864)
#define SHM_PAYLOAD_BYTES_MAX ((uint64_t)1 << 40)

/* First line of each memory; constant once it is sealed.  `link` is drawn at random per attachment and told over the control
 * socket: a memory left over from another one is noticed. */
struct shm_header {
    uint64_t magic;
    uint32_t version;
    uint32_t abi;
    uint64_t bytes; /* of the whole memory */
    uint64_t link;
};

/* Data.  Positions in the ring are bytes ever written; position % (bytes - SHM_PAGE) is the place. */
struct shm_data {
    struct shm_header header;
    _Alignas(SHM_LINE) _Atomic uint64_t head;   /* everything below is written */
    _Alignas(SHM_LINE) _Atomic uint32_t asleep; /* number of the writer's sleep; 0: awake */
    _Alignas(SHM_PAGE) unsigned char ring[];
};

/* Control. */
struct shm_control {
    struct shm_header header;
    _Alignas(SHM_LINE) _Atomic uint64_t consumed; /* bytes of the ring that may be written again */
    _Atomic uint64_t acknowledged;                /* positions since the link began that their receivers have taken over */
    _Alignas(SHM_LINE) _Atomic uint32_t asleep;   /* number of the reader's sleep; 0: awake */
    _Alignas(SHM_LINE) _Atomic uint64_t returned; /* chunks ever given back */
    _Alignas(SHM_LINE) _Atomic uint32_t slots[SHM_CHUNKS_MAX]; /* which: [returned % SHM_CHUNKS_MAX], the link's slot numbers */
};

/* Pool.  Slots lie one behind the other, those of the smallest size first. */
struct shm_pool_header {
    struct shm_header header;
    uint32_t counts[SHM_CLASSES]; /* slots of each size */
};

/* Returns.  How often each slot came back; it is lent while it was lent more often.  Once the importer takes nothing more it says
 * so, and which slots it still reads; the others, whatever was on its way to them, it will never look at. */
struct shm_returns {
    struct shm_header header;
    _Alignas(SHM_LINE) _Atomic uint32_t returned[SHM_SLOTS_MAX];
    _Atomic uint64_t kept[SHM_SLOTS_MAX / SHM_KEPT_BITS]; /* bit per slot; of no meaning before is_closed */
    _Atomic uint32_t is_closed;
};

_Static_assert(sizeof(struct shm_control) <= SHM_PAGE, "the control memory is one page");
_Static_assert(sizeof(struct shm_returns) <= SHM_PAGE, "so is that of returns");
_Static_assert(sizeof(void *) == (SHM_ABI & 0xff), "64-bit only");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2, "a lock would be one process's own");

enum shm_kind {
    SHM_RECORD_PAD = 1, /* nothing: the rest of the ring up to its end */
    SHM_RECORD_EVENT,
    SHM_RECORD_NOTE,  /* a record of PROTOCOL.md 4 that is no event, such as the end of a publisher, in msgpack */
    SHM_RECORD_FRAME, /* for the link itself, such as new types and channels, in msgpack; takes no position */
    SHM_RECORD_LOST,  /* nothing but its loss; takes no position of its own */
    SHM_RECORD_KINDS
};

enum shm_flag {
    SHM_HAS_PARENT = 1,      /* a maiko_id follows the header */
    SHM_HAS_CORRELATION = 2, /* a maiko_id follows; else it is the event's own id */
    SHM_HAS_LOSS = 4,        /* a struct shm_loss follows */
    SHM_IS_MSGPACK = 8,      /* the payload is msgpack (PROTOCOL.md 4); else it is the type's native layout */
    SHM_IS_CHUNK = 16,       /* a struct shm_chunk_ref stands for the payload */
    SHM_FLAGS = 31
};

/* A record, at a multiple of 8; what the flags announce follows in the order of the flags, then the payload.  Behind an event
 * without flags, `alike` further events may follow that differ from it in nothing but the payload, and by one each in position
 * and id: a run, whose payloads lie one behind the other, each at a multiple of 8, SHM_BODY_MAX bytes of them at most.  Up to
 * SHM_GAP_MAX bytes between the header of a run and its payloads mean nothing: with them it ends with a cache line. */
struct shm_record_header {
    uint32_t size; /* bytes, header included, a multiple of 8; never past the end of the ring */
    uint8_t kind;
    uint8_t flags;
    uint16_t alike;
    uint32_t channel;  /* topic, type, sender, prefix of ids, origin and hops: PROTOCOL.md 5 */
    uint32_t len;      /* bytes of payload, wherever it lies */
    uint64_t position; /* of this record in its stream; the events lost just before it have taken positions too */
    uint64_t id_lo;    /* the low 64 bits of the id */
    uint64_t time_ns;
};

/* From one payload of a run to the next. */
static inline size_t shm_run_stride(uint32_t len)
{
    return ((size_t)len + 7) & ~(size_t)7;
}

/* Events that were lost just before this record, and why. */
struct shm_loss {
    uint64_t count;
    uint32_t reason;
    uint32_t reserved;
};

struct shm_chunk_ref {
    uint32_t slot; /* what the reader gives back; 0..SHM_CHUNKS_MAX-1 */
    uint32_t page; /* where it begins in the payload memory */
};

#endif
