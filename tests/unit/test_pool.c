/* Pool: envelopes of every size, none handed out twice, and epochs that wait for the last of their envelopes. */
#include <string.h>

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/poison.h"
#include "lib/suite.h"
#include "runtime/pool.h"

enum { OUT = 200 };

static void every_payload_has_room_in_its_class(void)
{
    size_t len;

    for (len = 0; len <= POOL_LARGEST; len++) {
        unsigned size_class = pool_class(len);

        if (size_class >= POOL_CLASSES || ((size_t)64 << size_class) < len ||
            (size_class > 0 && ((size_t)32 << size_class) >= len))
            SUITE_FAIL("%zu bytes are of class %u", len, size_class);
    }
    CU_ASSERT_EQUAL(pool_class(POOL_LARGEST + 1), POOL_CLASSES);
    CU_ASSERT_EQUAL(pool_class(SIZE_MAX), POOL_CLASSES);
}

static bool is_filled(const struct envelope *envelope, uint8_t fill)
{
    const uint8_t *payload = envelope->head.payload;
    size_t i;

    for (i = 0; i < envelope->head.payload_len; i++) {
        if (payload[i] != fill)
            return false;
    }
    return true;
}

static void nothing_is_handed_out_twice(void)
{
    struct failing_allocator memory;
    struct envelope *out[OUT] = {NULL};
    struct heap heap;
    struct pool pool;
    struct dice dice;
    long step;
    size_t i;

    failing_allocator_init(&memory);
    heap_init(&heap, &memory.allocator, 0);
    pool_init(&pool, &heap);
    dice_init(&dice);
    for (step = 0; step < 20000; step++) {
        size_t at = dice_below(&dice, OUT);
        size_t len = dice_below(&dice, dice_percent(&dice, 10) ? POOL_LARGEST + 1 : 128);

        if (step % 1000 == 0)
            failing_allocator_fail_nth(&memory, 0);
        if (out[at] != NULL) {
            CU_ASSERT(is_filled(out[at], (uint8_t)at));
            pool_give(&pool, out[at]);
            out[at] = NULL;
        } else if ((out[at] = pool_take(&pool, pool_class(len), len)) != NULL) {
            memset((void *)(uintptr_t)out[at]->head.payload, (int)at, len);
        }
    }
    for (i = 0; i < OUT; i++) {
        if (out[i] != NULL)
            pool_give(&pool, out[i]);
    }
    for (i = 0; i < POOL_EPOCHS; i++)
        CU_ASSERT_EQUAL(pool.live[i], 0);
    pool_deinit(&pool);
    CU_ASSERT(failing_allocator_is_balanced(&memory));
}

static void an_epoch_waits_for_its_last_envelope(void)
{
    struct heap heap;
    struct pool pool;
    struct envelope *envelope;
    int advanced = 0;

    heap_init(&heap, NULL, 0);
    pool_init(&pool, &heap);
    envelope = pool_take(&pool, 0, 8);
    CU_ASSERT_PTR_NOT_NULL_FATAL(envelope);
    while (advanced < 10 && pool_advance_epoch(&pool))
        advanced++;
    CU_ASSERT_EQUAL(advanced, POOL_EPOCHS - 1);
    pool_give(&pool, envelope);
    CU_ASSERT(pool_advance_epoch(&pool));
    pool_deinit(&pool);
}

/* Under the address sanitizer; what has never been handed out is, too. */
static void what_was_given_back_is_poisoned(void)
{
    struct envelope *first;
    struct envelope *second;
    struct heap heap;
    struct pool pool;
    size_t len;

    heap_init(&heap, NULL, 0);
    for (len = 1; len <= POOL_LARGEST; len *= 2) {
        pool_init(&pool, &heap);
        first = pool_take(&pool, pool_class(len), len);
        second = pool_take(&pool, pool_class(len), len);
        CU_ASSERT_PTR_NOT_NULL_FATAL(first);
        CU_ASSERT_PTR_NOT_NULL_FATAL(second);
        CU_ASSERT_EQUAL(poisoned_bytes(first + 1, len), 0);
        pool_give(&pool, first);
        CU_ASSERT_EQUAL(poisoned_bytes(first + 1, len), POISON_IS_KNOWN ? len : 0);
        CU_ASSERT_EQUAL(poisoned_bytes(second + 1, len), 0);
        CU_ASSERT_PTR_EQUAL(pool_take(&pool, pool_class(len), len), first);
        CU_ASSERT_EQUAL(poisoned_bytes(first + 1, len), 0);
        pool_give(&pool, second);
        pool_deinit(&pool);
    }
}

static const struct test_case cases[] = {
    TEST_CASE(every_payload_has_room_in_its_class),
    TEST_CASE(nothing_is_handed_out_twice),
    TEST_CASE(an_epoch_waits_for_its_last_envelope),
    TEST_CASE(what_was_given_back_is_poisoned),
};
SUITE_MAIN("pool", cases)
