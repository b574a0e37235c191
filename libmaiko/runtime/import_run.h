/* Import runs: events of one path that differ in id, time and payload only come in as one.  For the bridge library: exported and
 * declared in no public header. */
#ifndef RUNTIME_IMPORT_RUN_H
#define RUNTIME_IMPORT_RUN_H

#include <maiko/import.h>

MAIKO_BEGIN_DECLS

/* One event of a run; its bytes stand right behind. */
struct maiko_import_slot {
    uint64_t id_lo;
    uint64_t time_ns;
};

struct maiko_import_run {
    struct maiko_import_slot *first;
    size_t step;    /* bytes from one slot to the next */
    uint32_t count; /* of slots */
};

/* From one slot to the next, of events of `len` bytes. */
static inline size_t maiko_import_slot_step(size_t len)
{
    return (sizeof(struct maiko_import_slot) + len + 15) & ~(size_t)15;
}

static inline struct maiko_import_slot *maiko_import_slot_at(const struct maiko_import_run *run, size_t index)
{
    return (struct maiko_import_slot *)(void *)((char *)run->first + index * run->step);
}

/*
 * Room for up to `most` events of `len` bytes each, at least one, to be filled in and committed, as far as they were, before
 * anything else of the importer is reserved.  As maiko_import_reserve(); MAIKO_ETOOLONG also over 4 KiB, MAIKO_EINVAL for none.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_import_reserve_run(maiko_import_path *path, size_t len, uint32_t most,
                                                                 struct maiko_import_run *ret_run);

/* Accepts the first `count` of them, up to one that is not legal (its bytes, or a time of 0), and returns how many these are.
 * They began chains of their own: no parent, and the id is the correlation.  0: abandoned. */
MAIKO_API uint32_t maiko_import_commit_run(maiko_import_path *path, uint64_t id_hi, uint8_t hops, uint32_t count);

MAIKO_END_DECLS

#endif
