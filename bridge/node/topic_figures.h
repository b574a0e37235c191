/* Topic figures: what of each exported topic waits at the peers, and since when, in the counters file.  Taken by surveys of the
 * exporter: ten times a second at most while there is something new, and never while all is acknowledged at once. */
#ifndef NODE_TOPIC_FIGURES_H
#define NODE_TOPIC_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/link_counters.h"

struct maiko_bridge;

/* The bridge's thread, or whoever has the turn. */
struct topic_figures {
    maiko_export_counters **rows; /* by number of the topic */
    uint32_t count;
    maiko_export_counters *rest; /* of the topics without a row */
    uint64_t rest_high;
    uint64_t activity; /* events that came and went at the peers, as noted last */
    uint64_t surveyed; /* the same when the last survey began */
    bool is_surveying;
    bool shows_some; /* that wait */
    bool is_stale;
    bool sleeps_long; /* the bridge's thread, until something wakes it */
    uint64_t due_ns;  /* of the next survey, 0: not set */
};

/* Behind every turn: so much has happened at the peers so far, and so many events wait there. */
void node_topic_figures_note(struct maiko_bridge *bridge, uint64_t activity, uint64_t queued);

/* Once per turn of the bridge's thread, at `now_ns`.  Returns when to be called again, at the latest `deadline_ns`. */
uint64_t node_topic_figures_run(struct maiko_bridge *bridge, uint64_t now_ns, uint64_t deadline_ns);

/* There is something to be shown, and the bridge's thread sleeps for longer than that may wait. */
bool node_topic_figures_are_late(const struct maiko_bridge *bridge);

/* The peers are freed: nothing waits any more.  The rows stay with the supervisor. */
void node_topic_figures_end(struct maiko_bridge *bridge);

#endif
