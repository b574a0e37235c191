/* Refusal: what the log is told of a send that was a mistake of the program, not of the moment. */
#ifndef RUNTIME_REFUSAL_H
#define RUNTIME_REFUSAL_H

#include <maiko/event.h>

struct actor;

struct refusal {
    maiko_status status;
    maiko_status before; /* of the same sender's last refusal: for the same reason it is not told again */
    const char *topic;   /* the one given, or NULL */
};

/* Which field or topic it was.  `type` is one that was checked. */
void refusal_tell(const struct actor *sender, const struct refusal *refusal, const maiko_event_type *type, const void *event,
                  size_t len);

#endif
