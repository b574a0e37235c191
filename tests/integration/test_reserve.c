/* Events made in place: what was filled in is what arrives, wherever it is read; and what becomes of one that is not sent. */
#include "lib/failing_allocator.h"
#include "lib/poison.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include <pthread.h>
#include <string.h>

#define SCROLL_FIELDS(F) F(UINT32, number) F(TAIL, text, TEXT)
MAIKO_EVENT(scroll, "scroll", SCROLL_FIELDS)

static void close_lid(void *event);
#define CHEST_FIELDS(F) F(POINTER, closed, int)
MAIKO_EVENT_WITH(chest, "chest", CHEST_FIELDS, .local_only = true, .destroy = close_lid)

static void close_lid(void *event)
{
    (*((chest *)event)->closed)++;
}

/* What is to be sent and what of it arrived. */
struct delivery {
    size_t reserved;   /* elements of the tail */
    size_t sent;       /* of them, in the end */
    const char *topic; /* NULL: the type's */
    int closed;        /* chests */
    bool is_meddled;   /* another thread tries first */
    bool is_misplaced; /* the hook itself tries first by the reader's context */
    struct player *other;
    const void *made;
    maiko_status status;
    /* the reader's */
    const void *borrowed;
    size_t len;
    char sender[300];
    char name[300]; /* the topic's */
    bool is_whole;
    maiko_envelope *kept;
    const void *lasting; /* its payload */
};

static void fill(scroll *event, size_t len)
{
    size_t i;

    event->number = 42;
    event->text_count = len;
    for (i = 0; i < len; i++)
        event->text[i] = (char)('a' + i % 23);
}

static bool is_filled(const scroll *event, size_t len)
{
    size_t i = 0;

    while (event->number == 42 && event->text_count == len && i < len && event->text[i] == (char)('a' + i % 23))
        i++;
    return i == len;
}

struct meddler {
    maiko_context *ctx;
    void *event;
};

static void *meddle(void *arg)
{
    struct meddler *meddler = arg;

    CU_ASSERT_EQUAL(maiko_commit(meddler->ctx, meddler->event), MAIKO_ETHREAD);
    maiko_abandon(meddler->ctx, meddler->event);
    return NULL;
}

static void let_meddle(maiko_context *ctx, void *event)
{
    struct meddler meddler = {.ctx = ctx, .event = event};
    pthread_t thread;

    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, meddle, &meddler), 0);
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
}

static void try_by(maiko_context *ctx, void *event)
{
    CU_ASSERT_EQUAL(maiko_commit(ctx, event), MAIKO_EINVAL);
    maiko_abandon(ctx, event);
}

static maiko_status make_and_send(maiko_context *ctx, struct delivery *delivery)
{
    scroll *event = maiko_reserve(ctx, scroll, delivery->reserved);

    delivery->made = event;
    if (event == NULL)
        return maiko_context_last_refusal(ctx);
    CU_ASSERT_EQUAL((uintptr_t)event % 16, 0);
    CU_ASSERT_EQUAL(event->number, 0);
    CU_ASSERT_EQUAL(event->text_count, delivery->reserved);
    fill(event, delivery->sent);
    if (delivery->is_meddled)
        let_meddle(ctx, event);
    if (delivery->is_misplaced)
        try_by(delivery->other->ctx, event);
    return delivery->topic == NULL ? maiko_commit(ctx, event) : maiko_commit_to(ctx, delivery->topic, event);
}

static maiko_step make(struct player *player, maiko_context *ctx)
{
    struct delivery *delivery = player->data;

    delivery->status = make_and_send(ctx, delivery);
    return MAIKO_STEP_NEVER;
}

static maiko_status read_scroll(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct delivery *delivery = player->data;
    const scroll *event = maiko_event_as(envelope, scroll);

    (void)ctx;
    if (event == NULL) /* a chest */
        return MAIKO_OK;
    delivery->borrowed = envelope->payload;
    delivery->len = envelope->payload_len;
    delivery->is_whole = is_filled(event, delivery->sent);
    strcpy(delivery->sender, maiko_envelope_sender(envelope));
    strcpy(delivery->name, maiko_envelope_topic(envelope));
    return delivery->kept == NULL ? maiko_envelope_keep(envelope, &delivery->kept) : MAIKO_OK;
}

static void add_pair(struct stage *stage, struct player *writer, struct player *reader, maiko_shard shard)
{
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage->sup, PLAYER("reader", reader, .subscribe = MAIKO_ALL_TOPICS, .shard = MAIKO_SHARD(0))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("writer", writer, .shard = shard)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage->sup), MAIKO_OK);
}

/* From a writer on that shard to a reader on shard 0, who keeps it longer than the supervisor lives. */
static void deliver(struct delivery *delivery, maiko_shard shard)
{
    struct player writer = {.step = make, .data = delivery};
    struct player reader = {.handle = read_scroll, .data = delivery};
    struct stage stage;

    delivery->other = &reader;
    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    add_pair(&stage, &writer, &reader, shard);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(delivery->status, MAIKO_OK);
    CU_ASSERT_EQUAL(reader.events, 1);
    CU_ASSERT_TRUE(delivery->is_whole);
    CU_ASSERT_STRING_EQUAL(delivery->sender, "writer");
    CU_ASSERT_STRING_EQUAL(delivery->name, delivery->topic == NULL ? "scroll" : delivery->topic);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    CU_ASSERT_PTR_NOT_NULL_FATAL(delivery->kept);
    CU_ASSERT_TRUE(is_filled(delivery->kept->payload, delivery->sent));
    CU_ASSERT_STRING_EQUAL(maiko_envelope_sender(delivery->kept), "writer");
    CU_ASSERT_STRING_EQUAL(maiko_envelope_topic(delivery->kept), delivery->name);
    delivery->lasting = delivery->kept->payload;
    maiko_envelope_unref(delivery->kept);
}

static void a_reader_gets_the_very_bytes_that_were_filled_in(void)
{
    static const size_t lens[] = {0, 20, 3000, 4096 - sizeof(scroll), 4097 - sizeof(scroll), 5000, 200000};
    size_t i;

    for (i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct delivery delivery = {.reserved = lens[i], .sent = lens[i]};

        deliver(&delivery, MAIKO_SHARD(0));
        CU_ASSERT_PTR_EQUAL(delivery.borrowed, delivery.made);
        CU_ASSERT_EQUAL(delivery.len, sizeof(scroll) + lens[i]);
    }
}

static void another_thread_can_neither_send_nor_abandon_it(void)
{
    struct delivery small = {.reserved = 20, .sent = 20, .is_meddled = true};
    struct delivery large = {.reserved = 5000, .sent = 5000, .is_meddled = true};

    deliver(&small, MAIKO_SHARD(0));
    CU_ASSERT_PTR_EQUAL(small.borrowed, small.made);
    deliver(&large, MAIKO_SHARD(0));
    CU_ASSERT_PTR_EQUAL(large.borrowed, large.made);
}

static void neither_can_the_hook_by_the_context_of_another_actor(void)
{
    struct delivery small = {.reserved = 20, .sent = 20, .is_misplaced = true};
    struct delivery large = {.reserved = 5000, .sent = 5000, .is_misplaced = true};

    deliver(&small, MAIKO_SHARD(0));
    CU_ASSERT_PTR_EQUAL(small.borrowed, small.made);
    deliver(&large, MAIKO_SHARD(0));
    CU_ASSERT_PTR_EQUAL(large.borrowed, large.made);
}

static void so_does_one_on_another_shard_if_they_are_many(void)
{
    struct delivery small = {.reserved = 20, .sent = 20};
    struct delivery large = {.reserved = 5000, .sent = 5000};

    deliver(&small, MAIKO_SHARD(1));
    CU_ASSERT_PTR_NOT_EQUAL(small.borrowed, small.made); /* a pool belongs to its shard */
    deliver(&large, MAIKO_SHARD(1));
    CU_ASSERT_PTR_EQUAL(large.borrowed, large.made);
    CU_ASSERT_PTR_EQUAL(large.lasting, large.made);
}

static void what_needs_less_than_half_of_its_room_does_not_keep_it(void)
{
    struct delivery half = {.reserved = 100000, .sent = 50000};
    struct delivery less = {.reserved = 100000, .sent = 49000};
    struct delivery tiny = {.reserved = 100000, .sent = 3};
    struct delivery pooled = {.reserved = 3000, .sent = 3};

    deliver(&half, MAIKO_SHARD(0));
    CU_ASSERT_PTR_EQUAL(half.borrowed, half.made);
    CU_ASSERT_EQUAL(half.len, sizeof(scroll) + 50000);
    deliver(&less, MAIKO_SHARD(0));
    CU_ASSERT_PTR_NOT_EQUAL(less.borrowed, less.made);
    deliver(&tiny, MAIKO_SHARD(0));
    CU_ASSERT_PTR_NOT_EQUAL(tiny.borrowed, tiny.made);
    deliver(&pooled, MAIKO_SHARD(0));
    CU_ASSERT_PTR_NOT_EQUAL(pooled.borrowed, pooled.made);
}

static void it_may_go_on_the_longest_topic(void)
{
    char topic[MAIKO_TOPIC_MAX + 1];
    struct delivery delivery = {.reserved = 5000, .sent = 4999, .topic = topic};

    memset(topic, 't', MAIKO_TOPIC_MAX);
    topic[MAIKO_TOPIC_MAX] = '\0';
    deliver(&delivery, MAIKO_SHARD(1));
    CU_ASSERT_PTR_EQUAL(delivery.borrowed, delivery.made);
}

static void a_thread_outside_hands_over_what_it_filled_in_too(void)
{
    struct delivery large = {.reserved = 100000, .sent = 99999, .topic = "from/outside"};
    struct delivery small = {.reserved = 10, .sent = 9};
    struct player writer = {.wanted = 0};
    struct player reader = {.handle = read_scroll, .data = &large};
    struct stage stage;
    maiko_context *outside;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1});
    add_pair(&stage, &writer, &reader, MAIKO_SHARD(0));
    outside = maiko_supervisor_context(stage.sup);
    CU_ASSERT_EQUAL(make_and_send(outside, &large), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_TRUE(large.is_whole);
    CU_ASSERT_PTR_EQUAL(large.borrowed, large.made);
    CU_ASSERT_STRING_EQUAL(large.sender, "supervisor");
    CU_ASSERT_STRING_EQUAL(large.name, "from/outside");
    reader.data = &small;
    CU_ASSERT_EQUAL(make_and_send(outside, &small), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_TRUE(small.is_whole);
    CU_ASSERT_EQUAL(reader.events, 2);
    large.topic = "bad topic\n";
    CU_ASSERT_EQUAL(make_and_send(outside, &large), MAIKO_ETOPIC); /* the room is given up */
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    maiko_envelope_unref(large.kept);
    maiko_envelope_unref(small.kept);
}

/* --- not sent --- */

static chest *make_chest(maiko_context *ctx, int *closed)
{
    chest *event = maiko_reserve(ctx, chest, 0);

    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    CU_ASSERT_PTR_NULL(event->closed);
    event->closed = closed;
    return event;
}

static maiko_step make_and_refuse(struct player *player, maiko_context *ctx)
{
    struct delivery *delivery = player->data;
    scroll *large = maiko_reserve(ctx, scroll, 5000);
    scroll *wrong = maiko_reserve(ctx, scroll, 6000);
    chest *event = make_chest(ctx, &delivery->closed);

    CU_ASSERT_EQUAL(maiko_commit_to(ctx, "bad topic\n", large), MAIKO_ETOPIC);
    wrong->text_count = 6001;
    CU_ASSERT_EQUAL(maiko_commit(ctx, wrong), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_commit_to(ctx, "$sys/chest", event), MAIKO_EPERM);
    maiko_abandon(ctx, make_chest(ctx, &delivery->closed));
    CU_ASSERT_EQUAL(delivery->closed, 0); /* what it points to is the caller's again */
    CU_ASSERT_EQUAL(maiko_commit(ctx, make_chest(ctx, &delivery->closed)), MAIKO_OK);
    CU_ASSERT_PTR_NOT_NULL(maiko_reserve(ctx, scroll, 7000)); /* these are given up when the hook returns */
    CU_ASSERT_PTR_NOT_NULL(make_chest(ctx, &delivery->closed));
    return MAIKO_STEP_NEVER;
}

static void a_destructor_is_for_what_was_sent(void)
{
    struct delivery delivery = {.closed = 0};
    struct player writer = {.step = make_and_refuse, .data = &delivery};
    struct player reader = {.handle = read_scroll, .data = &delivery};
    struct failing_allocator memory;
    struct stage stage;

    failing_allocator_init(&memory);
    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2, .allocator = &memory.allocator});
    add_pair(&stage, &writer, &reader, MAIKO_SHARD(1));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(reader.events, 1);
    CU_ASSERT_EQUAL(delivery.closed, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
}

/* --- memory --- */

struct shortage {
    struct failing_allocator memory;
    struct delivery delivery;
    long nth;
};

static maiko_step make_in_need(struct player *player, maiko_context *ctx)
{
    struct shortage *shortage = player->data;
    int i;

    /* so that type, route and places in a mailbox are there: what becomes of an event without them is another matter */
    for (i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(make_and_send(ctx, &(struct delivery){.reserved = 200, .sent = 200}), MAIKO_OK);
    failing_allocator_fail_nth(&shortage->memory, shortage->nth);
    shortage->delivery.status = make_and_send(ctx, &shortage->delivery);
    failing_allocator_fail_nth(&shortage->memory, -1);
    return MAIKO_STEP_NEVER;
}

static void send_in_need(struct shortage *shortage)
{
    struct player writer = {.step = make_in_need, .data = shortage};
    struct player reader = {.handle = read_scroll, .data = &shortage->delivery};
    struct stage stage;

    failing_allocator_init(&shortage->memory);
    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .allocator = &shortage->memory.allocator});
    add_pair(&stage, &writer, &reader, MAIKO_SHARD(0));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(reader.events, shortage->delivery.status == MAIKO_OK ? 6 : 5);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    maiko_envelope_unref(shortage->delivery.kept);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&shortage->memory));
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void)
{
    static const size_t lens[] = {20, 5000};
    size_t i;

    for (i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct shortage shortage = {.delivery.status = MAIKO_ENOMEM};

        for (shortage.nth = 0; shortage.delivery.status == MAIKO_ENOMEM && shortage.nth < 64; shortage.nth++) {
            shortage.delivery = (struct delivery){.reserved = lens[i], .sent = lens[i]};
            send_in_need(&shortage);
        }
        CU_ASSERT_EQUAL(shortage.delivery.status, MAIKO_OK);
        CU_ASSERT_TRUE(shortage.delivery.is_whole);
        CU_ASSERT_EQUAL(shortage.nth, 2); /* of one allocation */
    }
}

static maiko_step make_too_much(struct player *player, maiko_context *ctx)
{
    int i;

    (void)player;
    for (i = 0; i < 10; i++) { /* one at a time there is room for, and not for a copy of it */
        scroll *event = maiko_reserve(ctx, scroll, 3 << 20);

        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        CU_ASSERT_PTR_NULL(maiko_reserve(ctx, scroll, 2 << 20));
        CU_ASSERT_EQUAL(maiko_context_last_refusal(ctx), MAIKO_ENOMEM);
        if (i < 9) {
            maiko_abandon(ctx, event);
        } else {
            fill(event, 3 << 20);
            CU_ASSERT_EQUAL(maiko_commit(ctx, event), MAIKO_OK);
        }
    }
    return MAIKO_STEP_NEVER;
}

static void room_counts_against_the_cap_once(void)
{
    struct delivery delivery = {.sent = 3 << 20};
    struct player writer = {.step = make_too_much};
    struct player reader = {.data = &delivery};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .memory_cap_bytes = 5 << 20});
    add_pair(&stage, &writer, &reader, MAIKO_SHARD(0));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(reader.events, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_step look_behind_the_room(struct player *player, maiko_context *ctx)
{
    static const size_t lens[] = {24, 5000};
    size_t i;

    (void)player;
    for (i = 0; i < sizeof lens / sizeof *lens; i++) {
        scroll *event = maiko_reserve(ctx, scroll, lens[i]);

        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        CU_ASSERT_EQUAL(poisoned_bytes(event, sizeof *event + lens[i]), 0);
        CU_ASSERT_EQUAL(poisoned_bytes(event->text + lens[i], 8), POISON_IS_KNOWN ? 8 : 0);
        maiko_abandon(ctx, event);
    }
    return MAIKO_STEP_NEVER;
}

static void what_is_behind_the_room_is_poisoned(void)
{
    struct player writer = {.step = look_behind_the_room};
    struct player reader = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, NULL);
    add_pair(&stage, &writer, &reader, MAIKO_SHARD(0));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(writer.steps, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(a_reader_gets_the_very_bytes_that_were_filled_in),
    TEST_CASE(so_does_one_on_another_shard_if_they_are_many),
    TEST_CASE(another_thread_can_neither_send_nor_abandon_it),
    TEST_CASE(neither_can_the_hook_by_the_context_of_another_actor),
    TEST_CASE(what_needs_less_than_half_of_its_room_does_not_keep_it),
    TEST_CASE(it_may_go_on_the_longest_topic),
    TEST_CASE(a_thread_outside_hands_over_what_it_filled_in_too),
    TEST_CASE(a_destructor_is_for_what_was_sent),
    TEST_CASE(every_failing_allocation_is_reported_and_leaks_nothing),
    TEST_CASE(room_counts_against_the_cap_once),
    TEST_CASE(what_is_behind_the_room_is_poisoned),
};
SUITE_MAIN("reserve", cases)
