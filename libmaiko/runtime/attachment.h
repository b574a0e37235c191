/* Attachment: what another library of this package hangs on a supervisor, a bridge: its actors and importers live with the
 * supervisor, what they point to with the bridge.  Exported for them and declared in no public header. */
#ifndef RUNTIME_ATTACHMENT_H
#define RUNTIME_ATTACHMENT_H

#include <maiko/supervisor.h>

/* From here on to maiko_supervisor_detach(), which both come once, a stop halts the supervisor and leaves its memory.  False: it
 * is none. */
MAIKO_API bool maiko_supervisor_attach(maiko_supervisor *sup);

/* The last use of it.  Frees it when it was the last one there and the supervisor has been stopped. */
MAIKO_API void maiko_supervisor_detach(maiko_supervisor *sup);

/*
 * May be freed what its actors point to?  MAIKO_OK: none of their hooks runs any more; a supervisor that was not started yet
 * never will be, `reason` says why.  MAIKO_ESTATE: it is running or stopping; MAIKO_EFORKED.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_supervisor_let_go(maiko_supervisor *sup, const char *reason);

/* Its start, if it comes, fails with this; the first one counts. */
MAIKO_API void maiko_supervisor_refuse_start(maiko_supervisor *sup, maiko_status status, const char *reason);

#endif
