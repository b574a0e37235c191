/* Counters file: counting, rows that come and go, and what a killed program leaves. */
#include "monitor/counters_reader.h"

#include "lib/child.h"
#include "lib/failing_allocator.h"
#include "lib/scratch.h"
#include "lib/suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static struct counters_file *open_private(struct heap *heap)
{
    struct counters_file *file = NULL;

    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap, &(struct counters_options){.name = "test", .no_file = true}, &file), MAIKO_OK);
    return file;
}

static maiko_counters *snapshot_of(struct counters_file *file)
{
    maiko_counters *counters = NULL;

    CU_ASSERT_EQUAL_FATAL(counters_read_own(heap_default(), file, &counters), MAIKO_OK);
    return counters;
}

static void what_is_counted_is_read_back(void)
{
    struct counters_file *file = open_private(heap_default());
    struct counters_actor *line = counters_actor_add(file, 7, "alerter", 128, 3);
    maiko_counters_actor actor;
    maiko_counters *counters;

    COUNT(line, received, 10);
    COUNT(line, handled, 6);
    COUNT(line, dropped, 1);
    COUNT(line, sent, 2);
    COUNT_SHARED(line, refused, 5);
    COUNT_MAX(line, high_water, 9);
    COUNT_MAX(line, high_water, 4);
    COUNT_SET(line, activations, 44);
    counters_actor_set_phase(line, MAIKO_ACTOR_HELD);
    counters_actor_set_shard(line, 2);
    counters = snapshot_of(file);
    CU_ASSERT_EQUAL(maiko_counters_actor_count(counters), 1);
    CU_ASSERT_EQUAL(maiko_counters_find_actor(counters, "alerter", &actor), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(actor.name, "alerter");
    CU_ASSERT(actor.id == 7 && actor.shard == 2 && actor.capacity == 128 && actor.phase == MAIKO_ACTOR_HELD && !actor.has_ended);
    CU_ASSERT(actor.received == 10 && actor.handled == 6 && actor.dropped == 1 && actor.depth == 3 && actor.sent == 2);
    CU_ASSERT(actor.refused == 5 && actor.high_water == 9 && actor.activations == 44 && actor.errors == 0);
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
}

static void times_belong_to_their_actor(void)
{
    struct counters_file *file = open_private(heap_default());
    struct counters_actor *quick = counters_actor_add(file, 1, "quick", 1, 0);
    struct counters_actor *slow = counters_actor_add(file, 2, "slow", 1, 0);
    struct counters_times *times = counters_actor_times(file, slow);
    maiko_counters_actor actor;
    maiko_counters *counters;

    CU_ASSERT_PTR_NOT_NULL_FATAL(times);
    CU_ASSERT_PTR_EQUAL(counters_actor_times(file, slow), times);
    COUNT(times, samples, 2);
    COUNT(times, handler_ns, 900);
    COUNT_MAX(times, handler_max_ns, 600);
    COUNT(times, retries, 3);
    COUNT(quick, received, 1);
    counters = snapshot_of(file);
    CU_ASSERT_EQUAL(maiko_counters_find_actor(counters, "slow", &actor), MAIKO_OK);
    CU_ASSERT(actor.samples == 2 && actor.handler_ns == 900 && actor.handler_max_ns == 600 && actor.retries == 3);
    CU_ASSERT_EQUAL(maiko_counters_find_actor(counters, "quick", &actor), MAIKO_OK);
    CU_ASSERT(actor.samples == 0 && actor.retries == 0 && actor.received == 1);
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
}

/* A line that moved, or that two owners share, would show in the sum or under the address sanitizer. */
static void lines_stay_where_they_are_while_the_file_grows(void)
{
    enum { COUNT_OF_ACTORS = 20000 };
    struct counters_file *file = open_private(heap_default());
    struct counters_actor **lines = calloc(COUNT_OF_ACTORS, sizeof(*lines));
    maiko_counters_actor totals;
    maiko_counters *counters;
    size_t misplaced = 0;
    size_t i;

    for (i = 0; i < COUNT_OF_ACTORS; i++) {
        lines[i] = counters_actor_add(file, i + 1, NULL, 1, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(lines[i]);
        misplaced += (uintptr_t)lines[i] % 128 != 0;
        COUNT(lines[i], sent, i);
    }
    for (i = 0; i < COUNT_OF_ACTORS; i++)
        misplaced += COUNTED(lines[i], sent) != i;
    CU_ASSERT_EQUAL(misplaced, 0);
    counters = snapshot_of(file);
    CU_ASSERT_EQUAL(maiko_counters_actor_count(counters), COUNT_OF_ACTORS);
    CU_ASSERT_EQUAL(maiko_counters_get_totals(counters, &totals), MAIKO_OK);
    CU_ASSERT_EQUAL(totals.sent, (uint64_t)COUNT_OF_ACTORS * (COUNT_OF_ACTORS - 1) / 2);
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
    free(lines);
}

static void names_of_every_length_are_read_back_whole(void)
{
    struct counters_file *file = open_private(heap_default());
    maiko_counters_actor actor;
    maiko_counters *counters;
    char name[300];
    size_t len;

    for (len = 1; len <= 255; len++) {
        memset(name, 'a' + (char)(len % 26), len);
        snprintf(name + len, sizeof(name) - len, "%s", "");
        CU_ASSERT_PTR_NOT_NULL(counters_actor_add(file, len, name, 1, 0));
    }
    counters = snapshot_of(file);
    for (len = 1; len <= 255; len++) {
        CU_ASSERT_EQUAL(maiko_counters_get_actor(counters, len - 1, &actor), MAIKO_OK);
        memset(name, 'a' + (char)(len % 26), len);
        CU_ASSERT(actor.id == len && strlen(actor.name) == len && memcmp(actor.name, name, len) == 0);
    }
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
}

static void an_ended_actor_stays_in_the_totals_and_is_shown_for_a_while(void)
{
    struct counters_file *file = open_private(heap_default());
    struct counters_actor *line = counters_actor_add(file, 1, "gone", 1, 0);
    maiko_counters_actor actor;
    maiko_counters *counters;
    uint64_t id;

    COUNT(line, received, 5);
    COUNT(line, handled, 5);
    COUNT_MAX(line, high_water, 3);
    COUNT(counters_actor_times(file, line), retries, 4);
    counters_actor_remove(file, line);
    counters = snapshot_of(file);
    CU_ASSERT_EQUAL(maiko_counters_find_actor(counters, "gone", &actor), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(maiko_counters_get_actor(counters, 0, &actor), MAIKO_OK);
    CU_ASSERT(strcmp(actor.name, "gone") == 0 && actor.has_ended && actor.received == 5 && actor.depth == 0);
    CU_ASSERT_EQUAL(maiko_counters_get_totals(counters, &actor), MAIKO_OK);
    CU_ASSERT(actor.received == 5 && actor.handled == 5 && actor.high_water == 3 && actor.retries == 4);
    maiko_counters_free(counters);
    /* actors that come and go use the same rows again, and still none of their events is forgotten */
    for (id = 2; id < 10000; id++) {
        line = counters_actor_add(file, id, "a name that is long enough to need two rows of its own", 1, 0);
        COUNT(line, received, 1);
        COUNT(line, handled, 1);
        COUNT_MAX(line, high_water, 1);
        COUNT(counters_actor_times(file, line), retries, 1);
        counters_actor_remove(file, line);
    }
    counters = snapshot_of(file);
    CU_ASSERT(counters->now.row_count < 400);
    CU_ASSERT_EQUAL(maiko_counters_get_totals(counters, &actor), MAIKO_OK);
    CU_ASSERT(actor.received == 5 + 9998 && actor.high_water == 3 && actor.retries == 4 + 9998);
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
}

static void drops_are_told_apart_by_actor_topic_and_reason(void)
{
    struct counters_file *file = open_private(heap_default());
    struct counters_actor *a = counters_actor_add(file, 1, "a", 1, 0);
    struct counters_actor *b = counters_actor_add(file, 2, "b", 1, 0);
    struct counters_drop *lines[5];
    maiko_counters_drop drop;
    maiko_counters *counters;
    size_t i;

    lines[0] = counters_drop(file, a, 0, "t", MAIKO_DROPPED_NEWEST);
    lines[1] = counters_drop(file, a, 0, "u", MAIKO_DROPPED_NEWEST);
    lines[2] = counters_drop(file, a, 0, "t", MAIKO_DROPPED_OLDEST);
    lines[3] = counters_drop(file, b, 0, "t", MAIKO_DROPPED_NEWEST);
    lines[4] = counters_drop(file, NULL, 1, "t", MAIKO_DROPPED_RING);
    for (i = 0; i < 5; i++)
        COUNT_SHARED(lines[i], events, i + 1);
    CU_ASSERT_PTR_EQUAL(counters_drop(file, a, 0, "u", MAIKO_DROPPED_NEWEST), lines[1]);
    CU_ASSERT_PTR_EQUAL(counters_drop(file, NULL, 1, "t", MAIKO_DROPPED_RING), lines[4]);
    counters = snapshot_of(file);
    CU_ASSERT_EQUAL(maiko_counters_drop_count(counters), 5);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(counters, MAIKO_DROPPED_NEWEST), 1 + 2 + 4);
    for (i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(maiko_counters_get_drop(counters, i, &drop), MAIKO_OK);
        CU_ASSERT_EQUAL(drop.events, i + 1);
        CU_ASSERT_STRING_EQUAL(drop.topic, i == 1 ? "u" : "t");
        CU_ASSERT_STRING_EQUAL(drop.actor, i < 3 ? "a" : i == 3 ? "b" : "");
    }
    maiko_counters_free(counters);
    counters_actor_remove(file, a);
    counters = snapshot_of(file);
    CU_ASSERT_EQUAL(maiko_counters_drop_count(counters), 4); /* b's, the ring's, and a's two reasons in the totals */
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(counters, MAIKO_DROPPED_NEWEST), 1 + 2 + 4);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(counters, MAIKO_DROPPED_OLDEST), 3);
    maiko_counters_free(counters);
    CU_ASSERT_PTR_NOT_EQUAL(counters_drop(file, b, 0, "u", MAIKO_DROPPED_NEWEST), lines[1]);
    counters_file_close(file, true, 0);
}

static void topics_of_several_shards_are_one_topic(void)
{
    struct counters_file *file = open_private(heap_default());
    struct counters_topic *first = counters_topic_add(file, 0, "b/x");
    struct counters_topic *other = counters_topic_add(file, 0, "a");
    struct counters_topic *second = counters_topic_add(file, 1, "b/x");
    maiko_counters_topic topic;
    maiko_counters *counters;

    COUNT(first, sent, 3);
    COUNT(second, sent, 4);
    COUNT(second, unrouted, 1);
    COUNT(second, routed, 2);
    COUNT(other, sent, 9);
    counters = snapshot_of(file);
    CU_ASSERT_EQUAL(maiko_counters_topic_count(counters), 2);
    CU_ASSERT_EQUAL(maiko_counters_get_topic(counters, 0, &topic), MAIKO_OK);
    CU_ASSERT(strcmp(topic.name, "a") == 0 && topic.sent == 9);
    CU_ASSERT_EQUAL(maiko_counters_get_topic(counters, 1, &topic), MAIKO_OK);
    CU_ASSERT(strcmp(topic.name, "b/x") == 0 && topic.sent == 7 && topic.unrouted == 1 && topic.routed == 2);
    maiko_counters_free(counters);
    counters_topic_remove(file, second);
    counters_file_close(file, true, 0);
}

/* Everything a program does with its counters; false as soon as something has no memory. */
static bool use_everything(struct heap *heap)
{
    static const char *const long_name = "a topic name that is longer than what fits into a label of one row alone";
    struct counters_file *file;
    struct counters_actor *line;
    struct counters_topic *topic;
    struct counters_shard *shard;
    bool is_whole;
    uint64_t id;

    if (counters_file_open(heap, &(struct counters_options){.name = "test", .no_file = true}, &file) != MAIKO_OK)
        return false;
    is_whole = true;
    for (id = 1; id < 200; id++) {
        line = counters_actor_add(file, id, "some actor", 1, 0);
        is_whole = is_whole && line != NULL;
        if (line == NULL)
            continue;
        is_whole = counters_actor_times(file, line) != NULL && is_whole;
        COUNT(line, dropped, 1);
        COUNT_SHARED(counters_drop(file, line, 0, long_name, MAIKO_DROPPED_NEWEST), events, 1);
        counters_drop(file, line, 0, "t", MAIKO_DROPPED_NEWEST);
        if (id % 2 == 0)
            counters_actor_remove(file, line);
    }
    topic = counters_topic_add(file, 0, long_name);
    shard = counters_shard_add(file, 0, "shard");
    is_whole = is_whole && topic != NULL && shard != NULL;
    counters_topic_remove(file, topic);
    counters_shard_remove(file, shard);
    counters_file_close(file, true, 0);
    return is_whole;
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    struct failing_allocator failing;
    struct heap heap;
    long nth;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (nth = 0; nth < 1000; nth++) {
        failing_allocator_fail_nth(&failing, nth);
        (void)use_everything(&heap);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
        if (!failing_allocator_has_failed(&failing))
            break;
    }
    CU_ASSERT(nth > 10 && nth < 1000);
    failing_allocator_fail_nth(&failing, -1);
    CU_ASSERT(use_everything(&heap));
}

/* Without memory a drop is still counted, under its reason. */
static void drops_are_counted_when_memory_has_run_out(void)
{
    struct failing_allocator failing;
    struct counters_file *file;
    struct counters_actor *line;
    maiko_counters *counters;
    struct heap heap;
    char topic[40];
    int i;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    file = open_private(&heap);
    line = counters_actor_add(file, 1, "a", 1, 0);
    failing_allocator_fail_from(&failing, 0);
    for (i = 0; i < 500; i++) {
        snprintf(topic, sizeof(topic), "topic/%d", i);
        COUNT(line, received, 1);
        COUNT(line, dropped, 1);
        COUNT_SHARED(counters_drop(file, line, 0, topic, MAIKO_DROPPED_OLDEST), events, 1);
    }
    counters = snapshot_of(file);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(counters, MAIKO_DROPPED_OLDEST), 500);
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
    CU_ASSERT(failing_allocator_is_balanced(&failing));
}

struct crowd {
    struct counters_file *file;
    _Atomic uint64_t next_id;
};

/* Adds, counts, looks and removes, beside others that do the same. */
static void *be_one_of_many(void *userdata)
{
    struct crowd *crowd = userdata;
    maiko_counters *counters;
    int i;

    for (i = 0; i < 300; i++) {
        struct counters_actor *line = counters_actor_add(crowd->file, atomic_fetch_add(&crowd->next_id, 1), "many", 1, 0);

        COUNT(line, received, 2);
        COUNT(line, handled, 1);
        COUNT(line, dropped, 1);
        COUNT_SHARED(counters_drop(crowd->file, line, 0, "t", MAIKO_DROPPED_NEWEST), events, 1);
        counters_actor_set_phase(line, MAIKO_ACTOR_STOPPED);
        if (i % 50 == 0 && counters_read_own(heap_default(), crowd->file, &counters) == MAIKO_OK)
            maiko_counters_free(counters);
        counters_actor_remove(crowd->file, line);
    }
    return NULL;
}

static void rows_may_come_and_go_on_many_threads_while_others_look(void)
{
    struct crowd crowd = {.file = open_private(heap_default()), .next_id = 1};
    maiko_counters_balance balance;
    maiko_counters *counters;
    pthread_t threads[4];
    int i;

    for (i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, be_one_of_many, &crowd), 0);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    counters = snapshot_of(crowd.file);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(balance.text, "");
    CU_ASSERT(balance.matched == 2400 && balance.handled == 1200 && balance.dropped == 1200 && balance.unfinished == 0);
    maiko_counters_free(counters);
    counters_file_close(crowd.file, true, 0);
}

/* In the stepped child: three actors end, with times and drops, between two stops. */
static int end_actors(void *userdata)
{
    struct counters_file *file;
    struct counters_actor *lines[3];
    uint64_t i;

    if (counters_file_open(heap_default(), &(struct counters_options){.name = "t", .path = userdata}, &file) != MAIKO_OK)
        return 1;
    for (i = 0; i < 3; i++) {
        lines[i] = counters_actor_add(file, i + 1, "stepped", 1, 0);
        COUNT(lines[i], received, 10);
        COUNT(lines[i], handled, 7);
        COUNT(lines[i], dropped, 3);
        COUNT(counters_actor_times(file, lines[i]), retries, 5);
        COUNT_SHARED(counters_drop(file, lines[i], 0, "t", MAIKO_DROPPED_NEWEST), events, 1);
        COUNT_SHARED(counters_drop(file, lines[i], 0, "t", MAIKO_DROPPED_FAILED), events, 2);
    }
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return 2;
    raise(SIGSTOP);
    for (i = 0; i < 3; i++)
        counters_actor_remove(file, lines[i]);
    raise(SIGSTOP);
    return 0;
}

/* What a reader would find if the child were killed right here. */
static bool books_close(maiko_counters *counters)
{
    maiko_counters_balance balance;
    maiko_counters_actor totals;

    return maiko_counters_refresh(counters) == MAIKO_OK && maiko_counters_check_balance(counters, &balance) == MAIKO_OK &&
           maiko_counters_get_totals(counters, &totals) == MAIKO_OK && balance.is_balanced && balance.matched == 30 &&
           balance.handled == 21 && balance.dropped == 9 && totals.retries == 15 &&
           maiko_counters_dropped_for(counters, MAIKO_DROPPED_FAILED) == 6;
}

static void a_program_killed_at_any_instruction_leaves_books_that_close(void)
{
    struct scratch scratch;
    struct child child;
    char path[600];
    maiko_counters *counters = NULL;
    unsigned long instructions = 0;
    unsigned long wrong = 0;
    int status = 0;

    if (suite_slowdown() > 1) {
        suite_skip("the instructions would be those of a sanitizer or of valgrind");
        return;
    }
    CU_ASSERT_FATAL(scratch_init(&scratch));
    CU_ASSERT_FATAL(child_start(&child, end_actors, (void *)scratch_file(&scratch, "file", path, sizeof(path))));
    waitpid(child.pid, &status, 0);
    if (!WIFSTOPPED(status)) {
        child_end(&child, 60000);
        scratch_deinit(&scratch);
        suite_skip("ptrace is not allowed here, or there is no file to look at");
        return;
    }
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    do {
        wrong += !books_close(counters);
        instructions++;
        status = 0;
    } while (ptrace(PTRACE_SINGLESTEP, child.pid, NULL, NULL) == 0 && waitpid(child.pid, &status, 0) == child.pid &&
             WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(instructions > 500);
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    CU_ASSERT(books_close(counters));
    maiko_counters_free(counters);
    scratch_deinit(&scratch);
}

static const struct test_case cases[] = {
    TEST_CASE(what_is_counted_is_read_back),
    TEST_CASE(times_belong_to_their_actor),
    TEST_CASE(lines_stay_where_they_are_while_the_file_grows),
    TEST_CASE(names_of_every_length_are_read_back_whole),
    TEST_CASE(an_ended_actor_stays_in_the_totals_and_is_shown_for_a_while),
    TEST_CASE(drops_are_told_apart_by_actor_topic_and_reason),
    TEST_CASE(topics_of_several_shards_are_one_topic),
    TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
    TEST_CASE(drops_are_counted_when_memory_has_run_out),
    TEST_CASE(rows_may_come_and_go_on_many_threads_while_others_look),
    TEST_CASE(a_program_killed_at_any_instruction_leaves_books_that_close),
};
SUITE_MAIN("counters_file", cases)
