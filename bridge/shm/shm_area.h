/* Area: one memory shared by two nodes, as a sealed memfd.  Never a name in a file system, so nothing is left behind. */
#ifndef SHM_AREA_H
#define SHM_AREA_H

#include <stdbool.h>
#include <stddef.h>

#include "shm/shm_layout.h"
#include <maiko/status.h>

enum shm_area_kind { SHM_AREA_DATA, SHM_AREA_CONTROL, SHM_AREA_PAYLOAD, SHM_AREA_POOL, SHM_AREA_RETURNS };

struct shm_area {
    int fd; /* owned by who created it; -1 where it was attached */
    enum shm_area_kind kind;
    void *base; /* NULL: not mapped */
    size_t bytes;
};

/* Bytes of the whole memory with so many bytes of ring or chunks. */
static inline size_t shm_area_bytes(enum shm_area_kind kind, uint64_t contents)
{
    return kind == SHM_AREA_CONTROL || kind == SHM_AREA_RETURNS ? SHM_PAGE : (size_t)contents + SHM_PAGE;
}

/*
 * Creates, reserves (a payload area on use), maps and seals.  The creator is always the exporter: data and payload are writable
 * for it, control and returns are not.
 *
 * `contents`: bytes of ring (a power of two) or chunks (whole pages); of no meaning for control and returns.
 * MAIKO_OK; MAIKO_EINVAL (size), MAIKO_ENOMEM (no room, no memory, too many mappings), MAIKO_ELIMIT (descriptors),
 * MAIKO_ENOTSUP (the kernel lacks memfd_create or the seal, Linux < 5.1, or forbids them), MAIKO_ESYSTEM.  On failure nothing
 * is left behind and `error` (may be NULL) is errno; the caller takes ZeroMQ.
 */
MAIKO_MUST_CHECK maiko_status shm_area_create(enum shm_area_kind kind, uint64_t contents, uint64_t link,
                                              struct shm_area *ret_area, int *error);

/* The same for a pool, which is neither mapped nor sealed yet: its owner maps it slot by slot, then seals it. */
MAIKO_MUST_CHECK maiko_status shm_area_create_unmapped(enum shm_area_kind kind, uint64_t contents, uint64_t link,
                                                       struct shm_area *ret_area, int *error);
MAIKO_MUST_CHECK maiko_status shm_area_seal(const struct shm_area *area);

/*
 * Maps what the exporter has sent, after checking kind of file, seals, size and header; data and payload read-only, control
 * and returns writable.  `fd` stays the caller's, who may close it afterwards.
 * MAIKO_OK; MAIKO_EPROTOCOL (not what it should be: `reason` says what), MAIKO_ENOTSUP (another version or ABI),
 * MAIKO_ENOMEM, MAIKO_ESYSTEM.
 */
MAIKO_MUST_CHECK maiko_status shm_area_attach(enum shm_area_kind kind, int fd, uint64_t link, struct shm_area *ret_area,
                                              const char **reason);

/* Its checks alone; *ret_bytes: of the whole memory. */
MAIKO_MUST_CHECK maiko_status shm_area_check(enum shm_area_kind kind, int fd, uint64_t link, size_t *ret_bytes,
                                             const char **reason);

/* Reserves the bytes before `end` of a payload area of our own, so that touching them cannot end in SIGBUS; `reserved` is how far
 * that went before.  MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status shm_area_reserve(const struct shm_area *area, size_t reserved, size_t end);

/* Reserves `len` bytes of any area of our own from `offset` on.  MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status shm_area_back(const struct shm_area *area, size_t offset, size_t len);

/* Of a memory of returns whose owner has unmapped it: does nobody have it mapped any more, nor ever again?  Also true of one
 * whose seals somebody has meddled with. */
bool shm_area_is_forsaken(const struct shm_area *area);

/* Unmaps; the descriptor stays.  Maps again what was created so.  MAIKO_OK, MAIKO_ENOMEM. */
void shm_area_unmap(struct shm_area *area);

/* Unmaps at most so many bytes (whole pages) from the end, for one that is not used any more; again until `base` is NULL. */
void shm_area_unmap_some(struct shm_area *area, size_t most);
MAIKO_MUST_CHECK maiko_status shm_area_map_again(struct shm_area *area);

/* Unmaps and closes.  Harmless on one that failed or was deinitialised; zero-initialised ones must have fd -1. */
void shm_area_deinit(struct shm_area *area);

#define SHM_AREA_NONE                                                                                                            \
    {                                                                                                                            \
        .fd = -1                                                                                                                 \
    }

static inline struct shm_data *shm_area_data(const struct shm_area *area)
{
    return area->base;
}

static inline struct shm_control *shm_area_control(const struct shm_area *area)
{
    return area->base;
}

#endif
