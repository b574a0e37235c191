/* Last word: how the export actor ends behind everything that is brought in from outside for it.
 *
 * By each way in it is told that nothing more comes, behind what came; a node without relays has only one such way, that of plain
 * publishers.  Ways lead over different shards, so a word says nothing of the others: what comes by a way behind its own word is
 * not passed on, wherever it stands, and is counted when it is brought in. */
#ifndef NODE_LAST_WORD_H
#define NODE_LAST_WORD_H

#include "node/node.h"
#include <maiko/maiko.h>

#define END_EVENT_TOPIC "$maiko/ended"

/* An end watcher says to the export actor: everything of this publisher came before.  LAST_WORD: the bridge's thread does, of
 * everything by one way.  Names of types are one space with the program's and the peers'. */
#define ENDED_FIELDS(F) F(UINT32, index)
MAIKO_EVENT(maiko_bridge_ended, END_EVENT_TOPIC, ENDED_FIELDS)

#define LAST_WORD UINT32_MAX

/* ---- the bridge's thread; see also node_export_end() ---- */

/* Is what comes in by this way not passed on any more? */
bool last_word_was_said(const maiko_bridge *bridge, const struct node_importer *way);

/* ---- the export actor ---- */

/* One came; true: there is none to come. */
bool last_word_hear(maiko_bridge *bridge, const maiko_envelope *envelope);

/* Did the event come behind the last word of its way? */
bool last_word_is_before(const maiko_bridge *bridge, const maiko_envelope *envelope);

#endif
