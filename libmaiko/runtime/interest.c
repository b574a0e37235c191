/* Interest: counting patterns and announcing them. */
#include "runtime/interest.h"

#include "runtime/supervisor_internal.h"
#include <string.h>

/* Keyed by policy and pattern: the first character is the policy. */
struct interest {
    uint32_t count;
    char key[];
};

struct interest_command {
    struct command command;
    struct add_ticket *ticket;
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
        supervisor_acknowledge(shard->sup, told->ticket);
    heap_free(shard->heap, told, command->size);
}

static maiko_status tell_one(struct shard *shard, uint32_t target, const char *key, int delta, struct add_ticket *ticket)
{
    size_t size = sizeof(struct interest_command) + strlen(key) + 1;
    struct interest_command *told = heap_alloc_zeroed(shard->heap, 1, size);
    maiko_status status;

    if (told == NULL)
        return MAIKO_ENOMEM;
    told->command.run = run_interest;
    told->command.size = (uint32_t)size;
    told->ticket = ticket;
    told->delta = delta;
    memcpy(told->key, key, strlen(key) + 1);
    if (ticket != NULL)
        ticket->acks_missing++;
    status = shard_tell(shard, target, &told->command);
    if (status != MAIKO_OK) {
        if (ticket != NULL)
            ticket->acks_missing--;
        heap_free(shard->heap, told, size);
    }
    return status;
}

static maiko_status tell_others(struct shard *shard, const char *key, int delta, struct add_ticket *ticket)
{
    uint32_t count = atomic_load_explicit(&shard->sup->shard_count, memory_order_acquire);
    uint32_t target;

    for (target = 0; target < count; target++) {
        if (target != shard->index && tell_one(shard, target, key, delta, ticket) != MAIKO_OK) {
            while (target-- > 0) {
                if (target != shard->index && tell_one(shard, target, key, -delta, NULL) != MAIKO_OK)
                    supervisor_memory_failed(shard, "routing table");
            }
            return MAIKO_ENOMEM;
        }
    }
    return MAIKO_OK;
}

maiko_status interest_tell_all(struct shard *shard, uint32_t target)
{
    size_t position = 0;
    struct interest *interest;

    while ((interest = hash_table_next(&shard->interests, &position)) != NULL) {
        if (tell_one(shard, target, interest->key, 1, NULL) != MAIKO_OK)
            return MAIKO_ENOMEM;
    }
    return MAIKO_OK;
}

static void write_key(char *key, const struct subscription *subscription)
{
    key[0] = (char)('0' + subscription_choice(subscription));
    memcpy(key + 1, subscription->pattern, strlen(subscription->pattern) + 1);
}

maiko_status interest_add(struct shard *shard, const struct subscription *subscription, struct add_ticket *ticket)
{
    char key[260];
    size_t size;
    struct interest *interest;

    write_key(key, subscription);
    interest = hash_table_find(&shard->interests, key);
    if (interest != NULL) {
        interest->count++;
        return MAIKO_OK;
    }
    size = sizeof *interest + strlen(key) + 1;
    interest = heap_alloc(shard->heap, size);
    if (interest == NULL)
        return MAIKO_ENOMEM;
    interest->count = 1;
    memcpy(interest->key, key, strlen(key) + 1);
    if (hash_table_insert(&shard->interests, interest) != MAIKO_OK) {
        heap_free(shard->heap, interest, size);
        return MAIKO_ENOMEM;
    }
    if (tell_others(shard, key, 1, ticket) != MAIKO_OK) {
        (void)hash_table_remove(&shard->interests, key);
        heap_free(shard->heap, interest, size);
        return MAIKO_ENOMEM;
    }
    return MAIKO_OK;
}

void interest_remove(struct shard *shard, const struct subscription *subscription)
{
    char key[260];
    struct interest *interest;

    write_key(key, subscription);
    interest = hash_table_find(&shard->interests, key);
    if (interest == NULL || --interest->count > 0)
        return;
    (void)hash_table_remove(&shard->interests, key);
    heap_free(shard->heap, interest, interest_size(interest));
    if (tell_others(shard, key, -1, NULL) != MAIKO_OK)
        supervisor_memory_failed(shard, "routing table");
}
