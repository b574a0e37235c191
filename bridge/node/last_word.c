/* Last word, see last_word.h. */
#include "node/last_word.h"

static const uint64_t retry_after_ns = MAIKO_MS(10);

/* ---- the bridge's thread ---- */

static maiko_status send_word(const struct node_importer *way)
{
    const maiko_bridge_ended last = {.index = LAST_WORD};
    const maiko_import import = {.struct_size = sizeof(import),
                                 .topic = END_EVENT_TOPIC,
                                 .type = MAIKO_TYPE(maiko_bridge_ended),
                                 .event = &last,
                                 .len = sizeof(last),
                                 .try_only = true};

    return maiko_importer_send(way->importer, &import);
}

/* A way that is closed, because its only sender has finished, brings nothing, and takes no word. */
static maiko_status say_by(maiko_bridge *bridge, struct node_importer *way)
{
    maiko_status status = way->has_said_word ? MAIKO_OK : send_word(way);

    if (status == MAIKO_OK && !way->has_said_word)
        bridge->words_said++;
    way->has_said_word = status == MAIKO_OK || status == MAIKO_ECLOSED;
    return way->has_said_word ? MAIKO_OK : status;
}

/* One that is full keeps no other from being told. */
static maiko_status say_by_others(maiko_bridge *bridge)
{
    maiko_status status = MAIKO_OK;
    struct list *link;
    size_t i;

    for (i = 1; i < NODE_IMPORTERS; i++) {
        maiko_status one = say_by(bridge, &bridge->importers[i]);

        status = one != MAIKO_OK ? one : status;
    }
    LIST_FOR_EACH (link, &bridge->expected) {
        maiko_status one = say_by(bridge, &CONTAINER_OF(link, struct node_actor, link)->importer);

        status = one != MAIKO_OK ? one : status;
    }
    return status;
}

/* The first way's comes when it is known how many there are. */
static maiko_status say(maiko_bridge *bridge)
{
    maiko_status status = bridge->has_relays ? say_by_others(bridge) : MAIKO_OK;

    if (status != MAIKO_OK)
        return status;
    atomic_store(&bridge->words_awaited, bridge->words_said + 1);
    status = send_word(&bridge->importers[0]);
    bridge->importers[0].has_said_word = status == MAIKO_OK;
    return status;
}

/* Nobody waits for ever: it ends without the word.  That it has gone already, or goes with all others, is as good; and when it
 * has not in time, it goes later. */
static maiko_status end_without_word(maiko_bridge *bridge, maiko_status refusal)
{
    maiko_status status = maiko_supervisor_remove(bridge->sup, EXPORT_ACTOR);

    if (status != MAIKO_ENOMEM)
        node_log(
            bridge, MAIKO_LOG_ERROR,
            "the export of %s ends without its last word, which was refused (%s): what came from outside at last may be lost",
            bridge->node_name, maiko_strerror(refusal));
    return status == MAIKO_ENOMEM ? status : MAIKO_OK;
}

/* Behind everything that this thread has brought in. */
uint64_t node_export_end(maiko_bridge *bridge, uint64_t deadline_ns)
{
    uint64_t retry_ns = clock_deadline(node_now(bridge), retry_after_ns);
    maiko_status status = MAIKO_ENOMEM;

    if (!atomic_load(&bridge->wants_last_word))
        return deadline_ns;
    if (fifo_is_empty(&bridge->dirty))
        status = say(bridge);
    if (status != MAIKO_OK && status != MAIKO_EFULL && status != MAIKO_ENOMEM && status != MAIKO_ECLOSED)
        status = end_without_word(bridge, status);
    atomic_store(&bridge->wants_last_word, status == MAIKO_EFULL || status == MAIKO_ENOMEM);
    return status == MAIKO_ENOMEM && retry_ns < deadline_ns ? retry_ns : deadline_ns; /* room is told of */
}

bool last_word_was_said(const maiko_bridge *bridge, const struct node_importer *way)
{
    return way->has_said_word || atomic_load_explicit(&bridge->has_export_stopped, memory_order_acquire);
}

/* ---- the export actor ---- */

static struct node_importer *way_of(const maiko_bridge *bridge, const maiko_envelope *envelope)
{
    struct list *link;
    size_t i;

    for (i = 0; i < NODE_IMPORTERS; i++)
        if (maiko_envelope_is_from(envelope, bridge->importers[i].importer))
            return (struct node_importer *)(uintptr_t)&bridge->importers[i];
    LIST_FOR_EACH (link, &bridge->expected) {
        struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);

        if (maiko_envelope_is_from(envelope, actor->importer.importer))
            return &actor->importer;
    }
    return NULL;
}

bool last_word_hear(maiko_bridge *bridge, const maiko_envelope *envelope)
{
    struct node_importer *way = way_of(bridge, envelope);

    if (way != NULL)
        way->was_word_heard = true;
    return ++bridge->words_heard == atomic_load(&bridge->words_awaited); /* stored before the last of them was sent */
}

bool last_word_is_before(const maiko_bridge *bridge, const maiko_envelope *envelope)
{
    const struct node_importer *way = bridge->words_heard == 0 ? NULL : way_of(bridge, envelope);

    return way != NULL && way->was_word_heard;
}
