/* Stop tally: who held a stop up, and what was never handled because of it.
 *
 * Names are noted at the deadline, while the hooks that are late still run.  Events are counted only where nobody can handle them
 * any more: when an actor is stopped with them in its queue, when a gate is closed for good, and of a thread that is left behind
 * when its way to them is cut.  What somebody handles after the deadline is so in no report. */
#ifndef RUNTIME_STOP_TALLY_H
#define RUNTIME_STOP_TALLY_H

#include "runtime/shard.h"
#include <maiko/supervisor.h>

struct stop_tally {
    maiko_stop_report *report; /* for the names */
    size_t room;               /* entries there is memory for */
    size_t noted;              /* of its entries: made at the deadline, their events to be filled in */
    uint64_t unfinished;
};

/* The queues are not empty in time: notes the first whose events wait, and all whose hooks run. */
void stop_tally_note_late(struct maiko_supervisor *sup);

/* By a shard, before an actor of it is stopped because of the stop: what is queued will not be handled. */
void stop_tally_queue(struct actor *actor);

/* By a shard that has stopped all its actors: its gates send on no more. */
void stop_tally_gates(struct shard *shard);

/* After the threads: what is left where no hook has run.  The tally is complete and told to nobody any more. */
void stop_tally_rest(struct maiko_supervisor *sup);

/* By a thread that was left behind, when it comes to its end: what it did not handle is dropped, and stays where it is, for who
 * owns what is in it may be gone. */
void stop_tally_drop_left(struct shard *shard);

/* No thread has run. */
void stop_tally_unstarted(struct maiko_supervisor *sup);

/* Leaves out who did finish in the end. */
void stop_tally_finish(struct stop_tally *tally);

#endif
