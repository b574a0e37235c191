/* Options, see options.h. */
#include "app/options.h"

#include <getopt.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "space/ini_text.h"
#include "wire/envelope.h"

/* X(name, argument, letter, help) */
#define OPTION_MAP(X)                                                                                                            \
    X("actors", "A,B,…", 'a', "run these actors of the table here (all of them)")                                                \
    X("space", "NAME", 's', "meet the other processes of this host in this space")                                               \
    X("space-group", "GROUP", 'G', "share the space with the members of this group, who all name it (this user alone)")          \
    X("runtime-dir", "DIR", 'D', "where spaces are ($XDG_RUNTIME_DIR, or a checked directory below /tmp)")                       \
    X("node", "NAME", 'n', "name of this process, unique in the space and over hosts (program.pid)")                             \
    X("listen", "ENDPOINT", 'l', "let others connect: tcp://HOST:PORT or ipc:///PATH; repeatable")                               \
    X("connect", "ENDPOINT", 'c', "connect to another process; repeatable")                                                      \
    X("publish-at", "ENDPOINT", 'P', "publish for plain ZeroMQ SUB sockets, too; repeatable")                                    \
    X("publish-as", "CODEC", 'E', "what they get: msgpack or json (msgpack)")                                                    \
    X("export", "PATTERN[=AS]", 'e', "let others have these topics (what the actors here publish); repeatable")                  \
    X("relay", "PATTERN[=AS]", 'r',                                                                                              \
      "take these topics from others and pass them on, beside what the actors here need; repeatable")                            \
    X("import", "PATTERN[=AS]", 'i', "take these topics from others (what the actors here subscribe to); repeatable")            \
    X("overflow", "PATTERN=POLICY", 'o',                                                                                         \
      "what senders do when an import of this pattern does not keep up: block, drop_newest, drop_oldest or fail; repeatable")    \
    X("from", "WHAT", 'F', "what imports get first of what was sent before: live (nothing), last (of each topic) or log (live)") \
    X("transport", "WHICH", 't', "auto, shm or zmq (auto)")                                                                      \
    X("key", "FILE", 'k', "own key pair: encrypts tcp://")                                                                       \
    X("peer-key", "KEY|FILE", 'p', "public key of a peer: expected where we connect, admitted where we listen; repeatable")      \
    X("allow", "FILE", 'A', "which peer keys may connect, and what each may publish and subscribe to")                           \
    X("wait", "SECONDS|no", 'w', "how long to wait for the other actors at the start; no: not at all, they may come later (30)") \
    X("mailbox", "EVENTS", 'm', "capacity of mailboxes (128)")                                                                   \
    X("window", "BYTES", 'W', "unacknowledged bytes on a link (2 MiB)")                                                          \
    X("linger", "", 'L', "stay when all actors here have ended")                                                                 \
    X("insecure", "", 'I', "listen to other hosts without keys")                                                                 \
    X("stats", "", 'S', "say at the end what went over the links, as JSON on stderr")                                            \
    X("keep-counters", "", 'K', "leave the counters file behind at the end")                                                     \
    X("config", "FILE", 'C', "read options from an INI file, NAME = VALUE")                                                      \
    X("list", "", 'T', "print the table of actors and their topics")                                                             \
    X("verbose", "", 'v', "say more on stderr")                                                                                  \
    X("help", "", 'h', "print this")

const char app_options_help[] =
#define OPTION_HELP_(name, argument, letter, help) "  --" name " " argument "\n        " help "\n"
    OPTION_MAP(OPTION_HELP_)
#undef OPTION_HELP_
        "  -a, -s, -h and -v are short for --actors, --space, --help and --verbose.\n";

static const struct option long_options[] = {
#define OPTION_LONG_(name_, argument, letter, help) {name_, sizeof(argument) > 1 ? required_argument : no_argument, NULL, letter},
    OPTION_MAP(OPTION_LONG_)
#undef OPTION_LONG_
        {NULL, 0, NULL, 0}};

void app_options_init(struct app_options *options, struct heap *heap)
{
    memset(options, 0, sizeof(*options));
    options->heap = heap;
}

void app_options_deinit(struct app_options *options)
{
    struct text_list *const lists[] = {&options->actors,     &options->listen,    &options->connect,
                                       &options->publish_at, &options->exports,   &options->relays,
                                       &options->imports,    &options->overflows, &options->peer_keys};
    size_t i;

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        text_list_clear(lists[i], options->heap);
    heap_strfree(options->heap, options->space);
    heap_strfree(options->heap, options->space_group);
    heap_strfree(options->heap, options->runtime_dir);
    heap_strfree(options->heap, options->node);
    heap_strfree(options->heap, options->key_file);
    heap_strfree(options->heap, options->allow_file);
    heap_strfree(options->heap, options->publish_as);
    app_options_init(options, options->heap);
}

/* ---- one option ---- */

static const char *name_of(int letter)
{
    size_t i;

    for (i = 0; long_options[i].name != NULL; i++)
        if (long_options[i].val == letter)
            return long_options[i].name;
    return "?";
}

static uint64_t bit_of(int letter)
{
    const struct option *option = long_options;

    while (option->name != NULL && option->val != letter)
        option++;
    return 1ull << (option - long_options);
}

static maiko_status bad(struct text *error, int letter, const char *value, const char *reason)
{
    text_append_format(error, "--%s %s: %s", name_of(letter), value, reason);
    return MAIKO_EINVAL;
}

static maiko_status set_text(struct app_options *options, int letter, char **field, const char *value, struct text *error)
{
    char *copy;

    if (value[0] == '\0')
        return bad(error, letter, value, "empty");
    copy = heap_strdup(options->heap, value);
    if (copy == NULL)
        return MAIKO_ENOMEM;
    heap_strfree(options->heap, *field); /* the last one counts */
    *field = copy;
    return MAIKO_OK;
}

static maiko_status set_seconds(uint64_t *field, int letter, const char *value, struct text *error)
{
    char *end;
    double seconds = strtod(value, &end);

    if (end == value || *end != '\0' || !(seconds >= 0) || seconds > 1e9)
        return bad(error, letter, value, "not a number of seconds");
    *field = seconds == 0 ? 1 : (uint64_t)(seconds * 1e9);
    return MAIKO_OK;
}

static maiko_status set_wait(struct app_options *options, const char *value, struct text *error)
{
    options->waits_for_nobody = strcmp(value, "no") == 0;
    return options->waits_for_nobody ? MAIKO_OK : set_seconds(&options->wait_ns, 'w', value, error);
}

static maiko_status set_count(uint64_t *field, int letter, const char *value, struct text *error)
{
    char *end;
    unsigned long long count = strtoull(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || count == 0 || count > UINT32_MAX)
        return bad(error, letter, value, "not a number from 1");
    *field = count;
    return MAIKO_OK;
}

static maiko_status set_transport(struct app_options *options, const char *value, struct text *error)
{
    if (strcmp(value, "auto") == 0)
        options->transport = MAIKO_TRANSPORT_AUTO;
    else if (strcmp(value, "shm") == 0)
        options->transport = MAIKO_TRANSPORT_SHM;
    else if (strcmp(value, "zmq") == 0)
        options->transport = MAIKO_TRANSPORT_ZMQ;
    else
        return bad(error, 't', value, "auto, shm or zmq");
    return MAIKO_OK;
}

static maiko_status set_from(struct app_options *options, const char *value, struct text *error)
{
    if (strcmp(value, "live") != 0 && strcmp(value, "last") != 0 && strcmp(value, "log") != 0)
        return bad(error, 'F', value, "live, last or log");
    options->from = value[1] == 'o' ? MAIKO_FROM_LOG : value[1] == 'a' ? MAIKO_FROM_LAST : MAIKO_FROM_LIVE;
    return MAIKO_OK;
}

static maiko_overflow_choice policy_named(const char *word)
{
    int policy;

    for (policy = MAIKO_BLOCK; policy <= MAIKO_FAIL; policy++)
        if (strcmp(word, maiko_overflow_name((maiko_overflow)policy)) == 0)
            return (maiko_overflow)policy;
    return MAIKO_OVERFLOW_OF_TOPIC;
}

static maiko_status add_overflow(struct app_options *options, const char *value, struct text *error)
{
    const char *policy = strrchr(value, '=');

    if (policy == NULL || policy == value)
        return bad(error, 'o', value, "not PATTERN=POLICY");
    if (policy_named(policy + 1) == MAIKO_OVERFLOW_OF_TOPIC)
        return bad(error, 'o', value, "block, drop_newest, drop_oldest or fail");
    return text_list_add(&options->overflows, options->heap, value);
}

maiko_overflow_choice app_options_overflow_of(const struct app_options *options, const char *pattern)
{
    size_t len = strlen(pattern);
    size_t i;

    for (i = 0; i < options->overflows.count; i++) {
        const char *policy = strrchr(options->overflows.items[i], '=');

        if ((size_t)(policy - options->overflows.items[i]) == len && memcmp(options->overflows.items[i], pattern, len) == 0)
            return policy_named(policy + 1);
    }
    return MAIKO_OVERFLOW_OF_TOPIC;
}

static maiko_status set_actors(struct app_options *options, const char *value, struct text *error)
{
    size_t before = options->actors.count;
    maiko_status status = text_list_add_parts(&options->actors, options->heap, value);

    options->has_actors = true;
    if (status == MAIKO_OK && options->actors.count == before)
        return bad(error, 'a', value, "which?  (--list prints them)");
    return status;
}

static struct text_list *list_of(struct app_options *options, int letter)
{
    switch (letter) {
    case 'l':
        return &options->listen;
    case 'c':
        return &options->connect;
    case 'P':
        return &options->publish_at;
    case 'e':
        return &options->exports;
    case 'r':
        return &options->relays;
    case 'i':
        return &options->imports;
    case 'p':
        return &options->peer_keys;
    default:
        return NULL;
    }
}

static char **text_of(struct app_options *options, int letter)
{
    switch (letter) {
    case 's':
        return &options->space;
    case 'G':
        return &options->space_group;
    case 'D':
        return &options->runtime_dir;
    case 'n':
        return &options->node;
    case 'k':
        return &options->key_file;
    case 'A':
        return &options->allow_file;
    case 'E':
        return &options->publish_as;
    default:
        return NULL;
    }
}

static bool *flag_of(struct app_options *options, int letter)
{
    switch (letter) {
    case 'L':
        return &options->linger;
    case 'I':
        return &options->insecure;
    case 'S':
        return &options->stats;
    case 'K':
        return &options->keep_counters;
    case 'v':
        return &options->verbose;
    case 'h':
        return &options->wants_help;
    case 'T':
        return &options->wants_list;
    default:
        return NULL;
    }
}

static maiko_status set(struct app_options *options, int letter, const char *value, struct text *error)
{
    struct text_list *list = list_of(options, letter);
    char **text = text_of(options, letter);
    bool *flag = flag_of(options, letter);

    if (letter == 'E' && codec_by_name(value) == NULL)
        return bad(error, letter, value, "msgpack or json");
    if (letter == 'D' && value[0] != '/') /* spaces would be looked for elsewhere, as with a relative XDG_RUNTIME_DIR */
        return bad(error, letter, value, "not an absolute path");
    if (list != NULL)
        return value[0] == '\0' ? bad(error, letter, value, "empty") : text_list_add(list, options->heap, value);
    if (text != NULL)
        return set_text(options, letter, text, value, error);
    if (flag != NULL) {
        *flag = true;
        return MAIKO_OK;
    }
    switch (letter) {
    case 'a':
        return set_actors(options, value, error);
    case 't':
        return set_transport(options, value, error);
    case 'F':
        return set_from(options, value, error);
    case 'o':
        return add_overflow(options, value, error);
    case 'w':
        return set_wait(options, value, error);
    case 'm':
        return set_count(&options->mailbox, letter, value, error);
    case 'W':
        return set_count(&options->window, letter, value, error);
    default:
        return MAIKO_EINTERNAL;
    }
}

static maiko_status apply(struct app_options *options, int letter, const char *value, struct text *error)
{
    maiko_status status = set(options, letter, value, error);

    if (status == MAIKO_ELIMIT || status == MAIKO_ENOMEM)
        text_append_format(error, "--%s: %s", name_of(letter), maiko_strerror(status));
    return status;
}

/* ---- INI ---- */

struct ini_reader {
    struct app_options *options;
    struct app_options aside; /* what the command line overrules */
    struct text *error;
    maiko_status status;
};

static const struct option *option_named(const char *name)
{
    const struct option *option = long_options;

    while (option->name != NULL && strcmp(option->name, name) != 0)
        option++;
    return option->name == NULL || strchr("ChT", option->val) != NULL ? NULL : option;
}

/* What the command line has given, it has given whole: a file adds nothing to its lists, but policies of other patterns.  Values
 * that do not count are read all the same: they may be wrong. */
static struct app_options *place_for(struct ini_reader *reader, int letter)
{
    return (reader->options->given & bit_of(letter)) != 0 && letter != 'o' ? &reader->aside : reader->options;
}

static maiko_status apply_ini(struct ini_reader *reader, const struct option *option, const char *value)
{
    if (option->has_arg == required_argument)
        return apply(place_for(reader, option->val), option->val, value, reader->error);
    if (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0)
        return apply(reader->options, option->val, "", reader->error);
    if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0)
        return MAIKO_OK;
    return bad(reader->error, option->val, value, "yes or no");
}

static int read_ini_line(void *userdata, const char *section, const char *name, const char *value)
{
    struct ini_reader *reader = userdata;
    const struct option *option = option_named(name);

    if (reader->status != MAIKO_OK || strncmp(section, "process", 7) == 0)
        return reader->status == MAIKO_OK;
    if ((section[0] != '\0' && strcmp(section, "app") != 0) || option == NULL) {
        text_append_format(reader->error, section[0] != '\0' ? "[%s] %s: no such option" : "%s%s: no such option", section, name);
        reader->status = MAIKO_EINVAL;
    } else {
        reader->status = apply_ini(reader, option, value);
    }
    return reader->status == MAIKO_OK;
}

maiko_status app_options_read_ini(struct app_options *options, const char *text, struct text *error)
{
    struct ini_reader reader = {.options = options, .error = error, .status = ini_text_check(text, error)};
    int line;

    app_options_init(&reader.aside, options->heap);
    line = reader.status == MAIKO_OK ? ini_parse_string(text, read_ini_line, &reader) : 0;
    app_options_deinit(&reader.aside);

    if (reader.status == MAIKO_OK && line != 0) {
        text_append_format(error, "line %d is neither [section] nor name = value", line);
        reader.status = line > 0 ? MAIKO_EINVAL : MAIKO_ENOMEM;
    }
    return reader.status;
}

static maiko_status read_file(struct app_options *options, const char *path, struct text *error)
{
    char *text = NULL;
    size_t len = 0;
    maiko_status status;

    text_append_format(error, "--config %s: ", path);
    status = ini_text_load(path, options->heap, &text, &len, error);
    if (status != MAIKO_OK)
        return status;
    status = app_options_read_ini(options, text, error);
    heap_free(options->heap, text, len + 1);
    if (status == MAIKO_OK)
        text_clear(error);
    return status;
}

/* ---- the command line ---- */

maiko_status app_options_read(struct app_options *options, int argc, char **argv, struct text *error)
{
    const char *config = NULL;
    maiko_status status = MAIKO_OK;
    int letter;

    optind = 0; /* start anew, also after somebody else's getopt */
    opterr = 0;
    while (status == MAIKO_OK && (letter = getopt_long(argc, argv, "+:a:s:hv", long_options, NULL)) != -1) {
        if (letter == '?' || letter == ':') {
            text_append_format(error,
                               letter == ':' ? "%s needs a value" : "no option %s (those of the app itself stand behind --)",
                               argv[optind - 1]);
            return MAIKO_EINVAL;
        }
        if (letter == 'C')
            config = optarg;
        else
            status = apply(options, letter, optarg, error);
        options->given |= bit_of(letter);
    }
    options->arguments_at = optind;
    return status == MAIKO_OK && config != NULL ? read_file(options, config, error) : status;
}

bool app_options_need_bridge(const struct app_options *options)
{
    return options->space != NULL || options->listen.count > 0 || options->connect.count > 0 || options->publish_at.count > 0;
}
