/* Installing: an actor's subscriptions and publications enter the tables of its shard, and the other shards hear of it. */
#include "routing/topic_overlap.h"
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

void supervisor_listens_anew(struct actor *actor)
{
    struct shard *shard = actor->shard;

    shard->has_new_ends = true;
    shard->has_late_listeners = shard->has_late_listeners || actor_streams(actor) == STREAMS_ENDED;
}

/* --- streams --- */

/* What is said of a publisher. */
enum stream_word {
    STREAM_BEGINS,
    STREAM_ENDS,
    STREAM_NEVER_WAS, /* takes the first back */
};

struct stream_command {
    struct command command;
    enum stream_word word;
    const char *patterns[]; /* NULL-terminated, text behind */
};

static bool ask_node(struct topic_node *node, void *userdata)
{
    struct list *link;

    (void)userdata;
    LIST_FOR_EACH (link, &node->members) {
        struct subscriber *subscriber = CONTAINER_OF(link, struct subscription, entry.link)->subscriber;

        if (subscriber != NULL)
            actor_check_end(CONTAINER_OF(subscriber, struct actor, subscriber));
    }
    return false;
}

/* Whoever may end because of these patterns asks itself; whoever might have before, too. */
static void ask_listeners(struct shard *shard, const char *const *patterns)
{
    size_t i;

    for (i = 0; patterns[i] != NULL; i++)
        (void)topic_overlap_index(&shard->broker.index, patterns[i], ask_node, NULL);
    if (shard->has_late_listeners)
        shard_check_ends(shard);
    shard->has_late_listeners = false;
}

/* `ret_peers`: who has to hear of it when it is our own word; shards that come later read it here. */
static maiko_status note_stream(struct shard *shard, const char *const *patterns, enum stream_word word, bool is_own,
                                uint32_t *ret_peers)
{
    maiko_status status = MAIKO_OK;
    bool may_end = false;

    pthread_mutex_lock(&shard->announce_lock);
    if (word == STREAM_BEGINS)
        status = streams_open(&shard->streams, patterns, is_own);
    else if (word == STREAM_ENDS)
        may_end = streams_close(&shard->streams, patterns, is_own);
    else
        may_end = streams_take_back(&shard->streams, patterns, is_own);
    *ret_peers = shard->peers;
    pthread_mutex_unlock(&shard->announce_lock);
    if (may_end)
        ask_listeners(shard, patterns);
    return status;
}

static void run_stream(struct shard *shard, struct command *command)
{
    struct stream_command *told = CONTAINER_OF(command, struct stream_command, command);

    uint32_t peers;

    if (note_stream(shard, told->patterns, told->word, false, &peers) != MAIKO_OK)
        supervisor_memory_failed(shard, "streams");
    heap_free(shard->heap, told, command->size);
}

static struct stream_command *stream_command_new(struct shard *shard, const char *const *patterns, enum stream_word word)
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
    told->word = word;
    at = (char *)(told->patterns + count + 1);
    for (i = 0; i < count; i++)
        told->patterns[i] = supervisor_copy_text(&at, patterns[i]);
    return told;
}

static maiko_status tell_one(struct shard *shard, uint32_t target, const char *const *patterns, enum stream_word word)
{
    struct stream_command *told = stream_command_new(shard, patterns, word);

    if (told == NULL)
        return MAIKO_ENOMEM;
    if (shard_tell(shard, target, &told->command) == MAIKO_OK)
        return MAIKO_OK;
    heap_free(shard->heap, told, told->command.size);
    return MAIKO_ENOMEM;
}

/* Those from `first` on, up to `end`, as far as memory lasts.  Returns the first that was not told. */
static uint32_t tell_others(struct shard *shard, uint32_t first, uint32_t end, const char *const *patterns, enum stream_word word)
{
    uint32_t target;

    for (target = first; target < end; target++) {
        if (target != shard->index && tell_one(shard, target, patterns, word) != MAIKO_OK)
            return target;
    }
    return end;
}

/* Not all of the `peers` could be told: who has heard of it, those up to `told`, and who has read it here since. */
static void take_back_stream(struct shard *shard, const char *const *patterns, uint32_t told, uint32_t peers)
{
    uint32_t now = peers;

    (void)note_stream(shard, patterns, STREAM_NEVER_WAS, true, &now);
    if (tell_others(shard, 0, told, patterns, STREAM_NEVER_WAS) < told ||
        tell_others(shard, peers, now, patterns, STREAM_NEVER_WAS) < now)
        supervisor_memory_failed(shard, "streams");
}

/* Everybody counts the publishers; nobody may miss one that begins, so that nothing ends too early. */
maiko_status supervisor_announce_stream(struct shard *shard, const char *const *patterns)
{
    uint32_t peers;
    uint32_t told;

    if (note_stream(shard, patterns, STREAM_BEGINS, true, &peers) != MAIKO_OK)
        return MAIKO_ENOMEM;
    told = tell_others(shard, 0, peers, patterns, STREAM_BEGINS);
    if (told == peers)
        return MAIKO_OK;
    take_back_stream(shard, patterns, told, peers);
    return MAIKO_ENOMEM;
}

void supervisor_announce_finished(struct actor *actor)
{
    struct shard *shard = actor->shard;
    uint32_t peers;

    (void)note_stream(shard, actor->rare->publish, STREAM_ENDS, true, &peers);
    if (tell_others(shard, 0, peers, actor->rare->publish, STREAM_ENDS) < peers)
        supervisor_memory_failed(shard, "end of a stream");
}

maiko_status supervisor_install(struct shard *shard, struct actor *actor, struct ticket *ticket)
{
    struct subscription *subscription;
    maiko_status status = MAIKO_OK;

    for (subscription = actor->subscriber.first; subscription != NULL && status == MAIKO_OK; subscription = subscription->next)
        status = install_subscription(shard, subscription, ticket);
    if (status == MAIKO_OK && actor->rare != NULL && actor->rare->publish != NULL && actor->rare->publish[0] != NULL) {
        status = supervisor_announce_stream(shard, actor->rare->publish);
        actor->rare->is_publisher = status == MAIKO_OK;
    }
    if (status != MAIKO_OK) {
        actor_unsubscribe_all(actor);
        return status;
    }
    supervisor_listens_anew(actor);
    list_push_back(&shard->actors, &actor->siblings);
    atomic_fetch_add_explicit(&shard->sup->live_actors, 1, memory_order_relaxed);
    shard_ready(shard, actor);
    last_values_give(shard, actor->subscriber.first);
    return MAIKO_OK;
}
