/* Channels: what events have in common (topic, type, sender, prefix of their ids, origin, hops) as a number, and the types they
 * are of (PROTOCOL.md 5).  A number is given to something else when all are taken and no entry of the log or of a stream refers
 * to it any more.  Pure, one thread. */
#ifndef LINK_CHANNELS_H
#define LINK_CHANNELS_H

#include "link/exporter.h"

struct channels {
    struct heap *heap;
    struct retained *log;
    struct hash_table types; /* by descriptor */
    struct export_type **type_list;
    size_t type_count;
    size_t type_capacity;
    struct hash_table by_meaning; /* by hash of what they stand for */
    struct export_channel **list; /* by number */
    size_t count;
    size_t capacity;
    size_t most;                 /* WIRE_CHANNELS_MAX, less in tests */
    size_t hand;                 /* where the search for one nobody refers to goes on */
    struct export_channel *last; /* senders mostly send again */
};

void channels_init(struct channels *channels, struct heap *heap, struct retained *log, size_t most);
void channels_deinit(struct channels *channels);

/* The channel of such events, made when it is new; *ret_is_new says that its number means something new.
 * MAIKO_OK, MAIKO_ENOTSUP (type with pointers), MAIKO_ELIMIT (all numbers are referred to, or too many types), MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status channels_find(struct channels *channels, const struct export_event *event,
                                            struct export_channel **ret_channel, bool *ret_is_new);

#endif
