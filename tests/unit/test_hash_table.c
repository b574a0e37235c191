/* Hash table and hash functions: a random history compared with a plain array, and allocation failure. */
#include "base/hash.h"
#include "base/hash_table.h"
#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"

#include <stdio.h>
#include <string.h>

enum { ITEMS = 500 };

struct item {
    char name[24];
    uint64_t number;
    bool is_in;
};

static const char *name_of(const void *value)
{
    return ((const struct item *)value)->name;
}

static void name_items(struct item *items)
{
    for (int i = 0; i < ITEMS; i++) {
        items[i].number = (uint64_t)i * 1024; /* equal low bits */
        items[i].is_in = false;
        snprintf(items[i].name, sizeof(items[i].name), "item/%d", i);
    }
}

static size_t count_all(const struct hash_table *table)
{
    size_t position = 0;
    size_t count = 0;
    const struct item *item;

    while ((item = hash_table_next(table, &position)) != NULL)
        count += item->is_in ? 1 : ITEMS;
    return count;
}

static void a_random_history_of_names_agrees_with_an_array(void)
{
    static struct item items[ITEMS];
    struct hash_table table;
    struct dice dice;
    struct heap heap;
    size_t in = 0;

    dice_init(&dice);
    heap_init(&heap, NULL, 0);
    hash_table_init(&table, &heap, name_of);
    name_items(items);
    for (int round = 0; round < 20000; round++) {
        struct item *item = &items[dice_below(&dice, ITEMS)];
        char longer[32];

        snprintf(longer, sizeof(longer), "%s!", item->name);
        CU_ASSERT_PTR_EQUAL(hash_table_find(&table, item->name), item->is_in ? item : NULL);
        CU_ASSERT_PTR_EQUAL(hash_table_find_len(&table, longer, strlen(item->name)), item->is_in ? item : NULL);
        CU_ASSERT_PTR_NULL(hash_table_find(&table, longer));
        if (dice_percent(&dice, round % 4000 < 2000 ? 70 : 30)) {
            CU_ASSERT_EQUAL(hash_table_insert(&table, item), item->is_in ? MAIKO_EEXIST : MAIKO_OK);
            in += item->is_in ? 0 : 1;
            item->is_in = true;
        } else {
            CU_ASSERT_PTR_EQUAL(hash_table_remove(&table, item->name), item->is_in ? item : NULL);
            in -= item->is_in ? 1 : 0;
            item->is_in = false;
        }
        CU_ASSERT_EQUAL(table.count, in);
        if (round % 1000 == 0)
            CU_ASSERT_EQUAL(count_all(&table), in);
    }
    hash_table_deinit(&table);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
}

static void numbers_are_keys_too(void)
{
    static struct item items[ITEMS];
    struct hash_table table;
    struct heap heap;

    heap_init(&heap, NULL, 0);
    hash_table_init_u64(&table, &heap);
    name_items(items);
    CU_ASSERT_PTR_NULL(hash_table_find_u64(&table, 0));
    CU_ASSERT_PTR_NULL(hash_table_remove_u64(&table, 0));
    for (int i = 0; i < ITEMS; i++)
        CU_ASSERT_EQUAL(hash_table_insert_u64(&table, items[i].number, &items[i]), MAIKO_OK);
    CU_ASSERT_EQUAL(hash_table_insert_u64(&table, 0, &items[1]), MAIKO_EEXIST);
    for (int i = 0; i < ITEMS; i += 2)
        CU_ASSERT_PTR_EQUAL(hash_table_remove_u64(&table, items[i].number), &items[i]);
    for (int i = 0; i < ITEMS; i++)
        CU_ASSERT_PTR_EQUAL(hash_table_find_u64(&table, items[i].number), i % 2 == 0 ? NULL : &items[i]);
    hash_table_deinit(&table);
}

static void equal_hashes_do_not_make_equal_keys(void)
{
    struct item item = {.name = "longer"};
    struct hash_table table;

    hash_table_init(&table, heap_default(), name_of);
    CU_ASSERT_EQUAL(hash_table_insert_hashed(&table, hash_bytes("long", 4, 0), &item), MAIKO_OK);
    CU_ASSERT_EQUAL(hash_table_insert_hashed(&table, hash_bytes("longest", 7, 0), &item), MAIKO_OK);
    CU_ASSERT_PTR_NULL(hash_table_find(&table, "long"));
    CU_ASSERT_PTR_NULL(hash_table_find(&table, "longest"));
    hash_table_deinit(&table);
}

static void reserved_room_needs_no_further_allocation(void)
{
    static struct item items[ITEMS];
    struct failing_allocator failing;
    struct hash_table table;
    struct heap heap;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    hash_table_init(&table, &heap, name_of);
    table.seed = 12345;
    name_items(items);
    CU_ASSERT_EQUAL(hash_table_reserve(&table, ITEMS), MAIKO_OK);
    failing_allocator_fail_from(&failing, 0);
    for (int i = 0; i < ITEMS; i++)
        CU_ASSERT_EQUAL(hash_table_insert(&table, &items[i]), MAIKO_OK);
    CU_ASSERT_EQUAL(hash_table_reserve(&table, SIZE_MAX), MAIKO_ENOMEM);
    hash_table_deinit(&table);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static void a_table_that_cannot_grow_is_unchanged(void)
{
    static struct item items[ITEMS];
    struct failing_allocator failing;
    struct hash_table table;
    struct heap heap;
    int refused = 0;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    hash_table_init(&table, &heap, name_of);
    name_items(items);
    for (int i = 0; i < ITEMS; i++) {
        failing_allocator_fail_nth(&failing, 0);
        if (hash_table_insert(&table, &items[i]) != MAIKO_OK) {
            refused++;
            CU_ASSERT_EQUAL(table.count, (size_t)i);
            CU_ASSERT_PTR_NULL(hash_table_find(&table, items[i].name));
            for (int j = 0; j < i; j++)
                CU_ASSERT_PTR_EQUAL(hash_table_find(&table, items[j].name), &items[j]);
            CU_ASSERT_EQUAL(hash_table_insert(&table, &items[i]), MAIKO_OK);
        }
    }
    CU_ASSERT_TRUE(refused >= 6);
    hash_table_deinit(&table);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static void stable_hashes_never_change(void)
{
    CU_ASSERT_EQUAL(hash_stable(HASH_STABLE_INIT, "", 0), UINT64_C(0xcbf29ce484222325));
    CU_ASSERT_EQUAL(hash_stable(HASH_STABLE_INIT, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    CU_ASSERT_EQUAL(hash_stable(HASH_STABLE_INIT, "foobar", 6), UINT64_C(0x85944171f73967e8));
    CU_ASSERT_EQUAL(hash_stable_u64(HASH_STABLE_INIT, 1), hash_stable(HASH_STABLE_INIT, "\1\0\0\0\0\0\0\0", 8));
}

static void fast_hashes_spread_similar_keys(void)
{
    unsigned buckets[256] = {0};
    char key[32];
    unsigned most = 0;

    for (int i = 0; i < 256 * 64; i++) {
        const int len = snprintf(key, sizeof(key), "sensors/%d/temperature", i);

        buckets[hash_bytes(key, (size_t)len, 0) & 255]++;
    }
    for (int i = 0; i < 256; i++)
        most = buckets[i] > most ? buckets[i] : most;
    CU_ASSERT_TRUE(most < 128);
    CU_ASSERT_NOT_EQUAL(hash_bytes("a", 1, 0), hash_bytes("a\0", 2, 0));
    CU_ASSERT_NOT_EQUAL(hash_bytes("a", 1, 0), hash_bytes("a", 1, 1));
}

/* Steps from where each entry belongs to where it stands. */
static size_t steps_of(const struct hash_table *table)
{
    size_t steps = 0;
    size_t i;

    for (i = 0; i < table->slot_count; i++)
        if (table->slots[i].value != NULL)
            steps += (i - table->slots[i].hash) & (table->slot_count - 1);
    return steps;
}

/* Names that a table without a seed would put into one place, found by anybody who reads this. */
static size_t fill_with_chosen_names(struct hash_table *table, struct item *items)
{
    enum { LOW_BITS = 1023 };
    unsigned long number = 0;
    int i;

    for (i = 0; i < ITEMS; i++) {
        do
            snprintf(items[i].name, sizeof items[i].name, "%lu", number++);
        while ((hash_bytes(items[i].name, strlen(items[i].name), 0) & LOW_BITS) != 0);
        CU_ASSERT_EQUAL(hash_table_insert(table, &items[i]), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(table->slot_count, LOW_BITS + 1);
    return steps_of(table);
}

static uint64_t hash_of(uint64_t first, uint64_t second, uint64_t seed)
{
    const uint64_t words[2] = {first, second};

    return hash_bytes(words, sizeof words, seed);
}

/* What makes up in the second word for a flipped bit of the first one: who knows the seed can work it out. */
static uint64_t answer_to(unsigned bit, uint64_t first, uint64_t seed)
{
    const uint64_t key = (seed ^ UINT64_C(0xbf58476d1ce4e5b9)) | 1;
    const uint64_t start = seed ^ (2 * sizeof first * UINT64_C(0x9e3779b97f4a7c15));

    return hash_fold(start ^ first, key) ^ hash_fold(start ^ first ^ UINT64_C(1) << bit, key);
}

/* Pairs of names that collide are easily made by who knows the seed; who does not knows none, as no pair collides under two. */
static void pairs_made_for_one_seed_are_none_for_another(void)
{
    const uint64_t known = UINT64_C(0x0123456789abcdef);
    const uint64_t first = UINT64_C(0x6161616161616161);
    unsigned bit;
    uint64_t i;

    for (bit = 0; bit < 64; bit++) {
        const uint64_t flipped = first ^ UINT64_C(1) << bit;
        const uint64_t answer = answer_to(bit, first, known);

        CU_ASSERT_EQUAL(hash_of(first, 0, known), hash_of(flipped, answer, known));
        for (i = 1; i <= 1000; i++)
            CU_ASSERT_NOT_EQUAL(hash_of(first, 0, hash_u64(i)), hash_of(flipped, answer, hash_u64(i)));
    }
}

/* With a constant in place of the key these were one hash under every seed: the top bit of a product's factor is that of the
 * product.  Fifteen such pairs in a row were 32 768 names. */
static void the_top_bit_has_no_answer_that_is_always_right(void)
{
    const uint64_t top = UINT64_C(1) << 63;
    const uint64_t answer = top | top >> 32;
    uint64_t i;

    for (i = 1; i <= 100000; i++)
        CU_ASSERT_NOT_EQUAL(hash_of(i, ~i, hash_u64(i)), hash_of(i ^ top, ~i ^ answer, hash_u64(i)));
}

static void names_cannot_be_chosen_to_collide(void)
{
    static struct item items[ITEMS];
    struct hash_table table;
    struct heap heap;

    heap_init(&heap, NULL, 0);
    hash_table_init(&table, &heap, name_of);
    CU_ASSERT(fill_with_chosen_names(&table, items) < (size_t)10 * ITEMS);
    hash_table_deinit(&table);
    hash_table_init(&table, &heap, name_of);
    table.seed = 0;
    CU_ASSERT_EQUAL(fill_with_chosen_names(&table, items), (size_t)ITEMS * (ITEMS - 1) / 2);
    hash_table_deinit(&table);
}

static const struct test_case cases[] = {
    TEST_CASE(a_random_history_of_names_agrees_with_an_array),
    TEST_CASE(numbers_are_keys_too),
    TEST_CASE(equal_hashes_do_not_make_equal_keys),
    TEST_CASE(reserved_room_needs_no_further_allocation),
    TEST_CASE(a_table_that_cannot_grow_is_unchanged),
    TEST_CASE(stable_hashes_never_change),
    TEST_CASE(fast_hashes_spread_similar_keys),
    TEST_CASE(names_cannot_be_chosen_to_collide),
    TEST_CASE(pairs_made_for_one_seed_are_none_for_another),
    TEST_CASE(the_top_bit_has_no_answer_that_is_always_right),
};
SUITE_MAIN("hash_table", cases)
