/* Import, its parts: what is worked out once per channel, and what they do for each other. */
#ifndef NODE_IMPORT_PLAN_H
#define NODE_IMPORT_PLAN_H

#include "node/node.h"
#include "runtime/import_run.h"

/* `user` of the channel leads here, as long as the channel means that; events that wait refer to it, too. */
struct import_plan {
    unsigned refs;
    uint64_t staged;        /* events committed since the importer's last flush; if any, in its list, with a reference */
    uint64_t stream;        /* of those */
    struct node_peer *peer; /* who is told when they are refused; NULL: it is gone */
    struct fifo_link in_list;
    struct known_type *known;
    struct payload_plan *plan; /* of known type and the peer's idea of it; NULL: known->plan does */
    bool is_relayed;           /* an export passes its events on */
    struct node_importer *importer;
    maiko_import_path *path;
    maiko_import meta; /* of the last that came, and so but for what changes of the next */
    char topic[MAIKO_TOPIC_MAX + 1];
    char remote_topic[MAIKO_TOPIC_MAX + 1]; /* as the other side calls it */
};

/* ---- import.c ---- */

/* Must what comes now by this importer stand behind others? */
static inline bool import_must_wait(const maiko_bridge *bridge, const struct node_importer *importer)
{
    return !fifo_is_empty(&importer->waiting) || !atomic_load(&bridge->is_running);
}

/* So many events were committed. */
void import_note_staged(maiko_bridge *bridge, struct import_plan *plan, uint64_t stream, uint32_t count);

/* One event of native bytes into the importer's batch.  MAIKO_OK, MAIKO_EFULL, or why it cannot be. */
maiko_status import_native(maiko_bridge *bridge, struct import_plan *plan, const maiko_import *meta, struct slice native,
                           uint64_t stream);

/* One event that waited is refused for good. */
void import_refuse_waiting(maiko_bridge *bridge, const struct waiting_import *waiting, maiko_status status);

/* ---- import_wait.c ---- */

/* NULL: none of that name. */
struct node_actor *import_expected(maiko_bridge *bridge, const char *name);

/* Where events of such a channel come in; the same sender's always by the same, whatever way they come. */
struct node_importer *import_way_of(maiko_bridge *bridge, const struct inbound_channel *channel);

/* Behind what waits there. */
void import_push_waiting(maiko_bridge *bridge, struct node_importer *importer, struct waiting_import *waiting);

/* The first of those that wait there is done with, and is the caller's. */
void import_pop_waiting(maiko_bridge *bridge, struct node_importer *importer);

/* Some of what waited has come in: up to where is all of it? */
void import_tell_delivered(maiko_bridge *bridge, const struct node_peer *peer);

/* ---- import_run.c ---- */

/* As much of a run that waited as there is room for.  True: all of it is done with. */
bool import_settle_run(maiko_bridge *bridge, struct waiting_import *waiting);

#endif
