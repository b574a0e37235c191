/* Types: the event types a bridge meets, known for its life: those of this program, and those that came with peers' events
 * (rebuilt, because a peer's own copy goes with its session; the supervisor owns them, because events may outlive the bridge).
 * With them, how to read and write each. */
#ifndef BRIDGE_TYPES_H
#define BRIDGE_TYPES_H

#include "base/hash_table.h"
#include "base/list.h"
#include "wire/foreign_type.h"
#include "wire/payload.h"
#include <maiko/import.h>
#include <maiko/schema.h>

enum { TYPES_MAX = 4096, TYPE_TOPICS_MAX = 65536 };

/* A type and the plan for its own layout. */
struct known_type {
    struct list link;
    const maiko_event_type *type;
    uint64_t hash;
    bool is_local; /* of this program: wins over rebuilt ones of the same name */
    struct payload_plan *plan;
};

struct types {
    struct heap *heap;
    struct list list;
    size_t count;
    struct hash_table topics; /* topic -> struct topic_type */
    maiko_importer *keeper;   /* who has the rebuilt ones kept; set before the first one */
};

void types_init(struct types *types, struct heap *heap);
void types_deinit(struct types *types);

/* A type of this program, which stays its owner's.
 * MAIKO_OK, MAIKO_ETYPE, MAIKO_ENOTSUP (pointers), MAIKO_ENOMEM, MAIKO_ELIMIT. */
MAIKO_MUST_CHECK maiko_status types_learn(struct types *types, const maiko_event_type *type, struct known_type **ret_type);

/* The type in which events of a peer's type are brought in: ours of that name, else a copy of theirs.  One whose native bytes
 * were asked for stays what it was then.
 * MAIKO_OK, MAIKO_ENOMEM, MAIKO_ELIMIT, MAIKO_ETYPE. */
MAIKO_MUST_CHECK maiko_status types_adopt(struct types *types, const struct foreign_type *foreign, struct known_type **ret_type);

/* NULL when there is none.  Names need no NUL. */
struct known_type *types_find(const struct types *types, const char *name, size_t len);

/* Remembers which type a topic carries, for publishers that do not say.  Forgets nothing, learns no more than TYPE_TOPICS_MAX. */
void types_note_topic(struct types *types, const char *topic, struct known_type *type);
struct known_type *types_of_topic(const struct types *types, const char *topic);

#endif
