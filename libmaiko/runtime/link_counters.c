/* Link counters, see link_counters.h. */
#include "runtime/link_counters.h"

#include <string.h>

#include "runtime/supervisor_internal.h"

struct maiko_link_counters {
    maiko_supervisor *sup;
    struct heap *heap;
    struct counters_link *link;
    struct counters_inflow *inflow;
};

maiko_status maiko_link_counters_new(maiko_supervisor *sup, const char *peer, uint32_t window, maiko_link_counters **ret_counters)
{
    struct maiko_link_counters *counters;

    if (!supervisor_is_valid(sup) || peer == NULL)
        return MAIKO_EINVAL;
    if (strlen(peer) > 255)
        return MAIKO_ENAME;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    counters = heap_alloc_zeroed(heap_default(), 1, sizeof *counters);
    if (counters == NULL)
        return MAIKO_ENOMEM;
    counters->sup = sup;
    counters->heap = heap_default();
    counters->link = counters_link_add(sup->counters, peer, window, &counters->inflow);
    if (counters->link == NULL) {
        heap_free(counters->heap, counters, sizeof *counters);
        return MAIKO_ENOMEM;
    }
    *ret_counters = counters;
    return MAIKO_OK;
}

void maiko_link_counters_store(maiko_link_counters *counters, const maiko_link_figures *figures)
{
    if (counters == NULL)
        return;
#define STORE_(name, unit, kind, text) COUNT_SET(counters->link, name, figures->name);
    COUNTERS_LINK_MAP(STORE_)
#undef STORE_
#define STORE_(name, unit, kind, text) COUNT_SET(counters->inflow, name, figures->name);
    COUNTERS_INFLOW_MAP(STORE_)
#undef STORE_
}

void maiko_link_counters_refused(maiko_link_counters *counters, const char *topic, maiko_drop_reason reason, uint64_t events)
{
    struct counters_drop *drop =
        counters == NULL ? NULL : counters_link_drop(counters->sup->counters, counters->link, topic, reason);

    if (drop != NULL)
        COUNT_SET(drop, events, events);
}

maiko_link_counters *maiko_link_counters_free(maiko_link_counters *counters, bool keep)
{
    if (counters == NULL)
        return NULL;
    if (!keep && !supervisor_is_forked(counters->sup))
        counters_link_remove(counters->sup->counters, counters->link);
    heap_free(counters->heap, counters, sizeof *counters);
    return NULL;
}

maiko_status maiko_export_counters_new(maiko_supervisor *sup, const char *topic, maiko_export_counters **ret_counters)
{
    struct counters_export *line;

    if (!supervisor_is_valid(sup) || topic == NULL)
        return MAIKO_EINVAL;
    if (strlen(topic) > 255)
        return MAIKO_ENAME;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    line = counters_export_add(sup->counters, topic);
    if (line == NULL)
        return MAIKO_ENOMEM;
    *ret_counters = (maiko_export_counters *)line;
    return MAIKO_OK;
}

void maiko_export_counters_store(maiko_export_counters *counters, const maiko_export_figures *figures)
{
    struct counters_export *line = (struct counters_export *)counters;

    if (line == NULL)
        return;
#define STORE_(name, unit, kind, text) COUNT_SET(line, name, figures->name);
    COUNTERS_EXPORT_MAP(STORE_)
#undef STORE_
}
