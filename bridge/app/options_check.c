/* Checking options, see options.h: what is wrong however many processes there are, and what does not go together. */
#include <string.h>

#include "app/options.h"
#include "node/rename.h"
#include "space/path.h"

/* ---- patterns and names ---- */

maiko_status app_options_split(const char *text, char ret_pattern[MAIKO_TOPIC_MAX + 1], const char **ret_as)
{
    size_t len = strcspn(text, "=");

    if (len > MAIKO_TOPIC_MAX)
        return MAIKO_ETOOLONG;
    memcpy(ret_pattern, text, len);
    ret_pattern[len] = '\0';
    *ret_as = text[len] == '=' ? text + len + 1 : NULL;
    return MAIKO_OK;
}

/* As a bridge would take it. */
static maiko_status check_pattern(const char *text)
{
    char pattern[MAIKO_TOPIC_MAX + 1];
    const char *as = NULL;
    maiko_status status = app_options_split(text, pattern, &as);

    if (status == MAIKO_OK)
        status = as != NULL ? rename_check(pattern, as) : maiko_pattern_check(pattern);
    if (status == MAIKO_OK && (topic_stays_here(pattern) || topic_stays_here(as)))
        status = MAIKO_EPERM;
    return status;
}

static maiko_status check_patterns(const char *option, const struct text_list *list, struct text *error)
{
    maiko_status status;
    size_t i;

    for (i = 0; i < list->count; i++) {
        status = check_pattern(list->items[i]);
        if (status == MAIKO_OK)
            continue;
        text_append_format(error, "--%s %s: %s", option, list->items[i], maiko_strerror(status));
        return status;
    }
    return MAIKO_OK;
}

static maiko_status check_name(const char *option, const char *name, struct text *error)
{
    if (name == NULL || space_name_is_valid(name))
        return MAIKO_OK;
    text_append_format(error, "--%s %s: not 1 to %d bytes of UTF-8 without '/', control characters and a '.' or '-' in front",
                       option, name, SPACE_NAME_MAX);
    return MAIKO_ENAME;
}

static maiko_status check_texts(const struct app_options *options, struct text *error)
{
    maiko_status status = check_patterns("export", &options->exports, error);

    if (status == MAIKO_OK)
        status = check_patterns("relay", &options->relays, error);
    if (status == MAIKO_OK)
        status = check_patterns("import", &options->imports, error);
    if (status == MAIKO_OK)
        status = check_name("space", options->space, error);
    return status == MAIKO_OK ? check_name("node", options->node, error) : status;
}

/* ---- keys and doors ---- */

static bool is_tcp(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", 6) == 0;
}

static const char *first_tcp(const struct text_list *list)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (is_tcp(list->items[i]))
            return list->items[i];
    return NULL;
}

static maiko_status check_keys(const struct app_options *options, struct text *error)
{
    const char *listens = first_tcp(options->listen.count > 0 ? &options->listen : &options->publish_at);
    const char *connects = first_tcp(&options->connect);

    if (options->key_file == NULL && options->peer_keys.count > 0)
        text_append(error, "--peer-key needs --key: our own key pair, without which nothing is encrypted");
    else if (options->key_file == NULL && options->allow_file != NULL)
        text_append(error, "--allow needs --key: without encryption there are no keys to tell peers by");
    else if (options->key_file != NULL && connects != NULL && options->peer_keys.count == 0)
        text_append_format(error, "--connect %s with --key needs --peer-key: the public key of who listens there", connects);
    else if (options->key_file != NULL && listens != NULL && options->peer_keys.count == 0 && options->allow_file == NULL)
        text_append_format(error, "%s with --key needs --peer-key or --allow: nobody could connect", listens);
    else
        return MAIKO_OK;
    return MAIKO_EINVAL;
}

maiko_status app_options_check(const struct app_options *options, struct text *error)
{
    maiko_status status = check_texts(options, error);

    return status == MAIKO_OK ? check_keys(options, error) : status;
}
