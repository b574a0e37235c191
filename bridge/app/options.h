/* Options: the command line and configuration file of an app, read into a struct.  Nothing is done here but reading. */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include "base/text.h"
#include "space/text_list.h"
#include <maiko/app.h>
#include <maiko/topic.h>

struct app_options {
    struct heap *heap;
    struct text_list actors; /* placed here; empty: all */
    bool has_actors;
    char *space;       /* NULL: none */
    char *space_group; /* NULL: this user's alone */
    char *runtime_dir; /* NULL: the usual one */
    char *node;
    struct text_list listen;
    struct text_list connect;
    struct text_list publish_at;
    char *publish_as;         /* NULL: the usual codec */
    struct text_list exports; /* PATTERN or PATTERN=AS */
    struct text_list relays;  /* the same, of what came from others */
    struct text_list imports;
    struct text_list overflows; /* PATTERN=POLICY, of imports */
    maiko_transport transport;
    maiko_bridge_from from; /* of imports */
    char *key_file;
    char *allow_file;
    struct text_list peer_keys;
    uint64_t wait_ns;
    bool waits_for_nobody;
    uint64_t mailbox; /* 0: default */
    uint64_t window;
    bool linger;
    bool insecure;
    bool verbose;
    bool stats;
    bool keep_counters;
    bool wants_help;
    bool wants_list;
    uint64_t given;   /* on the command line: a bit for each option, in the order of the table */
    int arguments_at; /* index in argv of what follows the options */
};

void app_options_init(struct app_options *options, struct heap *heap);
void app_options_deinit(struct app_options *options);

/* MAIKO_OK; MAIKO_EINVAL and the like with the reason in `error`. */
MAIKO_MUST_CHECK maiko_status app_options_read(struct app_options *options, int argc, char **argv, struct text *error);

/* Settings of an INI text: the long options' names, outside of any section or in [app].  Sections that begin with "process" are
 * for others.  What the command line has set stays. */
MAIKO_MUST_CHECK maiko_status app_options_read_ini(struct app_options *options, const char *text, struct text *error);

/* Patterns and names that are none, also where everything runs in one process and nobody would look at them; and options that
 * contradict each other, or leave a hole: keys that would encrypt nothing, doors nobody could come through. */
MAIKO_MUST_CHECK maiko_status app_options_check(const struct app_options *options, struct text *error);

/* Of PATTERN or PATTERN=AS: ret_as, within `text`, is NULL without one.  MAIKO_OK, MAIKO_ETOOLONG. */
MAIKO_MUST_CHECK maiko_status app_options_split(const char *text, char ret_pattern[MAIKO_TOPIC_MAX + 1], const char **ret_as);

/* What was asked for the import of this pattern; MAIKO_OVERFLOW_OF_TOPIC when nothing was. */
maiko_overflow_choice app_options_overflow_of(const struct app_options *options, const char *pattern);

/* The part of --help that is the same for every app. */
extern const char app_options_help[];

/* Is there anything that leads to other processes? */
bool app_options_need_bridge(const struct app_options *options);

#endif
