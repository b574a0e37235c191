/* Exported, see exported.h. */
#include "exported.h"

#include <string.h>
#include <time.h>

maiko_counters *counters_of(const maiko_node_info *node)
{
    maiko_counters *counters = NULL;

    if (node->counters_path[0] != '\0')
        (void)!maiko_counters_open(node->counters_path, &counters);
    return counters;
}

bool exported_find(const maiko_counters *counters, const char *topic, maiko_counters_export *ret_exported)
{
    size_t i;

    for (i = 0; maiko_counters_get_export(counters, i, ret_exported) == MAIKO_OK; i++)
        if (ret_exported->topic[0] != '\0' && strcmp(ret_exported->topic, topic) == 0)
            return true;
    return false;
}

uint64_t exported_age(const maiko_counters_export *exported)
{
    struct timespec now;
    uint64_t now_ns;

    clock_gettime(CLOCK_REALTIME, &now);
    now_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    if (exported->oldest_ns == 0)
        return 0;
    return now_ns > exported->oldest_ns ? now_ns - exported->oldest_ns : 1;
}
