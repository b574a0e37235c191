/* Slots: how a pool of large events is cut up, and how it lies in the memory of a process.  Where no slot begins is private:
 *
 *     | private page | slot, shared |  | private page | slot, shared | ...
 *                 ^ event: its fixed part, and the first bytes of its tail where that makes it begin at a multiple of 16
 *
 * An event so lies in one piece, and of the bytes that another process may change at any time it has those of its tail only. */
#ifndef SHM_SLOTS_H
#define SHM_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "shm/shm_layout.h"
#include <maiko/status.h>

enum {
    SHM_SLOT_SMALLEST = 65536,
    SHM_SLOT_LARGEST = SHM_SLOT_SMALLEST << 2 * (SHM_CLASSES - 1),
    SHM_SLOT_PRIVATE = SHM_PAGE - 256 /* bytes of an event that fit before a slot; the rest of the page is its envelope's */
};

struct shm_slots {
    uint32_t counts[SHM_CLASSES];
    uint32_t count; /* of all sizes */
};

/* At most about so many bytes of slots, a quarter for each size as far as it goes; count 0: not one. */
struct shm_slots shm_slots_plan(uint64_t bytes);

/* What somebody else says of his memory.  False: that cannot be. */
bool shm_slots_believe(const uint32_t counts[SHM_CLASSES], size_t contents, struct shm_slots *ret_slots);

/* Bytes of all slots. */
size_t shm_slots_contents(const struct shm_slots *slots);

/* Bytes of a slot of this size; the smallest size for so many bytes, SHM_CLASSES: there is none; and the size of a slot. */
size_t shm_slots_class_size(uint32_t size_class);
uint32_t shm_slots_class_for(size_t bytes);
uint32_t shm_slots_class(const struct shm_slots *slots, uint32_t slot);

/* Bytes of one. */
size_t shm_slots_size(const struct shm_slots *slots, uint32_t slot);

/* Where a slot begins, from the beginning of the slots, in the memory itself and as they are mapped. */
size_t shm_slots_offset(const struct shm_slots *slots, uint32_t slot);
size_t shm_slots_place(const struct shm_slots *slots, uint32_t slot);

/* The slot with this place in it, or in the private page before it; SHM_SLOTS_MAX: none. */
uint32_t shm_slots_find(const struct shm_slots *slots, size_t place);

/* Bytes of an event that are private: its fixed part, up to a multiple of 16. */
static inline size_t shm_slots_private(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

/* One private mapping over all of it; and one slot put into that, which makes two mappings more.  MAIKO_OK, MAIKO_ENOMEM.  `fd`:
 * the memory, whose first page is its header. */
MAIKO_MUST_CHECK maiko_status shm_slots_reserve(const struct shm_slots *slots, unsigned char **ret_base);
MAIKO_MUST_CHECK maiko_status shm_slots_put(const struct shm_slots *slots, uint32_t slot, int fd, bool is_writable,
                                            unsigned char *base);

/* Both, of all slots, for their owner. */
MAIKO_MUST_CHECK maiko_status shm_slots_map(const struct shm_slots *slots, int fd, unsigned char **ret_base);
void shm_slots_unmap(const struct shm_slots *slots, unsigned char *base);

#endif
