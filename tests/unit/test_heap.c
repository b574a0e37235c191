/* Heap: the cap, the count, and what happens when the host's allocator refuses. */
#include "base/heap.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"

#include <pthread.h>
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

/* ---- the shelf ---- */

/* Every size that is kept gets a block that holds it, of at most an eighth more. */
static void sizes_are_rounded_up_by_an_eighth_at_most(void)
{
    bool is_right = true;
    size_t size;

    for (size = SHELF_SMALLEST; size <= SHELF_LARGEST; size += 61) {
        size_t rounded = shelf_round(size);

        is_right = is_right && rounded >= size && rounded - size < size / 8 && shelf_round(rounded) == rounded;
    }
    CU_ASSERT_TRUE(is_right);
    CU_ASSERT_EQUAL(shelf_round(SHELF_SMALLEST), SHELF_SMALLEST);
    CU_ASSERT_EQUAL(shelf_round(SHELF_LARGEST), SHELF_LARGEST);
    CU_ASSERT_FALSE(shelf_keeps(SHELF_SMALLEST - 1));
    CU_ASSERT_FALSE(shelf_keeps(SHELF_LARGEST + 1));
}

static void a_freed_block_is_the_next_of_its_size(void)
{
    const size_t sizes[] = {SHELF_SMALLEST, 65000, 65536, 70000, 200001, SHELF_LARGEST};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    void *blocks[sizeof(sizes) / sizeof(sizes[0])];
    struct shelf shelf;
    struct heap heap;
    size_t i;

    heap_init(&heap, NULL, 0);
    heap_use_shelf(&heap, &shelf);
    for (i = 0; i < count; i++) {
        blocks[i] = heap_alloc(&heap, sizes[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(blocks[i]);
        memset(blocks[i], (int)i, sizes[i]);
    }
    for (i = 0; i < count; i++)
        heap_free(&heap, blocks[i], sizes[i]);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
    for (i = 0; i < count; i++) {
        if (sizes[i] == 65000)
            continue; /* as large as 65536 by then */
        CU_ASSERT_PTR_EQUAL(heap_alloc(&heap, sizes[i]), blocks[i]);
        memset(blocks[i], (int)i, sizes[i]);
        heap_free(&heap, blocks[i], sizes[i]);
    }
    heap_clear_shelf(&heap);
    CU_ASSERT_EQUAL(shelf.bytes, 0);
}

static void a_shelf_keeps_a_bounded_number_of_bytes(void)
{
    enum { SIZE = 100000, COUNT = 2 * SHELF_BYTES / SIZE };
    static void *blocks[COUNT];
    struct shelf shelf;
    struct heap heap;
    size_t i;

    heap_init(&heap, NULL, 0);
    heap_use_shelf(&heap, &shelf);
    for (i = 0; i < COUNT; i++)
        blocks[i] = heap_alloc(&heap, SIZE);
    for (i = 0; i < COUNT; i++)
        heap_free(&heap, blocks[i], SIZE);
    CU_ASSERT(shelf.bytes <= SHELF_BYTES && shelf.bytes > SHELF_BYTES - shelf_round(SIZE));
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
    heap_clear_shelf(&heap);
    CU_ASSERT_EQUAL(shelf.bytes, 0);
}

/* Such as a child of fork() finds it for ever. */
static void a_shelf_that_is_taken_keeps_nobody_waiting(void)
{
    struct shelf shelf;
    struct heap heap;
    void *block;

    heap_init(&heap, NULL, 0);
    heap_use_shelf(&heap, &shelf);
    heap_free(&heap, heap_alloc(&heap, SHELF_SMALLEST), SHELF_SMALLEST);
    CU_ASSERT_FALSE(atomic_flag_test_and_set(&shelf.is_taken));
    block = heap_alloc(&heap, SHELF_SMALLEST);
    CU_ASSERT_PTR_NOT_NULL(block);
    heap_free(&heap, block, SHELF_SMALLEST);
    CU_ASSERT_EQUAL(shelf.bytes, SHELF_SMALLEST);
    atomic_flag_clear(&shelf.is_taken);
    heap_clear_shelf(&heap);
}

/* A cap is about all there is, and an allocator of the host's keeps what it likes. */
static void caps_and_allocators_of_the_host_have_no_shelf(void)
{
    struct failing_allocator failing;
    struct shelf shelf;
    struct heap heap;

    heap_init(&heap, NULL, 1000000);
    heap_use_shelf(&heap, &shelf);
    CU_ASSERT_PTR_NULL(heap.shelf);
    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    heap_use_shelf(&heap, &shelf);
    CU_ASSERT_PTR_NULL(heap.shelf);
    heap_free(&heap, heap_alloc(&heap, SHELF_SMALLEST), SHELF_SMALLEST);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
    heap_clear_shelf(&heap);
}

struct crowd {
    struct heap heap;
    _Atomic unsigned count;
    _Atomic unsigned mixed_up;
};

/* Nobody else has a block that one has. */
static void *come_and_go(void *argument)
{
    struct crowd *crowd = argument;
    unsigned char mark = (unsigned char)atomic_fetch_add(&crowd->count, 1);
    unsigned char *blocks[4] = {NULL};
    size_t i;

    for (i = 0; i < 4000; i++) {
        const size_t at = i % 4;
        const size_t size = SHELF_SMALLEST + at * 5000;

        if (blocks[at] != NULL) {
            if (blocks[at][0] != mark || blocks[at][size - 1] != mark)
                atomic_fetch_add(&crowd->mixed_up, 1);
            heap_free(&crowd->heap, blocks[at], size);
        }
        blocks[at] = heap_alloc(&crowd->heap, size);
        if (blocks[at] == NULL)
            break;
        blocks[at][0] = blocks[at][size - 1] = mark;
    }
    for (i = 0; i < 4; i++)
        heap_free(&crowd->heap, blocks[i], SHELF_SMALLEST + i * 5000);
    return NULL;
}

static void many_threads_share_a_shelf(void)
{
    struct crowd crowd = {.mixed_up = 0};
    struct shelf shelf;
    pthread_t threads[4];
    size_t count = 0;

    heap_init(&crowd.heap, NULL, 0);
    heap_use_shelf(&crowd.heap, &shelf);
    while (count < 4 && pthread_create(&threads[count], NULL, come_and_go, &crowd) == 0)
        count++;
    CU_ASSERT_EQUAL(count, 4);
    while (count > 0)
        pthread_join(threads[--count], NULL);
    CU_ASSERT_EQUAL(crowd.mixed_up, 0);
    CU_ASSERT_EQUAL(heap_used(&crowd.heap), 0);
    heap_clear_shelf(&crowd.heap);
    CU_ASSERT_EQUAL(shelf.bytes, 0);
}

static const struct test_case cases[] = {
    TEST_CASE(used_bytes_come_back_to_zero),
    TEST_CASE(the_cap_is_exact),
    TEST_CASE(a_refused_allocation_is_not_counted),
    TEST_CASE(zeroed_blocks_are_zero_and_check_their_product),
    TEST_CASE(resize_keeps_the_contents_or_the_old_block),
    TEST_CASE(a_block_of_no_bytes_is_a_block),
    TEST_CASE(the_default_heap_works_and_keeps_no_count),
    TEST_CASE(sizes_are_rounded_up_by_an_eighth_at_most),
    TEST_CASE(a_freed_block_is_the_next_of_its_size),
    TEST_CASE(a_shelf_keeps_a_bounded_number_of_bytes),
    TEST_CASE(a_shelf_that_is_taken_keeps_nobody_waiting),
    TEST_CASE(caps_and_allocators_of_the_host_have_no_shelf),
    TEST_CASE(many_threads_share_a_shelf),
};
SUITE_MAIN("heap", cases)
