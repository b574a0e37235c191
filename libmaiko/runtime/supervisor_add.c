/* Adding actors: from a spec to a record on a shard, and back out at the end. */
#include "runtime/supervisor_internal.h"

#include "base/utf8.h"
#include "message/topic.h"
#include "runtime/dedicated.h"
#include "runtime/interest.h"
#include "runtime/offline.h"
#include "runtime/retire.h"
#include "runtime/ticket.h"
#include <stdio.h>
#include <string.h>

/* A spec in our own layout, with what is derived from it. */
struct draft {
    maiko_actor_spec spec;
    const maiko_actor_ops *ops;
    maiko_actor_ops *own_ops; /* a copy, when the program's table is shorter than ours */
    size_t subscribe_count;
    size_t subscription_count;
    size_t publish_count;
    size_t publish_bytes;
    char anonymous[32];
    struct shard *shard;
    struct actor *actor;
    bool is_here;          /* on the calling thread's shard */
    struct ticket *ticket; /* of the calling thread, when it has to wait */
};

static maiko_status refuse(struct text *error, maiko_status status, const char *what, const char *value)
{
    text_append_format(error, "%s '%s': %s", what, value, maiko_strerror(status));
    return status;
}

maiko_status supervisor_check_name(const char *name, struct text *error)
{
    size_t len = strlen(name);
    maiko_status status = MAIKO_OK;

    if (len == 0 || len > 255 || strpbrk(name, "/+#") != NULL)
        status = MAIKO_ENAME;
    else if (!utf8_is_valid(name, len))
        status = MAIKO_EUTF8;
    else if (utf8_has_control(name, len)) /* it goes into logs, and the name as it is into the text of the error */
        return refuse(error, MAIKO_ENAME, "actor name", "(with control characters)");
    else if (strcmp(name, "supervisor") == 0)
        status = MAIKO_ENAME;
    return status == MAIKO_OK ? status : refuse(error, status, "actor name", len > 255 ? "(too long)" : name);
}

static const char *name_of(const struct draft *draft)
{
    return draft->spec.name == NULL ? "(anonymous)" : draft->spec.name;
}

/* Of an actor whose name is known to be good. */
static maiko_status refuse_of(const struct draft *draft, struct text *error, maiko_status status, const char *what,
                              const char *value)
{
    text_append_format(error, "actor '%s': ", name_of(draft));
    return refuse(error, status, what, value);
}

/* What is in use already is valid. */
static maiko_status check_pattern(struct maiko_supervisor *sup, const struct draft *draft, const char *pattern, const char *what,
                                  struct text *error)
{
    maiko_status status = text_pool_has(&sup->patterns, pattern) ? MAIKO_OK : maiko_pattern_check(pattern);

    return status == MAIKO_OK ? status : refuse_of(draft, error, status, what, pattern);
}

static maiko_status check_patterns(struct maiko_supervisor *sup, struct draft *draft, struct text *error)
{
    const maiko_actor_spec *spec = &draft->spec;
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; status == MAIKO_OK && spec->subscribe != NULL && spec->subscribe[i] != NULL; i++, draft->subscribe_count++)
        status = check_pattern(sup, draft, spec->subscribe[i], "subscription", error);
    for (i = 0; status == MAIKO_OK && spec->subscriptions != NULL && spec->subscriptions[i].pattern != NULL; i++) {
        draft->subscription_count++;
        status = check_pattern(sup, draft, spec->subscriptions[i].pattern, "subscription", error);
        if (status == MAIKO_OK && (unsigned)spec->subscriptions[i].overflow > MAIKO_FAIL)
            status = refuse_of(draft, error, MAIKO_EINVAL, "policy of subscription", spec->subscriptions[i].pattern);
    }
    for (i = 0; status == MAIKO_OK && spec->publish != NULL && spec->publish[i] != NULL; i++, draft->publish_count++) {
        draft->publish_bytes += strlen(spec->publish[i]) + 1;
        status = check_pattern(sup, draft, spec->publish[i], "publication", error);
        if (status == MAIKO_OK && maiko_topic_is_reserved(spec->publish[i]))
            status = refuse_of(draft, error, MAIKO_EPERM, "publication", spec->publish[i]);
    }
    return status;
}

/* Types with handlers, and those declared, are met now, so that conflicts show at start and not at the first event. */
static maiko_status check_types(struct maiko_supervisor *sup, const struct draft *draft, struct text *error)
{
    const maiko_handler *line = draft->ops->handlers;
    const maiko_event_type *const *type = draft->spec.types;
    maiko_status status = MAIKO_OK;

    for (; status == MAIKO_OK && type != NULL && *type != NULL; type++) {
        const struct type_entry *entry;

        status = registry_type(&sup->registry, *type, error, &entry);
    }

    for (; status == MAIKO_OK && line != NULL && line->type != NULL; line++) {
        const struct type_entry *entry;

        if (line->handle == NULL)
            return refuse(error, MAIKO_EINVAL, "handler of type", line->type->name);
        status = registry_any_type(&sup->registry, line->type, error, &entry);
    }
    return status;
}

static maiko_status draft_init(struct maiko_supervisor *sup, struct draft *draft, const maiko_actor_spec *given, size_t spec_size,
                               size_t ops_size, struct text *error)
{
    maiko_status status;

    memset(draft, 0, sizeof *draft);
    memcpy(&draft->spec, given, spec_size < sizeof draft->spec ? spec_size : sizeof draft->spec);
    if (draft->spec.ops == NULL)
        return refuse(error, MAIKO_EINVAL, "ops of actor", draft->spec.name == NULL ? "(anonymous)" : draft->spec.name);
    draft->ops = draft->spec.ops;
    if (ops_size < sizeof(maiko_actor_ops)) {
        draft->own_ops = heap_alloc_zeroed(&sup->root->heap, 1, sizeof *draft->own_ops);
        if (draft->own_ops == NULL)
            return MAIKO_ENOMEM;
        memcpy(draft->own_ops, draft->spec.ops, ops_size);
        draft->ops = draft->own_ops;
    }
    status = draft->spec.name == NULL ? MAIKO_OK : supervisor_check_name(draft->spec.name, error);
    if (status == MAIKO_OK && (draft->spec.capacity > (1u << 24) || draft->spec.tick_limit > (1u << 24)))
        status = refuse(error, MAIKO_EINVAL, "capacity or tick limit past 16777216 of actor",
                        draft->spec.name == NULL ? "" : draft->spec.name);
    if (status == MAIKO_OK)
        status = check_patterns(sup, draft, error);
    if (status == MAIKO_OK && draft->spec.dedicated && (draft->spec.with != NULL || draft->spec.shard != 0))
        status =
            refuse(error, MAIKO_EINVAL, ".with or .shard of dedicated actor", draft->spec.name == NULL ? "" : draft->spec.name);
    return status == MAIKO_OK ? check_types(sup, draft, error) : status;
}

/* --- placement --- */

static maiko_status shard_of_companion(struct maiko_supervisor *sup, struct draft *draft, struct text *error)
{
    struct actor *companion = actor_names_find(&sup->names, draft->spec.with);

    if (companion == NULL)
        return refuse_of(draft, error, MAIKO_ENOTFOUND, "companion (.with)", draft->spec.with);
    if (companion->shard->is_dedicated)
        return refuse_of(draft, error, MAIKO_EINVAL, "dedicated companion (.with)", draft->spec.with);
    if (draft->spec.shard != 0 && (uint32_t)draft->spec.shard != companion->shard->index + 1)
        return refuse_of(draft, error, MAIKO_EINVAL, "another shard than that of companion (.with)", draft->spec.with);
    draft->shard = companion->shard;
    return MAIKO_OK;
}

static maiko_status place(struct maiko_supervisor *sup, struct draft *draft, struct text *error)
{
    maiko_shard wanted = draft->spec.shard;

    if (draft->spec.dedicated && sup->config.mode != MAIKO_POLLED)
        return dedicated_take(sup, &draft->shard);
    if (draft->spec.with != NULL)
        return shard_of_companion(sup, draft, error);
    if (wanted < 0 || (uint32_t)wanted > sup->config.shards) {
        text_append_format(error, "shard %d of actor '%s': there are %u", wanted - 1,
                           draft->spec.name == NULL ? "" : draft->spec.name, sup->config.shards);
        return MAIKO_EINVAL;
    }
    if (wanted > 0)
        draft->shard = sup->shards[wanted - 1];
    else if (sup->config.placement == MAIKO_PLACEMENT_SPREAD)
        draft->shard = sup->shards[sup->next_shard++ % sup->config.shards];
    else if (shard_of_this_thread != NULL && shard_of_this_thread->sup == sup && !shard_of_this_thread->is_dedicated)
        draft->shard = shard_of_this_thread;
    else
        draft->shard = sup->shards[0];
    return MAIKO_OK;
}

/* --- building the record --- */

static bool fill_subscription(struct actor *actor, struct subscription *subscription, struct subscription ***last,
                              const char *pattern)
{
    subscription->subscriber = &actor->subscriber;
    subscription->pattern = text_pool_take(&actor->shard->sup->patterns, pattern);
    **last = subscription;
    *last = &subscription->next;
    return subscription->pattern != NULL;
}

static maiko_status fill_subscriptions(struct actor *actor, const struct draft *draft, struct subscription_terms *terms)
{
    const maiko_actor_spec *spec = &draft->spec;
    struct subscription **last = &actor->subscriber.first;
    struct subscription *more = actor->block == NULL ? NULL : actor->block->subscriptions;
    size_t i;

    for (i = 0; i < draft->subscribe_count; i++) {
        if (!fill_subscription(actor, i == 0 ? &actor->first : more++, &last, spec->subscribe[i]))
            return MAIKO_ENOMEM;
    }
    for (i = 0; i < draft->subscription_count; i++) {
        struct subscription *subscription = draft->subscribe_count + i == 0 ? &actor->first : more++;

        subscription_terms_set(actor, subscription, terms++, &spec->subscriptions[i]);
        if (!fill_subscription(actor, subscription, &last, spec->subscriptions[i].pattern))
            return MAIKO_ENOMEM;
    }
    return MAIKO_OK;
}

static const char **copy_publications(const struct draft *draft, char *list, char *text)
{
    const char **publish = (const char **)(void *)list;
    size_t i;

    for (i = 0; i < draft->publish_count; i++)
        publish[i] = supervisor_copy_text(&text, draft->spec.publish[i]);
    return publish;
}

static maiko_status fill_block(struct actor *actor, const struct draft *draft, const char *name)
{
    size_t subscriptions = draft->subscribe_count + draft->subscription_count;
    size_t more = subscriptions > 1 ? subscriptions - 1 : 0;
    size_t publish_at = draft->subscription_count * sizeof(struct subscription_terms);
    size_t text_at = publish_at + (draft->spec.publish == NULL ? 0 : draft->publish_count + 1) * sizeof(char *);
    char *rest;

    if (actor_make_block(actor, name, more, text_at + draft->publish_bytes) != MAIKO_OK)
        return MAIKO_ENOMEM;
    if (actor->block == NULL)
        return fill_subscriptions(actor, draft, NULL);
    rest = (char *)(actor->block->subscriptions + more);
    if (draft->spec.publish != NULL)
        actor->rare->publish = copy_publications(draft, rest + publish_at, rest + text_at);
    return fill_subscriptions(actor, draft, (struct subscription_terms *)(void *)rest);
}

static maiko_status fill_state(struct actor *actor, const struct draft *draft)
{
    actor->self = draft->spec.self;
    if (actor->self != NULL || draft->spec.state_size == 0)
        return MAIKO_OK;
    actor->self = heap_alloc_zeroed(actor->shard->heap, 1, draft->spec.state_size);
    if (actor->self == NULL)
        return MAIKO_ENOMEM;
    actor->rare->owns_self = true;
    actor->rare->self_size = draft->spec.state_size;
    return MAIKO_OK;
}

static bool needs_rare(const struct draft *draft)
{
    return draft->spec.publish != NULL || draft->own_ops != NULL || draft->spec.dedicated ||
           (draft->spec.self == NULL && draft->spec.state_size > 0);
}

static maiko_status fill_mailbox(struct maiko_supervisor *sup, struct actor *actor, const maiko_actor_spec *spec)
{
    uint64_t limit_bytes = spec->capacity_bytes != 0 ? spec->capacity_bytes : sup->config.mailbox_bytes;

    mailbox_init(&actor->mailbox, spec->capacity != 0 ? spec->capacity : sup->config.mailbox_capacity);
    if (limit_bytes == 0)
        return MAIKO_OK;
    return mailbox_set_bound(&actor->mailbox, actor->shard->heap, limit_bytes, spec->bytes_hold_only);
}

static maiko_status fill(struct maiko_supervisor *sup, struct actor *actor, struct draft *draft, const char *name)
{
    const maiko_actor_spec *spec = &draft->spec;
    maiko_status status;

    actor->shard = draft->shard;
    actor->home = (uint16_t)draft->shard->index;
    actor->ops = draft->ops;
    actor->state = ACTOR_ADDED;
    actor->step_state = draft->ops->step != NULL ? ACTOR_STEP_READY : ACTOR_STEP_NEVER;
    actor->weight = draft->ops->step != NULL || spec->tick_limit != 0 ? ACTOR_EXACT : ACTOR_USUAL;
    actor->tick_limit = spec->tick_limit != 0 ? spec->tick_limit : sup->config.tick_limit;
    actor->activations = ACTIVATIONS_FIRST;
    actor->receives_own = spec->receive_own;
    actor->is_dedicated = spec->dedicated && sup->config.mode == MAIKO_THREADS;
    actor->sends_simply = !actor->is_dedicated;
    actor->is_pinned = spec->shard != MAIKO_ANY_SHARD || spec->with != NULL || spec->thread_affine || spec->dedicated;
    list_init(&actor->siblings);
    if (fill_mailbox(sup, actor, spec) != MAIKO_OK)
        return MAIKO_ENOMEM;
    if (needs_rare(draft) && actor_rare(actor) == NULL)
        return MAIKO_ENOMEM;
    if (actor->rare != NULL) {
        actor->rare->own_ops = draft->own_ops;
        draft->own_ops = NULL;
    }
    if (actor->is_dedicated) {
        actor->rare->hooks = draft->ops;
        actor->ops = &offline_ops;
    }
    status = fill_block(actor, draft, name);
    return status == MAIKO_OK ? fill_state(actor, draft) : status;
}

/* Takes a record, fills it in and enters its name. */
static maiko_status make_record(struct maiko_supervisor *sup, struct draft *draft, struct text *error)
{
    const char *name = draft->spec.name;
    maiko_status status;
    struct actor *actor;

    if (name == NULL) {
        snprintf(draft->anonymous, sizeof draft->anonymous, "~%llu", (unsigned long long)++sup->next_anonymous);
        name = draft->anonymous;
    }
    actor = actor_table_take(&sup->actors);
    if (actor == NULL)
        return MAIKO_ENOMEM;
    status = fill(sup, actor, draft, name);
    if (status == MAIKO_OK)
        status = actor_names_insert(&sup->names, actor);
    if (status == MAIKO_OK) {
        actor->sender.id = ++sup->next_actor_id;
        actor->counters =
            counters_actor_add(sup->counters, actor->sender.id, name, actor->mailbox.capacity, (uint16_t)draft->shard->index);
        if (actor->counters == NULL) {
            actor_names_remove(&sup->names, actor);
            status = MAIKO_ENOMEM;
        }
    }
    if (status != MAIKO_OK) {
        supervisor_free_record(sup, actor);
        actor_table_give(&sup->actors, actor);
        return status;
    }
    draft->actor = actor;
    return MAIKO_OK;
}

/* Under the lock. */
static maiko_status make_actor(struct maiko_supervisor *sup, struct draft *draft, struct text *error)
{
    maiko_status status;

    if (draft->spec.name != NULL && actor_names_find(&sup->names, draft->spec.name) != NULL)
        return refuse(error, MAIKO_EEXIST, "actor name", draft->spec.name);
    status = place(sup, draft, error);
    if (status == MAIKO_OK) {
        status = make_record(sup, draft, error);
        if (status != MAIKO_OK)
            dedicated_give(draft->shard);
    }
    return status;
}

static void unmake_actor(struct maiko_supervisor *sup, struct actor *actor)
{
    pthread_mutex_lock(&sup->lock);
    dedicated_give(actor->shard);
    actor_names_remove(&sup->names, actor);
    supervisor_free_record(sup, actor);
    actor_table_give(&sup->actors, actor);
    pthread_mutex_unlock(&sup->lock);
}

/* --- on another shard --- */

struct install_command {
    struct command command;
    struct actor *actor;
    struct ticket *ticket; /* NULL: nobody waits */
};

static void run_install(struct shard *shard, struct command *command)
{
    struct install_command *told = CONTAINER_OF(command, struct install_command, command);
    struct actor *actor = told->actor;
    bool is_late =
        supervisor_state(shard->sup) == SUP_STOPPED || atomic_load_explicit(&shard->sup->runs_stop_hooks, memory_order_relaxed);
    maiko_status status = is_late ? MAIKO_ECLOSED : supervisor_install(shard, actor, told->ticket);

    exchange_flush(shard); /* dedicated shards do not acknowledge: they look before they send */
    if (status != MAIKO_OK) {
        if (told->ticket == NULL)
            supervisor_note_failure(shard->sup, status, actor->sender.name, NULL);
        unmake_actor(shard->sup, actor);
        ticket_answer(shard->sup, &told->ticket, status);
    } else if (told->ticket != NULL) {
        struct actor_rare *rare = actor_rare(actor);

        if (rare == NULL)
            ticket_answer(shard->sup, &told->ticket, MAIKO_OK);
        else
            rare->ticket = told->ticket;
    }
    heap_free(shard->heap, told, command->size);
}

/* Under the lock.  `*ret_ticket` is set when the caller is to wait. */
static maiko_status post_install(struct maiko_supervisor *sup, struct actor *actor, struct ticket **ret_ticket)
{
    struct heap *heap = &sup->root->heap;
    bool waits = !supervisor_is_inside(sup) && sup->config.mode == MAIKO_THREADS;
    struct install_command *told = heap_alloc_zeroed(heap, 1, sizeof *told);
    struct ticket *ticket = told != NULL && waits ? ticket_new(heap) : NULL;

    if (told == NULL || (waits && ticket == NULL)) {
        heap_free(heap, told, sizeof *told);
        return MAIKO_ENOMEM;
    }
    told->command.run = run_install;
    told->command.size = sizeof *told;
    told->actor = actor;
    told->ticket = waits ? ticket_ref(ticket) : NULL;
    if (shard_post(actor->shard, &told->command)) {
        *ret_ticket = ticket;
        return MAIKO_OK;
    }
    ticket_unref(heap, told->ticket);
    ticket_unref(heap, ticket);
    heap_free(heap, told, sizeof *told);
    return MAIKO_ECLOSED;
}

/* --- the public call --- */

static maiko_status check_open(const struct maiko_supervisor *sup)
{
    switch (supervisor_state(sup)) {
    case SUP_STOPPING:
        return MAIKO_ESTATE;
    case SUP_STOPPED:
        return MAIKO_ECLOSED;
    default:
        return MAIKO_OK;
    }
}

/* Under the lock: whoever finds the name finds its shard told before. */
static maiko_status make_and_hand_over(struct maiko_supervisor *sup, struct draft *draft, struct text *error)
{
    maiko_status status = check_open(sup);
    struct actor *actor;

    if (status == MAIKO_OK)
        status = make_actor(sup, draft, error);
    if (status != MAIKO_OK)
        return status;
    actor = draft->actor;
    draft->is_here = actor->shard == shard_of_this_thread;
    if (draft->is_here)
        return MAIKO_OK;
    /* before start no thread runs: the lock alone keeps others out */
    status = supervisor_state(sup) == SUP_NEW ? supervisor_install(actor->shard, actor, NULL)
                                              : post_install(sup, actor, &draft->ticket);
    if (status != MAIKO_OK)
        unmake_actor(sup, actor);
    return status;
}

static maiko_status add_one(struct maiko_supervisor *sup, const maiko_actor_spec *spec, size_t spec_size, size_t ops_size,
                            struct text *error)
{
    struct draft draft;
    maiko_status status = draft_init(sup, &draft, spec, spec_size, ops_size, error);
    bool is_sound = status == MAIKO_OK;

    if (is_sound) {
        pthread_mutex_lock(&sup->lock);
        status = make_and_hand_over(sup, &draft, error);
        pthread_mutex_unlock(&sup->lock);
    }
    heap_free(&sup->root->heap, draft.own_ops, sizeof *draft.own_ops);
    if (status == MAIKO_OK && draft.is_here) { /* runs predicates, so not under the lock */
        status = supervisor_install(draft.actor->shard, draft.actor, NULL);
        if (status != MAIKO_OK)
            unmake_actor(sup, draft.actor);
    }
    if (draft.ticket != NULL)
        status = ticket_wait(sup, draft.ticket, UINT64_MAX, error);
    if (status != MAIKO_OK && is_sound && text_str(error)[0] == '\0')
        text_append_format(error, "actor '%s': %s", name_of(&draft), maiko_strerror(status));
    return status;
}

static maiko_status add_all(struct maiko_supervisor *sup, const maiko_actor_spec *specs, size_t count, size_t spec_size,
                            size_t ops_size, struct text *error)
{
    maiko_status status = check_open(sup);
    size_t i;

    for (i = 0; i < count && status == MAIKO_OK; i++) {
        const maiko_actor_spec *spec = (const maiko_actor_spec *)(const void *)((const char *)specs + i * spec_size);

        status = add_one(sup, spec, spec_size, ops_size, error);
    }
    return status;
}

/* While it runs a refused add is its caller's business, and the supervisor goes on. */
static void tell_refused(struct maiko_supervisor *sup, const char *reason)
{
    supervisor_note_refusal(sup, reason);
    supervisor_log(sup, MAIKO_LOG_WARNING, "not added: %s", reason);
}

maiko_status maiko_supervisor_add_sized(maiko_supervisor *sup, const maiko_actor_spec *specs, size_t count, size_t spec_size,
                                        size_t ops_size)
{
    char buffer[256];
    struct text error;
    maiko_status status = MAIKO_EINVAL;

    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    supervisor_enter(sup);
    text_init_buffer(&error, buffer, sizeof buffer);
    if (specs == NULL && count > 0)
        text_append(&error, "specs are NULL");
    else
        status = add_all(sup, specs, count, spec_size, ops_size, &error);
    if (status != MAIKO_OK && supervisor_state(sup) == SUP_NEW)
        supervisor_note_failure(sup, status, NULL, text_str(&error)[0] != '\0' ? text_str(&error) : NULL);
    else if (status != MAIKO_OK)
        tell_refused(sup, text_str(&error)[0] != '\0' ? text_str(&error) : maiko_strerror(status));
    supervisor_leave(sup);
    return status;
}
