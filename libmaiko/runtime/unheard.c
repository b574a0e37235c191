/* Unheard, see unheard.h. */
#include "runtime/unheard.h"

#include "runtime/supervisor_internal.h"

#define TOLD_MOST 8u

/* Events sent on the topic, when none of them had a subscriber anywhere; else 0.  The last of a sticky topic is for those, too,
 * who come later. */
static uint64_t unheard_on(const struct maiko_supervisor *sup, struct topic *topic)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    uint64_t unrouted = 0;
    uint64_t sent = 0;
    uint32_t i;

    if (topic->is_system || atomic_load_explicit(&topic->is_sticky, memory_order_relaxed))
        return 0;
    for (i = 0; i < count; i++) {
        const struct broker *broker = &sup->shards[i]->broker;
        const struct route *route = topic->id < broker->route_size ? broker->routes[topic->id] : NULL;

        if (route == NULL || route->counters == NULL)
            continue;
        sent += COUNTED(route->counters, sent);
        unrouted += COUNTED(route->counters, unrouted);
    }
    return sent == unrouted ? sent : 0;
}

void unheard_tell(struct maiko_supervisor *sup)
{
    uint64_t topics = 0;
    struct topic *topic;
    uint32_t id;

    if (sup->config.log == NULL)
        return;
    for (id = 0; (topic = registry_topic_by_id(&sup->registry, id)) != NULL; id++) {
        uint64_t events = unheard_on(sup, topic);

        if (events > 0 && ++topics <= TOLD_MOST)
            supervisor_log(sup, MAIKO_LOG_INFO, "topic '%s': %llu events were sent, and nobody was subscribed", topic->name,
                           (unsigned long long)events);
    }
    if (topics > TOLD_MOST)
        supervisor_log(sup, MAIKO_LOG_INFO, "%llu more topics had no subscriber", (unsigned long long)(topics - TOLD_MOST));
}
