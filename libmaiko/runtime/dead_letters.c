/* Dead letters: a few notes per turn, made into events where no dispatch is under way. */
#include "runtime/dead_letters.h"

#include "runtime/supervisor_internal.h"
#include <maiko/system.h>
#include <string.h>

#define NOTES_PER_TURN 16u

static const char *reason_text(maiko_drop_reason reason)
{
    switch (reason) {
#define REASON_TEXT_(name, number, before_dispatch, text)                                                                        \
    case MAIKO_DROPPED_##name:                                                                                                   \
        return text;
        MAIKO_DROP_REASON_MAP(REASON_TEXT_)
#undef REASON_TEXT_
    }
    return "";
}

struct dead_letters {
    uint32_t count;
    uint64_t unreported;
    maiko_dead_letter notes[NOTES_PER_TURN];
};

static struct route *dead_route(struct shard *shard)
{
    struct topic *topic;

    if (shard->dead_route == NULL && registry_topic(&shard->sup->registry, MAIKO_TOPIC_DEAD, &topic) == MAIKO_OK)
        shard->dead_route = shard_route(shard, topic);
    if (shard->dead_route != NULL && shard->dead_route->is_stale && broker_build(&shard->broker, shard->dead_route) != MAIKO_OK)
        return NULL;
    return shard->dead_route;
}

static bool somebody_listens(struct shard *shard)
{
    struct route *route = dead_route(shard);

    return route != NULL && (route->target_count > 0 || route->remote_shards != 0);
}

static void copy_cut(char *field, size_t size, const char *text)
{
    struct text into;

    text_init_buffer(&into, field, size);
    text_append(&into, text);
}

static void fill(maiko_dead_letter *note, const struct topic *topic, const maiko_event_type *type, const char *sender)
{
    memset(note, 0, sizeof *note);
    copy_cut(note->topic, sizeof note->topic, topic->name);
    copy_cut(note->type, sizeof note->type, type->name);
    copy_cut(note->sender, sizeof note->sender, sender);
}

/* NULL: this one gets no note of its own, or nobody listens. */
static maiko_dead_letter *next_note(struct shard *shard)
{
    struct dead_letters *dead = shard->dead;

    if (!somebody_listens(shard))
        return NULL;
    if (dead == NULL) {
        dead = heap_alloc_zeroed(shard->heap, 1, sizeof *dead);
        shard->dead = dead;
    }
    if (dead == NULL)
        return NULL;
    if (dead->count < NOTES_PER_TURN)
        return &dead->notes[dead->count++];
    dead->unreported++;
    return NULL;
}

/* Neither drops of $sys/ events nor drops of what their handlers sent are reported: reports cannot feed on reports. */
static bool is_reportable(const struct envelope *envelope)
{
    return envelope != NULL && !envelope->topic->is_system && !envelope->from_system;
}

void dead_letter(struct shard *shard, const struct actor *subscriber, const struct envelope *envelope, maiko_drop_reason reason)
{
    maiko_dead_letter *note = is_reportable(envelope) ? next_note(shard) : NULL;

    if (note == NULL)
        return;
    fill(note, envelope->topic, envelope->head.type, envelope->sender->name);
    copy_cut(note->receiver, sizeof note->receiver, subscriber == NULL ? "" : subscriber->sender.name);
    copy_cut(note->reason, sizeof note->reason, reason_text(reason));
    note->reason_code = (uint32_t)reason;
    note->id_hi = envelope->id.hi;
    note->id_lo = envelope->id.lo;
}

void dead_letter_refused(struct shard *shard, const struct actor *sender, const struct topic *topic, const maiko_event_type *type,
                         maiko_status status)
{
    bool is_answer = shard->current_envelope != NULL && shard->current_envelope->from_system;
    maiko_dead_letter *note = topic->is_system || is_answer ? NULL : next_note(shard);

    if (note == NULL)
        return;
    fill(note, topic, type, sender->sender.name);
    copy_cut(note->reason, sizeof note->reason, maiko_strerror(status));
}

static bool send_note(struct shard *shard, struct route *route, const maiko_dead_letter *note)
{
    struct envelope *envelope = pool_take(&shard->pool, pool_class(sizeof *note), sizeof *note);

    if (envelope == NULL)
        return false;
    memcpy(envelope_payload(envelope), note, sizeof *note);
    envelope->head.type = MAIKO_TYPE(maiko_dead_letter);
    envelope->topic = route->topic;
    envelope->sender = &shard->sup->inbox->gate->sender;
    envelope->hops = 0;
    envelope->from_system = 1;
    streak_stop(&shard->streak);
    envelope->id = shard_next_id(shard);
    envelope->parent = (maiko_id){note->id_hi, note->id_lo};
    envelope->correlation = envelope->id;
    envelope->time_ns = shard_wall(shard);
    envelope->origin = NULL;
    COUNT_SHARED(shard->sup->inbox->gate->counters, sent, 1); /* its row: other shards and threads send in its name too */
    shard_publish(shard, NULL, route, envelope);
    return true;
}

bool dead_letters_send_noted(struct shard *shard)
{
    struct dead_letters *dead = shard->dead;
    uint32_t i;

    if (dead->count == 0)
        return false;
    dead->notes[dead->count - 1].unreported = dead->unreported;
    for (i = 0; i < dead->count && dead_route(shard) != NULL; i++)
        (void)send_note(shard, shard->dead_route, &dead->notes[i]);
    dead->count = 0;
    dead->unreported = 0;
    return true;
}

void dead_letters_deinit(struct shard *shard)
{
    heap_free(shard->heap, shard->dead, shard->dead == NULL ? 0 : sizeof *shard->dead);
    shard->dead = NULL;
}
