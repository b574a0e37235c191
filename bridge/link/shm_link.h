/* Link through shared memory: moves the frames of one peer between two processes of a host, in order and complete, as a ZeroMQ
 * connection does.  One ring each way; a frame longer than a record goes in pieces.  What finds no room in the ring waits here,
 * bounded by the peer's window like everything that is unacknowledged.
 *
 *     new, then pass shm_link_fds() to the other side; join with what it has passed; send and receive
 *
 * One thread.  Nothing blocks.  What the other side writes is checked; a lie ends the link with MAIKO_EPROTOCOL. */
#ifndef LINK_SHM_LINK_H
#define LINK_SHM_LINK_H

#include "base/heap.h"
#include "shm/shm_reader.h"
#include "shm/shm_writer.h"
#include "wire/pack.h"

struct shm_link;

enum { SHM_LINK_DATA, SHM_LINK_CONTROL, SHM_LINK_WAKE, SHM_LINK_FDS };

/*
 * Makes the memory this side writes and the descriptor that wakes it.  `id` is drawn by one side and told to the other.
 * MAIKO_OK; MAIKO_ENOMEM, MAIKO_ELIMIT (descriptors), MAIKO_ENOTSUP (kernel), MAIKO_ESYSTEM: no link, and nothing left of it.
 */
MAIKO_MUST_CHECK maiko_status shm_link_new(struct heap *heap, uint64_t id, struct shm_link **ret_link);

/* NULL is allowed; returns NULL. */
struct shm_link *shm_link_free(struct shm_link *link);

/* The same in pieces, of which none takes long: nothing else may be called any more.  False: it is freed. */
MAIKO_MUST_CHECK bool shm_link_take_apart(struct shm_link *link);

/* Descriptors for the other side; they stay the link's. */
void shm_link_fds(const struct shm_link *link, int ret_fds[SHM_LINK_FDS]);

/* Takes the other side's memory and the descriptor that wakes it; on success the descriptors are the link's (`fds` become -1).
 * MAIKO_OK; MAIKO_EPROTOCOL, MAIKO_ENOTSUP, MAIKO_ENOMEM, MAIKO_ESYSTEM with *ret_reason, and another attempt is allowed. */
MAIKO_MUST_CHECK maiko_status shm_link_join(struct shm_link *link, int fds[SHM_LINK_FDS], const char **ret_reason);

bool shm_link_is_joined(const struct shm_link *link);

/* Readable when the other side has written, or has made room that was waited for. */
int shm_link_wake_fd(const struct shm_link *link);

/* One frame, whole.  MAIKO_OK (it may wait for room), MAIKO_ENOMEM, MAIKO_ETOOLONG: not sent; MAIKO_EPROTOCOL. */
MAIKO_MUST_CHECK maiko_status shm_link_send(struct shm_link *link, const void *bytes, size_t len);

/* The same for one in parts, none of which is empty. */
MAIKO_MUST_CHECK maiko_status shm_link_send_parts(struct shm_link *link, const struct slice *parts, size_t count);

/* Writes what waits, as far as there is room.  MAIKO_OK, MAIKO_EPROTOCOL. */
MAIKO_MUST_CHECK maiko_status shm_link_flush(struct shm_link *link);

/* The next whole frame, in private memory, valid until the next call.
 * MAIKO_OK; MAIKO_ENOTFOUND: none; MAIKO_ENOMEM: try again; MAIKO_EPROTOCOL. */
MAIKO_MUST_CHECK maiko_status shm_link_receive(struct shm_link *link, struct slice *ret_frame);

/* Bytes that wait for room. */
size_t shm_link_waiting(const struct shm_link *link);

/* Before waiting: true when the other side will wake us as soon as there is something to do. */
MAIKO_MUST_CHECK bool shm_link_sleep(struct shm_link *link);

/* After waiting; clears the wake-up. */
void shm_link_awake(struct shm_link *link);

/* The same before looking again and again instead of waiting: nobody wakes who looks.  A wake-up that was sent before stays. */
void shm_link_watch(struct shm_link *link);

/* There is something to receive; one load. */
bool shm_link_has_news(const struct shm_link *link);

/* What the other side did; NULL: nothing wrong. */
const char *shm_link_fault(const struct shm_link *link);

#endif
