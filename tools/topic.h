/* What the files of `maiko topic` share. */
#ifndef TOOLS_TOPIC_H
#define TOOLS_TOPIC_H

#include <stdbool.h>

#include <maiko/bridge.h>

#define TOPIC_ECHO_PROGRAM "maiko-echo"

struct topic_options {
    const char *space;
    const char *type;
    unsigned long count; /* 0: no end */
    double timeout_s;
    maiko_bridge_from from;
    bool is_verbose;
    bool is_json;
};

enum { TOPIC_PATTERNS_MAX = 64 };

/* At most TOPIC_PATTERNS_MAX of them. */
int topic_echo(const struct topic_options *options, char **patterns, int count);

#endif
