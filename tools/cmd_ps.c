/* maiko ps: the processes of this host's spaces, from the records they keep; nobody is asked. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/counters.h>
#include <maiko/space.h>

#include "exported.h"
#include "maiko.h"
#include "table.h"

/* Of one cell; what more names and links there are is in the JSON. */
enum { CELL_SIZE = 8192 };

struct listing {
    bool is_json;
    unsigned count;
    struct table table;
};

static json_t *list_to_json(const char *const *list)
{
    json_t *array = json_array();

    for (; *list != NULL; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

static json_t *lost_to_json(const maiko_counters_link *link)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "window", (json_int_t)link->lost_window, "oldest",
                     (json_int_t)link->lost_oldest, "deadline", (json_int_t)link->lost_deadline, "log",
                     (json_int_t)link->lost_log, "peer", (json_int_t)link->lost_peer);
}

/* Topics of which the other node would not have events, and why. */
static json_t *refused_to_json(const maiko_counters *counters, const char *peer)
{
    json_t *array = json_array();
    maiko_counters_drop drop;
    size_t i;

    for (i = 0; maiko_counters_get_drop(counters, i, &drop) == MAIKO_OK; i++)
        if (drop.peer[0] != '\0' && strcmp(drop.peer, peer) == 0)
            json_array_append_new(array, json_pack("{s:s, s:s, s:I}", "topic", drop.topic, "reason",
                                                   drop.reason == MAIKO_DROPPED_LINK_DENIED ? "denied" : "refused", "events",
                                                   (json_int_t)drop.events));
    return array;
}

static bool find_link(const maiko_counters *counters, const char *peer, maiko_counters_link *ret_link)
{
    size_t i;

    for (i = 0; maiko_counters_get_link(counters, i, ret_link) == MAIKO_OK; i++)
        if (!ret_link->has_ended && ret_link->peer[0] != '\0' && strcmp(ret_link->peer, peer) == 0)
            return true;
    return false;
}

/* The figures that the node's counters file has for this link, if there is one. */
static void add_figures(json_t *object, const maiko_counters *counters, const char *peer)
{
    maiko_counters_link link;
    json_t *figures;

    if (!find_link(counters, peer, &link))
        return;
    figures =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "offered", (json_int_t)link.offered, "acknowledged",
                  (json_int_t)link.acknowledged, "refused_there", (json_int_t)link.refused_there, "queued",
                  (json_int_t)link.queued, "window", (json_int_t)link.window, "delivered", (json_int_t)link.delivered,
                  "lost_here", (json_int_t)link.lost_here, "gaps", (json_int_t)link.gaps, "repeated", (json_int_t)link.repeated,
                  "turned_away", (json_int_t)link.turned_away, "sessions", (json_int_t)link.sessions);
    json_object_set_new(figures, "lost", lost_to_json(&link));
    json_object_set_new(figures, "refused", refused_to_json(counters, peer));
    json_object_update(object, figures);
    json_decref(figures);
}

static json_t *links_to_json(const maiko_node_info *node)
{
    maiko_counters *counters = counters_of(node);
    json_t *array = json_array();
    size_t i;

    for (i = 0; i < node->link_count; i++) {
        json_t *object = json_pack("{s:s, s:s, s:s}", "peer", node->links[i].peer, "transport", node->links[i].transport, "state",
                                   node->links[i].state);

        add_figures(object, counters, node->links[i].peer);
        json_array_append_new(array, object);
    }
    maiko_counters_free(counters);
    return array;
}

/* Of what a dead process had under way nothing waits any more: it has no age. */
static json_t *age_to_json(const maiko_node_info *node, const maiko_counters_export *exported)
{
    if (exported->oldest_ns == 0 || !node->is_alive)
        return json_null();
    return json_integer((json_int_t)(exported_age(exported) / 1000000));
}

/* What other nodes have not acknowledged yet, by topic. */
static json_t *exported_to_json(const maiko_node_info *node)
{
    maiko_counters *counters = counters_of(node);
    json_t *array = json_array();
    maiko_counters_export exported;
    size_t i;

    for (i = 0; maiko_counters_get_export(counters, i, &exported) == MAIKO_OK; i++)
        json_array_append_new(array, json_pack("{s:s, s:I, s:I, s:I, s:o}", "topic", exported.topic, "queued",
                                               (json_int_t)exported.queued, "high_water", (json_int_t)exported.high_water,
                                               "oldest", (json_int_t)exported.oldest_ns, "age_ms", age_to_json(node, &exported)));
    maiko_counters_free(counters);
    return array;
}

static json_t *topics_to_json(const maiko_node_info *node)
{
    json_t *array = json_array();
    size_t i;

    for (i = 0; i < node->topic_count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "topic", node->topics[i].topic, "type", node->topics[i].type,
                                               "publisher", node->topics[i].publisher));
    return array;
}

static const char *state_of(const maiko_node_info *node)
{
    return !node->is_alive ? "stale" : node->is_ready ? "live" : "starting";
}

static void print_json(const maiko_node_info *node)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:s}", "space", node->space, "node", node->name, "program",
                               node->program, "pid", (json_int_t)node->pid, "state", state_of(node), "started",
                               (json_int_t)node->started_ns, "counters", node->counters_path);
    char *line;

    json_object_set_new(object, "actors", list_to_json(node->actors));
    json_object_set_new(object, "finished", list_to_json(node->finished));
    json_object_set_new(object, "exports", list_to_json(node->exports));
    json_object_set_new(object, "imports", list_to_json(node->imports));
    json_object_set_new(object, "endpoints", list_to_json(node->endpoints));
    json_object_set_new(object, "publishers", list_to_json(node->publishers));
    json_object_set_new(object, "topics", topics_to_json(node));
    json_object_set_new(object, "topics_left_out", json_integer((json_int_t)node->topics_left_out));
    json_object_set_new(object, "exported", exported_to_json(node));
    json_object_set_new(object, "links", links_to_json(node));
    line = json_dumps(object, JSON_COMPACT);
    if (line != NULL)
        puts(line);
    free(line);
    json_decref(object);
}

static void add_names(struct table *table, const char *const *names)
{
    char text[CELL_SIZE] = "-";
    size_t len = 0;

    for (; *names != NULL && len < sizeof(text) - 1; names++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len == 0 ? "" : ",", *names);
    table_add(table, text);
}

static void add_links(struct table *table, const maiko_node_info *node)
{
    maiko_counters *counters = counters_of(node);
    char text[CELL_SIZE] = "-";
    size_t len = 0;
    size_t i;

    for (i = 0; i < node->link_count && len < sizeof(text) - 1; i++) {
        const maiko_link_info *link = &node->links[i];
        maiko_counters_link figures;
        char refused[48] = "";

        if (find_link(counters, link->peer, &figures) && figures.refused_there > 0)
            snprintf(refused, sizeof(refused), ",refused=%llu", (unsigned long long)figures.refused_there);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s(%s,%s%s)", len == 0 ? "" : " ", link->peer, link->transport,
                                link->state, refused);
    }
    table_add(table, text);
    maiko_counters_free(counters);
}

static void add_text(struct table *table, const maiko_node_info *node)
{
    char pid[32];

    snprintf(pid, sizeof(pid), "%lld", (long long)node->pid);
    table_add(table, node->space);
    table_add(table, node->name);
    table_add(table, pid);
    table_add(table, state_of(node));
    add_names(table, node->actors);
    add_links(table, node);
}

static void print_node(const maiko_node_info *node, void *userdata)
{
    struct listing *listing = userdata;

    if (listing->is_json)
        print_json(node);
    else
        add_text(&listing->table, node);
    listing->count++;
}

static int usage(FILE *file)
{
    fputs("usage: maiko ps [--runtime-dir DIR] [--space-group GROUP] [--space NAME] [--json]\n"
          "  -s, --space NAME      this space only (all of this user, or of the group)\n"
          "  --space-group GROUP   spaces that the members of this group share\n"
          "  --runtime-dir DIR     where spaces are ($XDG_RUNTIME_DIR, or a checked directory below /tmp)\n"
          "  --json                one object per line\n",
          file);
    return EXIT_OK;
}

static int list(struct listing *listing, const char *runtime_dir, const char *group, const char *space)
{
    static const char *const heads[] = {"SPACE", "NODE", ">PID", "STATE", "ACTORS", "LINKS", NULL};
    char reason[256] = "";
    maiko_status status;
    bool is_whole;

    table_init(&listing->table, heads);
    status = maiko_space_list_shared(runtime_dir, group, space, print_node, listing, reason, sizeof(reason));
    is_whole = status != MAIKO_OK || table_print(&listing->table);
    table_deinit(&listing->table);
    if (status != MAIKO_OK)
        return complain_status(status, "ps", group == NULL ? space : NULL, reason);
    if (!is_whole)
        return complain_status(MAIKO_ENOMEM, "ps", NULL, "");
    if (listing->count == 0 && !listing->is_json)
        complain(EXIT_OK, "ps", "nobody is in %s%s", space == NULL ? "any space" : "space ", space == NULL ? "" : space);
    return finish_output("ps");
}

int cmd_ps(int argc, char **argv)
{
    static const struct option options[] = {{"space", required_argument, NULL, 's'},
                                            {"space-group", required_argument, NULL, 'G'},
                                            {"runtime-dir", required_argument, NULL, 'D'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct listing listing = {.is_json = false};
    const char *space = NULL;
    const char *group = NULL;
    const char *runtime_dir = NULL;
    int letter;

    while ((letter = getopt_long(argc, argv, ":s:h", options, NULL)) != -1) {
        if (letter == 's')
            space = optarg;
        else if (letter == 'G')
            group = optarg;
        else if (letter == 'D' && optarg[0] != '/')
            return complain_path("ps", optarg);
        else if (letter == 'D')
            runtime_dir = optarg;
        else if (letter == 'j')
            listing.is_json = true;
        else
            return letter == 'h' ? usage(stdout) : complain_option("ps", letter, argv);
    }
    if (optind < argc)
        return complain(EXIT_BAD_USAGE, "ps", "what is %s?  (a space is given by --space)", argv[optind]);
    return list(&listing, runtime_dir, group, space);
}
