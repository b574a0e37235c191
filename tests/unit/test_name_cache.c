/* Name cache: what it finds is the topic of exactly that name; what it forgets costs time only. */
#include "runtime/name_cache.h"

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOPICS = 3000, NAME_ROOM = 32 };

static struct route routes[TOPICS];

static void make_topics(void)
{
    for (int i = 0; i < TOPICS; i++) {
        struct topic *topic = calloc(1, sizeof *topic + NAME_ROOM);

        CU_ASSERT_PTR_NOT_NULL_FATAL(topic);
        /* names that differ at the end, at the beginning and in the middle only */
        topic->len = (uint16_t)snprintf(topic->name, NAME_ROOM,
                                        i % 3 == 0   ? "room/%d"
                                        : i % 3 == 1 ? "%d/room"
                                                     : "rooms/%d/warmth",
                                        i);
        routes[i].topic = topic;
        routes[i].name = topic->name;
        routes[i].name_len = (uint8_t)topic->len;
    }
}

static void free_topics(void)
{
    for (int i = 0; i < TOPICS; i++)
        free(routes[i].topic);
}

static void no_name_is_mistaken_for_another(void)
{
    struct name_cache cache = {0};
    struct heap heap;
    int found = 0;

    heap_init(&heap, NULL, 0);
    make_topics();
    for (int i = 0; i < TOPICS; i++) {
        CU_ASSERT_PTR_NULL(name_cache_find(&cache, routes[i].topic->name));
        name_cache_add(&cache, &heap, &routes[i]);
        CU_ASSERT_PTR_EQUAL(name_cache_find(&cache, routes[i].topic->name), &routes[i]);
    }
    for (int i = 0; i < TOPICS; i++) {
        struct route *route = name_cache_find(&cache, routes[i].topic->name);

        CU_ASSERT(route == NULL || route == &routes[i]);
        found += route != NULL;
    }
    CU_ASSERT(found > TOPICS * 9 / 10);
    name_cache_deinit(&cache, &heap);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
    free_topics();
}

static void the_empty_name_and_prefixes_are_not_found(void)
{
    struct name_cache cache = {0};
    struct heap heap;

    heap_init(&heap, NULL, 0);
    make_topics();
    CU_ASSERT_PTR_NULL(name_cache_find(&cache, ""));
    name_cache_add(&cache, &heap, &routes[0]);
    CU_ASSERT_PTR_NULL(name_cache_find(&cache, ""));
    CU_ASSERT_PTR_NULL(name_cache_find(&cache, "room"));
    CU_ASSERT_PTR_NULL(name_cache_find(&cache, "room/00"));
    CU_ASSERT_PTR_EQUAL(name_cache_find(&cache, "room/0"), &routes[0]);
    name_cache_deinit(&cache, &heap);
    free_topics();
}

static void without_memory_it_only_forgets(void)
{
    struct failing_allocator failing;
    struct name_cache cache = {0};
    struct heap heap;

    make_topics();
    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    failing_allocator_fail_from(&failing, 0);
    name_cache_add(&cache, &heap, &routes[0]);
    CU_ASSERT_PTR_NULL(name_cache_find(&cache, routes[0].topic->name));
    name_cache_deinit(&cache, &heap);
    free_topics();
}

static void what_follows_a_name_is_guessed_but_never_believed(void)
{
    struct name_cache cache = {0};
    struct heap heap;
    struct dice dice;
    char buffer[NAME_ROOM];
    int found = 0;

    heap_init(&heap, NULL, 0);
    dice_init(&dice);
    make_topics();
    for (int i = 0; i < TOPICS; i++)
        name_cache_add(&cache, &heap, &routes[i]);
    for (int round = 0; round < 4 * TOPICS; round++) {
        /* once around in order, then at random; one buffer for all */
        const size_t i = round < 2 * TOPICS ? (size_t)round % TOPICS : dice_below(&dice, TOPICS);
        struct route *route;

        strcpy(buffer, routes[i].topic->name);
        route = name_cache_find(&cache, buffer);
        CU_ASSERT(route == NULL || route == &routes[i]);
        found += route != NULL;
        CU_ASSERT_PTR_NULL(name_cache_find(&cache, "nobody's"));
    }
    CU_ASSERT(found > 4 * TOPICS * 9 / 10);
    name_cache_deinit(&cache, &heap);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
    free_topics();
}

static const struct test_case cases[] = {
    TEST_CASE(no_name_is_mistaken_for_another),
    TEST_CASE(the_empty_name_and_prefixes_are_not_found),
    TEST_CASE(without_memory_it_only_forgets),
    TEST_CASE(what_follows_a_name_is_guessed_but_never_believed),
};
SUITE_MAIN("name_cache", cases)
