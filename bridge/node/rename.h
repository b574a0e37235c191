/* Rename: what a topic is called at the other end of an export or import.  Pure. */
#ifndef BRIDGE_RENAME_H
#define BRIDGE_RENAME_H

#include <stdbool.h>

#include <maiko/status.h>
#include <maiko/topic.h>

/* Both are patterns with the same wildcards in the same order: "weather/#" as "north/weather/#", "a/+" as "b/+/c".
 * MAIKO_OK, MAIKO_EINVAL (other wildcards), or what maiko_pattern_check() says. */
MAIKO_MUST_CHECK maiko_status rename_check(const char *pattern, const char *as);

/* The new name of a topic that falls under `pattern`; false when it would be too long. */
bool rename_topic(const char *pattern, const char *as, const char *topic, char ret_topic[MAIKO_TOPIC_MAX + 1]);

/* Below `$sys` and `$maiko` the library speaks to itself and to the program: nothing of such a name is let in or passed on.  NULL
 * is no name. */
bool topic_stays_here(const char *topic);

#endif
