/* maiko topic: list, echo and pub on a running space, by the schemas its nodes announce. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/bridge.h>
#include <maiko/space.h>
#include <maiko/topic.h>

#include "maiko.h"
#include "topic.h"

static int usage(FILE *file, int code)
{
    fputs("usage: maiko topic list [--space NAME]\n"
          "       maiko topic echo --space NAME [--count N] [--history | --last] PATTERN...\n"
          "       maiko topic pub --space NAME [--type NAME] [--timeout S] TOPIC JSON\n"
          "list: the topics that nodes have exported, with type and first publisher; then patterns without a topic yet.\n"
          "echo: one line per event: time, topic, sender, payload; on stderr why none come.\n"
          "pub: exits with 0 only when a node has accepted the event.\n",
          file);
    return code;
}

/* ---- list ---- */

static void print_line(const maiko_node_info *node, const char *topic, const char *type, const char *publisher)
{
    printf("%-12s %-24s %-32s %-24s %s\n", node->space, node->name, topic, type, publisher);
}

static bool has_topic_of(const maiko_node_info *node, const char *pattern)
{
    size_t i;

    for (i = 0; i < node->topic_count; i++)
        if (maiko_topic_matches(pattern, node->topics[i].topic))
            return true;
    return false;
}

/* What was published, then what is exported and nothing was published on yet. */
static void print_topics(const maiko_node_info *node, void *userdata)
{
    bool *has_head = userdata;
    const char *const *pattern;
    size_t i;

    if (!node->is_alive)
        return;
    if (!*has_head)
        printf("%-12s %-24s %-32s %-24s %s\n", "SPACE", "NODE", "TOPIC", "TYPE", "PUBLISHER");
    *has_head = true;
    for (i = 0; i < node->topic_count; i++)
        print_line(node, node->topics[i].topic, node->topics[i].type, node->topics[i].publisher);
    for (pattern = node->exports; *pattern != NULL; pattern++)
        if (!has_topic_of(node, *pattern))
            print_line(node, *pattern, "-", "-");
}

static int list(const struct topic_options *options)
{
    char reason[256] = "";
    bool has_head = false;
    maiko_status status = maiko_space_list(NULL, options->space, print_topics, &has_head, reason, sizeof(reason));

    if (status == MAIKO_OK)
        return EXIT_OK;
    return complain(exit_code_of(status), "topic", "%s", reason[0] != '\0' ? reason : maiko_strerror(status));
}

/* ---- pub ---- */

static int pub(const struct topic_options *options, const char *topic, const char *json)
{
    char answer[512] = "";
    maiko_status status = maiko_space_publish(NULL, options->space, topic, options->type, json,
                                              (uint64_t)(options->timeout_s * 1e9), answer, sizeof(answer));

    if (status == MAIKO_OK)
        return EXIT_OK;
    return complain(exit_code_of(status), "topic", "%s", answer[0] != '\0' ? answer : maiko_strerror(status));
}

/* ---- */

static bool read_option(struct topic_options *options, int letter)
{
    switch (letter) {
    case 's':
        options->space = optarg;
        return true;
    case 't':
        options->type = optarg;
        return true;
    case 'c':
        options->count = strtoul(optarg, NULL, 10);
        return true;
    case 'W':
        options->timeout_s = strtod(optarg, NULL);
        return options->timeout_s > 0 && options->timeout_s < 1e6;
    case 'H':
        options->from = MAIKO_FROM_LOG;
        return true;
    case 'L':
        options->from = MAIKO_FROM_LAST;
        return true;
    case 'v':
        options->is_verbose = true;
        return true;
    default:
        return false;
    }
}

static int run(const struct topic_options *options, char **argv, int argc)
{
    if (argc == 1 && strcmp(argv[0], "list") == 0)
        return list(options);
    if (argc > 0 && strcmp(argv[0], "list") != 0 && options->space == NULL)
        return complain(EXIT_BAD_USAGE, "topic", "which --space?  (maiko ps lists them)");
    if (argc >= 2 && strcmp(argv[0], "echo") == 0)
        return topic_echo(options, argv + 1, argc - 1);
    if (argc == 3 && strcmp(argv[0], "pub") == 0)
        return pub(options, argv[1], argv[2]);
    return usage(stderr, EXIT_BAD_USAGE);
}

int cmd_topic(int argc, char **argv)
{
    static const struct option long_options[] = {{"space", required_argument, NULL, 's'},
                                                 {"type", required_argument, NULL, 't'},
                                                 {"count", required_argument, NULL, 'c'},
                                                 {"timeout", required_argument, NULL, 'W'},
                                                 {"history", no_argument, NULL, 'H'},
                                                 {"last", no_argument, NULL, 'L'},
                                                 {"verbose", no_argument, NULL, 'v'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    struct topic_options options = {.timeout_s = 2};
    int letter;

    while ((letter = getopt_long(argc, argv, "s:c:W:vh", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage(stdout, EXIT_OK);
        if (!read_option(&options, letter))
            return usage(stderr, EXIT_BAD_USAGE);
    }
    return run(&options, argv + optind, argc - optind);
}
