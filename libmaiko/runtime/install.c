/* Installing: an actor's subscriptions and publications enter the tables of its shard, and the other shards hear of it. */
#include "runtime/interest.h"
#include "runtime/last_values.h"
#include "runtime/supervisor_internal.h"
#include <string.h>

static maiko_status install_subscription(struct shard *shard, struct subscription *subscription, struct ticket *ticket)
{
    maiko_status status = broker_subscribe(&shard->broker, subscription);

    if (status != MAIKO_OK)
        return status;
    status = interest_add(shard, subscription, ticket);
    if (status != MAIKO_OK)
        broker_unsubscribe(&shard->broker, subscription);
    return status;
}

maiko_status supervisor_subscribe(struct shard *shard, struct subscription *subscription, struct ticket *ticket)
{
    maiko_status status = install_subscription(shard, subscription, ticket);

    if (status == MAIKO_OK)
        last_values_give(shard, subscription);
    return status;
}

void supervisor_unsubscribe(struct shard *shard, struct subscription *subscription)
{
    if (!topic_index_has(&subscription->entry))
        return;
    broker_unsubscribe(&shard->broker, subscription);
    interest_remove(shard, subscription);
}

void actor_unsubscribe_all(struct actor *actor)
{
    struct subscription *subscription;

    for (subscription = actor->subscriber.first; subscription != NULL; subscription = subscription->next)
        supervisor_unsubscribe(actor->shard, subscription);
}

struct stream_command {
    struct command command;
    bool is_open;
    const char *patterns[]; /* NULL-terminated, text behind */
};

/* `ret_peers`: who has to hear of it when it is our own word; shards that come later read it here. */
static maiko_status note_stream(struct shard *shard, const char *const *patterns, bool is_open, bool is_own, uint32_t *ret_peers)
{
    bool may_end = false;
    maiko_status status;

    pthread_mutex_lock(&shard->announce_lock);
    status =
        is_open ? streams_open(&shard->streams, patterns, is_own) : streams_close(&shard->streams, patterns, is_own, &may_end);
    *ret_peers = shard->peers;
    pthread_mutex_unlock(&shard->announce_lock);
    if (may_end)
        shard_check_ends(shard);
    return status;
}

static void run_stream(struct shard *shard, struct command *command)
{
    struct stream_command *told = CONTAINER_OF(command, struct stream_command, command);

    uint32_t peers;

    if (note_stream(shard, told->patterns, told->is_open, false, &peers) != MAIKO_OK)
        supervisor_memory_failed(shard, "streams");
    heap_free(shard->heap, told, command->size);
}

static struct stream_command *stream_command_new(struct shard *shard, const char *const *patterns, bool is_open)
{
    struct stream_command *told;
    size_t text = 0;
    size_t count;
    size_t i;
    char *at;

    for (count = 0; patterns[count] != NULL; count++)
        text += strlen(patterns[count]) + 1;
    told = heap_alloc_zeroed(shard->heap, 1, sizeof *told + (count + 1) * sizeof(char *) + text);
    if (told == NULL)
        return NULL;
    told->command.run = run_stream;
    told->command.size = (uint32_t)(sizeof *told + (count + 1) * sizeof(char *) + text);
    told->is_open = is_open;
    at = (char *)(told->patterns + count + 1);
    for (i = 0; i < count; i++)
        told->patterns[i] = supervisor_copy_text(&at, patterns[i]);
    return told;
}

/* Everybody counts the publishers; nobody may miss one that begins, so that nothing ends too early. */
maiko_status supervisor_announce_stream(struct shard *shard, const char *const *patterns, bool is_open)
{
    uint32_t peers;
    uint32_t target;

    if (note_stream(shard, patterns, is_open, true, &peers) != MAIKO_OK)
        return MAIKO_ENOMEM;
    for (target = 0; target < peers; target++) {
        struct stream_command *told;

        if (target == shard->index)
            continue;
        told = stream_command_new(shard, patterns, is_open);
        if (told == NULL)
            return MAIKO_ENOMEM;
        if (shard_tell(shard, target, &told->command) != MAIKO_OK) {
            heap_free(shard->heap, told, told->command.size);
            return MAIKO_ENOMEM;
        }
    }
    return MAIKO_OK;
}

void supervisor_announce_finished(struct actor *actor)
{
    if (supervisor_announce_stream(actor->shard, actor->rare->publish, false) != MAIKO_OK)
        supervisor_memory_failed(actor->shard, "end of a stream");
}

maiko_status supervisor_install(struct shard *shard, struct actor *actor, struct ticket *ticket)
{
    struct subscription *subscription;
    maiko_status status = MAIKO_OK;

    for (subscription = actor->subscriber.first; subscription != NULL && status == MAIKO_OK; subscription = subscription->next)
        status = install_subscription(shard, subscription, ticket);
    if (status == MAIKO_OK && actor->rare != NULL && actor->rare->publish != NULL && actor->rare->publish[0] != NULL) {
        status = supervisor_announce_stream(shard, actor->rare->publish, true);
        actor->rare->is_publisher = status == MAIKO_OK;
    }
    if (status != MAIKO_OK) {
        actor_unsubscribe_all(actor);
        return status;
    }
    list_push_back(&shard->actors, &actor->siblings);
    atomic_fetch_add_explicit(&shard->sup->live_actors, 1, memory_order_relaxed);
    shard_ready(shard, actor);
    last_values_give(shard, actor->subscriber.first);
    return MAIKO_OK;
}
