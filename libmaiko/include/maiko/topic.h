/* Topics: the names events are sent on, and the patterns actors subscribe with.  Names are levels separated by
 * '/'; patterns follow MQTT 3.1.1.
 *
 * A name: valid UTF-8, 1..255 bytes, no '+' and no '#', no control characters (U+0000..U+001F, U+007F..U+009F:
 * names are shown in terminals and logs).  Levels may be empty ("/a", "a//b" and "a/" are three names different
 * from "a" and from each other); spaces and capitals count; '$' is special only as the first byte.
 *
 * A pattern: the same, and a level may be '+' (exactly one level, also an empty one), and the last may be '#' (all
 * further levels, also none: "a/#" matches "a").  Neither matches the first level of a name that begins with '$'.
 *
 * Names below "$sys/" belong to the library: everybody may subscribe, only the library sends. */
#ifndef MAIKO_TOPIC_H
#define MAIKO_TOPIC_H

#include <stdbool.h>

#include <maiko/status.h>

/* Longest name or pattern in bytes, without the NUL. */
#define MAIKO_TOPIC_MAX 255

MAIKO_BEGIN_DECLS

/**
 * Is this text a topic name?
 *
 * @param topic  NUL-terminated, or at least MAIKO_TOPIC_MAX + 1 readable bytes; borrowed.
 * @return MAIKO_OK; MAIKO_EINVAL (NULL), MAIKO_ETOOLONG, MAIKO_EUTF8, MAIKO_ETOPIC (empty, a wildcard or a control
 *         character).  Names below `$sys/` are names like others here: see maiko_topic_is_reserved().
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_topic_check(const char *topic);

/**
 * Is this text a pattern?  Every topic name is one, too: it matches itself only.
 *
 * @param pattern  NUL-terminated, or at least MAIKO_TOPIC_MAX + 1 readable bytes; borrowed.
 * @return as maiko_topic_check(); MAIKO_ETOPIC also for a wildcard that shares its level ("a+", "#b") or a '#' that is
 *         not last.
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_pattern_check(const char *pattern);

/** True for "$sys" and all below it, where only the library sends.  NULL: false.  Threads: any.  Blocking: never. */
MAIKO_API bool maiko_topic_is_reserved(const char *topic);

/** True when a pattern has a wildcard; false when it is a plain name, invalid, or NULL.  Threads: any.  Blocking: never. */
MAIKO_API bool maiko_pattern_has_wildcard(const char *pattern);

/**
 * Does a topic fall under a pattern?
 *
 * @return false also when either is NULL or invalid.
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API bool maiko_topic_matches(const char *pattern, const char *topic);

/**
 * Is there any topic name that falls under both patterns?  Exact: also the length limit of names counts.
 *
 * @return false also when either is NULL or invalid.
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API bool maiko_patterns_overlap(const char *a, const char *b);

MAIKO_END_DECLS

#endif
