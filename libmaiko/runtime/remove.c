/* Removing: from the request to stop one actor to the last of its memory. */
#include "runtime/dedicated.h"
#include "runtime/retire.h"
#include "runtime/supervisor_internal.h"
#include <string.h>
#include <time.h>

/* --- memory --- */

static bool is_declared(const struct actor *actor, const struct subscription *subscription)
{
    return subscription == &actor->first ||
           (actor->block != NULL && (uintptr_t)subscription - (uintptr_t)actor->block < actor->block->size);
}

void actor_free_subscription(struct actor *actor, struct subscription *subscription)
{
    struct maiko_supervisor *sup = actor->shard->sup;

    if (is_declared(actor, subscription))
        return;
    text_pool_give(&sup->patterns, subscription->pattern);
    heap_free(&sup->root->heap, subscription, sizeof(struct running_subscription));
}

maiko_status actor_make_block(struct actor *actor, const char *name, size_t more, size_t size)
{
    const size_t name_size = strlen(name) + 1;
    const bool is_short = name_size <= sizeof actor->short_name;
    const size_t name_at = sizeof *actor->block + more * sizeof(struct subscription) + size;
    char *at = actor->short_name;

    if (!is_short || name_at > sizeof *actor->block) {
        actor->block = heap_alloc_zeroed(actor->shard->heap, 1, name_at + (is_short ? 0 : name_size));
        if (actor->block == NULL)
            return MAIKO_ENOMEM;
        actor->block->size = (uint32_t)(name_at + (is_short ? 0 : name_size));
        actor->block->more = (uint32_t)more;
        at = is_short ? at : (char *)actor->block + name_at;
    }
    actor->sender.name = memcpy(at, name, name_size);
    return MAIKO_OK;
}

void actor_free_block(struct actor *actor)
{
    struct text_pool *patterns = &actor->shard->sup->patterns;
    struct subscription *subscription;
    uint32_t i;

    for (i = 0; (subscription = actor_declared(actor, i)) != NULL; i++)
        text_pool_give(patterns, subscription->pattern);
    actor->first.subscriber = NULL;
    if (actor->block != NULL)
        heap_free(actor->shard->heap, actor->block, actor->block->size);
    actor->block = NULL;
}

static void free_parts(struct maiko_supervisor *sup, struct actor *actor)
{
    struct heap *heap = &sup->root->heap;

    while (actor->subscriber.first != NULL) {
        struct subscription *subscription = actor->subscriber.first;

        actor->subscriber.first = subscription->next;
        actor_free_subscription(actor, subscription);
    }
    mailbox_deinit(&actor->mailbox, heap);
    if (actor->rare != NULL) {
        if (actor->rare->control.capacity != 0)
            mailbox_deinit(&actor->rare->control, heap);
        if (actor->rare->owns_self)
            heap_free(heap, actor->self, actor->rare->self_size);
        heap_free(heap, actor->rare->own_ops, sizeof(maiko_actor_ops));
        actor->rare->owns_self = false;
        actor->rare->own_ops = NULL;
    }
    actor->self = NULL;
}

void supervisor_free_record(struct maiko_supervisor *sup, struct actor *actor)
{
    free_parts(sup, actor);
    if (actor->rare != NULL)
        heap_free(&sup->root->heap, actor->rare, sizeof *actor->rare);
    heap_free(&sup->root->heap, actor->outbox, sizeof *actor->outbox);
    actor_free_block(actor);
    actor->rare = NULL;
    actor->outbox = NULL;
    counters_actor_remove(sup->counters, actor->counters);
    actor->counters = NULL;
}

/* --- removing --- */

struct remove_command {
    struct command command;
    struct add_ticket *ticket; /* NULL: nobody waits */
    char name[];
};

static struct actor *find_on_shard(struct shard *shard, const char *name)
{
    struct actor *actor;

    pthread_mutex_lock(&shard->sup->lock);
    actor = actor_names_find(&shard->sup->names, name);
    pthread_mutex_unlock(&shard->sup->lock);
    return actor;
}

static maiko_status remove_here(struct shard *shard, const char *name, struct add_ticket *ticket)
{
    struct actor *actor = find_on_shard(shard, name);
    struct actor_rare *rare;

    if (actor == NULL || actor->shard != shard)
        return MAIKO_ENOTFOUND;
    if (ticket != NULL) {
        rare = actor_rare(actor);
        if (rare == NULL)
            return MAIKO_ENOMEM;
        if (rare->remove_ticket != NULL)
            return MAIKO_EEXIST;
        rare->remove_ticket = ticket;
    }
    actor_drain(actor);
    return MAIKO_OK;
}

static void run_remove(struct shard *shard, struct command *command)
{
    struct remove_command *told = CONTAINER_OF(command, struct remove_command, command);
    maiko_status status = remove_here(shard, told->name, told->ticket);

    if (status != MAIKO_OK)
        supervisor_answer(shard->sup, &told->ticket, status);
    heap_free(shard->heap, told, command->size);
}

static maiko_status wait_until_removed(struct maiko_supervisor *sup, const char *name, struct add_ticket *ticket)
{
    uint64_t deadline = clock_deadline(clock_mono_ns(&sup->clock), sup->config.actor_stop_deadline_ns);
    struct timespec at = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
    maiko_status status = MAIKO_ETIMEDOUT;
    struct actor *actor;

    pthread_mutex_lock(&sup->lock);
    while (!ticket->is_answered && pthread_cond_timedwait(&sup->changed, &sup->lock, &at) == 0)
        ;
    if (ticket->is_answered) {
        status = ticket->status;
    } else { /* it is still at it, and must not answer into our stack */
        actor = actor_names_find(&sup->names, name);
        if (actor != NULL && actor->rare != NULL && actor->rare->remove_ticket == ticket)
            actor->rare->remove_ticket = NULL;
    }
    pthread_mutex_unlock(&sup->lock);
    return status;
}

static maiko_status remove_elsewhere(struct maiko_supervisor *sup, struct shard *shard, const char *name)
{
    struct add_ticket ticket = {.status = MAIKO_OK};
    size_t size = sizeof(struct remove_command) + strlen(name) + 1;
    struct remove_command *told = heap_alloc_zeroed(&sup->root->heap, 1, size);
    bool waits = !supervisor_is_inside(sup) && sup->config.mode == MAIKO_THREADS;

    if (told == NULL)
        return MAIKO_ENOMEM;
    told->command.run = run_remove;
    told->command.size = (uint32_t)size;
    told->ticket = waits ? &ticket : NULL;
    memcpy(told->name, name, strlen(name) + 1);
    shard_post(shard, &told->command);
    return waits ? wait_until_removed(sup, name, &ticket) : MAIKO_OK;
}

maiko_status maiko_supervisor_remove(maiko_supervisor *sup, const char *name)
{
    struct shard *shard = NULL;
    struct actor *actor;

    if (!supervisor_is_valid(sup) || name == NULL)
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (supervisor_state(sup) != SUP_RUNNING)
        return supervisor_state(sup) == SUP_STOPPED ? MAIKO_ECLOSED : MAIKO_ESTATE;
    pthread_mutex_lock(&sup->lock);
    actor = actor_names_find(&sup->names, name);
    if (actor != NULL)
        shard = actor->shard;
    pthread_mutex_unlock(&sup->lock);
    if (shard == NULL)
        return MAIKO_ENOTFOUND;
    if (shard == shard_of_this_thread)
        return remove_here(shard, name, NULL);
    return remove_elsewhere(sup, shard, name);
}

/* --- the end of an actor --- */

void supervisor_actor_stopped(struct actor *actor)
{
    struct shard *shard = actor->shard;
    struct maiko_supervisor *sup = shard->sup;
    struct add_ticket *added = actor->rare == NULL ? NULL : actor->rare->ticket;
    struct add_ticket *removed = actor->rare == NULL ? NULL : actor->rare->remove_ticket;

    list_remove(&actor->siblings);
    if (actor->outbox != NULL)
        list_remove(&actor->outbox->held_link);
    counters_actor_set_phase(actor->counters, actor->fail_pending ? MAIKO_ACTOR_FAILED : MAIKO_ACTOR_STOPPED);
    pthread_mutex_lock(&sup->lock);
    actor_names_remove(&sup->names, actor);
    dedicated_give(shard);
    pthread_mutex_unlock(&sup->lock);
    free_parts(sup, actor);
    counters_actor_remove(sup->counters, actor->counters);
    actor->counters = NULL;
    if (atomic_fetch_sub_explicit(&sup->live_actors, 1, memory_order_acq_rel) == 1)
        supervisor_wake_join(sup);
    /* last: who waits for these finds the name free and the actor no longer counted */
    supervisor_answer(sup, &added, actor->failure == MAIKO_OK ? MAIKO_ECLOSED : actor->failure); /* it never started */
    supervisor_answer(sup, &removed, MAIKO_OK);
    if (!actor->is_queued)
        retire_begin(shard, actor);
}

static void free_if_used(struct actor *actor, void *userdata)
{
    if (actor->state != ACTOR_FREE)
        supervisor_free_record(userdata, actor);
}

void supervisor_free_actors(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        struct shard *shard = sup->shards[i];
        struct list *link;

        LIST_FOR_EACH (link, &shard->actors)
            shard_discard(shard, CONTAINER_OF(link, struct actor, siblings), MAIKO_DROPPED_STOPPED);
        topic_index_deinit(&shard->broker.index); /* before the subscriptions in it go */
        topic_index_init(&shard->broker.index, shard->heap);
    }
    actor_table_for_each(&sup->actors, free_if_used, sup);
}
