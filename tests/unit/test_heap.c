/* Heap: the cap, the count, and what happens when the host's allocator refuses. */
#include "base/heap.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"

#include <string.h>

static void used_bytes_come_back_to_zero(void)
{
    struct failing_allocator failing;
    struct heap heap;
    void *block;
    char *text;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    block = heap_alloc(&heap, 100);
    text = heap_strdup(&heap, "twelve bytes");
    CU_ASSERT_EQUAL(heap_used(&heap), 113);
    CU_ASSERT_STRING_EQUAL(text, "twelve bytes");
    heap_free(&heap, block, 100);
    heap_strfree(&heap, text);
    heap_free(&heap, NULL, 100);
    heap_strfree(&heap, NULL);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static void the_cap_is_exact(void)
{
    struct heap heap;
    void *most;
    void *last;

    heap_init(&heap, NULL, 1000);
    CU_ASSERT_PTR_NULL(heap_alloc(&heap, 1001));
    CU_ASSERT_PTR_NULL(heap_alloc(&heap, SIZE_MAX));
    most = heap_alloc(&heap, 999);
    CU_ASSERT_PTR_NOT_NULL(most);
    CU_ASSERT_PTR_NULL(heap_alloc(&heap, 2));
    last = heap_alloc(&heap, 1);
    CU_ASSERT_PTR_NOT_NULL(last);
    CU_ASSERT_PTR_NULL(heap_alloc(&heap, 1));
    heap_free(&heap, most, 999);
    heap_free(&heap, last, 1);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
}

static void a_refused_allocation_is_not_counted(void)
{
    struct failing_allocator failing;
    struct heap heap;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 1000);
    failing_allocator_fail_from(&failing, 0);
    CU_ASSERT_PTR_NULL(heap_alloc(&heap, 10));
    CU_ASSERT_PTR_NULL(heap_alloc_zeroed(&heap, 2, 10));
    CU_ASSERT_PTR_NULL(heap_strdup(&heap, "x"));
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
}

static void zeroed_blocks_are_zero_and_check_their_product(void)
{
    struct heap heap;
    unsigned char *block;
    bool is_zero = true;

    heap_init(&heap, NULL, 0);
    CU_ASSERT_PTR_NULL(heap_alloc_zeroed(&heap, SIZE_MAX / 2, 3));
    block = heap_alloc_zeroed(&heap, 7, 11);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    for (int i = 0; i < 77; i++)
        is_zero = is_zero && block[i] == 0;
    CU_ASSERT_TRUE(is_zero);
    heap_free(&heap, block, 77);
}

static void resize_keeps_the_contents_or_the_old_block(void)
{
    struct failing_allocator failing;
    struct heap heap;
    char *block;
    char *smaller;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    block = heap_resize(&heap, NULL, 0, 4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    memcpy(block, "abcd", 4);
    block = heap_resize(&heap, block, 4, 4000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    CU_ASSERT_EQUAL(memcmp(block, "abcd", 4), 0);
    failing_allocator_fail_nth(&failing, 0);
    CU_ASSERT_PTR_NULL(heap_resize(&heap, block, 4000, 8000));
    CU_ASSERT_EQUAL(memcmp(block, "abcd", 4), 0);
    smaller = heap_resize(&heap, block, 4000, 2);
    CU_ASSERT_EQUAL(memcmp(smaller, "ab", 2), 0);
    heap_free(&heap, smaller, 2);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static void a_block_of_no_bytes_is_a_block(void)
{
    struct failing_allocator failing;
    struct heap heap;
    void *block;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    block = heap_alloc(&heap, 0);
    CU_ASSERT_PTR_NOT_NULL(block);
    heap_free(&heap, block, 0);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
}

static void the_default_heap_works_and_keeps_no_count(void)
{
    char *text = heap_strndup(heap_default(), "hello, world", 5);

    CU_ASSERT_STRING_EQUAL(text, "hello");
    CU_ASSERT_EQUAL(heap_used(heap_default()), 0);
    heap_strfree(heap_default(), text);
}

static const struct test_case cases[] = {
    TEST_CASE(used_bytes_come_back_to_zero),
    TEST_CASE(the_cap_is_exact),
    TEST_CASE(a_refused_allocation_is_not_counted),
    TEST_CASE(zeroed_blocks_are_zero_and_check_their_product),
    TEST_CASE(resize_keeps_the_contents_or_the_old_block),
    TEST_CASE(a_block_of_no_bytes_is_a_block),
    TEST_CASE(the_default_heap_works_and_keeps_no_count),
};
SUITE_MAIN("heap", cases)
