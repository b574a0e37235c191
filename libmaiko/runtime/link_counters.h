/* Link counters: how a bridge shows its links, and the topics it exports, in the counters file of its supervisor.  Exported for
 * the other libraries of this package, declared in no public header; readers use <maiko/counters.h>. */
#ifndef RUNTIME_LINK_COUNTERS_H
#define RUNTIME_LINK_COUNTERS_H

#include "runtime/counters_layout.h"
#include <maiko/counters.h>

/* One link. */
typedef struct maiko_link_counters maiko_link_counters;

/* All figures as they are now. */
typedef struct maiko_link_figures {
#define LINK_FIGURE_(name, unit, kind, text) uint64_t name;
    COUNTERS_LINK_MAP(LINK_FIGURE_)
    COUNTERS_INFLOW_MAP(LINK_FIGURE_)
#undef LINK_FIGURE_
} maiko_link_figures;

/* `peer` is the name of the other node, `window` in events.  MAIKO_OK, MAIKO_EINVAL, MAIKO_ENAME (over 255 bytes), MAIKO_ENOMEM,
 * MAIKO_EFORKED.  Any thread. */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_link_counters_new(maiko_supervisor *sup, const char *peer, uint32_t window,
                                                                maiko_link_counters **ret_counters);

/* Plain stores; one thread at a time per link.  NULL is allowed. */
MAIKO_API void maiko_link_counters_store(maiko_link_counters *counters, const maiko_link_figures *figures);

/* So many events of `topic` (""; not told apart) the other node has, and dropped for `reason`: the whole count so far.  One
 * thread at a time per link.  NULL is allowed. */
MAIKO_API void maiko_link_counters_refused(maiko_link_counters *counters, const char *topic, maiko_drop_reason reason,
                                           uint64_t events);

/* Before the supervisor is freed.  The link is gone: its figures become part of a sum.  `keep`: they stay as they are, because
 * the program ends.  NULL is allowed; returns NULL. */
MAIKO_API maiko_link_counters *maiko_link_counters_free(maiko_link_counters *counters, bool keep);

/* A topic that is exported: a row of the counters file, as long as the supervisor. */
typedef struct maiko_export_counters maiko_export_counters;

typedef struct maiko_export_figures {
#define EXPORT_FIGURE_(name, unit, kind, text) uint64_t name;
    COUNTERS_EXPORT_MAP(EXPORT_FIGURE_)
#undef EXPORT_FIGURE_
} maiko_export_figures;

/* Its name as other nodes know it; "": of all that have no row of their own.  MAIKO_OK, MAIKO_EINVAL, MAIKO_ENAME (over 255
 * bytes), MAIKO_ENOMEM, MAIKO_EFORKED.  Any thread. */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_export_counters_new(maiko_supervisor *sup, const char *topic,
                                                                  maiko_export_counters **ret_counters);

/* Plain stores; one thread at a time per topic, before the supervisor is freed.  NULL is allowed. */
MAIKO_API void maiko_export_counters_store(maiko_export_counters *counters, const maiko_export_figures *figures);

#endif
