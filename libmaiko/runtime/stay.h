/* Stay: how an actor of another library of this package puts its end off.  Exported for them and declared in no public header. */
#ifndef RUNTIME_STAY_H
#define RUNTIME_STAY_H

#include <maiko/context.h>

/*
 * From on_end only: the actor goes on as before, subscriptions and all, until it calls maiko_stop() or is stopped; on_end is not
 * called again.  So it can take what is under way to it from where no publisher is announced.
 * MAIKO_OK; errors as of maiko_stop().
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_context_stay(maiko_context *ctx);

#endif
