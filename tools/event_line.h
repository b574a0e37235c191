/* Events as lines of text or JSON. */
#ifndef TOOLS_EVENT_LINE_H
#define TOOLS_EVENT_LINE_H

#include <stdbool.h>

#include <maiko/envelope.h>

/* One line on stdout: time, topic, sender, payload, or all of the event as a JSON object.  MAIKO_ENOMEM: nothing was printed.
 * `write_error` becomes the errno of what could not be written, and is left alone otherwise. */
maiko_status print_event(const maiko_envelope *envelope, bool is_json, int *write_error);

#endif
