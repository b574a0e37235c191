/* Topic names: of which a supervisor takes so many and gives none back, and says so in time. */
#ifndef RUNTIME_TOPIC_NAMES_H
#define RUNTIME_TOPIC_NAMES_H

#include <maiko/status.h>

struct maiko_supervisor;
struct topic;

/* The topic of a valid name that is sent on, from any thread, as registry_topic(): the log is told once when most names are in
 * use, and once when the first one is refused. */
MAIKO_MUST_CHECK maiko_status topic_names_find(struct maiko_supervisor *sup, const char *name, struct topic **ret_topic);

#endif
