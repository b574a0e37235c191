/* Import: events of peers are decoded into the type this program knows and brought into the topic space, each through the
 * importer of its sender, so that order, ends and debts are the sender's own.  What finds no room waits here, in order, and is
 * acknowledged to the peer only when it was taken: so the peer's window is the bound of what waits. */
#include <string.h>

#include "base/clock.h"
#include "node/import_plan.h"
#include "node/last_word.h"
#include "node/node.h"
#include "node/pool.h"
#include "node/rename.h"
#include "node/shm.h"
#include "shm/shm_view.h"
#include <maiko/maiko.h>

/* The words of PROTOCOL.md 4 and 9. */
static const char *word_of(maiko_status status)
{
    switch (status) {
    case MAIKO_ETOPIC:
        return "topic";
    case MAIKO_ETYPE:
        return "type";
    case MAIKO_ECLOSED:
        return "closed";
    case MAIKO_ENOMEM:
    case MAIKO_ELIMIT:
        return "limit";
    default:
        return "payload";
    }
}

/* Of what others send on after a stop here, which they cannot know of yet, the first says it all. */
static void tell_stop(maiko_bridge *bridge, const char *topic)
{
    if (!bridge->stop_is_told)
        node_log(bridge, MAIKO_LOG_INFO, "what others send to actors that have stopped is refused, first on \"%s\"", topic);
    bridge->stop_is_told = true;
}

static void refuse(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_event *event, maiko_status status,
                   const char *reason)
{
    uint64_t before = atomic_fetch_add_explicit(&bridge->import_refused, 1, memory_order_relaxed);

    peer_refuse(peer->peer, event->stream, event->channel->topic, word_of(status));
    if (status == MAIKO_ECLOSED)
        tell_stop(bridge, event->channel->topic);
    else if ((before & (before - 1)) == 0)
        node_log(bridge, MAIKO_LOG_WARNING, "an event of \"%s\" on \"%s\" was not brought in: %s%s%s (%llu so far)",
                 event->channel->sender, event->channel->topic, maiko_strerror(status), reason[0] != '\0' ? ": " : "", reason,
                 (unsigned long long)before + 1);
}

/* ---- what is worked out once per channel ---- */

static maiko_import meta_of(const struct inbound_event *event)
{
    return (maiko_import){.struct_size = sizeof(maiko_import),
                          .id = event->id,
                          .parent = event->parent,
                          .correlation = event->correlation,
                          .time_ns = event->time_ns,
                          .hops = (uint8_t)(event->channel->hops < UINT8_MAX ? event->channel->hops : UINT8_MAX),
                          .try_only = true};
}

static const struct node_pattern *pattern_of(const maiko_bridge *bridge, const char *topic)
{
    size_t i;

    for (i = 0; i < bridge->import_count; i++)
        if (maiko_topic_matches(bridge->imports[i].pattern, topic))
            return &bridge->imports[i];
    return NULL;
}

/* The first export that its name here falls under decides. */
static bool is_relayed(const maiko_bridge *bridge, const char *topic)
{
    size_t i;

    for (i = 0; bridge->has_relays && i < bridge->export_count; i++)
        if (maiko_topic_matches(bridge->exports[i].pattern, topic))
            return bridge->exports[i].relay;
    return false;
}

static bool name_topic(const maiko_bridge *bridge, const char *topic, char ret_topic[MAIKO_TOPIC_MAX + 1])
{
    const struct node_pattern *pattern = pattern_of(bridge, topic);

    if (pattern != NULL && pattern->as[0] != '\0')
        return rename_topic(pattern->pattern, pattern->as, topic, ret_topic);
    memcpy(ret_topic, topic, strlen(topic) + 1);
    return true;
}

static maiko_status fill_plan(maiko_bridge *bridge, const struct inbound_channel *channel, struct import_plan *plan,
                              struct text *error)
{
    maiko_status status;

    if (topic_stays_here(channel->topic) || !name_topic(bridge, channel->topic, plan->topic) || topic_stays_here(plan->topic))
        return MAIKO_ETOPIC;
    memcpy(plan->remote_topic, channel->topic, strlen(channel->topic) + 1);
    plan->is_relayed = is_relayed(bridge, plan->topic);
    plan->importer = import_way_of(bridge, channel);
    status = types_adopt(&bridge->types, channel->type, &plan->known);
    if (status == MAIKO_OK && plan->known->hash != channel->type->hash)
        status = payload_plan_new(bridge->heap, plan->known->type, channel->type, &plan->plan, error);
    if (status == MAIKO_OK)
        status = maiko_import_path_new(plan->importer->importer, plan->topic, plan->known->type, channel->sender, &plan->path);
    if (status == MAIKO_OK)
        types_note_topic(&bridge->types, plan->topic, plan->known);
    return status;
}

static void unref_plan(maiko_bridge *bridge, struct import_plan *plan)
{
    if (--plan->refs > 0)
        return;
    payload_plan_free(plan->plan);
    maiko_import_path_free(plan->path);
    heap_free(bridge->heap, plan, sizeof(*plan));
}

void node_import_forget_channel(struct node_peer *peer, struct inbound_channel *channel)
{
    if (channel->user != NULL)
        unref_plan(peer->bridge, channel->user);
    channel->user = NULL;
}

/* Native bytes are read as they are: nothing may have to be converted. */
static bool can_be_native(const struct node_peer *peer, const struct import_plan *plan, const struct inbound_channel *channel)
{
    return plan->plan == NULL && node_shm_is_up(peer) && maiko_event_is(plan->known->type, channel->type->type);
}

static maiko_status plan_of(struct node_peer *peer, const struct inbound_event *event, struct import_plan **ret_plan,
                            struct text *error)
{
    struct inbound_channel *channel = event->channel;
    maiko_bridge *bridge = peer->bridge;
    struct import_plan *plan = channel->user;
    maiko_status status;

    if (plan == NULL) {
        plan = heap_alloc_zeroed(bridge->heap, 1, sizeof(*plan));
        if (plan == NULL)
            return MAIKO_ENOMEM;
        plan->refs = 1;
        plan->peer = peer;
        status = fill_plan(bridge, channel, plan, error);
        if (status != MAIKO_OK) {
            unref_plan(bridge, plan);
            return status;
        }
        plan->meta = meta_of(event);
        channel->user = plan;
        channel->is_native = can_be_native(peer, plan, channel);
    }
    *ret_plan = plan;
    return MAIKO_OK;
}

static const struct payload_plan *reading_of(const struct import_plan *plan)
{
    return plan->plan != NULL ? plan->plan : plan->known->plan;
}

/* A type that was asked for is read without conversion to the end of its session, see types_adopt().  A bin where nobody asked is
 * refused as what an array is not. */
static bool comes_native(const struct inbound_event *event, const struct import_plan *plan)
{
    return event->native.data != NULL && event->channel->type->is_native && plan->plan == NULL;
}

/* The same of a reference to such bytes. */
static bool comes_lent(const struct inbound_event *event, const struct import_plan *plan)
{
    struct payload_reference reference;

    return event->channel->type->is_native && plan->plan == NULL && payload_read_reference(event->payload, &reference);
}

/* It is not taken, in whatever form it came. */
static void pass(struct node_peer *peer, const struct inbound_event *event)
{
    struct payload_reference reference;

    if (payload_read_reference(event->payload, &reference))
        node_pool_pass(peer, reference.slot);
}

/* What an event's payload is, before there is room for the event. */
struct coming {
    const struct payload_plan *plan;
    struct slice payload; /* the native bytes, or the whole value */
    size_t len;           /* of the event */
    bool is_native;
};

static maiko_status look_at(const struct inbound_event *event, const struct import_plan *plan, struct coming *ret_coming,
                            struct text *error)
{
    maiko_status status;

    *ret_coming = (struct coming){.plan = reading_of(plan), .payload = event->payload, .is_native = comes_native(event, plan)};
    if (!ret_coming->is_native)
        return payload_len(ret_coming->plan, event->payload, &ret_coming->len, error);
    status = payload_native_bytes(ret_coming->plan, event->payload, &ret_coming->payload, error);
    ret_coming->len = ret_coming->payload.len;
    return status;
}

static maiko_status read_event(const struct coming *coming, void *bytes, struct text *error)
{
    if (!coming->is_native)
        return payload_read(coming->plan, coming->payload, bytes, coming->len, error);
    if (coming->len > 0)
        memcpy(bytes, coming->payload.data, coming->len); /* first, so that nobody changes what is checked */
    return payload_check_native(coming->plan, bytes, coming->len, error);
}

/* ---- one event, straight into the importer's batch ---- */

void import_note_staged(maiko_bridge *bridge, struct import_plan *plan, uint64_t stream, uint32_t count)
{
    struct node_importer *importer = plan->importer;
    bool is_first = plan->staged == 0;

    if (importer->staged == 0)
        fifo_push(&bridge->dirty, &importer->dirty);
    importer->staged += count;
    plan->staged += count;
    if (!is_first)
        return;
    plan->stream = stream;
    plan->refs++;
    fifo_push(&importer->plans, &plan->in_list);
}

/* MAIKO_OK, MAIKO_EFULL, or why the event is refused for good. */
static maiko_status stage(maiko_bridge *bridge, const struct inbound_event *event, struct import_plan *plan, struct text *error)
{
    maiko_import meta = meta_of(event);
    struct coming coming;
    maiko_status status;
    void *bytes;

    status = look_at(event, plan, &coming, error);
    if (status == MAIKO_OK)
        status = maiko_import_reserve(plan->path, coming.len, &bytes);
    if (status != MAIKO_OK)
        return status;
    status = read_event(&coming, bytes, error);
    if (status != MAIKO_OK) {
        maiko_import_abandon(plan->path);
        return status;
    }
    maiko_import_commit(plan->path, &meta);
    import_note_staged(bridge, plan, event->stream, 1);
    return MAIKO_OK;
}

maiko_status import_native(maiko_bridge *bridge, struct import_plan *plan, const maiko_import *meta, struct slice native,
                           uint64_t stream)
{
    maiko_status status;
    void *bytes;

    status = maiko_import_reserve(plan->path, native.len, &bytes);
    if (status != MAIKO_OK)
        return status;
    memcpy(bytes, native.data, native.len); /* first, so that nobody changes what is checked */
    status = maiko_schema_validate(plan->known->type, bytes, native.len, NULL, 0);
    if (status != MAIKO_OK) {
        maiko_import_abandon(plan->path);
        return status;
    }
    maiko_import_commit(plan->path, meta);
    import_note_staged(bridge, plan, stream, 1);
    return MAIKO_OK;
}

/* Native bytes for which there is room, and that are legal; false: nothing was done, look closer. */
static bool take_native(maiko_bridge *bridge, const struct inbound_event *event, struct import_plan *plan)
{
    maiko_import *meta = &plan->meta;

    meta->id = event->id;
    meta->parent = event->parent;
    meta->correlation = event->correlation;
    meta->time_ns = event->time_ns;
    return import_native(bridge, plan, meta, event->native, event->stream) == MAIKO_OK;
}

/* What a supervisor that halts did not take is told to who sent it, by topic; and so is what it took, but does not pass on as it
 * was to: that is with its own subscribers. */
static void end_plan(maiko_bridge *bridge, struct import_plan *plan, maiko_status status)
{
    bool is_stuck_here = status == MAIKO_OK && plan->is_relayed && last_word_was_said(bridge, plan->importer);
    const char *reason = word_of(is_stuck_here ? MAIKO_ECLOSED : status);

    if (status == MAIKO_OK && !is_stuck_here)
        plan->staged = 0;
    for (; plan->staged > 0; plan->staged--) {
        if (plan->peer != NULL)
            peer_refuse(plan->peer->peer, plan->stream, plan->remote_topic, reason);
        if (is_stuck_here)
            node_outflow_refuse(bridge, plan->topic, MAIKO_ECLOSED);
    }
    unref_plan(bridge, plan);
}

/* Nothing is staged any more. */
static void end_batch(maiko_bridge *bridge, struct node_importer *importer, maiko_status status)
{
    struct fifo_link *link;

    atomic_fetch_add_explicit(status == MAIKO_OK ? &bridge->imported : &bridge->import_refused, importer->staged,
                              memory_order_relaxed);
    importer->staged = 0;
    while ((link = fifo_pop(&importer->plans)) != NULL)
        end_plan(bridge, CONTAINER_OF(link, struct import_plan, in_list), status);
}

void node_import_flush(maiko_bridge *bridge)
{
    struct fifo still_dirty = {.first = NULL};
    struct fifo_link *link;

    while ((link = fifo_pop(&bridge->dirty)) != NULL) {
        struct node_importer *importer = CONTAINER_OF(link, struct node_importer, dirty);
        maiko_status status = maiko_importer_flush(importer->importer);

        if (status == MAIKO_ENOMEM) {
            fifo_push(&still_dirty, link); /* tried again behind the next frame, and every turn */
            continue;
        }
        end_batch(bridge, importer, status);
    }
    bridge->dirty = still_dirty;
}

/* ---- one event that has to wait ---- */

static size_t waiting_size(const struct waiting_import *waiting)
{
    return sizeof(*waiting) + (waiting->is_lent  ? sizeof(struct lent_payload)
                               : waiting->is_run ? waiting->count * maiko_import_slot_step(waiting->len)
                                                 : waiting->len);
}

/* NULL: the payload is here. */
static struct lent_payload *lent_of(struct waiting_import *waiting)
{
    return waiting->is_lent ? (struct lent_payload *)(void *)waiting->payload : NULL;
}

static void free_waiting(maiko_bridge *bridge, struct waiting_import *waiting)
{
    if (waiting->plan != NULL)
        unref_plan(bridge, waiting->plan);
    if (waiting->is_lent && lent_of(waiting)->loan != NULL)
        shm_view_return(lent_of(waiting)->loan);
    heap_free(bridge->large, waiting, waiting_size(waiting));
}

static maiko_status let_wait(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_event *event,
                             struct import_plan *plan, struct text *error)
{
    struct waiting_import *waiting;
    struct coming coming;
    maiko_status status;
    bool is_encoded;
    size_t len;

    status = look_at(event, plan, &coming, error);
    if (status != MAIKO_OK)
        return status;
    is_encoded = coming.payload.len < coming.len;
    len = is_encoded ? coming.payload.len : coming.len;
    waiting = heap_alloc(bridge->large, sizeof(*waiting) + len);
    if (waiting == NULL)
        return MAIKO_ENOMEM;
    *waiting = (struct waiting_import){.peer = peer,
                                       .stream = event->stream,
                                       .position = event->position,
                                       .plan = plan,
                                       .import = meta_of(event),
                                       .count = 1,
                                       .len = len,
                                       .is_encoded = is_encoded};
    plan->refs++;
    if (is_encoded)
        memcpy(waiting->payload, coming.payload.data, len);
    else
        status = read_event(&coming, waiting->payload, error);
    if (status == MAIKO_OK)
        import_push_waiting(bridge, plan->importer, waiting);
    else
        free_waiting(bridge, waiting);
    return status;
}

/* ---- one event that came by reference: it is taken first, so that whatever then becomes of it gives it back ---- */

struct lent_event {
    const void *bytes;
    void *loan;
    size_t len;
};

static maiko_status stage_lent(maiko_bridge *bridge, const struct inbound_event *event, struct import_plan *plan,
                               const struct lent_event *lent)
{
    maiko_import meta = meta_of(event);
    maiko_status status = maiko_import_lend(plan->path, lent->bytes, lent->len, shm_view_return, lent->loan);

    if (status != MAIKO_OK)
        return status;
    maiko_import_commit(plan->path, &meta);
    import_note_staged(bridge, plan, event->stream, 1);
    return MAIKO_OK;
}

static maiko_status let_lent_wait(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_event *event,
                                  struct import_plan *plan, const struct lent_event *lent)
{
    struct waiting_import head = {.peer = peer,
                                  .stream = event->stream,
                                  .position = event->position,
                                  .plan = plan,
                                  .import = meta_of(event),
                                  .count = 1,
                                  .len = lent->len,
                                  .is_lent = true};
    struct waiting_import *waiting = heap_alloc(bridge->large, waiting_size(&head));

    if (waiting == NULL)
        return MAIKO_ENOMEM;
    *waiting = head;
    plan->refs++;
    *lent_of(waiting) = (struct lent_payload){.bytes = lent->bytes, .loan = lent->loan};
    import_push_waiting(bridge, plan->importer, waiting);
    return MAIKO_OK;
}

/* As stage(), and let_wait() when it must or has to wait: *waits. */
static maiko_status import_lent(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_event *event,
                                struct import_plan *plan, bool *waits, struct text *error)
{
    struct lent_event lent;
    maiko_status status = node_pool_take(peer, reading_of(plan), event->payload, &lent.bytes, &lent.loan, &lent.len, error);

    if (status != MAIKO_OK)
        return status;
    if (!*waits)
        status = stage_lent(bridge, event, plan, &lent);
    *waits = *waits || status == MAIKO_EFULL;
    if (*waits)
        status = let_lent_wait(bridge, peer, event, plan, &lent);
    if (status != MAIKO_OK)
        shm_view_return(lent.loan);
    return status;
}

/* Anything but native bytes that just come in. */
static bool import_closely(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_event *event)
{
    struct import_plan *plan = NULL;
    char reason[256];
    struct text error;
    bool waits = false;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    status = plan_of(peer, event, &plan, &error);
    if (status == MAIKO_OK) {
        waits = import_must_wait(bridge, plan->importer);
        if (comes_lent(event, plan)) {
            status = import_lent(bridge, peer, event, plan, &waits, &error);
        } else {
            status = waits ? MAIKO_EFULL : stage(bridge, event, plan, &error);
            waits = status == MAIKO_EFULL;
            if (waits)
                status = let_wait(bridge, peer, event, plan, &error);
            if (status != MAIKO_OK)
                pass(peer, event); /* a reference that was not asked for */
        }
    } else {
        pass(peer, event);
    }
    if (status == MAIKO_OK)
        return !waits;
    refuse(bridge, peer, event, status, reason);
    return true; /* refused for good: the peer need not keep it */
}

bool node_import_event(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_event *event)
{
    struct import_plan *plan = event->channel->user;

    if (plan != NULL && comes_native(event, plan) && !import_must_wait(bridge, plan->importer) &&
        take_native(bridge, event, plan))
        return true;
    return import_closely(bridge, peer, event);
}

static maiko_status fill_lent(struct waiting_import *waiting)
{
    struct lent_payload *lent = lent_of(waiting);
    maiko_status status = maiko_import_lend(waiting->plan->path, lent->bytes, waiting->len, shm_view_return, lent->loan);

    if (status == MAIKO_OK)
        lent->loan = NULL; /* the event's now */
    return status;
}

/* It may be refused, whose arrays are looked at closely only here. */
static maiko_status fill_encoded(struct waiting_import *waiting)
{
    struct coming coming = {.plan = reading_of(waiting->plan), .payload = {waiting->payload, waiting->len}};
    maiko_status status = payload_len(coming.plan, coming.payload, &coming.len, NULL);
    void *bytes;

    if (status == MAIKO_OK)
        status = maiko_import_reserve(waiting->plan->path, coming.len, &bytes);
    if (status != MAIKO_OK)
        return status;
    status = read_event(&coming, bytes, NULL);
    if (status != MAIKO_OK)
        maiko_import_abandon(waiting->plan->path);
    return status;
}

static maiko_status fill_whole(struct waiting_import *waiting)
{
    void *bytes;
    maiko_status status = maiko_import_reserve(waiting->plan->path, waiting->len, &bytes);

    if (status == MAIKO_OK)
        memcpy(bytes, waiting->payload, waiting->len);
    return status;
}

static maiko_status bring_in(maiko_bridge *bridge, struct waiting_import *waiting)
{
    maiko_status status;

    if (waiting->is_lent)
        status = fill_lent(waiting);
    else
        status = waiting->is_encoded ? fill_encoded(waiting) : fill_whole(waiting);
    if (status != MAIKO_OK)
        return status;
    maiko_import_commit(waiting->plan->path, &waiting->import);
    import_note_staged(bridge, waiting->plan, waiting->stream, 1);
    return MAIKO_OK;
}

/* Not before what came before; after a stop nobody waits for it. */
static bool bring_in_end(maiko_bridge *bridge, struct node_actor *actor)
{
    node_import_flush(bridge);
    return fifo_is_empty(&bridge->dirty) && maiko_importer_finish(actor->importer.importer) != MAIKO_ENOMEM;
}

void import_refuse_waiting(maiko_bridge *bridge, const struct waiting_import *waiting, maiko_status status)
{
    uint64_t before;

    if (waiting->peer != NULL)
        peer_refuse(waiting->peer->peer, waiting->stream, waiting->plan->remote_topic, word_of(status));
    before = atomic_fetch_add_explicit(&bridge->import_refused, 1, memory_order_relaxed);
    if (status == MAIKO_ECLOSED)
        tell_stop(bridge, waiting->plan->topic);
    else if (before == 0)
        node_log(bridge, MAIKO_LOG_WARNING, "an event on \"%s\" was not brought in: %s", waiting->plan->topic,
                 maiko_strerror(status));
}

/* True when all of it is done with, brought in or refused; false when there is no room or no memory. */
static bool settle(maiko_bridge *bridge, struct waiting_import *waiting)
{
    maiko_status status;

    if (waiting->ended != NULL)
        return bring_in_end(bridge, waiting->ended);
    if (waiting->is_run)
        return import_settle_run(bridge, waiting);
    status = bring_in(bridge, waiting);
    if (status == MAIKO_EFULL)
        return false;
    if (status != MAIKO_OK)
        import_refuse_waiting(bridge, waiting, status);
    waiting->done = 1;
    return true;
}

/* As much of what waits there as there is room for. */
static void retry(maiko_bridge *bridge, struct node_importer *importer)
{
    bool is_over = true;

    while (is_over && !fifo_is_empty(&importer->waiting)) {
        struct waiting_import *waiting = CONTAINER_OF(importer->waiting.first, struct waiting_import, link);
        const struct node_peer *peer = waiting->peer;
        uint32_t before = waiting->done;
        bool is_news;

        is_over = settle(bridge, waiting);
        is_news = waiting->done > before;
        if (is_over) {
            import_pop_waiting(bridge, importer);
            free_waiting(bridge, waiting);
        }
        if (is_news && peer != NULL)
            import_tell_delivered(bridge, peer);
    }
}

void node_import_retry(maiko_bridge *bridge)
{
    struct list *after;
    struct list *link;

    node_import_flush(bridge); /* older than what waits */
    if (!fifo_is_empty(&bridge->dirty) || !atomic_load(&bridge->is_running))
        return;
    LIST_FOR_EACH_SAFE (link, after, &bridge->waiting)
        retry(bridge, CONTAINER_OF(link, struct node_importer, link));
    node_import_flush(bridge);
}

static void forget_staged_by(struct node_importer *importer, const struct node_peer *peer)
{
    struct fifo_link *link;

    for (link = importer->plans.first; link != NULL; link = link->next) {
        struct import_plan *plan = CONTAINER_OF(link, struct import_plan, in_list);

        if (plan->peer == peer)
            plan->peer = NULL;
    }
}

void node_import_forget_peer(maiko_bridge *bridge, const struct node_peer *peer)
{
    struct fifo_link *link;
    struct list *waits;

    for (link = bridge->dirty.first; link != NULL; link = link->next)
        forget_staged_by(CONTAINER_OF(link, struct node_importer, dirty), peer);
    while ((waits = list_first(&peer->waiting)) != NULL) {
        struct waiting_import *waiting = CONTAINER_OF(waits, struct waiting_import, of_peer);

        list_remove(waits);
        waiting->peer = waiting->plan->peer = NULL;
    }
}

static void drop_waiting(maiko_bridge *bridge, struct node_importer *importer)
{
    while (!fifo_is_empty(&importer->waiting)) {
        struct waiting_import *waiting = CONTAINER_OF(importer->waiting.first, struct waiting_import, link);
        uint32_t events = waiting->ended != NULL ? 1 : waiting->count - waiting->done;

        atomic_fetch_add_explicit(&bridge->import_refused, events, memory_order_relaxed);
        import_pop_waiting(bridge, importer);
        free_waiting(bridge, waiting);
    }
}

void node_import_drop_all(maiko_bridge *bridge)
{
    struct fifo_link *link;

    while ((link = fifo_pop(&bridge->dirty)) != NULL)
        end_batch(bridge, CONTAINER_OF(link, struct node_importer, dirty), MAIKO_ECLOSED);
    while (!list_is_empty(&bridge->waiting))
        drop_waiting(bridge, CONTAINER_OF(list_first(&bridge->waiting), struct node_importer, link));
}

/* The end of a publisher waits behind its events like one of them. */
void node_import_end(maiko_bridge *bridge, const char *publisher)
{
    struct node_actor *actor = import_expected(bridge, publisher);
    struct waiting_import *waiting;

    if (actor == NULL || actor->is_ended)
        return;
    waiting = heap_alloc_zeroed(bridge->large, 1, sizeof(*waiting));
    if (waiting == NULL) {
        node_log(bridge, MAIKO_LOG_ERROR, "the end of \"%s\" was lost: out of memory", publisher);
        return;
    }
    actor->is_ended = true;
    waiting->ended = actor;
    import_push_waiting(bridge, &actor->importer, waiting);
    node_import_retry(bridge);
}

void node_import_on_room(void *userdata)
{
    handover_wake(&((maiko_bridge *)userdata)->handover);
}
