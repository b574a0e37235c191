/* Refusal: what the sender and the log are told of a send that was a mistake of the program, not of the moment. */
#ifndef RUNTIME_REFUSAL_H
#define RUNTIME_REFUSAL_H

#include <maiko/event.h>

struct actor;

struct refusal {
    maiko_status status;
    maiko_status before; /* of the same sender's last refusal: for the same reason the log is not told again */
    const char *topic;   /* the one given, or NULL */
};

/* Which field or topic it was: maiko_context_error_text() and the log.  `type` is one that was checked. */
void refusal_tell(struct actor *sender, const struct refusal *refusal, const maiko_event_type *type, const void *event,
                  size_t len);

#endif
