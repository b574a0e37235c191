/* Visit: how a shard that sleeps is woken by a descriptor of another library of this package, or looks what there is for it while
 * it spins, and lets that library do a little work on its thread.  Exported for them and declared in no public header. */
#ifndef RUNTIME_VISIT_H
#define RUNTIME_VISIT_H

#include <maiko/import.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Called on the shard's thread, between turns, when one of the descriptors has become readable; reads what made it so, waits for
 * nothing and calls nothing but importers.  One shard's.  Valid until the supervisor has halted. */
struct maiko_visit {
    void (*run)(void *userdata);
    /* NULL, or: a shard that spins calls the first over and over, which does what there is to do, like `run`, and then the last
     * one once, before it does anything else.  But for what takes little time: before that it calls the second one, and looks
     * again or looks away behind it. */
    void (*look)(void *userdata);
    void (*look_aside)(void *userdata);
    void (*look_away)(void *userdata);
    void *userdata;
    /* the shard's */
    struct maiko_visit *next;
    bool is_due;
    struct maiko_visit *next_to_look;
    atomic_bool is_looked_at; /* any thread sets it: it is in the list of those */
};

/*
 * Adds a descriptor to those that the shard of this importer sleeps on, exclusively: it is woken when it sleeps and comes first,
 * else whoever waits behind it.  Told once each time the descriptor becomes readable.  Any thread.
 * MAIKO_OK; MAIKO_ENOTSUP: shards without threads do not sleep here; MAIKO_ESYSTEM, MAIKO_EINVAL, MAIKO_EFORKED.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_importer_watch(maiko_importer *importer, int fd, struct maiko_visit *visit);

/* One visit may be under way, or come, after this.  A descriptor that is not watched is no error.  Any thread. */
MAIKO_API void maiko_importer_unwatch(maiko_importer *importer, int fd);

#endif
