/* An envelope around somebody else's memory: counted as ours, given back once, copied where a copy is wanted. */
#include <pthread.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "message/envelope.h"

#define CARGO_FIELDS(F) F(UINT64, number) F(TAIL, bytes, BYTES)
MAIKO_EVENT(cargo, "cargo", CARGO_FIELDS)

enum { LEN = 48, KEEPERS = 4 };

/* Somebody else's memory, and what became of it. */
struct parcel {
    uint64_t words[LEN / sizeof(uint64_t)];
    _Atomic int released;
    _Atomic int destroyed; /* when it was released */
};

static _Atomic int destroyed;

static void take_back(void *owner)
{
    struct parcel *parcel = owner;

    parcel->destroyed = destroyed;
    parcel->released++;
}

static void destroy_cargo(void *event)
{
    destroyed += ((cargo *)event)->number == 5;
}

static struct topic *make_topic(void)
{
    static _Alignas(struct topic) char block[sizeof(struct topic) + sizeof "cargo"];
    struct topic *topic = (struct topic *)(void *)block;

    topic->len = strlen("cargo");
    strcpy(topic->name, "cargo");
    return topic;
}

static struct envelope *wrap(struct envelope_root *root, const maiko_event_type *type, struct parcel *parcel)
{
    static const struct sender sender = {.name = "somebody", .id = 1};

    memset(parcel, 0, sizeof *parcel);
    parcel->words[0] = 5;
    parcel->words[1] = LEN - sizeof(cargo);
    return envelope_new_foreign(root, type, parcel->words, LEN, make_topic(), &sender,
                                (struct envelope_foreign){.release = take_back, .owner = parcel});
}

static void its_memory_goes_back_with_the_last_reference(void)
{
    struct envelope_root *root = envelope_root_new(NULL, 0);
    struct parcel parcel;
    struct envelope *envelope = wrap(root, MAIKO_TYPE(cargo), &parcel);

    CU_ASSERT_PTR_NOT_NULL_FATAL(envelope);
    CU_ASSERT_PTR_EQUAL(maiko_event_as(&envelope->head, cargo), parcel.words);
    CU_ASSERT_EQUAL(envelope->head.payload_len, LEN);
    CU_ASSERT_STRING_EQUAL(maiko_envelope_topic(&envelope->head), "cargo");
    CU_ASSERT_STRING_EQUAL(maiko_envelope_sender(&envelope->head), "somebody");
    CU_ASSERT_EQUAL(envelope_kept_bytes(envelope), envelope->home_size + LEN);
    envelope_ref_heap(envelope);
    envelope_root_unref(root); /* it outlives its supervisor */
    (void)maiko_envelope_unref(&envelope->head);
    CU_ASSERT_EQUAL(parcel.released, 0);
    (void)maiko_envelope_unref(&envelope->head);
    CU_ASSERT_EQUAL(parcel.released, 1);
}

static void its_memory_goes_back_behind_the_destructor(void)
{
    struct envelope_root *root = envelope_root_new(NULL, 0);
    maiko_event_type type = *MAIKO_TYPE(cargo);
    struct parcel parcel;
    struct envelope *envelope;

    type.destroy = destroy_cargo;
    destroyed = 0;
    envelope = wrap(root, &type, &parcel);
    CU_ASSERT_PTR_NOT_NULL_FATAL(envelope);
    envelope_destroy_heap(envelope);
    CU_ASSERT_EQUAL(parcel.released, 1);
    CU_ASSERT_EQUAL(parcel.destroyed, 1);
    envelope = wrap(root, &type, &parcel);
    CU_ASSERT_PTR_NOT_NULL_FATAL(envelope);
    envelope_free_heap(envelope); /* never sent */
    CU_ASSERT_EQUAL(parcel.released, 1);
    CU_ASSERT_EQUAL(destroyed, 1);
    envelope_root_unref(root);
}

static void a_copy_has_memory_of_its_own(void)
{
    struct envelope_root *root = envelope_root_new(NULL, 0);
    struct parcel parcel;
    struct envelope *envelope = wrap(root, MAIKO_TYPE(cargo), &parcel);
    struct envelope *copy;

    CU_ASSERT_PTR_NOT_NULL_FATAL(envelope);
    copy = envelope_copy_heap(root, envelope);
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    envelope_destroy_heap(envelope);
    CU_ASSERT_EQUAL(parcel.released, 1);
    memset(parcel.words, 0xff, sizeof parcel.words);
    CU_ASSERT_EQUAL(maiko_event_as(&copy->head, cargo)->number, 5);
    CU_ASSERT_EQUAL(copy->head.payload_len, LEN);
    CU_ASSERT_STRING_EQUAL(maiko_envelope_sender(&copy->head), "somebody");
    CU_ASSERT_EQUAL(envelope_kept_bytes(copy), copy->home_size);
    envelope_destroy_heap(copy);
    CU_ASSERT_EQUAL(parcel.released, 1);
    envelope_root_unref(root);
}

static void its_bytes_count_against_the_cap(void)
{
    struct envelope_root *root = envelope_root_new(NULL, 8192);
    struct parcel parcel;
    struct envelope *envelope = wrap(root, MAIKO_TYPE(cargo), &parcel);
    size_t used = heap_used(&root->heap);
    void *rest;

    CU_ASSERT_PTR_NOT_NULL_FATAL(envelope);
    CU_ASSERT_EQUAL(used, envelope_kept_bytes(envelope));
    envelope_destroy_heap(envelope);
    CU_ASSERT_EQUAL(heap_used(&root->heap), 0);
    rest = heap_alloc(&root->heap, 8192 - used + 1);
    CU_ASSERT_PTR_NOT_NULL(rest);
    CU_ASSERT_PTR_NULL(wrap(root, MAIKO_TYPE(cargo), &parcel)); /* one byte too many */
    CU_ASSERT_EQUAL(parcel.released, 0);
    CU_ASSERT_EQUAL(heap_used(&root->heap), 8192 - used + 1);
    heap_free(&root->heap, rest, 8192 - used + 1);
    envelope_root_unref(root);
}

static void without_memory_it_stays_the_owners(void)
{
    struct failing_allocator memory;
    struct envelope_root *root;
    struct envelope *envelope = NULL;
    struct parcel parcel;
    long nth;

    failing_allocator_init(&memory);
    root = envelope_root_new(&memory.allocator, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    for (nth = 0; envelope == NULL && nth < 8; nth++) {
        failing_allocator_fail_nth(&memory, nth);
        envelope = wrap(root, MAIKO_TYPE(cargo), &parcel);
        CU_ASSERT((envelope == NULL) == failing_allocator_has_failed(&memory));
        CU_ASSERT_EQUAL(parcel.released, 0);
        CU_ASSERT(envelope != NULL || heap_used(&root->heap) == 0);
    }
    CU_ASSERT_EQUAL(nth, 2);
    failing_allocator_fail_nth(&memory, -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(envelope);
    envelope_destroy_heap(envelope);
    CU_ASSERT_EQUAL(parcel.released, 1);
    envelope_root_unref(root);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
}

static void *let_go(void *envelope)
{
    (void)maiko_envelope_unref(envelope);
    return NULL;
}

/* Whoever is last: once, and behind what the others read. */
static void it_is_given_back_once_whoever_is_last(void)
{
    struct envelope_root *root = envelope_root_new(NULL, 0);
    pthread_t keepers[KEEPERS];
    struct parcel parcel;
    int round;
    int i;

    for (round = 0; round < 50; round++) {
        struct envelope *envelope = wrap(root, MAIKO_TYPE(cargo), &parcel);

        CU_ASSERT_PTR_NOT_NULL_FATAL(envelope);
        for (i = 1; i < KEEPERS; i++)
            envelope_ref_heap(envelope);
        for (i = 0; i < KEEPERS; i++)
            CU_ASSERT_EQUAL_FATAL(pthread_create(&keepers[i], NULL, let_go, &envelope->head), 0);
        for (i = 0; i < KEEPERS; i++)
            CU_ASSERT_EQUAL(pthread_join(keepers[i], NULL), 0);
        CU_ASSERT_EQUAL(parcel.released, 1);
    }
    CU_ASSERT_EQUAL(heap_used(&root->heap), 0);
    envelope_root_unref(root);
}

static const struct test_case cases[] = {
    TEST_CASE(its_memory_goes_back_with_the_last_reference),
    TEST_CASE(its_memory_goes_back_behind_the_destructor),
    TEST_CASE(a_copy_has_memory_of_its_own),
    TEST_CASE(its_bytes_count_against_the_cap),
    TEST_CASE(without_memory_it_stays_the_owners),
    TEST_CASE(it_is_given_back_once_whoever_is_last),
};
SUITE_MAIN("foreign payload", cases)
