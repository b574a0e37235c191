/* Large events between processes that share memory: read where they were made, by whom and as long as they like, whatever becomes
 * of the other side; and what goes there as a copy. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/bridge_end.h"
#include "lib/child.h"
#include "lib/process.h"
#include "lib/scratch.h"
#include "lib/suite.h"
#include "node/node.h"

#define PICTURE_FIELDS(F) F(UINT32, number) F(TAIL, body, BYTES)
MAIKO_EVENT(picture, "gallery/picture", PICTURE_FIELDS)

/* Its tail has values that are none, so it has to be looked at where nobody else can change it. */
#define RIDDLE_FIELDS(F) F(UINT32, number) F(TAIL, body, BOOL)
MAIKO_EVENT(riddle, "gallery/riddle", RIDDLE_FIELDS)

enum { LEN = 65536, KEPT_MAX = 600, PAGE = 4096, HEAD = 16 };

static struct host host;

/* A node with a reader. */
struct end {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    atomic_bool keeps;
    maiko_envelope *kept[KEPT_MAX];
    _Atomic uint32_t received;
    _Atomic uint32_t in_place; /* of them: at the place of one in a pool */
    _Atomic uint32_t wrong;
    _Atomic uint32_t last;
};

static unsigned char color(uint32_t number)
{
    return (unsigned char)(number % 251 + 1);
}

static bool is_painted(const unsigned char *body, size_t len, unsigned char expected)
{
    size_t i = 0;

    while (i < len && body[i] == expected)
        i++;
    return i == len;
}

static bool is_whole(const picture *event)
{
    return is_painted(event->body, event->body_count, color(event->number));
}

/* Does the tail begin where a mapping of shared memory does?  By chance one on the heap may have such a place. */
static bool is_in_pool(const void *event)
{
    uintptr_t place = (uintptr_t)event + HEAD;
    FILE *maps = place % PAGE == 0 ? fopen("/proc/self/maps", "r") : NULL;
    bool is_found = false;
    uintptr_t begin;
    char line[512];

    while (maps != NULL && !is_found && fgets(line, sizeof(line), maps) != NULL)
        is_found = sscanf(line, "%" SCNxPTR "-", &begin) == 1 && begin == place && strstr(line, "memfd:maiko") != NULL;
    if (maps != NULL)
        fclose(maps);
    return is_found;
}

static maiko_status look(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const picture *event = maiko_event_as(envelope, picture);
    const riddle *other = maiko_event_as(envelope, riddle);
    struct end *end = self;
    uint32_t number = 0;

    (void)ctx;
    if (other != NULL) {
        end->wrong += !is_painted((const unsigned char *)other->body, other->body_count, 1);
        number = other->number;
    }
    if (event != NULL) {
        number = event->number;
        end->wrong += !is_whole(event) || number != end->last + 1;
        if (end->keeps && end->received < KEPT_MAX)
            end->wrong += maiko_envelope_keep(envelope, &end->kept[end->received]) != MAIKO_OK;
    }
    end->in_place += is_in_pool(envelope->payload);
    end->received++;
    end->last = number; /* what is waited for */
    return MAIKO_OK;
}

static void make_end(struct end *end, const char *node, const char *imports, const char *exports, const char *reads,
                     const maiko_bridge_config *given)
{
    static const maiko_actor_ops ops = {.handle = look};
    maiko_bridge_config config = given != NULL ? *given : (maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM};

    memset(end, 0, sizeof(*end));
    config.space = "gallery";
    config.node = node;
    end->sup = maiko_supervisor_new(&(maiko_config){.name = node});
    end->bridge = maiko_bridge_new(end->sup, &config);
    if (reads != NULL)
        (void)maiko_supervisor_add(end->sup, &(maiko_actor_spec){.name = "reader",
                                                                 .ops = &ops,
                                                                 .self = end,
                                                                 .subscribe = MAIKO_TOPICS(reads),
                                                                 .types = MAIKO_TYPES(MAIKO_TYPE(picture), MAIKO_TYPE(riddle))});
    if (imports != NULL)
        (void)maiko_bridge_import(end->bridge, &(maiko_bridge_pattern){.pattern = imports});
    if (exports != NULL)
        (void)maiko_bridge_export(end->bridge, &(maiko_bridge_pattern){.pattern = exports, .relay = imports != NULL});
}

static bool has_started(struct end *end)
{
    return maiko_bridge_start(end->bridge) == MAIKO_OK && maiko_supervisor_start(end->sup) == MAIKO_OK;
}

static void start_end(struct end *end)
{
    CU_ASSERT_FATAL(has_started(end));
}

static void let_go(struct end *end)
{
    size_t i;

    for (i = 0; i < KEPT_MAX; i++)
        end->kept[i] = maiko_envelope_unref(end->kept[i]);
}

static void stop_end(struct end *end)
{
    (void)maiko_supervisor_halt(end->sup, NULL);
    (void)maiko_bridge_stop(&end->bridge);
    (void)maiko_supervisor_stop(&end->sup, NULL);
}

/* Both in this process, each with its own mappings. */
static void make_pair(struct end *writer, struct end *reader, const maiko_bridge_config *config)
{
    host_init(&host);
    make_end(writer, "b", NULL, "gallery/#", NULL, config);
    make_end(reader, "a", "gallery/#", NULL, "gallery/#", NULL);
    start_end(writer);
    start_end(reader);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(writer->bridge, "gallery/picture", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

/* NULL: it was refused. */
static const void *try_to_paint(struct end *end, uint32_t number, size_t len)
{
    picture *event = maiko_reserve(maiko_supervisor_context(end->sup), picture, len);
    const void *made = event;

    if (event == NULL)
        return NULL;
    event->number = number;
    memset(event->body, color(number), len);
    return maiko_commit(maiko_supervisor_context(end->sup), event) == MAIKO_OK ? made : NULL;
}

static const void *paint(struct end *end, uint32_t number, size_t len)
{
    const void *made = try_to_paint(end, number, len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    return made;
}

/* The type is met and asked for, the pool made and taken: from some event on they go in place.  Returns how many were sent. */
static uint32_t warm_up(struct end *writer, struct end *reader)
{
    uint32_t number = 0;

    do {
        number++;
        paint(writer, number, LEN);
        CU_ASSERT_FATAL(wait_until(reader->last == number, 60000));
    } while (reader->in_place == 0 && number < 1000);
    CU_ASSERT(reader->in_place > 0);
    return number;
}

/* ---- cases ---- */

static void a_large_event_is_read_where_it_was_made(void)
{
    static const size_t lengths[] = {40000, LEN, LEN + 8, 300000, 1048576, 4194304};
    static struct end writer;
    static struct end reader;
    uint32_t number;
    uint32_t before;
    size_t i;

    make_pair(&writer, &reader, NULL);
    number = warm_up(&writer, &reader);
    before = reader.in_place;
    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        CU_ASSERT(is_in_pool(paint(&writer, ++number, lengths[i])));
        CU_ASSERT(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT_EQUAL(reader.in_place - before, sizeof(lengths) / sizeof(lengths[0]));
    CU_ASSERT_EQUAL(reader.received, number);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

/* The shard sends it while the bridge's thread sleeps: to name a slot is little work.  That thread wakes up for other things, so
 * only some of the events have to go without it. */
static void a_large_event_wakes_no_bridge(void)
{
    enum { WITHOUT = 10, AT_MOST = 5000 };
    static struct end writer;
    static struct end reader;
    uint32_t number;
    uint32_t end;
    uint64_t sends;

    make_pair(&writer, &reader, NULL);
    number = warm_up(&writer, &reader);
    end = number + AT_MOST;
    sends = writer.bridge->guest_sends + WITHOUT;
    while (number < end && writer.bridge->guest_sends < sends) {
        paint(&writer, ++number, 1048576);
        CU_ASSERT_FATAL(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT(writer.bridge->guest_sends >= sends);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

static maiko_bridge_counters count(struct end *end)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    CU_ASSERT_EQUAL(maiko_bridge_count(end->bridge, &counters), MAIKO_OK);
    return counters;
}

static void what_is_read_in_place_and_what_found_no_room_is_counted(void)
{
    static struct end writer;
    static struct end reader;
    uint32_t number;
    uint32_t before;
    uint32_t i;

    make_pair(&writer, &reader, &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .pool_bytes = 4 * 1048576});
    number = warm_up(&writer, &reader);
    CU_ASSERT(wait_until(count(&writer).lent == reader.in_place, 60000));
    CU_ASSERT_EQUAL(count(&writer).pool_starved, 0);
    before = reader.in_place;
    reader.keeps = true;
    for (i = 0; i < 100; i++)
        paint(&writer, ++number, LEN);
    CU_ASSERT(wait_until(reader.last == number, 60000));
    CU_ASSERT(wait_until(count(&writer).lent == reader.in_place, 60000));
    CU_ASSERT(reader.in_place < before + 100);
    CU_ASSERT_EQUAL(count(&writer).pool_starved, before + 100 - reader.in_place);
    let_go(&reader);
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

static void what_is_kept_outlives_both_ends_and_what_finds_no_place_is_copied(void)
{
    static struct end writer;
    static struct end reader;
    uint32_t number;
    uint32_t i;

    make_pair(&writer, &reader, &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .pool_bytes = 4 * 1048576});
    reader.keeps = true;
    number = warm_up(&writer, &reader);
    for (i = 0; i < 100; i++) /* there are 16 slots, and 4 that stand in for them */
        paint(&writer, ++number, LEN);
    CU_ASSERT(wait_until(reader.last == number, 60000));
    CU_ASSERT(reader.in_place > 4 && reader.in_place <= 20);
    stop_end(&writer);
    stop_end(&reader);
    for (i = 0; i < number; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(reader.kept[i]);
        CU_ASSERT(is_whole(maiko_event_as(reader.kept[i], picture)));
    }
    let_go(&reader);
    CU_ASSERT_EQUAL(reader.received, number);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    host_deinit(&host);
}

static void places_come_back_when_what_was_kept_is_let_go(void)
{
    static struct end writer;
    static struct end reader;
    uint32_t number;
    uint32_t before;
    uint32_t i;

    make_pair(&writer, &reader,
              &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .pool_bytes = 4 * 1048576, .log_bytes = 1});
    reader.keeps = true;
    number = warm_up(&writer, &reader);
    do { /* until there is none left; one that went out as a copy is free when that is acknowledged */
        before = reader.in_place;
        paint(&writer, ++number, LEN);
        CU_ASSERT_FATAL(wait_until(reader.last == number, 60000));
    } while (reader.in_place != before && number < 500);
    CU_ASSERT_EQUAL(reader.in_place, before);
    reader.keeps = false;
    let_go(&reader);
    for (i = 0; i < 50; i++) {
        paint(&writer, ++number, LEN);
        CU_ASSERT(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT(reader.in_place >= before + 40);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

static void room_that_is_given_up_or_shortened_does_no_harm(void)
{
    static struct end writer;
    static struct end reader;
    maiko_context *ctx;
    uint32_t number;
    int i;

    make_pair(&writer, &reader,
              &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .pool_bytes = 4 * 1048576, .log_bytes = 1});
    number = warm_up(&writer, &reader);
    ctx = maiko_supervisor_context(writer.sup);
    for (i = 0; i < 100; i++) {
        picture *event = maiko_reserve(ctx, picture, LEN);

        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        CU_ASSERT(is_in_pool(event));
        CU_ASSERT_EQUAL(event->number, 0);
        CU_ASSERT_EQUAL(event->body_count, LEN);
        if (i % 2 == 0) {
            maiko_abandon(ctx, event);
            continue;
        }
        event->number = ++number;
        event->body_count = i % 4 == 1 ? LEN - 100 : LEN / 4;
        memset(event->body, color(number), event->body_count);
        CU_ASSERT_EQUAL(maiko_commit(ctx, event), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_commit(ctx, event), MAIKO_EINVAL);
        CU_ASSERT(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT_EQUAL(reader.received, number);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

static void a_tail_that_must_be_checked_is_copied(void)
{
    static struct end writer;
    static struct end reader;
    uint32_t number;
    uint32_t before;
    uint32_t i;

    make_pair(&writer, &reader, NULL);
    number = warm_up(&writer, &reader);
    before = reader.in_place;
    for (i = 0; i < 20; i++) {
        riddle *event = maiko_reserve(maiko_supervisor_context(writer.sup), riddle, LEN);

        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        event->number = ++number;
        memset(event->body, 1, LEN);
        CU_ASSERT_EQUAL(maiko_commit(maiko_supervisor_context(writer.sup), event), MAIKO_OK);
        CU_ASSERT(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT_EQUAL(reader.in_place, before);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

static void without_a_pool_everything_is_copied(void)
{
    static struct end writer;
    static struct end reader;
    uint32_t number;

    make_pair(&writer, &reader, &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .pool_bytes = 1});
    for (number = 1; number <= 20; number++) {
        paint(&writer, number, LEN);
        CU_ASSERT(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT_EQUAL(reader.in_place, 0);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    CU_ASSERT_EQUAL(writer.bridge->guest_sends, 0); /* copying is the bridge's thread's work */
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

/* One in place, one by msgpack, and one through a relay. */
/* Another user may be there, who is to see nothing that was not sent to him. */
static void in_a_space_of_a_group_no_memory_of_events_is_shared(void)
{
    static struct end writer;
    static struct end reader;
    struct scratch scratch;
    maiko_bridge_config config;
    char group[32];
    uint32_t number;

    CU_ASSERT_FATAL(scratch_init(&scratch));
    CU_ASSERT_EQUAL(chmod(scratch.path, 02770), 0);
    snprintf(group, sizeof(group), "%lu", (unsigned long)getegid());
    config = (maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .runtime_dir = scratch.path, .space_group = group};
    host_init(&host);
    make_end(&writer, "b", NULL, "gallery/#", NULL, &config);
    make_end(&reader, "a", "gallery/#", NULL, "gallery/#", &config);
    start_end(&writer);
    start_end(&reader);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(writer.bridge, "gallery/picture", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (number = 1; number <= 50; number++) {
        paint(&writer, number, LEN);
        CU_ASSERT_FATAL(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT(reader.in_place == 0 && reader.wrong == 0 && count(&writer).lent == 0);
    stop_end(&reader);
    stop_end(&writer);
    scratch_deinit(&scratch);
    host_deinit(&host);
}

static void readers_without_shared_memory_get_the_same(void)
{
    static struct end writer;
    static struct end reader;
    static struct end far;
    static struct end behind;
    uint32_t number;
    uint32_t i;

    make_pair(&writer, &reader, &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_AUTO});
    number = warm_up(&writer, &reader);
    make_end(&far, "c", "gallery/#", "gallery/#", "gallery/#", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_ZMQ});
    start_end(&far);
    make_end(&behind, "d", "gallery/#", NULL, "gallery/#", NULL);
    start_end(&behind);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(writer.bridge, "gallery/picture", 3, MAIKO_SECONDS(60)), MAIKO_OK);
    far.last = behind.last = number;
    for (i = 0; i < 50; i++) {
        paint(&writer, ++number, i % 2 == 0 ? LEN : 400000);
        CU_ASSERT(wait_until(reader.last == number && far.last == number && behind.last == number, 60000));
    }
    CU_ASSERT_EQUAL(far.in_place, 0);
    CU_ASSERT(behind.in_place > 0);
    CU_ASSERT_EQUAL(reader.wrong + far.wrong + behind.wrong, 0);
    stop_end(&behind);
    stop_end(&far);
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

/* ---- the other side dies ---- */

static int write_for_ever(void)
{
    static struct end writer;
    uint32_t number = 0;

    make_end(&writer, "b", NULL, "gallery/#", NULL, NULL);
    if (!has_started(&writer) || maiko_bridge_wait_ready(writer.bridge, "gallery/picture", 1, MAIKO_SECONDS(60)) != MAIKO_OK)
        return 1;
    while (try_to_paint(&writer, ++number, LEN) != NULL)
        continue;
    return 1;
}

static int keep_for_ever(void)
{
    static struct end reader;

    make_end(&reader, "c", "gallery/#", NULL, "gallery/#", NULL);
    reader.keeps = true;
    if (!has_started(&reader) || !wait_until(reader.in_place >= 8, 60000) || write(STDOUT_FILENO, "!", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static void what_a_dead_writer_sent_can_be_read_on(void)
{
    static struct end reader;
    struct child child;
    uint32_t i;

    host_init(&host);
    make_end(&reader, "a", "gallery/#", NULL, "gallery/#", NULL);
    reader.keeps = true;
    start_end(&reader);
    CU_ASSERT_FATAL(bridge_end_start_other(&child, "--writer", 0));
    CU_ASSERT(wait_until(reader.in_place >= 50, 60000));
    child_signal(&child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&child, 30000), 128 + SIGKILL);
    stop_end(&reader);
    for (i = 0; i < KEPT_MAX && reader.kept[i] != NULL; i++)
        CU_ASSERT(is_whole(maiko_event_as(reader.kept[i], picture)));
    CU_ASSERT(i >= 50);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    let_go(&reader);
    host_deinit(&host);
}

static void what_a_dead_reader_had_comes_back(void)
{
    static struct end writer;
    static struct end reader;
    struct child child;
    uint32_t number;
    uint32_t before;
    char text[2];
    uint32_t i;

    make_pair(&writer, &reader,
              &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .pool_bytes = 4 * 1048576, .log_bytes = 1});
    number = warm_up(&writer, &reader);
    CU_ASSERT_FATAL(bridge_end_start_other(&child, "--keeper", 0));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(writer.bridge, "gallery/picture", 2, MAIKO_SECONDS(60)), MAIKO_OK);
    for (i = 0; i < 60; i++) {
        paint(&writer, ++number, LEN);
        CU_ASSERT(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT_EQUAL(read(child.output_fd, text, 1), 1); /* it has them all */
    child_signal(&child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&child, 30000), 128 + SIGKILL);
    CU_ASSERT(wait_until(maiko_bridge_wait_ready(writer.bridge, "gallery/picture", 2, 0) != MAIKO_OK, 60000));
    before = reader.in_place;
    for (i = 0; i < 20; i++) {
        paint(&writer, ++number, LEN);
        CU_ASSERT(wait_until(reader.last == number, 60000));
    }
    CU_ASSERT(reader.in_place >= before + 15);
    CU_ASSERT_EQUAL(reader.wrong, 0);
    stop_end(&reader);
    stop_end(&writer);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(a_large_event_is_read_where_it_was_made),
    TEST_CASE(a_large_event_wakes_no_bridge),
    TEST_CASE(what_is_read_in_place_and_what_found_no_room_is_counted),
    TEST_CASE(what_is_kept_outlives_both_ends_and_what_finds_no_place_is_copied),
    TEST_CASE(places_come_back_when_what_was_kept_is_let_go),
    TEST_CASE(room_that_is_given_up_or_shortened_does_no_harm),
    TEST_CASE(a_tail_that_must_be_checked_is_copied),
    TEST_CASE(without_a_pool_everything_is_copied),
    TEST_CASE(in_a_space_of_a_group_no_memory_of_events_is_shared),
    TEST_CASE(readers_without_shared_memory_get_the_same),
    TEST_CASE(what_a_dead_writer_sent_can_be_read_on),
    TEST_CASE(what_a_dead_reader_had_comes_back),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "in_place", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--writer") == 0)
        return write_for_ever();
    if (argc > 1 && strcmp(argv[1], "--keeper") == 0)
        return keep_for_ever();
    return suite_main(argc, argv, &suite);
}
