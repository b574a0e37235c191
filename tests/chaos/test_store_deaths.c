/* Processes with links and pools are killed before and after each atomic store and each step of attaching that they come past,
 * one after the other, and stopped at the latter: pictures go on between those that live, no picture is seen in part, all slots
 * come back, and nothing is left of the dead.  In test_shm_chaos and test_pool_deaths chance picks the places; here it is all. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/child.h"
#include "lib/fault_points.h"
#include "lib/gallery.h"
#include "lib/leaks.h"
#include "lib/process.h"
#include "lib/suite.h"

enum { TURNS = 12, TURNS_AT_MOST = 1000, SLOTS = GALLERY_POOL / PICTURE_LARGE, NAMES = 2, OUTPUT = 8192 };

/* Of two nodes the one with the smaller name connects. */
static const char *const names[NAMES] = {"a", "z"};

static struct host host;

/* ---- the victim ---- */

static int say_points(void)
{
    const char *points[FAULT_POINTS_MAX];
    size_t count = fault_points_passed(points);
    size_t i;

    for (i = 0; i < count; i++)
        printf("%s\n", points[i]);
    return fflush(stdout);
}

static bool has_passed(const char *point)
{
    const char *points[FAULT_POINTS_MAX];
    size_t count = fault_points_passed(points);
    size_t i = 0;

    while (i < count && strcmp(points[i], point) != 0)
        i++;
    return i < count;
}

/* On a slow machine the pool is there later.  What it kept comes back behind the end of its links. */
static int read_for_a_while(const char *node)
{
    static struct gallery gallery;
    bool is_well;

    is_well = gallery_open_reader(&gallery, node, MAIKO_OVERFLOW_OF_TOPIC) &&
              wait_until(gallery.received >= 2 * TURNS && has_passed("after_return_event"), 60000) && gallery.wrong == 0;
    gallery_close(&gallery);
    gallery_let_go(&gallery);
    return is_well ? say_points() : 9;
}

static int paint_for_a_while(const char *node, uint32_t life)
{
    static struct gallery gallery;
    bool is_well = gallery_open_painter(&gallery, node) &&
                   maiko_bridge_wait_ready(gallery.bridge, "gallery/picture", 1, MAIKO_SECONDS(60)) == MAIKO_OK;
    uint32_t number = gallery_second + life * 4 * TURNS_AT_MOST;
    unsigned turn;

    for (turn = 0; is_well && turn < TURNS_AT_MOST && (turn < TURNS || !has_passed("after_collect_released")); turn++)
        is_well = gallery_paint(&gallery, ++number, PICTURE_SMALL) == MAIKO_OK &&
                  gallery_paint(&gallery, ++number, PICTURE_LARGE) == MAIKO_OK && maiko_bridge_drain(gallery.bridge) == MAIKO_OK;
    gallery_close(&gallery);
    return is_well ? say_points() : 9;
}

/* ---- those who live ---- */

struct scene {
    const char *role; /* of the victims */
    struct gallery painter;
    struct gallery reader;
    uint32_t number;
    uint32_t lives;
    unsigned descriptors;
    unsigned mappings;
    char points[NAMES][OUTPUT]; /* a line each, as they are passed when nobody dies */
};

static bool paint_one(struct scene *scene, size_t len)
{
    uint32_t number = ++scene->number;

    CU_ASSERT_EQUAL_FATAL(gallery_paint(&scene->painter, number, len), MAIKO_OK);
    return wait_until(scene->reader.last[0] == number, 60000);
}

static void paint_both(struct scene *scene)
{
    CU_ASSERT_FATAL(paint_one(scene, PICTURE_SMALL));
    CU_ASSERT_FATAL(paint_one(scene, PICTURE_LARGE));
}

static maiko_bridge_counters counters_of(struct gallery *gallery)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    CU_ASSERT_EQUAL(maiko_bridge_count(gallery->bridge, &counters), MAIKO_OK);
    return counters;
}

static bool is_victim_gone(struct scene *scene)
{
    return counters_of(&scene->painter).peers == 1 && counters_of(&scene->reader).peers == 1;
}

/* As many slots as anybody but the victims leaves free; a victim that is slow keeps more for a while. */
static bool has_slots_back(struct scene *scene)
{
    uint64_t starved = counters_of(&scene->painter).pool_starved;
    int i;

    for (i = 0; i < SLOTS; i++)
        CU_ASSERT_FATAL(paint_one(scene, PICTURE_LARGE));
    return counters_of(&scene->painter).pool_starved == starved;
}

/* Nothing of a victim.  The reader maps a slot of the painter's when it is used the first time. */
static bool has_nothing_else(const struct scene *scene)
{
    return leaks_count_fds() <= scene->descriptors && leaks_count_shared_mappings() <= scene->mappings + SLOTS;
}

static void start_victim(struct scene *scene, struct child *child, const char *node, const char *plan)
{
    char argument[32];

    snprintf(argument, sizeof(argument), "%s%u", node, (unsigned)++scene->lives);
    if (plan != NULL)
        setenv("MAIKO_FAULT_POINT", plan, 1);
    CU_ASSERT_TRUE_FATAL(child_start_role(child, scene->role, argument));
    unsetenv("MAIKO_FAULT_POINT");
}

/* Ended, or stopped. */
static bool stands_still_after_two_more(struct scene *scene, const struct child *child, siginfo_t *info)
{
    paint_both(scene);
    info->si_pid = 0;
    return waitid(P_PID, (id_t)child->pid, info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT) == 0 && info->si_pid != 0;
}

/* One life of a victim.  How it ended; ret_text: what it said. */
static int live(struct scene *scene, const char *node, const char *plan, char ret_text[OUTPUT])
{
    siginfo_t info;
    struct child child;
    int turns = TURNS;
    int status;

    start_victim(scene, &child, node, plan);
    CU_ASSERT(wait_until(stands_still_after_two_more(scene, &child, &info), 60000));
    if (info.si_code == CLD_STOPPED) {
        for (; turns > 0; turns--)
            paint_both(scene);
        child_signal(&child, SIGCONT);
        CU_ASSERT(wait_until(stands_still_after_two_more(scene, &child, &info) && info.si_code != CLD_STOPPED, 60000));
    }
    (void)child_read_output(&child, ret_text, OUTPUT);
    status = child_end(&child, 60000);
    CU_ASSERT(wait_until(is_victim_gone(scene), 60000));
    CU_ASSERT_EQUAL(scene->reader.wrong, 0);
    return status;
}

static void begin(struct scene *scene, const char *role)
{
    size_t i;

    memset(scene, 0, sizeof(*scene));
    scene->role = role;
    host_init(&host);
    CU_ASSERT_FATAL(gallery_open_painter(&scene->painter, "m"));
    CU_ASSERT_FATAL(gallery_open_reader(&scene->reader, "n", MAIKO_OVERFLOW_OF_TOPIC));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(scene->painter.bridge, "gallery/picture", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (i = 0; i < TURNS; i++)
        paint_both(scene); /* until the pool is there */
    for (i = 0; i < NAMES; i++)
        CU_ASSERT_EQUAL_FATAL(live(scene, names[i], NULL, scene->points[i]), 0);
    paint_both(scene);
    scene->descriptors = leaks_count_fds();
    scene->mappings = leaks_count_shared_mappings();
}

static void finish(struct scene *scene)
{
    if (!wait_until(has_nothing_else(scene), 60000))
        SUITE_FAIL("%u descriptors instead of %u, %u mappings instead of %u", leaks_count_fds(), scene->descriptors,
                   leaks_count_shared_mappings(), scene->mappings);
    CU_ASSERT(wait_until(has_slots_back(scene), 60000));
    gallery_close(&scene->painter);
    gallery_close(&scene->reader);
    gallery_let_go(&scene->reader);
    host_deinit(&host);
}

/* ---- each place ---- */

static bool has_line(const char *text, const char *line)
{
    char pattern[80];

    snprintf(pattern, sizeof(pattern), "%s\n", line);
    return strstr(text, pattern) != NULL;
}

/* A step of attaching, not a store. */
static bool is_step(const char *point)
{
    return strstr(point, "_offer") != NULL || strstr(point, "_answer") != NULL || strstr(point, "_take_pool") != NULL;
}

static bool any_point(const char *point)
{
    return point[0] != '\0';
}

struct visit {
    bool (*is_meant)(const char *point);
    int signal_number;
    unsigned nth;
    char done[OUTPUT]; /* the points where the signal came */
    size_t missed;     /* visits without it: the point was not passed so often this time */
};

/* Did the signal come? */
static bool visit_once(struct scene *scene, const struct visit *visit, const char *node, const char *point)
{
    static char text[OUTPUT];
    char plan[96];
    int status;

    snprintf(plan, sizeof(plan), "%s:%u:%d", point, visit->nth, visit->signal_number);
    status = live(scene, node, plan, text);
    if (status != 0 && status != 128 + SIGKILL)
        SUITE_FAIL("%s %s at %s: %d, %s", scene->role, node, plan, status, text);
    return status == 128 + SIGKILL || (visit->signal_number == SIGSTOP && has_line(text, point));
}

/* A first time comes in each life, but where the machine was slow. */
static void visit_point(struct scene *scene, struct visit *visit, const char *node, const char *point)
{
    size_t len = strlen(visit->done);
    int lives = visit->nth == 1 ? 5 : 1;
    bool has_come = false;

    while (lives-- > 0 && !has_come)
        has_come = visit_once(scene, visit, node, point);
    if (has_come)
        snprintf(visit->done + len, sizeof(visit->done) - len, "%s\n", point);
    else
        visit->missed++;
}

/* Of the second name only what the first has not, unless there is time. */
static void visit_points(struct scene *scene, struct visit *visit)
{
    static char points[OUTPUT];
    size_t i;

    for (i = 0; i < NAMES; i++) {
        char *rest = NULL;
        char *point;

        snprintf(points, sizeof(points), "%s", scene->points[i]);
        for (point = strtok_r(points, "\n", &rest); point != NULL; point = strtok_r(NULL, "\n", &rest))
            if (visit->is_meant(point) && (i == 0 || suite_is_long() || !has_line(scene->points[0], point)))
                visit_point(scene, visit, names[i], point);
    }
}

static void see_visited(const struct visit *visit, const char *const *points)
{
    char name[64];

    for (; *points != NULL; points++) {
        snprintf(name, sizeof(name), "before_%s", *points);
        if (!has_line(visit->done, name))
            SUITE_FAIL("nobody ended %s", name);
        snprintf(name, sizeof(name), "after_%s", *points);
        if (!has_line(visit->done, name))
            SUITE_FAIL("nobody ended %s", name);
    }
}

static void kill_everywhere(const char *role, const char *const *must)
{
    static const unsigned nths[] = {1, 2, 7};
    static struct scene scene;
    size_t i;

    begin(&scene, role);
    for (i = 0; i < suite_scale(1, 3); i++) {
        struct visit visit = {.is_meant = any_point, .signal_number = SIGKILL, .nth = nths[i]};

        visit_points(&scene, &visit);
        if (i == 0)
            see_visited(&visit, must);
    }
    printf("# %u lives\n", (unsigned)scene.lives);
    finish(&scene);
}

static void a_reader_killed_at_any_place_harms_nobody(void)
{
    static const char *const must[] = {"send_offer",  "join_answer", "take_pool",  "confirm",    "view_begins",  "budget_take",
                                       "view_closes", "kept",        "kept_ends",  "loan",       "loan_is_kept", "return_event",
                                       "loan_ends",   "view_ref",    "view_unref", "budget_ref", "budget_unref", NULL};

    kill_everywhere("--reader", must);
}

static void nor_does_a_painter(void)
{
    static const char *const must[] = {"send_offer", "join_answer",    "offer_pool",       "publish_head",
                                       "pool_type",  "pool_is_wanted", "pool_begins",      "pool_ref",
                                       "pool_unref", "release_slot",   "collect_released", NULL};

    kill_everywhere("--painter", must);
}

/* For longer than its painter may be held. */
static void stop_at_steps(const char *role)
{
    static struct scene scene;
    struct visit visit = {.is_meant = is_step, .signal_number = SIGSTOP, .nth = 1};

    begin(&scene, role);
    visit_points(&scene, &visit);
    CU_ASSERT_EQUAL(visit.missed, 0);
    finish(&scene);
}

static void a_reader_stopped_while_it_attaches_goes_on_later(void)
{
    stop_at_steps("--reader");
}

static void so_does_a_painter(void)
{
    stop_at_steps("--painter");
}

static const struct test_case cases[] = {
    TEST_CASE(a_reader_killed_at_any_place_harms_nobody),
    TEST_CASE(nor_does_a_painter),
    TEST_CASE(a_reader_stopped_while_it_attaches_goes_on_later),
    TEST_CASE(so_does_a_painter),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "store_deaths", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};
    char node[2] = "";

    if (argc <= 2)
        return suite_main(argc, argv, &suite);
    fault_points_plan_from_environment();
    node[0] = argv[2][0];
    if (strcmp(argv[1], "--reader") == 0)
        return read_for_a_while(node);
    return paint_for_a_while(node, (uint32_t)strtoul(argv[2] + 1, NULL, 10));
}
