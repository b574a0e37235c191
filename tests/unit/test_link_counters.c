/* Links in the counters: what is stored is read, what ends is summed up, and nothing of it disturbs the books of actors. */
#include <string.h>

#include "lib/suite.h"
#include "monitor/counters_reader.h"
#include "runtime/link_counters.h"

static maiko_link_figures some(uint64_t n)
{
    return (maiko_link_figures){.offered = 100 * n,
                                .acknowledged = 50 * n,
                                .lost_window = 1 * n,
                                .lost_oldest = 2 * n,
                                .lost_deadline = 3 * n,
                                .lost_log = 4 * n,
                                .lost_peer = 5 * n,
                                .queued = 35 * n,
                                .delivered = 7 * n,
                                .lost_here = 8 * n,
                                .gaps = 9 * n,
                                .gaps_unknown = 10 * n,
                                .repeated = 11 * n,
                                .turned_away = 12 * n,
                                .sessions = 13 * n,
                                .frames = 14 * n};
}

static maiko_supervisor *new_supervisor(void)
{
    return maiko_supervisor_new(&(maiko_config){.name = "links", .no_counters_file = true});
}

static void a_link_shows_its_figures(void)
{
    maiko_supervisor *sup = new_supervisor();
    maiko_link_counters *counters = NULL;
    maiko_link_figures figures = some(1);
    maiko_counters *snapshot = NULL;
    maiko_counters_balance balance;
    maiko_counters_link link;

    CU_ASSERT_EQUAL_FATAL(maiko_link_counters_new(sup, "there", 64, &counters), MAIKO_OK);
    maiko_link_counters_store(counters, &figures);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &snapshot), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_link_count(snapshot), 1);
    CU_ASSERT_EQUAL(maiko_counters_get_link(snapshot, 0, &link), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(link.peer, "there");
    CU_ASSERT_EQUAL(link.window, 64);
    CU_ASSERT_FALSE(link.has_ended);
    CU_ASSERT_EQUAL(link.offered, link.acknowledged + link.lost + link.queued);
    CU_ASSERT_EQUAL(link.lost, 15);
    CU_ASSERT_EQUAL(link.lost_here, 8);
    CU_ASSERT_EQUAL(link.frames, 14);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(snapshot, MAIKO_DROPPED_LINK_WINDOW), 1);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(snapshot, MAIKO_DROPPED_LINK_OLDEST), 2);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(snapshot, MAIKO_DROPPED_LINK_DEADLINE), 3);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(snapshot, MAIKO_DROPPED_LINK_LOG), 4);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(snapshot, MAIKO_DROPPED_LINK_PEER), 5);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(snapshot, &balance), MAIKO_OK);
    CU_ASSERT_TRUE(balance.is_balanced);
    CU_ASSERT_EQUAL(balance.dropped, 0); /* of actors */
    CU_ASSERT_EQUAL(maiko_counters_get_link(snapshot, 1, &link), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(link.peer, "");
    maiko_counters_free(snapshot);
    CU_ASSERT_PTR_NULL(maiko_link_counters_free(counters, true));
    (void)maiko_supervisor_stop(&sup, NULL);
}

/* Adds up what is listed once. */
static uint64_t offered_in_all(const maiko_counters *snapshot)
{
    maiko_counters_link link;
    uint64_t offered = 0;
    size_t i;

    for (i = 0; maiko_counters_get_link(snapshot, i, &link) == MAIKO_OK; i++)
        offered += link.has_ended ? 0 : link.offered;
    return offered;
}

static void links_that_end_are_summed_up(void)
{
    maiko_supervisor *sup = new_supervisor();
    maiko_counters *snapshot = NULL;
    uint64_t i;

    for (i = 1; i <= 200; i++) { /* more than are kept to be looked at */
        maiko_link_counters *counters = NULL;
        maiko_link_figures figures = some(1);
        char name[96];

        snprintf(name, sizeof(name), "a node with a name that takes more than one row: %llu", (unsigned long long)i);
        CU_ASSERT_EQUAL_FATAL(maiko_link_counters_new(sup, name, 64, &counters), MAIKO_OK);
        maiko_link_counters_store(counters, &figures);
        maiko_link_counters_free(counters, i > 198);
    }
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &snapshot), MAIKO_OK);
    CU_ASSERT_EQUAL(offered_in_all(snapshot), 20000);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(snapshot, MAIKO_DROPPED_LINK_DEADLINE), 600);
    CU_ASSERT(maiko_counters_link_count(snapshot) < 150); /* rows are used again */
    maiko_counters_free(snapshot);
    (void)maiko_supervisor_stop(&sup, NULL);
}

static void wrong_arguments_are_refused(void)
{
    maiko_supervisor *sup = new_supervisor();
    maiko_export_counters *exported = NULL;
    maiko_link_counters *counters = NULL;
    char name[300];

    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    CU_ASSERT_EQUAL(maiko_link_counters_new(NULL, "a", 1, &counters), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_link_counters_new(sup, NULL, 1, &counters), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_link_counters_new(sup, name, 1, &counters), MAIKO_ENAME);
    CU_ASSERT_EQUAL(maiko_export_counters_new(NULL, "a", &exported), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_export_counters_new(sup, NULL, &exported), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_export_counters_new(sup, name, &exported), MAIKO_ENAME);
    maiko_export_counters_store(NULL, NULL);
    maiko_link_counters_store(NULL, NULL);
    CU_ASSERT_PTR_NULL(maiko_link_counters_free(NULL, false));
    (void)maiko_supervisor_stop(&sup, NULL);
}

static void an_exported_topic_shows_its_figures(void)
{
    static const char *const names[] = {"", "plant", "a/topic/with/a/name/that/takes/more/than/one/row/of/the/file"};
    maiko_supervisor *sup = new_supervisor();
    maiko_counters *snapshot = NULL;
    maiko_counters_export exported;
    maiko_counters_balance balance;
    size_t i;

    for (i = 0; i < 3; i++) {
        maiko_export_counters *counters = NULL;

        CU_ASSERT_EQUAL_FATAL(maiko_export_counters_new(sup, names[i], &counters), MAIKO_OK);
        maiko_export_counters_store(counters,
                                    &(maiko_export_figures){.queued = 10 * i, .high_water = 20 * i, .oldest_ns = 30 * i});
    }
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &snapshot), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_export_count(snapshot), 3);
    for (i = 0; maiko_counters_get_export(snapshot, i, &exported) == MAIKO_OK; i++) {
        CU_ASSERT_STRING_EQUAL(exported.topic, names[i]);
        CU_ASSERT(exported.queued == 10 * i && exported.high_water == 20 * i && exported.oldest_ns == 30 * i);
    }
    CU_ASSERT_EQUAL(i, 3);
    CU_ASSERT_STRING_EQUAL(exported.topic, "");
    CU_ASSERT_EQUAL(maiko_counters_link_count(snapshot), 0);
    CU_ASSERT_EQUAL(maiko_counters_topic_count(snapshot), 0);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(snapshot, &balance), MAIKO_OK);
    CU_ASSERT_TRUE(balance.is_balanced);
    maiko_counters_free(snapshot);
    (void)maiko_supervisor_stop(&sup, NULL);
}

static const struct test_case cases[] = {
    TEST_CASE(a_link_shows_its_figures),
    TEST_CASE(links_that_end_are_summed_up),
    TEST_CASE(an_exported_topic_shows_its_figures),
    TEST_CASE(wrong_arguments_are_refused),
};
SUITE_MAIN("link_counters", cases)
