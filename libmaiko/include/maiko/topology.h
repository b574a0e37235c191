/* Topology: who publishes and who subscribes to what, as the actors of a supervisor declare it. */
#ifndef MAIKO_TOPOLOGY_H
#define MAIKO_TOPOLOGY_H

#include <maiko/supervisor.h>

MAIKO_BEGIN_DECLS

/**
 * Draw the declared publications and subscriptions as a Mermaid flowchart: actors are boxes, topics rounded ones, arrows lead
 * from publisher to topic to subscriber.  A dotted arrow leaves a topic that nobody declares to publish, and a pattern that
 * somebody publishes on, of which the subscriber may get only a part.
 *
 * Declared is what the specs of the actors that are there now said; what they subscribed to while running is not.  The text
 * depends on names and declarations only, not on the order of adding; names are escaped.
 * @param ret_text  set on success only; the caller frees it with maiko_text_free().
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ENOMEM, MAIKO_EFORKED.
 *
 * Threads: any, hooks included.  Blocking: while an actor is being added.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_supervisor_to_mermaid(maiko_supervisor *sup, char **ret_text);

/**
 * The same as one JSON object on one line:
 *
 *     {"name": "weather",
 *      "actors": [{"name": "alerter", "id": 2, "subscribe": ["weather/reading"], "publish": ["weather/alert"]}, …],
 *      "topics": [{"name": "weather/reading", "publishers": ["sensor"], "subscribers": ["alerter"]}, …]}
 *
 * `publish` is null for an actor that declares nothing and may send on any topic.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_supervisor_to_json(maiko_supervisor *sup, char **ret_text);

/** Free a text that one of these calls handed over.  NULL is allowed.  Threads: any.  Blocking: never. */
MAIKO_API void maiko_text_free(char *text);

MAIKO_END_DECLS

#endif
