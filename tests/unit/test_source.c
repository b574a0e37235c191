/* Sources: one per topic, type, sender and prefix of ids, found at a glance or by names; the two ways agree. */
#include "node/source.h"

#include <stdlib.h>
#include <string.h>

#include "lib/suite.h"
#include "message/envelope.h"

#define NOTE_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(note, "note", NOTE_FIELDS)
MAIKO_EVENT(remark, "remark", NOTE_FIELDS)

enum { MANY = 3 * SOURCES_SEEN };

static struct topic *topic_named(uint32_t id, const char *name)
{
    struct topic *topic = calloc(1, sizeof(*topic) + strlen(name) + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(topic);
    topic->id = id;
    topic->len = (uint16_t)strlen(name);
    strcpy(topic->name, name);
    return topic;
}

static struct envelope event_of(const struct topic *topic, const struct sender *sender)
{
    return (struct envelope){
        .head = {.type = MAIKO_TYPE(note)}, .home = HOME_POOL, .id = {7, 1}, .topic = topic, .sender = sender};
}

static struct source *found(struct sources *sources, const struct envelope *event)
{
    struct source *source = sources_find(sources, &event->head);

    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    CU_ASSERT_PTR_EQUAL(source->type, event->head.type);
    CU_ASSERT_EQUAL(source->prefix, event->id.hi);
    CU_ASSERT_EQUAL(source->hops, event->hops);
    CU_ASSERT_STRING_EQUAL(source->sender, event->sender->name);
    CU_ASSERT_STRING_EQUAL(source->topic->name, event->topic->name);
    return source;
}

static void everything_that_tells_sources_apart_does(void)
{
    const struct sender one = {.id = 1, .name = "one"};
    const struct sender two = {.id = 1 + SOURCES_SEEN, .name = "two"}; /* remembered in the same place */
    struct topic *first = topic_named(0, "a");
    struct topic *second = topic_named(SOURCES_SEEN, "b");
    struct envelope events[6];
    struct source *sources_of[6];
    struct sources sources;
    unsigned round;
    unsigned i;
    unsigned k;

    sources_init(&sources, heap_default(), NULL);
    for (i = 0; i < 6; i++)
        events[i] = event_of(first, &one);
    events[1].topic = second;
    events[2].sender = &two;
    events[3].head.type = MAIKO_TYPE(remark);
    events[4].id.hi = 8;
    events[5].hops = 1;
    for (i = 0; i < 6; i++)
        sources_of[i] = found(&sources, &events[i]);
    for (i = 0; i < 6; i++)
        for (k = 0; k < i; k++)
            CU_ASSERT_PTR_NOT_EQUAL(sources_of[i], sources_of[k]);
    for (round = 0; round < 2; round++)
        for (i = 0; i < 6; i++)
            CU_ASSERT_PTR_EQUAL(found(&sources, &events[i]), sources_of[i]);
    sources_deinit(&sources);
    free(first);
    free(second);
}

static void many_senders_take_turns(void)
{
    static struct sender senders[MANY];
    static char names[MANY][8];
    static struct source *sources_of[MANY];
    struct topic *topic = topic_named(3, "a");
    struct sources sources;
    unsigned i;

    sources_init(&sources, heap_default(), NULL);
    for (i = 0; i < 2 * MANY; i++) {
        unsigned which = i % MANY;
        struct envelope event;

        snprintf(names[which], sizeof(names[which]), "s%u", which);
        senders[which] = (struct sender){.id = which, .name = names[which]};
        event = event_of(topic, &senders[which]);
        if (i < MANY)
            sources_of[which] = found(&sources, &event);
        CU_ASSERT_PTR_EQUAL(found(&sources, &event), sources_of[which]);
    }
    CU_ASSERT_EQUAL(sources.sources.count, MANY);
    sources_deinit(&sources);
    free(topic);
}

/* The names of an event on the heap are its own, and lie where others' lay; senders of other processes share one id. */
static void what_may_lie_where_another_lay_is_found_by_its_names(void)
{
    struct sender sender = {.id = 5, .name = "one"};
    struct topic *topic = topic_named(0, "a");
    struct envelope event = event_of(topic, &sender);
    struct source *pooled;
    struct source *kept;
    struct sources sources;

    sources_init(&sources, heap_default(), NULL);
    pooled = found(&sources, &event);
    event.home = HOME_HEAP;
    CU_ASSERT_PTR_EQUAL(found(&sources, &event), pooled);
    strcpy(topic->name, "b");
    kept = found(&sources, &event);
    CU_ASSERT_PTR_NOT_EQUAL(kept, pooled);
    event.home = HOME_POOL;
    sender = (struct sender){.id = UINT64_MAX, .name = "far"};
    (void)found(&sources, &event);
    sender.name = "farther";
    (void)found(&sources, &event);
    sources_deinit(&sources);
    free(topic);
}

static void what_was_given_up_is_not_found_again(void)
{
    const struct sender sender = {.id = 5, .name = "one"};
    struct topic *topic = topic_named(0, "a");
    struct envelope event = event_of(topic, &sender);
    struct sources sources;
    struct fifo given_up;

    sources_init(&sources, heap_default(), NULL);
    (void)found(&sources, &event);
    given_up = sources_give_up(&sources);
    sources_free_all(heap_default(), &given_up);
    (void)found(&sources, &event);
    sources_deinit(&sources);
    free(topic);
}

static const struct test_case cases[] = {TEST_CASE(everything_that_tells_sources_apart_does), TEST_CASE(many_senders_take_turns),
                                         TEST_CASE(what_may_lie_where_another_lay_is_found_by_its_names),
                                         TEST_CASE(what_was_given_up_is_not_found_again)};
SUITE_MAIN("sources", cases)
