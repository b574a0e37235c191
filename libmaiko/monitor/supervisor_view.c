/* Supervisor view: what a program sees of its own supervisor: counters and topology. */
#include <string.h>

#include "monitor/counters_reader.h"
#include "monitor/topology.h"
#include "runtime/supervisor_internal.h"
#include <maiko/topology.h>

maiko_status maiko_supervisor_counters(maiko_supervisor *sup, maiko_counters **ret_counters)
{
    if (!supervisor_is_valid(sup) || ret_counters == NULL)
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    return counters_read_own(heap_default(), sup->counters, ret_counters);
}

/* Declarations copied out of the supervisor, so that drawing needs no lock. */
struct declarations {
    struct topology_actor *actors;
    const char **lists; /* NULL-terminated, one after the other */
    char *text;
    size_t actor_count;
    size_t list_size;
    size_t text_size;
    size_t list_at;
    size_t text_at;
};

/* Gates for outside threads and importers declare nothing. */
static bool declares(const struct actor *actor)
{
    return !actor->is_gate;
}

static const char *const *published(const struct actor *actor)
{
    /* acquire: the actor's shard may just be making it, without a list */
    const struct actor_rare *rare = __atomic_load_n(&actor->rare, __ATOMIC_ACQUIRE);

    return rare == NULL ? NULL : rare->publish;
}

static void measure(struct declarations *declared, struct actor *actor)
{
    const char *const *publish = published(actor);
    const struct subscription *subscription;
    uint32_t i;

    declared->actor_count++;
    declared->text_size += strlen(actor->sender.name) + 1;
    for (i = 0; (subscription = actor_declared(actor, i)) != NULL; i++)
        declared->text_size += strlen(subscription->pattern) + 1;
    declared->list_size += i + 1;
    for (i = 0; publish != NULL && publish[i] != NULL; i++) {
        declared->text_size += strlen(publish[i]) + 1;
        declared->list_size++;
    }
    declared->list_size += publish != NULL;
}

static const char *copy_text(struct declarations *declared, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = memcpy(declared->text + declared->text_at, text, size);

    declared->text_at += size;
    return copy;
}

static void copy(struct declarations *declared, struct actor *actor, struct topology_actor *to)
{
    const char *const *publish = published(actor);
    const struct subscription *subscription;
    uint32_t i;

    to->name = copy_text(declared, actor->sender.name);
    to->id = actor->sender.id;
    to->subscribe = declared->lists + declared->list_at;
    for (i = 0; (subscription = actor_declared(actor, i)) != NULL; i++)
        declared->lists[declared->list_at++] = copy_text(declared, subscription->pattern);
    declared->list_at++; /* its NULL is there */
    if (publish == NULL)
        return;
    to->publish = declared->lists + declared->list_at;
    for (i = 0; publish[i] != NULL; i++)
        declared->lists[declared->list_at++] = copy_text(declared, publish[i]);
    declared->list_at++;
}

static void declarations_deinit(struct declarations *declared)
{
    heap_free(heap_default(), declared->actors, declared->actor_count * sizeof(*declared->actors));
    heap_free(heap_default(), declared->lists, declared->list_size * sizeof(*declared->lists));
    heap_free(heap_default(), declared->text, declared->text_size);
}

/* Under the supervisor's lock: an actor in the table of names is there with its block, until it has left the table. */
static maiko_status declarations_init(struct declarations *declared, const struct maiko_supervisor *sup)
{
    struct actor *actor;
    size_t position = 0;
    size_t count = 0;

    *declared = (struct declarations){.actors = NULL};
    while ((actor = actor_names_next(&sup->names, &position)) != NULL)
        if (declares(actor))
            measure(declared, actor);
    declared->actors = heap_alloc_zeroed(heap_default(), declared->actor_count, sizeof(*declared->actors));
    declared->lists = heap_alloc_zeroed(heap_default(), declared->list_size, sizeof(*declared->lists));
    declared->text = heap_alloc(heap_default(), declared->text_size);
    if (declared->actors == NULL || declared->lists == NULL || declared->text == NULL)
        return MAIKO_ENOMEM;
    position = 0;
    while ((actor = actor_names_next(&sup->names, &position)) != NULL)
        if (declares(actor))
            copy(declared, actor, &declared->actors[count++]);
    return MAIKO_OK;
}

static maiko_status draw(maiko_supervisor *sup, char **ret_text,
                         maiko_status (*format)(struct heap *heap, const struct topology *topology, char **ret_text))
{
    struct declarations declared;
    maiko_status status;

    if (!supervisor_is_valid(sup) || ret_text == NULL)
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    pthread_mutex_lock(&sup->lock);
    status = declarations_init(&declared, sup);
    pthread_mutex_unlock(&sup->lock);
    if (status == MAIKO_OK)
        status = format(heap_default(),
                        &(struct topology){.name = sup->name, .actors = declared.actors, .actor_count = declared.actor_count},
                        ret_text);
    declarations_deinit(&declared);
    return status;
}

maiko_status maiko_supervisor_to_mermaid(maiko_supervisor *sup, char **ret_text)
{
    return draw(sup, ret_text, topology_to_mermaid);
}

maiko_status maiko_supervisor_to_json(maiko_supervisor *sup, char **ret_text)
{
    return draw(sup, ret_text, topology_to_json);
}

void maiko_text_free(char *text)
{
    heap_strfree(heap_default(), text);
}
