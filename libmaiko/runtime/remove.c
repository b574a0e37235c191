/* Removing: from the request to stop one actor to the last of its memory. */
#include "runtime/arming.h"
#include "runtime/dedicated.h"
#include "runtime/offline.h"
#include "runtime/retire.h"
#include "runtime/stop_notice.h"
#include "runtime/supervisor_internal.h"
#include "runtime/ticket.h"
#include <string.h>

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

static void answer_all(struct maiko_supervisor *sup, struct ticket *tickets, maiko_status status)
{
    while (tickets != NULL) {
        struct ticket *next = tickets->next;

        ticket_answer(sup, &tickets, status);
        tickets = next;
    }
}

void supervisor_free_record(struct maiko_supervisor *sup, struct actor *actor)
{
    free_parts(sup, actor);
    if (actor->rare != NULL) {
        ticket_answer(sup, &actor->rare->ticket, MAIKO_ECLOSED);
        answer_all(sup, actor->rare->removers, MAIKO_ECLOSED);
        if (timer_is_queued(&actor->rare->retry_timer.timer)) /* a gate's, which waited for memory to the end */
            timer_heap_remove(&actor->shard->timers, &actor->rare->retry_timer.timer);
        heap_free(&sup->root->heap, actor->rare, sizeof *actor->rare);
    }
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
    struct ticket *ticket; /* NULL: nobody waits */
    char name[];
};

/* Under the lock.  An importer has a name but is no actor: it leaves with the supervisor. */
static struct actor *find_actor(struct maiko_supervisor *sup, const char *name)
{
    struct actor *actor = actor_names_find(&sup->names, name);

    return actor != NULL && !actor->is_gate ? actor : NULL;
}

/* By its shard.  Takes over the reference in `*ticket` on success; several may wait. */
static maiko_status begin_removal(struct actor *actor, struct ticket **ticket)
{
    struct actor_rare *rare = *ticket == NULL ? NULL : actor_rare(actor);

    if (*ticket != NULL && rare == NULL)
        return MAIKO_ENOMEM;
    if (rare != NULL) {
        (*ticket)->next = rare->removers;
        rare->removers = *ticket;
        *ticket = NULL;
    }
    actor_drain(actor);
    return MAIKO_OK;
}

/* Where the actor is by now; true when the command has followed it to another shard. */
static bool find_or_follow(struct shard *shard, struct remove_command *told, struct actor **ret_actor)
{
    struct maiko_supervisor *sup = shard->sup;
    struct actor *actor;
    bool has_followed;

    pthread_mutex_lock(&sup->lock);
    actor = find_actor(sup, told->name);
    has_followed = actor != NULL && actor->shard != shard && shard_post(actor->shard, &told->command);
    pthread_mutex_unlock(&sup->lock);
    *ret_actor = actor;
    return has_followed;
}

/* It goes on, so it is alive. */
static void forget_request(struct actor *actor)
{
    struct maiko_supervisor *sup = actor->shard->sup;

    pthread_mutex_lock(&sup->lock);
    atomic_store_explicit(&actor->is_to_leave, false, memory_order_release);
    if (supervisor_state(sup) == SUP_RUNNING)
        stop_notice_take_back(actor->shard);
    pthread_mutex_unlock(&sup->lock);
}

static void run_remove(struct shard *shard, struct command *command)
{
    struct remove_command *told = CONTAINER_OF(command, struct remove_command, command);
    struct actor *actor;
    maiko_status status;

    if (find_or_follow(shard, told, &actor))
        return;
    if (actor == NULL)
        status = MAIKO_ENOTFOUND;
    else
        status = actor->shard == shard ? begin_removal(actor, &told->ticket) : MAIKO_ECLOSED;
    if (status == MAIKO_ENOMEM)
        forget_request(actor);
    ticket_answer(shard->sup, &told->ticket, status);
    heap_free(shard->heap, told, command->size);
}

/* Under the lock.  `*ret_ticket` is set when the caller is to wait. */
static maiko_status post_removal(struct maiko_supervisor *sup, struct shard *shard, const char *name, struct ticket **ret_ticket)
{
    struct heap *heap = &sup->root->heap;
    bool waits = !supervisor_is_inside(sup) && sup->config.mode == MAIKO_THREADS;
    size_t size = sizeof(struct remove_command) + strlen(name) + 1;
    struct remove_command *told = heap_alloc_zeroed(heap, 1, size);
    struct ticket *ticket = told != NULL && waits ? ticket_new(heap) : NULL;

    if (told == NULL || (waits && ticket == NULL)) {
        heap_free(heap, told, size);
        return MAIKO_ENOMEM;
    }
    told->command.run = run_remove;
    told->command.size = (uint32_t)size;
    told->ticket = waits ? ticket_ref(ticket) : NULL;
    memcpy(told->name, name, strlen(name) + 1);
    if (shard_post(shard, &told->command)) {
        *ret_ticket = ticket;
        return MAIKO_OK;
    }
    ticket_unref(heap, told->ticket);
    ticket_unref(heap, ticket);
    heap_free(heap, told, size);
    return MAIKO_ECLOSED;
}

/* Under the lock.  `*ret_here`: the actor, when it lives on the calling thread's shard. */
static maiko_status request_removal(struct maiko_supervisor *sup, const char *name, struct actor **ret_here,
                                    struct ticket **ret_ticket)
{
    struct actor *actor;
    maiko_status status;

    if (supervisor_state(sup) != SUP_RUNNING)
        return supervisor_state(sup) == SUP_STOPPED ? MAIKO_ECLOSED : MAIKO_ESTATE;
    actor = find_actor(sup, name);
    if (actor == NULL)
        return MAIKO_ENOTFOUND;
    if (actor->shard == shard_of_this_thread) {
        *ret_here = actor;
        return MAIKO_OK;
    }
    status = post_removal(sup, actor->shard, name, ret_ticket);
    if (status == MAIKO_OK) {
        atomic_store_explicit(&actor->is_to_leave, true, memory_order_release);
        stop_notice_give(actor->shard);
    }
    return status;
}

static void note_not_removed(struct maiko_supervisor *sup, const char *name, maiko_status status)
{
    char reason[320];
    struct text text;

    text_init_buffer(&text, reason, sizeof reason);
    text_append_format(&text, "actor '%s' was not removed: %s", name, maiko_strerror(status));
    supervisor_note_refusal(sup, reason);
    if (status != MAIKO_ETIMEDOUT) /* that is told with its time */
        supervisor_log(sup, MAIKO_LOG_WARNING, "%s", reason);
}

maiko_status maiko_supervisor_remove(maiko_supervisor *sup, const char *name)
{
    struct ticket *ticket = NULL;
    struct actor *here = NULL;
    struct shard *left;
    maiko_status status;

    if (!supervisor_is_valid(sup) || name == NULL)
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    supervisor_enter(sup);
    left = offline_return(); /* it may remove itself */
    pthread_mutex_lock(&sup->lock);
    status = request_removal(sup, name, &here, &ticket);
    pthread_mutex_unlock(&sup->lock);
    if (here != NULL)
        actor_drain(here);
    offline_leave(left);
    if (ticket != NULL)
        status = ticket_wait(sup, ticket, clock_deadline(clock_mono_ns(&sup->clock), sup->config.actor_stop_deadline_ns), NULL);
    if (status != MAIKO_OK)
        note_not_removed(sup, name, status);
    if (status == MAIKO_ETIMEDOUT)
        supervisor_log(sup, MAIKO_LOG_WARNING, "actor '%s' has not ended %llu ms after its removal was asked for", name,
                       (unsigned long long)(sup->config.actor_stop_deadline_ns / 1000000u));
    supervisor_leave(sup);
    return status;
}

/* --- the end of an actor --- */

void supervisor_actor_stopped(struct actor *actor)
{
    struct shard *shard = actor->shard;
    struct maiko_supervisor *sup = shard->sup;
    struct ticket *added = NULL;
    struct ticket *removers = NULL;

    if (actor->rare != NULL) {
        added = actor->rare->ticket;
        removers = actor->rare->removers;
        actor->rare->ticket = NULL;
        actor->rare->removers = NULL;
    }
    arming_forget(actor);
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
    ticket_answer(sup, &added, actor->failure == MAIKO_OK ? MAIKO_ECLOSED : actor->failure); /* it never started */
    answer_all(sup, removers, MAIKO_OK);
    if (!actor->is_queued)
        retire_begin(shard, actor);
}

static void free_if_used(struct actor *actor, void *userdata)
{
    if (actor->state != ACTOR_FREE)
        supervisor_free_record(userdata, actor);
}

void supervisor_discard_all(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        struct shard *shard = sup->shards[i];
        struct list *link;

        LIST_FOR_EACH (link, &shard->actors)
            shard_discard(shard, CONTAINER_OF(link, struct actor, siblings), MAIKO_DROPPED_STOPPED);
    }
}

void supervisor_free_actors(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        struct shard *shard = sup->shards[i];

        topic_index_deinit(&shard->broker.index); /* before the subscriptions in it go */
        topic_index_init(&shard->broker.index, shard->heap);
    }
    actor_table_for_each(&sup->actors, free_if_used, sup);
}
