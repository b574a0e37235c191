/* Actor names: whose is a name?  Eight bytes a slot, because there may be a million. */
#ifndef RUNTIME_ACTOR_NAMES_H
#define RUNTIME_ACTOR_NAMES_H

#include "runtime/actor_table.h"

struct actor_name_slot {
    uint32_t hash;
    uint32_t number; /* 1 + index of the record in its table; 0: empty */
};

/* One thread at a time. */
struct actor_names {
    struct actor_table *actors; /* all that have names here */
    struct actor_name_slot *slots;
    size_t slot_count; /* 0 or a power of two */
    size_t count;
};

void actor_names_init(struct actor_names *names, struct actor_table *actors);
void actor_names_deinit(struct actor_names *names);

/* By its sender.name, which stays as it is until it is removed.  MAIKO_OK, MAIKO_EEXIST or MAIKO_ENOMEM (nothing changed). */
MAIKO_MUST_CHECK maiko_status actor_names_insert(struct actor_names *names, const struct actor *actor);

/* NULL when nobody has that name. */
struct actor *actor_names_find(const struct actor_names *names, const char *name);

/* Harmless when it is not in the table. */
void actor_names_remove(struct actor_names *names, const struct actor *actor);

/* All of them, one per call, NULL at the end; `*position` starts at 0.  Insert and remove nothing meanwhile. */
struct actor *actor_names_next(const struct actor_names *names, size_t *position);

#endif
