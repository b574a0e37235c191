/* Interest: counting patterns and announcing them. */
#include "runtime/interest.h"

#include "runtime/supervisor_internal.h"
#include "runtime/ticket.h"
#include <string.h>

/* Keyed by policy and pattern: the first character is the policy. */
struct interest {
    uint32_t count;
    const char *pattern; /* in the pool, where the same text has the same address as long as anybody subscribes to it */
    char key[];
};

struct interest_command {
    struct command command;
    struct ticket *ticket;
    int delta;
    char key[];
};

const char *interest_key(const void *value)
{
    return ((const struct interest *)value)->key;
}

static size_t interest_size(const struct interest *interest)
{
    return sizeof *interest + strlen(interest->key) + 1;
}

void interests_deinit(struct shard *shard)
{
    size_t position = 0;
    struct interest *interest;

    while ((interest = hash_table_next(&shard->interests, &position)) != NULL)
        heap_free(shard->heap, interest, interest_size(interest));
    hash_table_deinit(&shard->interests);
}

maiko_status shard_tell(struct shard *shard, uint32_t target, struct command *command)
{
    if (supervisor_state(shard->sup) == SUP_NEW) {
        command->from = shard->index;
        command->run(shard->sup->shards[target], command);
        return MAIKO_OK;
    }
    return exchange_command(shard, target, command);
}

/* On the other shard. */
static void run_interest(struct shard *shard, struct command *command)
{
    struct interest_command *told = CONTAINER_OF(command, struct interest_command, command);
    maiko_status status = broker_remote(&shard->broker, command->from, told->key + 1, (int8_t)(told->key[0] - '0'), told->delta);

    if (status != MAIKO_OK)
        supervisor_memory_failed(shard, "routing table");
    if (told->ticket != NULL)
        ticket_acknowledge(shard->sup, told->ticket);
    heap_free(shard->heap, told, command->size);
}

static maiko_status tell_one(struct shard *shard, uint32_t target, const char *key, int delta, struct ticket *ticket)
{
    size_t size = sizeof(struct interest_command) + strlen(key) + 1;
    struct interest_command *told = heap_alloc_zeroed(shard->heap, 1, size);
    maiko_status status;

    if (told == NULL)
        return MAIKO_ENOMEM;
    told->command.run = run_interest;
    told->command.size = (uint32_t)size;
    if (shard->sup->shards[target]->is_dedicated) /* may be in a hook for ever; looks before every send instead */
        ticket = NULL;
    told->ticket = ticket;
    told->delta = delta;
    memcpy(told->key, key, strlen(key) + 1);
    if (ticket != NULL)
        ticket_expect(shard->sup, ticket);
    status = shard_tell(shard, target, &told->command);
    if (status != MAIKO_OK) {
        if (ticket != NULL)
            ticket_acknowledge(shard->sup, ticket);
        heap_free(shard->heap, told, size);
    }
    return status;
}

/* Takes back what the first of them were told. */
static void tell_back(struct shard *shard, uint32_t count, const char *key, int delta)
{
    uint32_t target;

    for (target = 0; target < count; target++) {
        if (target != shard->index && tell_one(shard, target, key, -delta, NULL) != MAIKO_OK)
            supervisor_memory_failed(shard, "routing table");
    }
}

static maiko_status tell_others(struct shard *shard, uint32_t peers, const char *key, int delta, struct ticket *ticket)
{
    uint32_t target;

    for (target = 0; target < peers; target++) {
        if (target != shard->index && tell_one(shard, target, key, delta, ticket) != MAIKO_OK) {
            tell_back(shard, target, key, delta);
            return MAIKO_ENOMEM;
        }
    }
    return MAIKO_OK;
}

maiko_status interest_teach(const struct shard *shard, struct shard *newcomer)
{
    maiko_status status = MAIKO_OK;
    size_t position = 0;
    struct interest *interest;

    while (status == MAIKO_OK && (interest = hash_table_next(&shard->interests, &position)) != NULL)
        status = broker_remote(&newcomer->broker, shard->index, interest->key + 1, (int8_t)(interest->key[0] - '0'), 1);
    return status;
}

static void write_key(char *key, const struct subscription *subscription)
{
    key[0] = (char)('0' + subscription_choice(subscription));
    memcpy(key + 1, subscription->pattern, strlen(subscription->pattern) + 1);
}

/* What is counted for the subscription, if anything; a million actors that join one topic are counted without a look-up. */
static struct interest *find(struct shard *shard, const struct subscription *subscription)
{
    struct interest *interest = shard->last_interest;
    char key[260];

    if (interest != NULL && interest->pattern == subscription->pattern &&
        interest->key[0] == (char)('0' + subscription_choice(subscription)))
        return interest;
    write_key(key, subscription);
    shard->last_interest = hash_table_find(&shard->interests, key);
    return shard->last_interest;
}

/* From here on shards that come later read it in the table; `ret_peers` have to be told. */
static maiko_status enter(struct shard *shard, struct interest *interest, uint32_t *ret_peers)
{
    maiko_status status;

    pthread_mutex_lock(&shard->announce_lock);
    status = hash_table_insert(&shard->interests, interest);
    *ret_peers = shard->peers;
    pthread_mutex_unlock(&shard->announce_lock);
    return status;
}

/* Who has to be told that it is no longer there. */
static uint32_t leave(struct shard *shard, const char *key)
{
    uint32_t peers;

    pthread_mutex_lock(&shard->announce_lock);
    (void)hash_table_remove(&shard->interests, key);
    peers = shard->peers;
    pthread_mutex_unlock(&shard->announce_lock);
    return peers;
}

/* The others could not be told; shards that came meanwhile have read it. */
static void undo(struct shard *shard, const char *key, uint32_t told)
{
    uint32_t peers = leave(shard, key);

    for (; told < peers; told++) {
        if (tell_one(shard, told, key, -1, NULL) != MAIKO_OK)
            supervisor_memory_failed(shard, "routing table");
    }
}

/* Another subscription announced the same, perhaps just now: who waits hears when everybody has come that far. */
static maiko_status ask_for_acks(struct shard *shard, const char *key, struct ticket *ticket)
{
    uint32_t peers;

    pthread_mutex_lock(&shard->announce_lock);
    peers = shard->peers;
    pthread_mutex_unlock(&shard->announce_lock);
    return tell_others(shard, peers, key, 0, ticket);
}

maiko_status interest_add(struct shard *shard, const struct subscription *subscription, struct ticket *ticket)
{
    struct interest *interest = find(shard, subscription);
    char key[260];
    size_t size;
    uint32_t peers;

    if (interest != NULL) {
        if (ticket != NULL && ask_for_acks(shard, interest->key, ticket) != MAIKO_OK)
            return MAIKO_ENOMEM;
        interest->count++;
        return MAIKO_OK;
    }
    write_key(key, subscription);
    size = sizeof *interest + strlen(key) + 1;
    interest = heap_alloc(shard->heap, size);
    if (interest == NULL)
        return MAIKO_ENOMEM;
    interest->count = 1;
    interest->pattern = subscription->pattern;
    memcpy(interest->key, key, strlen(key) + 1);
    if (enter(shard, interest, &peers) == MAIKO_OK) {
        if (tell_others(shard, peers, key, 1, ticket) == MAIKO_OK)
            return MAIKO_OK;
        undo(shard, key, peers);
    }
    heap_free(shard->heap, interest, size);
    return MAIKO_ENOMEM;
}

void interest_remove(struct shard *shard, const struct subscription *subscription)
{
    struct interest *interest = find(shard, subscription);

    if (interest == NULL || --interest->count > 0)
        return;
    shard->last_interest = NULL;
    if (tell_others(shard, leave(shard, interest->key), interest->key, -1, NULL) != MAIKO_OK)
        supervisor_memory_failed(shard, "routing table");
    heap_free(shard->heap, interest, interest_size(interest));
}
