/* Registry: the topic names and event types of one supervisor, each made once and kept until the end, so that every
 * shard may hold pointers to them.  Shards cache what they look up; the lock is taken on first meetings only. */
#ifndef RUNTIME_REGISTRY_H
#define RUNTIME_REGISTRY_H

#include "base/hash_table.h"
#include "base/text.h"
#include "message/envelope.h"
#include "message/schema.h"
#include <pthread.h>

/* What a supervisor knows of one event type; another one for declarations of it that say another topic or policy. */
struct type_entry {
    const maiko_event_type *type;
    const char *name; /* type->name: key */
    uint64_t hash;
    struct topic *topic; /* constant topic; NULL: computed or given */
    struct schema_look look;
    bool needs_validation;  /* strings, blobs, booleans, enums, a tail */
    bool is_reserved;       /* its topic is below `$sys/`: only the library sends it */
    bool is_import;         /* what it says is another program's word */
    struct type_entry *own; /* of such: what this program says, if it says something else; NULL: nothing */
    struct type_entry *next;
};

/* Every call may overlap with every other. */
struct registry {
    struct heap *heap;
    pthread_mutex_t lock;
    struct hash_table topics;      /* name -> topic */
    struct hash_table types;       /* name -> type_entry */
    struct hash_table descriptors; /* descriptor address -> type_entry: of several translation units, which may differ in topic */
    struct type_entry *entries;    /* all of them, for freeing */
    struct topic **by_id;
    uint32_t topic_count;
    uint32_t topic_size;
    uint32_t topic_limit;        /* of those that are not the system's */
    _Atomic uint32_t names_left; /* before the limit; those below `$sys/` do not count */
    _Atomic bool are_many_told;  /* for topic_names.c: what was logged */
    _Atomic bool is_end_told;
};

void registry_init(struct registry *registry, struct heap *heap, uint32_t topic_limit);
void registry_deinit(struct registry *registry);

/* The topic of a valid name.  MAIKO_OK, MAIKO_ELIMIT, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status registry_topic(struct registry *registry, const char *name, struct topic **ret_topic);

/* Are three quarters of the names in use?  Without the lock. */
static inline bool registry_has_many_names(const struct registry *registry)
{
    return atomic_load_explicit(&registry->names_left, memory_order_relaxed) <= registry->topic_limit / 4;
}

/* What is known of a type; checks it when it is met first.  MAIKO_OK, MAIKO_ETYPE or MAIKO_ETOPIC (bad descriptor),
 * MAIKO_ECONFLICT (another type of that name, or its topic has another policy), MAIKO_EPERM (only the library sends it),
 * MAIKO_ELIMIT, MAIKO_ENOMEM; `error` gets the reason. */
MAIKO_MUST_CHECK maiko_status registry_type(struct registry *registry, const maiko_event_type *type, struct text *error,
                                            const struct type_entry **ret_entry);

/* The same of one that comes with events of another program: which topic they are on is known, whatever it says of itself. */
MAIKO_MUST_CHECK maiko_status registry_import_type(struct registry *registry, const maiko_event_type *type, struct text *error,
                                                   const struct type_entry **ret_entry);

/* The same for those who receive it, and for the library's own senders: types of topics below `$sys/`, too. */
MAIKO_MUST_CHECK maiko_status registry_any_type(struct registry *registry, const maiko_event_type *type, struct text *error,
                                                const struct type_entry **ret_entry);

/* Gives the topic the policy, lane and stickiness of the first type sent on it; MAIKO_ECONFLICT when a later type asks
 * for something else. */
MAIKO_MUST_CHECK maiko_status registry_bind(struct registry *registry, struct topic *topic, const maiko_event_type *type,
                                            struct text *error);

/* The topic with that id; ids are dense. */
struct topic *registry_topic_by_id(struct registry *registry, uint32_t id);

#endif
