/* Counters reader: hostile files, wrong books, and programs of other versions. */
#include "monitor/counters_reader.h"

#include "lib/failing_allocator.h"
#include "lib/scratch.h"
#include "lib/suite.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The bytes of a file with one of everything, whose books balance. */
struct image {
    unsigned char *bytes;
    size_t len;
};

static struct counters_header *header_of(const struct image *image)
{
    return (struct counters_header *)image->bytes;
}

static struct counters_row *row_of(const struct image *image, uint32_t index)
{
    return (struct counters_row *)(image->bytes + COUNTERS_HEADER_SIZE) + index;
}

/* The first live row of a kind. */
static struct counters_row *live_row(const struct image *image, enum counters_row_kind kind)
{
    uint32_t i;

    for (i = COUNTERS_FIRST_ROW; i < header_of(image)->rows; i++)
        if (counters_is(row_of(image, i), kind, COUNTERS_LIVE) && (kind != COUNTERS_ROW_DROP || row_of(image, i)->words[0] > 0))
            return row_of(image, i);
    return NULL;
}

static void write_books(struct counters_file *file)
{
    struct counters_actor *actor = counters_actor_add(file, 1, "an actor whose name is too long for one row alone", 8, 0);
    struct counters_actor *ended = counters_actor_add(file, 2, "ended", 8, 0);
    struct counters_topic *topic = counters_topic_add(file, 0, "t");
    struct counters_shard *shard = counters_shard_add(file, 0, "shard");

    COUNT(actor, received, 10);
    COUNT(actor, handled, 6);
    COUNT(actor, dropped, 3);
    COUNT(actor, sent, 5);
    COUNT(counters_actor_times(file, actor), retries, 1);
    COUNT_SHARED(counters_drop(file, actor, 0, "t", MAIKO_DROPPED_NEWEST), events, 3);
    COUNT(ended, received, 2);
    COUNT(ended, handled, 2);
    COUNT(ended, sent, 2);
    counters_actor_remove(file, ended);
    COUNT(topic, sent, 7);
    COUNT(topic, unrouted, 1);
    COUNT(topic, routed, 4);
    COUNT(shard, routed, 4);
    COUNT(shard, dispatched, 2);
    COUNT(shard, ring_dropped, 1);
    COUNT_SHARED(counters_drop(file, NULL, 0, "t", MAIKO_DROPPED_RING), events, 1);
}

static struct image make_image(void)
{
    struct counters_file *file = NULL;
    struct image image = {NULL, 0};
    void *bytes = NULL;

    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap_default(), &(struct counters_options){.name = "n", .no_file = true}, &file),
                          MAIKO_OK);
    write_books(file);
    CU_ASSERT_EQUAL_FATAL(counters_file_image(file, heap_default(), &bytes, &image.len), MAIKO_OK);
    image.bytes = bytes;
    counters_file_close(file, true, 0);
    return image;
}

static void free_image(struct image *image)
{
    heap_free(heap_default(), image->bytes, image->len);
}

static maiko_status read_image(const struct image *image, maiko_counters **ret_counters)
{
    return counters_read_image(heap_default(), image->bytes, image->len, ret_counters);
}

/* Asks for everything there is. */
static void walk(const maiko_counters *counters)
{
    maiko_counters_balance balance;
    maiko_counters_actor actor;
    maiko_counters_topic topic;
    maiko_counters_shard shard;
    maiko_counters_drop drop;
    maiko_counters_field field;
    maiko_counters_info info;
    size_t total = 0;
    size_t i;

    CU_ASSERT_EQUAL(maiko_counters_get_info(counters, &info), MAIKO_OK);
    total += strlen(info.name);
    for (i = 0; maiko_counters_get_actor(counters, i, &actor) == MAIKO_OK; i++)
        total += strlen(actor.name);
    for (i = 0; maiko_counters_get_topic(counters, i, &topic) == MAIKO_OK; i++)
        total += strlen(topic.name);
    for (i = 0; maiko_counters_get_shard(counters, i, &shard) == MAIKO_OK; i++)
        total += strlen(shard.name);
    for (i = 0; maiko_counters_get_drop(counters, i, &drop) == MAIKO_OK; i++)
        total += strlen(drop.topic) + strlen(drop.actor);
    for (i = 0; maiko_counters_get_field(counters, i, &field) == MAIKO_OK; i++)
        total += strlen(field.name) + strlen(field.unit) + strlen(field.kind) + strlen(field.text);
    CU_ASSERT(total < SIZE_MAX / 2);
    CU_ASSERT_EQUAL(maiko_counters_get_totals(counters, &actor), MAIKO_OK);
    (void)maiko_counters_find_actor(counters, "nobody", &actor);
    (void)maiko_counters_dropped_for(counters, MAIKO_DROPPED_RING);
    (void)maiko_counters_check_balance(counters, &balance);
}

static void read_and_walk(const struct image *image)
{
    maiko_counters *counters = NULL;

    if (read_image(image, &counters) == MAIKO_OK)
        walk(counters);
    maiko_counters_free(counters);
}

static void a_sound_file_is_read_and_its_books_balance(void)
{
    struct image image = make_image();
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;

    CU_ASSERT_EQUAL_FATAL(read_image(&image, &counters), MAIKO_OK);
    walk(counters);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(balance.text, "");
    CU_ASSERT(balance.is_balanced && !balance.is_final);
    CU_ASSERT(balance.sent == 7 && balance.unrouted == 1 && balance.refused == 0);
    CU_ASSERT(balance.matched == 12 && balance.handled == 8 && balance.dropped == 3 && balance.unfinished == 1);
    CU_ASSERT(balance.routed == 4 && balance.dispatched == 2 && balance.ring_dropped == 1 && balance.in_flight == 1);
    maiko_counters_free(counters);
    free_image(&image);
}

static void expect_objection(const struct image *image, const char *part)
{
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;

    CU_ASSERT_EQUAL_FATAL(read_image(image, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT_FALSE(balance.is_balanced);
    if (strstr(balance.text, part) == NULL)
        SUITE_FAIL("\"%s\" does not say \"%s\"", balance.text, part);
    maiko_counters_free(counters);
}

/* Each row: one word that is off by so much, and what is said about it. */
static void every_wrong_book_is_found(void)
{
    static const struct {
        enum counters_row_kind kind;
        int word;
        int by;
        const char *part;
    } wrongs[] = {
        {COUNTERS_ROW_ACTOR, 0, -2, "received 8, but handled 6 and dropped 3"},
        {COUNTERS_ROW_ACTOR, 1, 2, "too long for one row"},
        {COUNTERS_ROW_ACTOR, 2, 1, "actors sent 8, but topics carried 7"},
        {COUNTERS_ROW_ACTOR, 4, -1, "actors dropped 2, but drop rows explain 3"},
        {COUNTERS_ROW_TOPIC, 0, 1, "actors sent 7, but topics carried 8"},
        {COUNTERS_ROW_TOPIC, 1, 7, "topic \"t\": 7 sent, but 8 unrouted"},
        {COUNTERS_ROW_SHARD, 0, -2, "routed 2 copies, but dispatched 2 and dropped 1"},
        {COUNTERS_ROW_SHARD, 2, -1, "shards dropped 0, but drop rows explain 1"},
        {COUNTERS_ROW_DROP, 0, -1, "actors dropped 3, but drop rows explain 2"},
    };
    size_t i;

    for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        struct image image = make_image();

        live_row(&image, wrongs[i].kind)->words[wrongs[i].word] += (uint64_t)(int64_t)wrongs[i].by;
        expect_objection(&image, wrongs[i].part);
        free_image(&image);
    }
}

static void after_a_stop_nothing_is_in_flight_and_unfinished_is_as_reported(void)
{
    struct image image = make_image();
    maiko_counters_balance balance;
    maiko_counters *counters = NULL;

    header_of(&image)->flags |= COUNTERS_CLEAN;
    header_of(&image)->unfinished = 1;
    expect_objection(&image, "copies in flight are 1");
    live_row(&image, COUNTERS_ROW_SHARD)->words[0] -= 1;
    header_of(&image)->unfinished = 0;
    expect_objection(&image, "events unfinished are 1, but the stop reported 0");
    header_of(&image)->unfinished = 1;
    CU_ASSERT_EQUAL_FATAL(read_image(&image, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT(balance.is_balanced && balance.is_final);
    maiko_counters_free(counters);
    free_image(&image);
}

/* Without a mailbox: another thread, or an importer.  What it sent is on a topic when a shard has taken it over. */
static void what_came_from_outside_may_still_wait_for_a_shard(void)
{
    struct image image = make_image();
    maiko_counters_balance balance;
    maiko_counters *counters = NULL;

    live_row(&image, COUNTERS_ROW_ACTOR)->label.number = 0;
    live_row(&image, COUNTERS_ROW_TOPIC)->words[0] -= 5;
    CU_ASSERT_EQUAL_FATAL(read_image(&image, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT(balance.is_balanced && balance.waiting == 5);
    maiko_counters_free(counters);
    live_row(&image, COUNTERS_ROW_TOPIC)->words[0] -= 1; /* more than came from outside */
    expect_objection(&image, "actors sent 7, but topics carried 1");
    live_row(&image, COUNTERS_ROW_TOPIC)->words[0] += 1;
    header_of(&image)->flags |= COUNTERS_CLEAN;
    expect_objection(&image, "actors sent 7, but topics carried 2");
    free_image(&image);
}

/* Killed between counting for the actor and counting for the topic: one event per shard may be missing, not more. */
static void a_killed_program_may_be_one_event_per_shard_off(void)
{
    struct image image = make_image();
    maiko_counters_balance balance;
    maiko_counters *counters = NULL;

    header_of(&image)->start_ticks ^= 1; /* a process of that number that was another one */
    live_row(&image, COUNTERS_ROW_TOPIC)->words[0] -= 2;
    CU_ASSERT_EQUAL_FATAL(read_image(&image, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT(balance.is_balanced && balance.is_final);
    maiko_counters_free(counters);
    live_row(&image, COUNTERS_ROW_TOPIC)->words[0] -= 1;
    expect_objection(&image, "topics carried 4");
    free_image(&image);
}

static void a_half_done_fold_is_undone(void)
{
    struct image image = make_image();
    struct counters_row *actor = live_row(&image, COUNTERS_ROW_ACTOR);
    struct counters_undo *undo = &header_of(&image)->undo;

    undo->rows[0] = (uint32_t)(actor - row_of(&image, 0));
    undo->rows[1] = COUNTERS_ROW_ACTOR;
    memcpy(&undo->saved[0], actor, COUNTERS_ROW_SIZE);
    memcpy(&undo->saved[1], row_of(&image, COUNTERS_ROW_ACTOR), COUNTERS_ROW_SIZE);
    undo->count = 2;
    row_of(&image, COUNTERS_ROW_ACTOR)->words[0] += 10; /* folded so far: only the first word */
    read_and_walk(&image);
    {
        maiko_counters *counters = NULL;
        maiko_counters_balance balance;

        CU_ASSERT_EQUAL_FATAL(read_image(&image, &counters), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
        CU_ASSERT(balance.is_balanced && balance.matched == 12);
        maiko_counters_free(counters);
    }
    free_image(&image);
}

static void files_of_another_kind_or_version_are_refused(void)
{
    struct image image = make_image();
    maiko_counters *counters = NULL;

    header_of(&image)->version++;
    CU_ASSERT_EQUAL(read_image(&image, &counters), MAIKO_ENOTSUP);
    header_of(&image)->version--;
    header_of(&image)->magic = __builtin_bswap64(COUNTERS_MAGIC);
    CU_ASSERT_EQUAL(read_image(&image, &counters), MAIKO_ENOTSUP);
    header_of(&image)->magic = 0;
    CU_ASSERT_EQUAL(read_image(&image, &counters), MAIKO_EPROTOCOL);
    header_of(&image)->magic = COUNTERS_MAGIC;
    header_of(&image)->row_size = 64;
    CU_ASSERT_EQUAL(read_image(&image, &counters), MAIKO_EPROTOCOL);
    header_of(&image)->row_size = COUNTERS_ROW_SIZE;
    header_of(&image)->field_count = COUNTERS_FIELDS_MAX + 1;
    CU_ASSERT_EQUAL(read_image(&image, &counters), MAIKO_EPROTOCOL);
    CU_ASSERT_PTR_NULL(counters);
    free_image(&image);
}

static void a_file_cut_off_anywhere_is_refused_or_read_as_incomplete(void)
{
    struct image image = make_image();
    const size_t whole = image.len;
    maiko_counters_balance balance;
    maiko_counters *counters;
    size_t len;

    for (len = 0; len < whole; len += len < COUNTERS_HEADER_SIZE ? 509 : 61) {
        struct image cut = {malloc(len + 1), len}; /* a block of its own, so that reading past it is seen */

        memcpy(cut.bytes, image.bytes, len);
        counters = NULL;
        if (read_image(&cut, &counters) == MAIKO_OK) {
            walk(counters);
            CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_ENOTSUP);
        }
        maiko_counters_free(counters);
        free(cut.bytes);
    }
    free_image(&image);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static void no_bytes_whatever_hurt_the_reader(void)
{
    const unsigned long rounds = suite_scale(3000, 200000);
    struct image image = make_image();
    struct image broken = {malloc(image.len), image.len};
    uint64_t seed = 1;
    unsigned long round;

    for (round = 0; round < rounds; round++) {
        unsigned changes = 1 + (unsigned)(next_random(&seed) % 16);

        memcpy(broken.bytes, image.bytes, image.len);
        while (changes-- > 0) {
            const size_t header_or_rows = next_random(&seed) % 4 == 0 ? offsetof(struct counters_header, fields) : image.len;
            const size_t at = next_random(&seed) % header_or_rows;

            broken.bytes[at] = (unsigned char)next_random(&seed);
        }
        read_and_walk(&broken);
    }
    free(broken.bytes);
    free_image(&image);
}

static void names_that_lead_in_circles_end(void)
{
    struct image image = make_image();
    struct counters_row *actor = live_row(&image, COUNTERS_ROW_ACTOR);
    struct counters_row *text = row_of(&image, actor->label.more);

    actor->label.name_len = 255;
    text->label.more = actor->label.more;
    read_and_walk(&image);
    actor->label.more = UINT32_MAX;
    read_and_walk(&image);
    actor->label.more = (uint32_t)(actor - row_of(&image, 0));
    read_and_walk(&image);
    free_image(&image);
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    struct image image = make_image();
    struct failing_allocator failing;
    maiko_status status = MAIKO_ENOMEM;
    struct heap heap;
    long nth;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (nth = 0; status != MAIKO_OK && nth < 100; nth++) {
        maiko_counters *counters = NULL;

        failing_allocator_fail_nth(&failing, nth);
        status = counters_read_image(&heap, image.bytes, image.len, &counters);
        CU_ASSERT(status == (failing_allocator_has_failed(&failing) ? MAIKO_ENOMEM : MAIKO_OK));
        maiko_counters_free(counters);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT(nth > 5 && status == MAIKO_OK);
    free_image(&image);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_EQUAL(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void what_is_no_counters_file_is_refused_without_waiting(void)
{
    struct scratch scratch;
    maiko_counters *counters = NULL;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    scratch_file(&scratch, "f", path, sizeof(path));
    CU_ASSERT_EQUAL(maiko_counters_open(path, &counters), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    CU_ASSERT_EQUAL(maiko_counters_open(path, &counters), MAIKO_EPROTOCOL);
    unlink(path);
    write_file(path, "", 0);
    CU_ASSERT_EQUAL(maiko_counters_open(path, &counters), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(truncate(path, 1 << 20), 0);
    CU_ASSERT_EQUAL(maiko_counters_open(path, &counters), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(maiko_counters_open(scratch.path, &counters), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(maiko_counters_open(NULL, &counters), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_counters_open(path, NULL), MAIKO_EINVAL);
    CU_ASSERT_PTR_NULL(counters);
    scratch_deinit(&scratch);
}

static void a_snapshot_stays_until_it_is_refreshed(void)
{
    struct counters_file *file;
    struct scratch scratch;
    struct counters_actor *line;
    maiko_counters_actor actor;
    maiko_counters *counters = NULL;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    scratch_file(&scratch, "f", path, sizeof(path));
    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap_default(), &(struct counters_options){.name = "n", .path = path}, &file),
                          MAIKO_OK);
    line = counters_actor_add(file, 1, "a", 1, 0);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    COUNT(line, sent, 3);
    CU_ASSERT(maiko_counters_get_actor(counters, 0, &actor) == MAIKO_OK && actor.sent == 0);
    CU_ASSERT_EQUAL(maiko_counters_refresh(counters), MAIKO_OK);
    CU_ASSERT(maiko_counters_get_actor(counters, 0, &actor) == MAIKO_OK && actor.sent == 3);
    CU_ASSERT_EQUAL(truncate(path, 100), 0); /* by whomever: the old snapshot stays, and nobody gets a signal */
    CU_ASSERT_EQUAL(maiko_counters_refresh(counters), MAIKO_EPROTOCOL);
    CU_ASSERT(maiko_counters_get_actor(counters, 0, &actor) == MAIKO_OK && actor.sent == 3);
    CU_ASSERT_EQUAL(truncate(path, 1 << 16), 0); /* so that the writer's rows have pages again */
    CU_ASSERT_EQUAL(maiko_counters_refresh(NULL), MAIKO_EINVAL);
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
    scratch_deinit(&scratch);
}

static maiko_status note(const char *path, void *userdata)
{
    char *found = userdata;

    strncat(found, strrchr(path, '/'), 200);
    return strstr(path, "stop") != NULL ? MAIKO_ELIMIT : MAIKO_OK;
}

static void only_counters_files_are_listed(void)
{
    static const char *const names[] = {"a.1.0", "b.22.13", "a.1", "x", ".a.1.0", "a.1.0.tmp", "1.2", ".1.2", "a.1.x"};
    struct scratch scratch;
    char found[1000] = "";
    char path[600];
    size_t i;

    CU_ASSERT_FATAL(scratch_init(&scratch));
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_file(scratch_file(&scratch, names[i], path, sizeof(path)), "", 0);
    CU_ASSERT_EQUAL(maiko_counters_list(scratch.path, note, found), MAIKO_OK);
    CU_ASSERT(strcmp(found, "/a.1.0/b.22.13") == 0 || strcmp(found, "/b.22.13/a.1.0") == 0);
    setenv("MAIKO_COUNTERS_DIR", scratch.path, 1);
    found[0] = '\0';
    CU_ASSERT_EQUAL(maiko_counters_list(NULL, note, found), MAIKO_OK);
    CU_ASSERT_EQUAL(strlen(found), strlen("/a.1.0/b.22.13"));
    write_file(scratch_file(&scratch, "stop.1.1", path, sizeof(path)), "", 0);
    CU_ASSERT_EQUAL(maiko_counters_list(NULL, note, found), MAIKO_ELIMIT);
    setenv("MAIKO_COUNTERS_DIR", scratch_file(&scratch, "none", path, sizeof(path)), 1);
    CU_ASSERT_EQUAL(maiko_counters_list(NULL, note, found), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_list(path, note, found), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(maiko_counters_list(NULL, NULL, NULL), MAIKO_EINVAL);
    scratch_deinit(&scratch);
}

static void every_counter_is_described(void)
{
    struct image image = make_image();
    maiko_counters_field field;
    maiko_counters *counters = NULL;
    size_t i;

    CU_ASSERT_EQUAL_FATAL(read_image(&image, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_field_count(counters), 8 + 4 + 3 + 6 + 1 + 8 + 8 + 3);
    for (i = 0; maiko_counters_get_field(counters, i, &field) == MAIKO_OK; i++)
        CU_ASSERT(strchr(field.name, '.') != NULL && field.unit[0] != '\0' && field.kind[0] != '\0' && strlen(field.text) > 10);
    CU_ASSERT_EQUAL(maiko_counters_get_field(counters, 6, &field), MAIKO_OK);
    CU_ASSERT(strcmp(field.name, "actor.high_water") == 0 && strcmp(field.unit, "events") == 0 && strcmp(field.kind, "max") == 0);
    maiko_counters_free(counters);
    free_image(&image);
}

/* An older program asks for less, a newer one for more than this library knows. */
static void structs_of_other_sizes_are_filled_as_far_as_they_go(void)
{
    struct {
        maiko_counters_actor known;
        uint64_t later;
    } newer = {.later = 7};
    struct image image = make_image();
    maiko_counters_actor older;
    maiko_counters *counters = NULL;

    CU_ASSERT_EQUAL_FATAL(read_image(&image, &counters), MAIKO_OK);
    memset(&older, 0x55, sizeof(older));
    CU_ASSERT_EQUAL(maiko_counters_actor_sized(counters, 0, &older, offsetof(maiko_counters_actor, handled)), MAIKO_OK);
    CU_ASSERT(older.received == 10 && older.handled == UINT64_C(0x5555555555555555));
    CU_ASSERT_EQUAL(maiko_counters_actor_sized(counters, 0, &newer.known, sizeof(newer)), MAIKO_OK);
    CU_ASSERT(newer.known.received == 10 && newer.later == 0);
    maiko_counters_free(counters);
    free_image(&image);
}

static void bad_arguments_are_answered(void)
{
    maiko_counters_actor actor;
    maiko_counters_info info;
    maiko_counters_balance balance;

    CU_ASSERT_EQUAL(maiko_counters_get_actor(NULL, 0, &actor), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(actor.name, "");
    CU_ASSERT_EQUAL(maiko_counters_get_info(NULL, &info), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_counters_get_totals(NULL, &actor), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_counters_find_actor(NULL, "a", &actor), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(NULL, &balance), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_counters_actor_sized(NULL, 0, NULL, 0), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_counters_actor_count(NULL), 0);
    CU_ASSERT_PTR_NULL(maiko_counters_free(NULL));
    CU_ASSERT_STRING_EQUAL(maiko_drop_reason_text((maiko_drop_reason)99), "unknown reason");
    CU_ASSERT_STRING_EQUAL(maiko_actor_phase_name(MAIKO_ACTOR_HELD), "held");
    CU_ASSERT_STRING_EQUAL(maiko_actor_phase_name((maiko_actor_phase)99), "unknown");
}

static const struct test_case cases[] = {
    TEST_CASE(a_sound_file_is_read_and_its_books_balance),
    TEST_CASE(every_wrong_book_is_found),
    TEST_CASE(after_a_stop_nothing_is_in_flight_and_unfinished_is_as_reported),
    TEST_CASE(what_came_from_outside_may_still_wait_for_a_shard),
    TEST_CASE(a_killed_program_may_be_one_event_per_shard_off),
    TEST_CASE(a_half_done_fold_is_undone),
    TEST_CASE(files_of_another_kind_or_version_are_refused),
    TEST_CASE(a_file_cut_off_anywhere_is_refused_or_read_as_incomplete),
    TEST_CASE(no_bytes_whatever_hurt_the_reader),
    TEST_CASE(names_that_lead_in_circles_end),
    TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
    TEST_CASE(what_is_no_counters_file_is_refused_without_waiting),
    TEST_CASE(a_snapshot_stays_until_it_is_refreshed),
    TEST_CASE(only_counters_files_are_listed),
    TEST_CASE(every_counter_is_described),
    TEST_CASE(structs_of_other_sizes_are_filled_as_far_as_they_go),
    TEST_CASE(bad_arguments_are_answered),
};
SUITE_MAIN("counters_reader", cases)
