/* Topic names, see topic_names.h. */
#include "runtime/topic_names.h"

#include "runtime/supervisor_internal.h"

static bool is_first(_Atomic bool *is_told)
{
    return !atomic_load_explicit(is_told, memory_order_relaxed) && !atomic_exchange(is_told, true);
}

maiko_status topic_names_find(struct maiko_supervisor *sup, const char *name, struct topic **ret_topic)
{
    struct registry *registry = &sup->registry;
    maiko_status status = registry_topic(registry, name, ret_topic);

    if (status == MAIKO_ELIMIT && is_first(&registry->is_end_told))
        supervisor_log(sup, MAIKO_LOG_ERROR,
                       "sends on '%s' and other new topics are refused: "
                       "%u topic names are in use, all that .dynamic_topics allows",
                       name, registry->topic_limit);
    else if (registry_has_many_names(registry) && is_first(&registry->are_many_told))
        supervisor_log(sup, MAIKO_LOG_WARNING,
                       "most topic names are in use, now '%s', of %u that .dynamic_topics allows; none is given back", name,
                       registry->topic_limit);
    return status;
}
