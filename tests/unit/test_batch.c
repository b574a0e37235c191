/* Batch: a large payload is kept, not copied, and let go with the last who refers to it; every other event is written out. */
#include "node/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "message/envelope.h"
#include "wire/frame.h"

#define CARGO_FIELDS(F) F(UINT64, number) F(TAIL, bytes, BYTES)
MAIKO_EVENT(cargo, "cargo", CARGO_FIELDS)
#define LETTER_FIELDS(F) F(UINT64, number) F(TAIL, text, TEXT)
MAIKO_EVENT(letter, "letter", LETTER_FIELDS)

enum { LARGE = 40000 };

struct scene {
    struct failing_allocator memory;
    struct heap heap;
    struct envelope_root *root;
    struct envelope *envelope;
    struct payload_plan *plan;
    struct source *source;
    struct batch_builder builder;
};

/* One event on the heap of a supervisor, and a batch to be made. */
static void open_scene(struct scene *scene, const maiko_event_type *type, size_t len, size_t cap)
{
    static const struct sender sender = {.name = "sender", .id = 1};
    struct topic *topic = calloc(1, sizeof *topic + sizeof "cargo");

    memset(scene, 0, sizeof *scene);
    scene->source = calloc(1, sizeof *scene->source + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(topic);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene->source);
    topic->len = strlen("cargo");
    strcpy(topic->name, "cargo");
    failing_allocator_init(&scene->memory);
    heap_init(&scene->heap, &scene->memory.allocator, 0);
    scene->root = envelope_root_new(NULL, cap);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene->root);
    scene->envelope = envelope_new_heap(scene->root, type, sizeof(cargo) + len, topic, &sender);
    free(topic);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene->envelope);
    memset(envelope_payload(scene->envelope), 'x', sizeof(cargo) + len);
    memcpy((char *)envelope_payload(scene->envelope) + sizeof(uint64_t), &(uint64_t){len}, sizeof(uint64_t));
    scene->envelope->id = scene->envelope->correlation = (maiko_id){7, 8};
    CU_ASSERT_EQUAL_FATAL(payload_plan_new(heap_default(), type, NULL, &scene->plan, NULL), MAIKO_OK);
    scene->source->type = type;
    scene->source->plan = scene->plan;
    batch_builder_init(&scene->builder, &scene->heap, &scene->heap);
}

static void close_scene(struct scene *scene)
{
    batch_builder_deinit(&scene->builder);
    CU_ASSERT_EQUAL(scene->envelope->refs, 1);
    (void)maiko_envelope_unref(&scene->envelope->head);
    envelope_root_unref(scene->root);
    payload_plan_free(scene->plan);
    free(scene->source);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&scene->memory));
}

static struct batch *make_batch(struct scene *scene)
{
    struct batch *batch;

    CU_ASSERT_EQUAL(batch_add_event(&scene->builder, scene->source, &scene->envelope->head, NULL), MAIKO_OK);
    batch = batch_close(&scene->builder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
    CU_ASSERT_EQUAL(batch->count, 1);
    return batch;
}

/* The record as a frame has it, in the pack. */
static void put_together(const struct batch *batch, struct pack *pack)
{
    const struct batch_record *record = &batch->records[0];

    if (record->block == NULL) {
        pack_raw(pack, batch->block->data + record->offset, record->len);
        return;
    }
    pack_raw(pack, record->block->data, record->block->size);
    pack_raw(pack, record->block->rest, record->block->rest_len);
}

static void reads_as_it_was(struct scene *scene, const struct batch *batch, bool is_native)
{
    char event[sizeof(cargo) + LARGE];
    struct reader reader;
    struct record record;
    struct pack pack;
    size_t len = 0;

    pack_init(&pack, heap_default(), SIZE_MAX);
    put_together(batch, &pack);
    CU_ASSERT_EQUAL(pack.len, batch->records[0].len);
    CU_ASSERT_EQUAL(pack.len, batch->len);
    reader = reader_of(pack_slice(&pack));
    CU_ASSERT_EQUAL_FATAL(frame_next_record(&reader, &record, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(record.id_lo, 8);
    CU_ASSERT_EQUAL(payload_is_native(record.payload), is_native);
    if (is_native) {
        CU_ASSERT_EQUAL_FATAL(payload_native_len(scene->plan, record.payload, &len, NULL), MAIKO_OK);
        CU_ASSERT_EQUAL_FATAL(len, scene->envelope->head.payload_len);
        CU_ASSERT_EQUAL(payload_read_native(scene->plan, record.payload, event, len, NULL), MAIKO_OK);
    } else {
        CU_ASSERT_EQUAL_FATAL(payload_len(scene->plan, record.payload, &len, NULL), MAIKO_OK);
        CU_ASSERT_EQUAL_FATAL(len, scene->envelope->head.payload_len);
        CU_ASSERT_EQUAL(payload_read(scene->plan, record.payload, event, len, NULL), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(memcmp(event, scene->envelope->head.payload, len), 0);
    pack_deinit(&pack);
}

static void refers(const maiko_event_type *type, bool is_native, size_t from)
{
    struct scene scene;
    struct batch *batch;

    open_scene(&scene, type, LARGE, 0);
    atomic_init(&scene.source->is_native, is_native);
    batch = make_batch(&scene);
    CU_ASSERT_PTR_NOT_NULL_FATAL(batch->records[0].block);
    CU_ASSERT_PTR_NULL(batch->block); /* nothing else is in it */
    CU_ASSERT_PTR_EQUAL(batch->records[0].block->rest, (const uint8_t *)scene.envelope->head.payload + from);
    CU_ASSERT_EQUAL(scene.envelope->refs, 2);
    reads_as_it_was(&scene, batch, is_native);
    batch_free(batch);
    close_scene(&scene);
}

static void a_large_payload_is_referred_to(void)
{
    refers(MAIKO_TYPE(cargo), true, 0);
    refers(MAIKO_TYPE(cargo), false, sizeof(cargo)); /* msgpack: the bytes of the tail */
    refers(MAIKO_TYPE(letter), true, 0);
}

static void is_written_out(const maiko_event_type *type, size_t len, size_t cap)
{
    struct scene scene;
    struct batch *batch;

    open_scene(&scene, type, len, cap);
    batch = make_batch(&scene);
    CU_ASSERT_PTR_NULL(batch->records[0].block);
    CU_ASSERT_EQUAL(scene.envelope->refs, 1);
    reads_as_it_was(&scene, batch, false);
    batch_free(batch);
    close_scene(&scene);
}

static void others_are_written_out(void)
{
    is_written_out(MAIKO_TYPE(cargo), 1000, 0);
    is_written_out(MAIKO_TYPE(cargo), LARGE, 1 << 20); /* the log is not to take from a supervisor's cap */
    is_written_out(MAIKO_TYPE(letter), LARGE, 0);      /* it must be looked through for UTF-8 */
}

static void both_kinds_go_in_one_batch(void)
{
    struct scene scene;
    struct batch *batch;
    size_t payload_len;
    int i;

    open_scene(&scene, MAIKO_TYPE(cargo), LARGE, 0);
    payload_len = scene.envelope->head.payload_len;
    for (i = 0; i < 4; i++) {
        const uint64_t count = i % 2 == 0 ? 100 : LARGE;

        memcpy((char *)envelope_payload(scene.envelope) + sizeof(uint64_t), &count, sizeof count);
        scene.envelope->head.payload_len = sizeof(cargo) + count;
        CU_ASSERT_EQUAL(batch_add_event(&scene.builder, scene.source, &scene.envelope->head, NULL), MAIKO_OK);
    }
    CU_ASSERT(batch_builder_len(&scene.builder) > 2 * LARGE);
    scene.envelope->head.payload_len = payload_len;
    batch = batch_close(&scene.builder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
    CU_ASSERT_EQUAL(batch->len, batch->records[0].len + batch->records[1].len + batch->records[2].len + batch->records[3].len);
    CU_ASSERT_EQUAL(batch->records[2].offset, batch->records[0].len);
    CU_ASSERT(batch->block->size < LARGE);
    CU_ASSERT_EQUAL(batch_builder_len(&scene.builder), 0);
    batch_free(batch);
    close_scene(&scene);
}

static void add_alike(bool is_native)
{
    static const uint64_t counts[] = {100, 100, 100, 90, LARGE, 90, 90};
    static const uint32_t events[] = {3, 1, 1, 2};
    struct scene scene;
    struct batch *batch;
    size_t payload_len;
    size_t offset = 0;
    size_t i;

    open_scene(&scene, MAIKO_TYPE(cargo), LARGE, 0);
    atomic_store(&scene.source->is_native, is_native);
    scene.envelope->id = scene.envelope->correlation = (maiko_id){7, 800};
    scene.envelope->time_ns = 900;
    payload_len = scene.envelope->head.payload_len;
    for (i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        memcpy((char *)envelope_payload(scene.envelope) + sizeof(uint64_t), &counts[i], sizeof counts[i]);
        scene.envelope->head.payload_len = sizeof(cargo) + counts[i];
        CU_ASSERT_EQUAL(batch_add_event(&scene.builder, scene.source, &scene.envelope->head, NULL), MAIKO_OK);
    }
    scene.envelope->head.payload_len = payload_len;
    CU_ASSERT_EQUAL(batch_add_end(&scene.builder, 7), MAIKO_OK);
    batch = batch_close(&scene.builder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
    CU_ASSERT_EQUAL(batch->events, 7);
    CU_ASSERT_EQUAL_FATAL(batch->count, 5);
    for (i = 0; i < 4; i++) {
        const struct batch_record *record = &batch->records[i];

        CU_ASSERT_EQUAL(record->events, events[i]);
        CU_ASSERT_EQUAL(record->offset, record->block != NULL ? 0 : offset);
        offset += record->block != NULL ? 0 : (size_t)record->events * record->len;
    }
    CU_ASSERT(batch->block->size >= offset && batch->block->size <= 2 * offset);
    for (i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(batch->records[i].is_native, is_native);
    batch_free(batch);
    close_scene(&scene);
}

/* Three alike are one record, and what differs in length, has a hold or is referred to stands alone. */
static void events_that_are_alike_are_one_record(void)
{
    add_alike(false);
    add_alike(true);
}

/* --- like the last one --- */

#define COIN_FIELDS(F) F(UINT64, number) F(UINT64, value)
MAIKO_EVENT(coin, "coin", COIN_FIELDS)

struct pooled {
    struct envelope envelope;
    coin payload;
};

static struct topic *new_topic(const char *name)
{
    struct topic *topic = calloc(1, sizeof *topic + strlen(name) + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(topic);
    strcpy(topic->name, name);
    return topic;
}

static void make_pooled(struct pooled *pooled, const struct topic *topic, const struct sender *sender, uint64_t number)
{
    memset(pooled, 0, sizeof *pooled);
    pooled->envelope = (struct envelope){.home = HOME_POOL, .topic = topic, .sender = sender, .time_ns = 2000 + number};
    pooled->envelope.id = pooled->envelope.correlation = (maiko_id){7, 1000 + number};
    pooled->envelope.head =
        (maiko_envelope){.type = MAIKO_TYPE(coin), .payload = &pooled->payload, .payload_len = sizeof pooled->payload};
    pooled->payload = (coin){.number = number, .value = ~number};
}

static bool add_like(struct scene *scene, struct pooled *pooled)
{
    return batch_add_like(&scene->builder, &pooled->envelope.head);
}

/* The same event before it has an envelope. */
static bool take_like(struct scene *scene, struct pooled *pooled)
{
    const struct envelope *envelope = &pooled->envelope;
    const struct maiko_taking taking = {.type = envelope->head.type,
                                        .topic = envelope->topic,
                                        .sender = envelope->sender,
                                        .id = envelope->id,
                                        .time_ns = envelope->time_ns,
                                        .event = envelope->head.payload,
                                        .len = envelope->head.payload_len};

    return batch_take_like(&scene->builder, &taking);
}

typedef bool (*way_in)(struct scene *scene, struct pooled *pooled);

/* Is the event as it should be, if it is taken without a closer look? */
static bool is_taken(struct scene *scene, struct pooled *pooled, way_in way)
{
    const size_t events = scene->builder.events;
    const size_t len = scene->builder.pack.len;
    const struct batch_record *last;
    struct reader reader;
    struct record record;

    if (!way(scene, pooled)) {
        CU_ASSERT_EQUAL(scene->builder.events, events);
        CU_ASSERT_EQUAL(scene->builder.pack.len, len);
        return false;
    }
    last = &scene->builder.records[scene->builder.count - 1];
    CU_ASSERT_EQUAL(scene->builder.events, events + 1);
    CU_ASSERT_EQUAL(scene->builder.pack.len, len + last->len);
    reader = reader_of((struct slice){scene->builder.pack.data + len, scene->builder.pack.len - len});
    CU_ASSERT_EQUAL_FATAL(frame_next_record(&reader, &record, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(record.channel, last->channel);
    CU_ASSERT_EQUAL(record.id_lo, pooled->envelope.id.lo);
    CU_ASSERT_EQUAL(record.time_ns, pooled->envelope.time_ns);
    CU_ASSERT_EQUAL_FATAL(record.native.len, sizeof(coin));
    CU_ASSERT_EQUAL(memcmp(record.native.data, &pooled->payload, sizeof(coin)), 0);
    CU_ASSERT_EQUAL(reader_left(&reader), 0);
    return true;
}

static void add_closely(struct scene *scene, struct pooled *pooled)
{
    CU_ASSERT_EQUAL(batch_add_event(&scene->builder, scene->source, &pooled->envelope.head, NULL), MAIKO_OK);
}

#define DIFFERS(...)                                                                                                             \
    do {                                                                                                                         \
        make_pooled(&pooled, topic, &sender, 3);                                                                                 \
        __VA_ARGS__;                                                                                                             \
        CU_ASSERT_FALSE(is_taken(&scene, &pooled, way));                                                                         \
    } while (0)

/* What differs from the last one in anything but id, time and bytes is looked at closely. */
static void is_known_at_a_glance(way_in way)
{
    static const struct sender sender = {.name = "s", .id = 1}, another = {.name = "s", .id = 2};
    static const struct sender foreign = {.name = "s", .id = UINT64_MAX};
    struct topic *topic = new_topic("coin");
    struct topic *other = new_topic("coin");
    struct source_topic *of_source = calloc(1, sizeof *of_source + 1);
    struct pooled pooled;
    struct scene scene;
    struct batch *batch;
    uint64_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(of_source);
    open_scene(&scene, MAIKO_TYPE(coin), 100, 0);
    atomic_store(&scene.source->is_native, true);
    atomic_store(&scene.source->number, 0x1234);
    scene.source->topic = of_source;
    DIFFERS((void)0); /* there is no last one */
    add_closely(&scene, &pooled);
    CU_ASSERT_EQUAL(scene.builder.records[0].channel, 0x1234);
    atomic_store(&scene.source->number, 0x4321); /* not in the middle of a run */
    for (i = 0; i < 100; i++) {
        make_pooled(&pooled, topic, &sender, i);
        CU_ASSERT_TRUE(is_taken(&scene, &pooled, way));
    }
    DIFFERS(pooled.envelope.topic = other);
    DIFFERS(pooled.envelope.sender = &another);
    DIFFERS(pooled.envelope.id.hi = pooled.envelope.correlation.hi = 8);
    DIFFERS(pooled.envelope.head.type = MAIKO_TYPE(cargo));
    if (way == add_like) {
        DIFFERS(pooled.envelope.home = HOME_HEAP);
        DIFFERS(pooled.envelope.hops = 1);
        DIFFERS(pooled.envelope.parent.lo = 1);
        DIFFERS(pooled.envelope.correlation.lo = 1);
    }
    DIFFERS(pooled.envelope.head.payload_len--);
    DIFFERS(pooled.envelope.id.lo = pooled.envelope.correlation.lo = 5);
    DIFFERS(pooled.envelope.time_ns = 5);
    DIFFERS(atomic_store(&of_source->is_held, true));
    atomic_store(&of_source->is_held, false);
    DIFFERS(atomic_store(&scene.source->is_native, false));
    atomic_store(&scene.source->is_native, true);
    CU_ASSERT_EQUAL(scene.builder.count, 1);
    CU_ASSERT_EQUAL(batch_add_end(&scene.builder, 0), MAIKO_OK);
    DIFFERS((void)0);
    add_closely(&scene, &pooled);
    CU_ASSERT_EQUAL(scene.builder.records[2].channel, 0x4321);
    make_pooled(&pooled, topic, &sender, 4);
    CU_ASSERT_TRUE(is_taken(&scene, &pooled, way));
    batch = batch_close(&scene.builder);
    DIFFERS(batch_forget_like(&scene.builder));
    pooled.envelope.sender = &foreign;
    add_closely(&scene, &pooled);
    CU_ASSERT_FALSE(is_taken(&scene, &pooled, way)); /* those of other processes have one id */
    batch_free(batch);
    close_scene(&scene);
    free(of_source);
    free(other);
    free(topic);
}

static void an_event_like_the_last_one_is_known_at_a_glance(void)
{
    is_known_at_a_glance(add_like);
    is_known_at_a_glance(take_like);
}

/* Its copy of the topic goes with it, and another topic may come to be where that was. */
static void an_event_on_the_heap_is_not_known_by_its_topic(void)
{
    static const struct sender sender = {.name = "s", .id = 1};
    struct topic *topic = new_topic("coin");
    struct topic *copy = new_topic("coin");
    struct source_topic *of_source = calloc(1, sizeof *of_source + 1);
    struct pooled pooled;
    struct scene scene;

    CU_ASSERT_PTR_NOT_NULL_FATAL(of_source);
    open_scene(&scene, MAIKO_TYPE(coin), 100, 0);
    atomic_store(&scene.source->is_native, true);
    scene.source->topic = of_source;
    make_pooled(&pooled, copy, &sender, 0);
    pooled.envelope.home = HOME_HEAP;
    add_closely(&scene, &pooled);
    CU_ASSERT_FALSE(is_taken(&scene, &pooled, take_like));
    make_pooled(&pooled, topic, &sender, 1);
    add_closely(&scene, &pooled);
    CU_ASSERT_TRUE(is_taken(&scene, &pooled, take_like));
    CU_ASSERT_EQUAL(scene.builder.count, 1);
    close_scene(&scene);
    free(of_source);
    free(copy);
    free(topic);
}

/* Batch by batch it stays known, until its channel has another number. */
static void the_first_of_a_batch_is_known_too(void)
{
    static const struct sender sender = {.name = "s", .id = 1};
    static const way_in ways[] = {add_like, take_like};
    struct topic *topic = new_topic("coin");
    struct source_topic *of_source = calloc(1, sizeof *of_source + 1);
    struct pooled pooled;
    struct scene scene;
    size_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(of_source);
    open_scene(&scene, MAIKO_TYPE(coin), 100, 0);
    atomic_store(&scene.source->is_native, true);
    atomic_store(&scene.source->number, 9);
    scene.source->topic = of_source;
    make_pooled(&pooled, topic, &sender, 0);
    add_closely(&scene, &pooled);
    batch_free(batch_close(&scene.builder));
    for (i = 0; i < 8; i++) {
        const size_t events = 1 + i * 50;
        struct batch *batch;
        size_t k;

        for (k = 0; k < events; k++) {
            make_pooled(&pooled, topic, &sender, i * 1000 + k);
            CU_ASSERT_TRUE(is_taken(&scene, &pooled, ways[i % 2]));
        }
        batch = batch_close(&scene.builder);
        CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
        CU_ASSERT_EQUAL(batch->count, 1);
        CU_ASSERT_EQUAL(batch->events, events);
        CU_ASSERT_EQUAL(batch->records[0].events, events);
        CU_ASSERT_EQUAL(batch->records[0].channel, 9);
        CU_ASSERT_EQUAL(batch->len, events * batch->records[0].len);
        batch_free(batch);
    }
    atomic_store(&scene.source->number, 10);
    CU_ASSERT_FALSE(is_taken(&scene, &pooled, add_like));
    CU_ASSERT_FALSE(is_taken(&scene, &pooled, take_like));
    add_closely(&scene, &pooled);
    CU_ASSERT_EQUAL(scene.builder.records[0].channel, 10);
    CU_ASSERT_TRUE(is_taken(&scene, &pooled, take_like));
    close_scene(&scene);
    free(of_source);
    free(topic);
}

/* Nothing of it is kept, and the next one may find memory again. */
static void what_finds_no_memory_is_not_taken(void)
{
    static const struct sender sender = {.name = "s", .id = 1};
    struct topic *topic = new_topic("coin");
    struct source_topic *of_source = calloc(1, sizeof *of_source + 1);
    struct pooled pooled;
    struct scene scene;
    size_t taken = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(of_source);
    open_scene(&scene, MAIKO_TYPE(coin), 100, 0);
    atomic_store(&scene.source->is_native, true);
    scene.source->topic = of_source;
    make_pooled(&pooled, topic, &sender, 0);
    add_closely(&scene, &pooled);
    failing_allocator_fail_from(&scene.memory, 0);
    while (taken < 10000 && is_taken(&scene, &pooled, take_like))
        taken++;
    CU_ASSERT(taken < 10000);
    CU_ASSERT_FALSE(is_taken(&scene, &pooled, take_like));
    failing_allocator_fail_nth(&scene.memory, -1);
    CU_ASSERT_TRUE(is_taken(&scene, &pooled, take_like));
    CU_ASSERT_EQUAL(scene.builder.records[0].events, taken + 2);
    close_scene(&scene);
    free(of_source);
    free(topic);
}

/* Its events are one run with those of the channel that is written in them. */
static void another_number_begins_another_record(void)
{
    static const struct sender sender = {.name = "s", .id = 1};
    struct topic *topic = new_topic("coin");
    struct pooled pooled;
    struct scene scene;

    open_scene(&scene, MAIKO_TYPE(coin), 100, 0);
    make_pooled(&pooled, topic, &sender, 1);
    add_closely(&scene, &pooled);
    add_closely(&scene, &pooled);
    CU_ASSERT_EQUAL(scene.builder.count, 1);
    atomic_store(&scene.source->number, 9);
    add_closely(&scene, &pooled);
    add_closely(&scene, &pooled);
    CU_ASSERT_EQUAL_FATAL(scene.builder.count, 2);
    CU_ASSERT_EQUAL(scene.builder.records[0].channel, 0);
    CU_ASSERT_EQUAL(scene.builder.records[1].channel, 9);
    CU_ASSERT_EQUAL(scene.builder.records[1].events, 2);
    close_scene(&scene);
    free(topic);
}

/* --- memory --- */

/* Few events are copied out of memory that stays; those that fill it go with it. */
static void what_fills_its_memory_is_not_copied(void)
{
    static const struct sender sender = {.name = "s", .id = 1};
    struct topic *topic = new_topic("coin");
    struct pooled pooled;
    struct scene scene;
    size_t events;

    open_scene(&scene, MAIKO_TYPE(coin), 100, 0);
    atomic_store(&scene.source->is_native, true);
    make_pooled(&pooled, topic, &sender, 1);
    for (events = 1; events < 3000; events = events * 3 / 2 + 1) {
        const uint8_t *written;
        struct batch *batch;
        bool is_full;
        size_t i;

        for (i = 0; i < events; i++)
            add_closely(&scene, &pooled);
        written = scene.builder.pack.data;
        is_full = scene.builder.pack.len >= scene.builder.pack.size / 2;
        batch = batch_close(&scene.builder);
        CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
        CU_ASSERT_EQUAL(batch->events, events);
        CU_ASSERT_EQUAL(batch->block->size >= batch->len, true);
        CU_ASSERT(batch->block->size <= batch->len + batch->len / 3 + 1); /* what is reserved and not used */
        CU_ASSERT(is_full || (batch->block->data != written && scene.builder.pack.data == written));
        CU_ASSERT(!is_full || scene.builder.pack.data == NULL);
        batch_free(batch);
    }
    close_scene(&scene);
    free(topic);
}

static void without_memory_it_is_refused_and_nothing_is_kept(void)
{
    maiko_status status = MAIKO_ENOMEM;
    long nth;

    for (nth = 0; status == MAIKO_ENOMEM && nth < 16; nth++) {
        struct scene scene;
        struct batch *batch = NULL;

        open_scene(&scene, MAIKO_TYPE(cargo), LARGE, 0);
        failing_allocator_fail_from(&scene.memory, nth);
        status = batch_add_event(&scene.builder, scene.source, &scene.envelope->head, NULL);
        if (status == MAIKO_OK && (batch = batch_close(&scene.builder)) == NULL)
            status = MAIKO_ENOMEM;
        if (batch != NULL)
            reads_as_it_was(&scene, batch, false);
        batch_free(batch);
        close_scene(&scene);
    }
    CU_ASSERT_EQUAL(status, MAIKO_OK);
    CU_ASSERT(nth > 4);
}

/* Neither for one more of the last record's nor for a record of its own: the next event is taken as before. */
static void memory_that_is_back_is_used_again(void)
{
    enum { RECORDS = 8, MOST = 100 };
    maiko_status status = MAIKO_OK;
    struct source *sources[2];
    struct scene scene;
    struct batch *batch;
    size_t i;

    open_scene(&scene, MAIKO_TYPE(cargo), 100, 0);
    sources[0] = scene.source;
    sources[1] = calloc(1, sizeof *scene.source + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sources[1]);
    sources[1]->type = scene.source->type;
    sources[1]->plan = scene.source->plan;
    atomic_store(&sources[1]->is_native, true);
    atomic_store(&scene.source->is_native, true);
    scene.envelope->id = scene.envelope->correlation = (maiko_id){7, 800};
    scene.envelope->time_ns = 900;
    for (i = 0; i < RECORDS; i++) /* as many as there is room for at first */
        CU_ASSERT_EQUAL(batch_add_event(&scene.builder, sources[i % 2], &scene.envelope->head, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(scene.builder.count, scene.builder.capacity);
    failing_allocator_fail_from(&scene.memory, 0);
    for (i = 0; i < MOST && status == MAIKO_OK; i++)
        status = batch_add_event(&scene.builder, sources[1], &scene.envelope->head, NULL);
    CU_ASSERT_EQUAL(status, MAIKO_ENOMEM);
    failing_allocator_fail_nth(&scene.memory, -1);
    CU_ASSERT_EQUAL(batch_add_event(&scene.builder, sources[1], &scene.envelope->head, NULL), MAIKO_OK);
    batch = batch_close(&scene.builder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
    CU_ASSERT_EQUAL(batch->events, RECORDS + i);
    CU_ASSERT_EQUAL(batch->block->size, batch->events * batch->records[0].len);
    batch_free(batch);
    free(sources[1]);
    close_scene(&scene);
}

/* Nobody may be left waiting for an end: there is always room for those that were announced. */
static void ends_that_are_awaited_need_no_memory(void)
{
    enum { ENDS = 20 };
    struct source *other = calloc(1, sizeof *other + 1);
    struct scene scene;
    struct batch *batch;
    size_t events;
    uint32_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    open_scene(&scene, MAIKO_TYPE(cargo), 100, 0);
    *other = (struct source){.type = scene.source->type, .plan = scene.source->plan};
    failing_allocator_fail_nth(&scene.memory, 0);
    CU_ASSERT_EQUAL(batch_await_ends(&scene.builder, ENDS), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL_FATAL(batch_await_ends(&scene.builder, ENDS), MAIKO_OK);
    CU_ASSERT(pack_reserve(&scene.builder.pack, 1 << 16));                          /* so that it is the list that has no room */
    for (events = 0; scene.builder.count + ENDS < scene.builder.capacity; events++) /* no two alike */
        CU_ASSERT_EQUAL(batch_add_event(&scene.builder, events % 2 ? other : scene.source, &scene.envelope->head, NULL),
                        MAIKO_OK);
    failing_allocator_fail_from(&scene.memory, 0);
    CU_ASSERT_EQUAL(batch_add_event(&scene.builder, events % 2 ? other : scene.source, &scene.envelope->head, NULL),
                    MAIKO_ENOMEM);
    for (i = 0; i < ENDS; i++)
        CU_ASSERT_EQUAL(batch_add_end(&scene.builder, i), MAIKO_OK);
    CU_ASSERT_EQUAL(batch_add_end(&scene.builder, i), MAIKO_ENOMEM);
    failing_allocator_fail_nth(&scene.memory, -1);
    batch = batch_close(&scene.builder);
    CU_ASSERT_EQUAL_FATAL(batch->events, events);
    for (i = 0; i < ENDS; i++)
        CU_ASSERT_EQUAL(batch->records[events + i].index, i);
    batch_free(batch);
    free(other);
    close_scene(&scene);
}

/* --- in the log --- */

static void *let_go_of_log(void *log)
{
    retained_deinit(log);
    return NULL;
}

/* The bridge's thread lets go when the supervisor and the shard that made the event are gone. */
static void the_log_keeps_it_for_as_long_as_it_wants_on_any_thread(void)
{
    struct retained_channel channel = {.refs = 1};
    struct retained_topic *topic = NULL;
    struct retained_entry *entry = NULL;
    struct retained log;
    struct scene scene;
    struct batch *batch;
    pthread_t thread;

    open_scene(&scene, MAIKO_TYPE(cargo), LARGE, 0);
    batch = make_batch(&scene);
    retained_init(&log, heap_default(), 1 << 20);
    CU_ASSERT_EQUAL_FATAL(retained_topic(&log, "cargo", MAIKO_BLOCK, &topic), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(retained_append(&log, topic, &channel, batch->records[0].block, batch->records[0].block->data,
                                          batch->records[0].len, &entry),
                          MAIKO_OK);
    CU_ASSERT_EQUAL(log.bytes, sizeof *entry + batch->len);
    batch_free(batch);
    CU_ASSERT_EQUAL(scene.envelope->refs, 2);
    (void)maiko_envelope_unref(&scene.envelope->head);
    envelope_root_unref(scene.root);
    payload_plan_free(scene.plan);
    free(scene.source);
    batch_builder_deinit(&scene.builder);
    CU_ASSERT_EQUAL(pthread_create(&thread, NULL, let_go_of_log, &log), 0);
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0); /* the address sanitizer sees to it that nothing is left */
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&scene.memory));
}

/* What is in is counted, what is not is the caller's to refuse. */
static void a_run_goes_into_the_log_as_far_as_there_is_memory(void)
{
    enum { EVENTS = 300, LEN = 10 };
    size_t count = 0;
    size_t before = 0;
    long nth;

    for (nth = 0; count < EVENTS && nth < 16; nth++, before = count) {
        struct failing_allocator memory;
        struct heap heap;
        struct retained log;
        struct retained_channel channel = {.refs = 0};
        struct retained_topic *topic = NULL;
        struct retained_run run = {.channel = &channel, .len = LEN, .count = EVENTS, .is_native = true};

        failing_allocator_init(&memory);
        heap_init(&heap, &memory.allocator, 0);
        retained_init(&log, &heap, 1 << 20);
        CU_ASSERT_EQUAL_FATAL(retained_topic(&log, "cargo", MAIKO_BLOCK, &topic), MAIKO_OK);
        run.topic = topic;
        run.block = retained_block_new(&heap, heap_alloc(&heap, EVENTS * LEN), EVENTS * LEN);
        run.bytes = run.block->data;
        failing_allocator_fail_from(&memory, nth);
        CU_ASSERT_EQUAL(retained_append_run(&log, &run, &count), count == EVENTS ? MAIKO_OK : MAIKO_ENOMEM);
        CU_ASSERT(count >= before);
        CU_ASSERT_EQUAL(log.next, count);
        CU_ASSERT_EQUAL(log.bytes, count * (sizeof(struct retained_entry) + LEN));
        CU_ASSERT_EQUAL(topic->count, count);
        CU_ASSERT_EQUAL(channel.refs, (count + RETAINED_SHARED_EVENTS - 1) / RETAINED_SHARED_EVENTS);
        CU_ASSERT_EQUAL(run.block->refs, channel.refs + 1);
        CU_ASSERT_PTR_EQUAL(topic->last, count > 0 ? retained_at(&log, count - 1) : NULL);
        if (count > 0) {
            const struct retained_entry *last = topic->last;

            CU_ASSERT_PTR_EQUAL(retained_bytes(last, (uint8_t)(last->count - 1)), run.bytes + (count - 1) * LEN);
            CU_ASSERT_TRUE(last->is_native);
        }
        retained_block_unref(run.block);
        retained_deinit(&log);
        CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
    }
    CU_ASSERT_EQUAL(count, EVENTS);
    CU_ASSERT(nth > 4);
}

/* The places that are free are used when there is no memory for more. */
static void a_run_fills_the_ring_that_cannot_grow(void)
{
    enum { RING = 64, ALREADY = 59, LEN = 10 };
    struct failing_allocator memory;
    struct heap heap;
    struct retained log;
    struct retained_channel channel = {.refs = 0};
    struct retained_run run = {.channel = &channel, .len = LEN};
    size_t count;

    failing_allocator_init(&memory);
    heap_init(&heap, &memory.allocator, 0);
    retained_init(&log, &heap, 1 << 20);
    CU_ASSERT_EQUAL_FATAL(retained_topic(&log, "cargo", MAIKO_BLOCK, &run.topic), MAIKO_OK);
    run.block = retained_block_new(&heap, heap_alloc(&heap, RING * LEN), RING * LEN);
    run.bytes = run.block->data;
    run.count = ALREADY;
    CU_ASSERT_EQUAL(retained_append_run(&log, &run, &count), MAIKO_OK);
    CU_ASSERT_EQUAL(log.capacity, RING);
    failing_allocator_fail_from(&memory, 0);
    run.count = RETAINED_SHARED_EVENTS;
    CU_ASSERT_EQUAL(retained_append_run(&log, &run, &count), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL(count, RING - ALREADY);
    CU_ASSERT_EQUAL(run.topic->last->count, RING - ALREADY);
    CU_ASSERT_EQUAL(retained_append_run(&log, &run, &count), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL(count, 0);
    retained_block_unref(run.block);
    retained_deinit(&log);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
}

static const struct test_case cases[] = {
    TEST_CASE(a_large_payload_is_referred_to),
    TEST_CASE(others_are_written_out),
    TEST_CASE(events_that_are_alike_are_one_record),
    TEST_CASE(an_event_like_the_last_one_is_known_at_a_glance),
    TEST_CASE(an_event_on_the_heap_is_not_known_by_its_topic),
    TEST_CASE(the_first_of_a_batch_is_known_too),
    TEST_CASE(what_finds_no_memory_is_not_taken),
    TEST_CASE(another_number_begins_another_record),
    TEST_CASE(what_fills_its_memory_is_not_copied),
    TEST_CASE(a_run_goes_into_the_log_as_far_as_there_is_memory),
    TEST_CASE(a_run_fills_the_ring_that_cannot_grow),
    TEST_CASE(both_kinds_go_in_one_batch),
    TEST_CASE(without_memory_it_is_refused_and_nothing_is_kept),
    TEST_CASE(ends_that_are_awaited_need_no_memory),
    TEST_CASE(memory_that_is_back_is_used_again),
    TEST_CASE(the_log_keeps_it_for_as_long_as_it_wants_on_any_thread),
};
SUITE_MAIN("batch", cases)
