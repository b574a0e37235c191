/* Importers and holds: a gate with a name and foreign senders; a debt that something outside pays. */
#include "runtime/import_run.h"
#include "runtime/offline.h"
#include "runtime/reporter.h"
#include "runtime/send.h"
#include "runtime/supervisor_internal.h"
#include "runtime/visit.h"
#include <maiko/import.h>
#include <string.h>

/* Names of foreign senders that one importer remembers; beyond it they all share the importer's. */
#define FOREIGN_SENDERS_MAX 65536u

/* Events of many senders come in through one importer: a link's window has to fit, or every event waits once more. */
#define LIMIT_FACTOR_EVENTS 64u
#define LIMIT_FACTOR_BYTES 4u

/* Reports on their way to a reporter's gate. */
#define REPORTS_MAX 256u

struct foreign {
    struct sender sender;
    char name[];
};

struct maiko_importer {
    struct inbox *inbox;
    pthread_mutex_t lock;
    struct hash_table senders;
    const char **publish;
    size_t publish_size;
    struct maiko_importer *next;
};

/* Asked before any lock is taken: in a forked child it may be held for ever. */
static bool is_forked(const struct maiko_importer *importer)
{
    return supervisor_is_forked(importer->inbox->sup);
}

struct maiko_import_path {
    struct inbox *inbox;
    struct heap *heap;
    struct inbox_event meta; /* entry, topic, sender */
};

struct maiko_hold {
    struct actor *actor;
    struct heap *heap;
};

static const char *foreign_key(const void *value)
{
    return ((const struct foreign *)value)->sender.name;
}

static maiko_status check_new(const char *name, const char *const *publish)
{
    char buffer[200];
    struct text error;
    maiko_status status;
    size_t i;

    text_init_buffer(&error, buffer, sizeof buffer);
    status = supervisor_check_name(name, &error);
    for (i = 0; status == MAIKO_OK && publish != NULL && publish[i] != NULL; i++)
        status = maiko_pattern_check(publish[i]);
    return status;
}

static maiko_status copy_publish(struct maiko_importer *importer, struct heap *heap, const char *const *publish)
{
    size_t size = sizeof(char *);
    size_t count;
    size_t i;
    char *at;

    for (count = 0; publish[count] != NULL; count++)
        size += sizeof(char *) + strlen(publish[count]) + 1;
    importer->publish = heap_alloc_zeroed(heap, 1, size);
    if (importer->publish == NULL)
        return MAIKO_ENOMEM;
    importer->publish_size = size;
    at = (char *)(importer->publish + count + 1);
    for (i = 0; i < count; i++) {
        size_t len = strlen(publish[i]) + 1;

        importer->publish[i] = memcpy(at, publish[i], len);
        at += len;
    }
    return MAIKO_OK;
}

static maiko_status begin_stream(struct maiko_importer *importer, const char *const *publish)
{
    struct actor *gate = importer->inbox->gate;
    maiko_status status = copy_publish(importer, gate->shard->heap, publish);

    if (status != MAIKO_OK)
        return status;
    gate->rare->publish = importer->publish;
    status = supervisor_announce_stream(gate->shard, importer->publish);
    gate->rare->is_publisher = status == MAIKO_OK;
    return status;
}

/* Under the lock, which keeps others out before start. */
static maiko_status make_importer(maiko_supervisor *sup, const char *name, const char *const *publish,
                                  maiko_importer **ret_importer)
{
    struct maiko_importer *importer;
    maiko_status status;

    if (supervisor_state(sup) != SUP_NEW)
        return MAIKO_ESTATE;
    if (actor_names_find(&sup->names, name) != NULL)
        return MAIKO_EEXIST;
    importer = heap_alloc_zeroed(&sup->root->heap, 1, sizeof *importer);
    if (importer == NULL)
        return MAIKO_ENOMEM;
    pthread_mutex_init(&importer->lock, NULL);
    hash_table_init(&importer->senders, &sup->root->heap, foreign_key);
    importer->next = sup->importers; /* freed with the supervisor, also when half-built */
    sup->importers = importer;
    status = supervisor_make_gate(sup, name, &importer->inbox);
    if (status == MAIKO_OK) {
        importer->inbox->limit_events *= LIMIT_FACTOR_EVENTS;
        importer->inbox->limit_bytes *= LIMIT_FACTOR_BYTES;
        status = actor_names_insert(&sup->names, importer->inbox->gate);
    }
    if (status == MAIKO_OK && publish != NULL && publish[0] != NULL)
        status = begin_stream(importer, publish);
    if (status == MAIKO_OK)
        *ret_importer = importer;
    return status;
}

maiko_status maiko_importer_new(maiko_supervisor *sup, const char *name, const char *const *publish,
                                maiko_importer **ret_importer)
{
    maiko_status status;

    if (!supervisor_is_valid(sup) || name == NULL || ret_importer == NULL)
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    status = check_new(name, publish);
    if (status != MAIKO_OK)
        return supervisor_state(sup) != SUP_NEW ? MAIKO_ESTATE : status;
    pthread_mutex_lock(&sup->lock);
    status = make_importer(sup, name, publish, ret_importer);
    pthread_mutex_unlock(&sup->lock);
    return status;
}

maiko_status maiko_reporter_new(maiko_supervisor *sup, const char *name, maiko_importer **ret_reporter)
{
    maiko_status status = maiko_importer_new(sup, name, NULL, ret_reporter);

    if (status != MAIKO_OK)
        return status;
    (*ret_reporter)->inbox->is_for_reports = true;
    (*ret_reporter)->inbox->limit_events = REPORTS_MAX;
    return MAIKO_OK;
}

void supervisor_free_importers(struct maiko_supervisor *sup)
{
    struct heap *heap = &sup->root->heap;

    while (sup->importers != NULL) {
        struct maiko_importer *importer = sup->importers;
        size_t position = 0;
        struct foreign *foreign;

        sup->importers = importer->next;
        while ((foreign = hash_table_next(&importer->senders, &position)) != NULL)
            heap_free(heap, foreign, sizeof *foreign + strlen(foreign->name) + 1);
        hash_table_deinit(&importer->senders);
        heap_free(heap, importer->publish, importer->publish_size);
        pthread_mutex_destroy(&importer->lock);
        heap_free(heap, importer, sizeof *importer);
    }
}

/* The importer stands for those beyond the limit.  NULL when out of memory: no event goes by a name that is not its sender's. */
static const struct sender *remember(struct maiko_importer *importer, const char *name)
{
    struct heap *heap = importer->senders.heap;
    size_t len = strlen(name);
    struct foreign *foreign;

    if (importer->senders.count >= FOREIGN_SENDERS_MAX)
        return &importer->inbox->gate->sender;
    foreign = heap_alloc_zeroed(heap, 1, sizeof *foreign + len + 1);
    if (foreign == NULL)
        return NULL;
    memcpy(foreign->name, name, len + 1);
    foreign->sender.name = foreign->name;
    foreign->sender.id = UINT64_MAX;
    if (hash_table_insert(&importer->senders, foreign) != MAIKO_OK) {
        heap_free(heap, foreign, sizeof *foreign + len + 1);
        return NULL;
    }
    return &foreign->sender;
}

/* MAIKO_OK or MAIKO_ENOMEM. */
static maiko_status foreign_sender(struct maiko_importer *importer, const char *name, const struct sender **ret_sender)
{
    const struct foreign *known;

    *ret_sender = &importer->inbox->gate->sender;
    if (name == NULL)
        return MAIKO_OK;
    pthread_mutex_lock(&importer->lock);
    known = hash_table_find(&importer->senders, name);
    *ret_sender = known != NULL ? &known->sender : remember(importer, name);
    pthread_mutex_unlock(&importer->lock);
    return *ret_sender == NULL ? MAIKO_ENOMEM : MAIKO_OK;
}

maiko_status maiko_importer_send(maiko_importer *importer, const maiko_import *given)
{
    maiko_import import = {.struct_size = sizeof import};
    maiko_send_opts opts = {.struct_size = sizeof opts};
    struct inbox_event meta = {.entry = NULL};

    if (importer == NULL || given == NULL || given->struct_size < offsetof(maiko_import, id))
        return MAIKO_EINVAL;
    if (is_forked(importer))
        return MAIKO_EFORKED;
    memcpy(&import, given, given->struct_size < sizeof import ? given->struct_size : sizeof import);
    if (import.topic == NULL || (import.sender != NULL && strlen(import.sender) > 255))
        return import.topic == NULL ? MAIKO_ETOPIC : MAIKO_ENAME;
    opts.topic = import.topic;
    opts.try_only = import.try_only;
    meta.id = import.id;
    meta.parent = import.parent;
    meta.correlation = import.correlation;
    meta.time_ns = import.time_ns;
    meta.hops = import.hops;
    if (foreign_sender(importer, import.sender, &meta.sender) != MAIKO_OK)
        return MAIKO_ENOMEM;
    return send_from_outside(importer->inbox, &opts, import.type, import.event, import.len, &meta);
}

/* --- paths --- */

maiko_status maiko_import_path_new(maiko_importer *importer, const char *topic, const maiko_event_type *type, const char *sender,
                                   maiko_import_path **ret_path)
{
    struct maiko_import_path *path;
    struct heap *heap;
    maiko_status status;

    if (importer == NULL || ret_path == NULL)
        return MAIKO_EINVAL;
    if (topic == NULL || type == NULL)
        return topic == NULL ? MAIKO_ETOPIC : MAIKO_ETYPE;
    if (sender != NULL && strlen(sender) > 255)
        return MAIKO_ENAME;
    if (type->destroy != NULL)
        return MAIKO_ENOTSUP;
    if (is_forked(importer))
        return MAIKO_EFORKED;
    if (importer->inbox->is_for_reports)
        return MAIKO_EPERM;
    heap = importer->senders.heap;
    path = heap_alloc_zeroed(heap, 1, sizeof *path);
    if (path == NULL)
        return MAIKO_ENOMEM;
    path->inbox = importer->inbox;
    path->heap = heap;
    status = send_look_up(importer->inbox, type, topic, &path->meta);
    if (status == MAIKO_OK)
        status = foreign_sender(importer, sender, &path->meta.sender);
    if (status != MAIKO_OK) {
        heap_free(heap, path, sizeof *path);
        return status;
    }
    *ret_path = path;
    return MAIKO_OK;
}

maiko_import_path *maiko_import_path_free(maiko_import_path *path)
{
    if (path != NULL)
        heap_free(path->heap, path, sizeof *path);
    return NULL;
}

static maiko_status check_import(const maiko_import_path *path, size_t len)
{
    struct maiko_supervisor *sup = path->inbox->sup;

    if (len < path->meta.entry->type->size)
        return MAIKO_EINVAL;
    if (len > sup->config.max_payload_bytes)
        return MAIKO_ETOOLONG;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (supervisor_state(sup) == SUP_STOPPED || supervisor_state(sup) == SUP_STOPPING)
        return MAIKO_ECLOSED;
    return MAIKO_OK;
}

maiko_status maiko_import_reserve(maiko_import_path *path, size_t len, void **ret_event)
{
    maiko_status status = path == NULL || ret_event == NULL ? MAIKO_EINVAL : check_import(path, len);

    if (status != MAIKO_OK)
        return status;
    path->meta.payload_len = len;
    return inbox_reserve(path->inbox, &path->meta, ret_event);
}

maiko_status maiko_import_lend(maiko_import_path *path, const void *event, size_t len, void (*release)(void *owner), void *owner)
{
    bool is_given = path != NULL && event != NULL && release != NULL && (uintptr_t)event % 8 == 0;
    maiko_status status = is_given ? check_import(path, len) : MAIKO_EINVAL;
    struct inbox_event meta;
    void *payload;

    if (status != MAIKO_OK)
        return status;
    meta = path->meta;
    meta.payload = event;
    meta.payload_len = len;
    meta.foreign = (struct envelope_foreign){.release = release, .owner = owner};
    return inbox_reserve(path->inbox, &meta, &payload);
}

void maiko_import_commit(maiko_import_path *path, const maiko_import *meta)
{
    if (!supervisor_is_forked(path->inbox->sup))
        inbox_commit(path->inbox, meta);
}

maiko_status maiko_import_reserve_run(maiko_import_path *path, size_t len, uint32_t most, struct maiko_import_run *ret_run)
{
    maiko_status status = path == NULL || most == 0 ? MAIKO_EINVAL : check_import(path, len);

    if (status != MAIKO_OK)
        return status;
    if (len > POOL_LARGEST)
        return MAIKO_ETOOLONG;
    path->meta.payload_len = len;
    return inbox_reserve_run(path->inbox, &path->meta, most, ret_run);
}

uint32_t maiko_import_commit_run(maiko_import_path *path, uint64_t id_hi, uint8_t hops, uint32_t count)
{
    return supervisor_is_forked(path->inbox->sup) ? 0 : inbox_commit_run(path->inbox, id_hi, hops, count);
}

void maiko_import_abandon(maiko_import_path *path)
{
    if (!supervisor_is_forked(path->inbox->sup))
        inbox_abandon(path->inbox);
}

maiko_status maiko_importer_flush(maiko_importer *importer)
{
    if (importer == NULL)
        return MAIKO_EINVAL;
    return is_forked(importer) ? MAIKO_EFORKED : inbox_flush(importer->inbox);
}

maiko_status maiko_importer_adopt(maiko_importer *importer, maiko_schema *schema)
{
    if (importer == NULL || schema == NULL)
        return MAIKO_EINVAL;
    return is_forked(importer) ? MAIKO_EFORKED : envelope_root_adopt(importer->inbox->sup->root, schema);
}

bool maiko_importer_has_room(maiko_importer *importer)
{
    return importer != NULL && !is_forked(importer) && !inbox_is_full(importer->inbox);
}

void maiko_importer_on_room(maiko_importer *importer, void (*notify)(void *userdata), void *userdata)
{
    if (importer == NULL || is_forked(importer))
        return;
    pthread_mutex_lock(&importer->inbox->lock);
    importer->inbox->notify = notify;
    importer->inbox->notify_userdata = userdata;
    pthread_mutex_unlock(&importer->inbox->lock);
}

maiko_status maiko_importer_watch(maiko_importer *importer, int fd, struct maiko_visit *visit)
{
    if (importer == NULL || visit == NULL)
        return MAIKO_EINVAL;
    if (is_forked(importer))
        return MAIKO_EFORKED;
    if (importer->inbox->sup->config.mode != MAIKO_THREADS)
        return MAIKO_ENOTSUP;
    return wakeup_watch(&importer->inbox->gate->shard->wakeup, fd, visit);
}

void maiko_importer_unwatch(maiko_importer *importer, int fd)
{
    if (importer != NULL && !is_forked(importer) && importer->inbox->sup->config.mode == MAIKO_THREADS)
        wakeup_unwatch(&importer->inbox->gate->shard->wakeup, fd);
}

maiko_status maiko_importer_finish(maiko_importer *importer)
{
    struct inbox_event finish = {.is_finish = true};

    if (importer == NULL)
        return MAIKO_EINVAL;
    return is_forked(importer) ? MAIKO_EFORKED : inbox_send(importer->inbox, &finish, false);
}

uint8_t maiko_envelope_hops(const maiko_envelope *envelope)
{
    return envelope == NULL ? 0 : envelope_of(envelope)->hops;
}

bool maiko_envelope_is_from(const maiko_envelope *envelope, const maiko_importer *importer)
{
    return envelope != NULL && importer != NULL && envelope_of(envelope)->origin == importer->inbox->gate;
}

/* --- holds --- */

/* The actor of a context whose hook runs here. */
static maiko_status check_holder(maiko_context *ctx, struct actor **ret_actor)
{
    struct actor *actor = actor_of_context(ctx);

    if (actor == NULL || actor->is_gate)
        return actor == NULL && ctx != NULL ? MAIKO_ECLOSED : MAIKO_EINVAL;
    if (supervisor_is_forked(actor->shard->sup))
        return MAIKO_EFORKED;
    if (actor->state == ACTOR_STOPPED || actor->state == ACTOR_FREE)
        return MAIKO_ECLOSED;
    if (actor->shard != shard_of_this_thread || actor->shard->current != actor)
        return MAIKO_ETHREAD;
    *ret_actor = actor;
    return MAIKO_OK;
}

/* Relaxed: our own shard looks at it next; another one learns of it as of any debt, see owe() in dispatch.c. */
static maiko_status hold(struct shard *shard, struct actor *actor, maiko_hold **ret_hold)
{
    struct maiko_hold *hold = heap_alloc(shard->heap, sizeof *hold);

    if (hold == NULL)
        return MAIKO_ENOMEM;
    hold->actor = actor;
    hold->heap = shard->heap;
    atomic_fetch_add_explicit(&actor->remote_debt, 1, memory_order_relaxed);
    if (actor->shard == shard)
        actor->is_overdrawn = false; /* it must not run, cycle or not */
    *ret_hold = hold;
    return MAIKO_OK;
}

static maiko_status hold_new(maiko_context *ctx, maiko_hold **ret_hold)
{
    struct actor *actor;
    maiko_status status = ret_hold == NULL ? MAIKO_EINVAL : check_holder(ctx, &actor);

    return status == MAIKO_OK ? hold(actor->shard, actor, ret_hold) : status;
}

maiko_status maiko_hold_new(maiko_context *ctx, maiko_hold **ret_hold)
{
    struct shard *left = offline_return();
    maiko_status status = hold_new(ctx, ret_hold);

    offline_leave(left);
    return status;
}

/* A record is not reused while its actor is in debt, or a pooled event of it is lent.  One on the heap keeps nothing: the record
 * may be somebody else's by now, which its id tells under the lock that gives records up. */
static maiko_status hold_heap_sender(struct shard *shard, const struct envelope *envelope, maiko_hold **ret_hold)
{
    maiko_status status = MAIKO_EINVAL;

    pthread_mutex_lock(&shard->sup->lock);
    if (envelope->origin->is_gate || envelope->origin->sender.id == envelope->sender->id)
        status = hold(shard, envelope->origin, ret_hold);
    pthread_mutex_unlock(&shard->sup->lock);
    return status;
}

static maiko_status hold_sender(maiko_context *ctx, const maiko_envelope *envelope, maiko_hold **ret_hold)
{
    const struct envelope *lent = envelope == NULL ? NULL : envelope_of(envelope);
    struct actor *actor;
    maiko_status status = ret_hold == NULL || envelope == NULL ? MAIKO_EINVAL : check_holder(ctx, &actor);

    if (status != MAIKO_OK)
        return status;
    if (lent->origin == NULL)
        return MAIKO_EINVAL;
    return lent->home == HOME_HEAP ? hold_heap_sender(actor->shard, lent, ret_hold) : hold(actor->shard, lent->origin, ret_hold);
}

maiko_status maiko_hold_sender(maiko_context *ctx, const maiko_envelope *envelope, maiko_hold **ret_hold)
{
    struct shard *left = offline_return();
    maiko_status status = hold_sender(ctx, envelope, ret_hold);

    offline_leave(left);
    return status;
}

void maiko_hold_release(maiko_hold *hold)
{
    if (hold == NULL || supervisor_is_forked(hold->actor->shard->sup)) /* the wake-up would be the parent's */
        return;
    shard_pay_from_outside(hold->actor);
    heap_free(hold->heap, hold, sizeof *hold);
}
