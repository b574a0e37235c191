/* List: the ring and the queue. */
#include "base/list.h"
#include "lib/suite.h"

struct item {
    int number;
    struct list link;
    struct fifo_link next;
};

static int number_of(const struct list *link)
{
    return link != NULL ? CONTAINER_OF(link, struct item, link)->number : -1;
}

static void items_come_out_as_they_were_put_in(void)
{
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct list list;

    list_init(&list);
    CU_ASSERT_TRUE(list_is_empty(&list));
    CU_ASSERT_PTR_NULL(list_pop_front(&list));
    list_push_back(&list, &items[1].link);
    list_push_back(&list, &items[2].link);
    list_push_front(&list, &items[0].link);
    CU_ASSERT_EQUAL(number_of(list_last(&list)), 2);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(number_of(list_pop_front(&list)), i);
    CU_ASSERT_TRUE(list_is_empty(&list));
    CU_ASSERT_FALSE(list_is_linked(&items[1].link));
}

static void an_item_leaves_from_the_middle_while_others_are_visited(void)
{
    struct item items[5] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct list list;
    struct list *link;
    struct list *after;
    int sum = 0;

    list_init(&list);
    for (int i = 0; i < 5; i++)
        list_push_back(&list, &items[i].link);
    LIST_FOR_EACH_SAFE (link, after, &list) {
        if (number_of(link) % 2 == 0)
            list_remove(link);
    }
    LIST_FOR_EACH (link, &list) {
        sum = 10 * sum + number_of(link);
    }
    CU_ASSERT_EQUAL(sum, 13);
    list_remove(&items[0].link);
    CU_ASSERT_EQUAL(number_of(list_first(&list)), 1);
}

static void splicing_keeps_the_order_and_empties_the_source(void)
{
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    struct list to;
    struct list from;

    list_init(&to);
    list_init(&from);
    list_splice_back(&to, &from);
    CU_ASSERT_TRUE(list_is_empty(&to));
    list_push_back(&to, &items[0].link);
    for (int i = 1; i < 4; i++)
        list_push_back(&from, &items[i].link);
    list_splice_back(&to, &from);
    CU_ASSERT_TRUE(list_is_empty(&from));
    CU_ASSERT_EQUAL(number_of(list_last(&to)), 3);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(number_of(list_pop_front(&to)), i);
    CU_ASSERT_TRUE(list_is_empty(&to));
}

static void a_queue_survives_being_emptied(void)
{
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct fifo fifo = {NULL, NULL};

    for (int round = 0; round < 3; round++) {
        CU_ASSERT_TRUE(fifo_is_empty(&fifo));
        CU_ASSERT_PTR_NULL(fifo_pop(&fifo));
        for (int i = 0; i < 3; i++)
            fifo_push(&fifo, &items[(i + round) % 3].next);
        for (int i = 0; i < 3; i++)
            CU_ASSERT_EQUAL(CONTAINER_OF(fifo_pop(&fifo), struct item, next)->number, (i + round) % 3);
    }
}

static const struct test_case cases[] = {
    TEST_CASE(items_come_out_as_they_were_put_in),
    TEST_CASE(an_item_leaves_from_the_middle_while_others_are_visited),
    TEST_CASE(splicing_keeps_the_order_and_empties_the_source),
    TEST_CASE(a_queue_survives_being_emptied),
};
SUITE_MAIN("list", cases)
