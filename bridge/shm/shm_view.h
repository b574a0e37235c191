/* View: another node's pool (shm_pool.h), as this process reads it.
 *
 *     shm_view_take(), check the event, shm_view_return() when its last reader is done, on any thread
 *
 * who              | may call
 * the bridge's     | shm_view_new(), shm_view_is_read(), shm_view_copied(), shm_view_take(), shm_view_pass(), shm_view_close()
 * any thread       | shm_view_return(), once per event that was taken
 *
 * The other process may write what it likes at any time into the part of an event that is shared: the bytes of its tail.  All
 * else of an event is a copy that only we can write.  The mappings stay until the last event is returned. */
#ifndef SHM_VIEW_H
#define SHM_VIEW_H

#include "base/heap.h"
#include "shm/shm_budget.h"
#include "shm/shm_slots.h"

struct shm_view;

/* A pool for reading and our memory of returns for writing, both as the other side sent them; `fds` stay the caller's.  A slot is
 * mapped when the first event in it is taken, if the budget has one more.
 * `heap`: as for shm_pool_new().  MAIKO_OK; else as shm_area_attach(). */
MAIKO_MUST_CHECK maiko_status shm_view_new(struct heap *heap, struct shm_budget *budget, int pool_fd, int returns_fd,
                                           uint64_t link, struct shm_view **ret_view, const char **reason);

/* Nothing is taken or passed any more.  The owner of the pool learns which events are still read here, and has the other slots
 * back.  NULL is allowed. */
void shm_view_close(struct shm_view *view);

/* Can there be an event of `len` bytes, `size` of them fixed, in this slot?  So that nothing is looked at that is not there. */
bool shm_view_has(const struct shm_view *view, uint32_t slot, size_t size, size_t len);

/*
 * An event in a slot, of which shm_view_has() was true.  `head`: its first shm_slots_private(size) bytes (or all `len`), which
 * came with the reference; they are copied.  *ret_loan is for shm_view_return().
 * Where no slot can be mapped any more, and where the owner has left holes, it is a copy on the heap.
 * NULL: shm_view_is_read(), or there is no memory for a copy.
 */
MAIKO_MUST_CHECK void *shm_view_take(struct shm_view *view, uint32_t slot, size_t size, size_t len, const void *head,
                                     void **ret_loan);

/* Is an event in that slot still read here?  An honest owner has nothing else there to lend. */
bool shm_view_is_read(const struct shm_view *view, uint32_t slot);

/* Events that were copied so far; the bridge's thread. */
uint64_t shm_view_copied(const struct shm_view *view);

/* Nobody reads the event any more. */
void shm_view_return(void *loan);

/* A slot that was lent to us, and was not taken. */
void shm_view_pass(struct shm_view *view, uint32_t slot);

#endif
