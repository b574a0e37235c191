/* Pool: memory of one node for large events, which their senders fill and other nodes read in place (shm_view.h).
 *
 *     shm_pool_take(), fill, shm_claims_lend() to each reader, shm_pool_release(): abort is that alone
 *
 * A slot is free again when its owner has released it and each reader has returned it as often as it was lent.
 *
 * who                          | may call                                 | beside
 * any thread                   | shm_pool_release(), shm_pool_find()      | everything
 * the owner, without the lock  | shm_claims_ask()                         | everything but the owner's other calls
 * who has the owner's lock     | everything else                          | the lines above, and the readers
 *
 * No call waits for anything, but see shm_claims_ask().  What readers write is believed only as far as it returns what was lent
 * to them. */
#ifndef SHM_POOL_H
#define SHM_POOL_H

#include "base/heap.h"
#include "shm/shm_area.h"
#include "shm/shm_slots.h"

struct shm_pool;

/* What the reader at the other end of a link has of a pool. */
struct shm_claims;

/* `heap`: its allocator is used, and nothing counted: some of it may outlive the heap.
 * `bytes`: at most about so many; memory is taken as slots are used.  Statuses of shm_area_create(), MAIKO_EINVAL also for less
 * than one slot. */
MAIKO_MUST_CHECK maiko_status shm_pool_new(struct heap *heap, uint64_t bytes, struct shm_pool **ret_pool);

/* Nothing can be taken any more; all claims are closed before.  Freed when the last slot was released. */
void shm_pool_close(struct shm_pool *pool);

/* For readers: see shm_view_new(). */
int shm_pool_fd(const struct shm_pool *pool);

/* A slot with room for an event of type->size `size` and `len` bytes in all, its fixed part zero; *ret_slot is for
 * shm_pool_release().  NULL: there is none now, or none of that size. */
MAIKO_MUST_CHECK void *shm_pool_take(struct shm_pool *pool, size_t size, size_t len, void **ret_slot);

/* The sender's side is done with it. */
void shm_pool_release(void *slot);

/* The slot of an event that was taken from this pool; SHM_SLOTS_MAX: it lies elsewhere. */
uint32_t shm_pool_find(const struct shm_pool *pool, const void *event);

/* Is so much in use that more would not fit the caches, or that there is soon none left? */
bool shm_pool_is_scarce(const struct shm_pool *pool);

/* Looks after readers whose link is over; now and then, or what those had that died does not come back.  Then, for each that
 * shm_pool_ask_next() names: shm_claims_ask() without the lock, shm_claims_answer() with it.  One is named the more seldom the
 * longer it lives. */
void shm_pool_tidy(struct shm_pool *pool);

/* Whose reader the kernel is to be asked about; NULL: nobody's. */
struct shm_claims *shm_pool_ask_next(struct shm_pool *pool);

/* How often there was no slot for an event that would have fitted. */
uint64_t shm_pool_starved(const struct shm_pool *pool);

/* Slots that are not free, after a look at what came back. */
uint32_t shm_pool_used(struct shm_pool *pool);

/* ---- readers ---- */

/* With a memory of returns for this link.  Statuses of shm_area_create(). */
MAIKO_MUST_CHECK maiko_status shm_claims_new(struct shm_pool *pool, uint64_t link, struct shm_claims **ret_claims);
int shm_claims_fd(const struct shm_claims *claims);

/* The reader gets the slot, which is not released meanwhile, once more. */
void shm_claims_lend(struct shm_claims *claims, uint32_t slot);

/* NULL: all well; else what the reader did.  It has what it had. */
const char *shm_claims_fault(const struct shm_claims *claims);

/* The link is over.  What the reader has is its own until it returns it, or closes and does not name it among what it keeps, or
 * has no mapping any more, because it has let go of the last event or has died; the first question is due at once. */
void shm_claims_leave(struct shm_claims *claims);

/* Has its reader no mapping any more?  A hostile one can make the kernel think for a fifth of a second. */
bool shm_claims_ask(const struct shm_claims *claims);

/* Forsaken claims are gone. */
void shm_claims_answer(struct shm_claims *claims, bool is_forsaken);

#endif
