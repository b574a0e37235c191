/* Wiring: the bridge of an app, made from its options and from the topics of its actors. */
#include <string.h>

#include "app/run.h"
#include "node/rename.h"
#include <maiko/maiko.h>

enum way { WAY_OUT, WAY_IN, WAY_THROUGH };

static maiko_status give_pattern(struct app_run *run, const char *pattern, const char *as, enum way way)
{
    maiko_bridge_pattern import = {.pattern = pattern, .from = run->options.from};
    maiko_status status = MAIKO_OK;

    import.overflow = app_options_overflow_of(&run->options, pattern);
    import.as = way == WAY_IN ? as : NULL; /* what is passed on is renamed once */
    if (way != WAY_IN)
        status =
            maiko_bridge_export(run->bridge, &(maiko_bridge_pattern){.pattern = pattern, .as = as, .relay = way == WAY_THROUGH});
    if (status == MAIKO_OK && way != WAY_OUT)
        status = maiko_bridge_import(run->bridge, &import);
    return status;
}

/* What the command line says, which may rename. */
static maiko_status give_options(struct app_run *run, const struct text_list *list, enum way way)
{
    char pattern[MAIKO_TOPIC_MAX + 1];
    maiko_status status = MAIKO_OK;
    const char *as;
    size_t i;

    for (i = 0; i < list->count && status == MAIKO_OK; i++) {
        status = app_options_split(list->items[i], pattern, &as);
        if (status == MAIKO_OK)
            status = give_pattern(run, pattern, as, way);
    }
    return status;
}

/* The options of one way, or else what follows from the actors, whose topics may have any character. */
static maiko_status give_patterns(struct app_run *run, const struct text_list *options, const struct text_list *derived,
                                  enum way way)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    if (options->count > 0)
        return give_options(run, options, way);
    for (i = 0; i < derived->count && status == MAIKO_OK; i++)
        status = give_pattern(run, derived->items[i], NULL, way);
    return status;
}

/* Each pattern once; what the library says stays in its process. */
static maiko_status collect(struct text_list *list, struct heap *heap, const char *pattern)
{
    return topic_stays_here(pattern) || text_list_has(list, pattern) ? MAIKO_OK : text_list_add(list, heap, pattern);
}

/* What is not given follows from the lists of the actors placed here. */
static maiko_status derive_patterns(struct app_run *run, struct text_list *exports, struct text_list *imports)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < run->app.actor_count && status == MAIKO_OK; i++) {
        maiko_actor_spec spec = app_spec_at(run, i);
        const maiko_subscription *subscription = spec.subscriptions;
        const char *const *topic;

        if (!app_is_placed(run, spec.name))
            continue;
        for (topic = spec.publish; topic != NULL && *topic != NULL && status == MAIKO_OK; topic++)
            status = collect(exports, run->options.heap, *topic);
        for (topic = spec.subscribe; topic != NULL && *topic != NULL && status == MAIKO_OK; topic++)
            status = collect(imports, run->options.heap, *topic);
        for (; subscription != NULL && subscription->pattern != NULL && status == MAIKO_OK; subscription++)
            status = collect(imports, run->options.heap, subscription->pattern);
    }
    return status;
}

/* Among PATTERN[=AS]. */
static bool is_given(const struct text_list *list, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (strcspn(list->items[i], "=") == len && memcmp(list->items[i], text, len) == 0)
            return true;
    return false;
}

static bool is_derived(const struct text_list *list, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (strlen(list->items[i]) == len && memcmp(list->items[i], text, len) == 0)
            return true;
    return false;
}

/* A policy for what is not imported is a mistake, of spelling mostly. */
maiko_status app_check_overflows(struct app_run *run, struct text *error)
{
    const struct app_options *options = &run->options;
    struct text_list exports = {NULL, 0};
    struct text_list imports = {NULL, 0};
    maiko_status status = options->overflows.count > 0 ? derive_patterns(run, &exports, &imports) : MAIKO_OK;
    size_t i;

    if (status != MAIKO_OK)
        text_append_format(error, "--overflow: %s", maiko_strerror(status));
    for (i = 0; i < options->overflows.count && status == MAIKO_OK; i++) {
        const char *text = options->overflows.items[i];
        size_t len = (size_t)(strrchr(text, '=') - text);

        if (is_given(&options->relays, text, len) || is_given(&options->imports, text, len) ||
            (options->imports.count == 0 && is_derived(&imports, text, len)))
            continue;
        text_append_format(error, "--overflow %s: nothing is imported by that pattern here", text);
        status = MAIKO_ENOTFOUND;
    }
    text_list_clear(&exports, options->heap);
    text_list_clear(&imports, options->heap);
    return status;
}

static maiko_status set_patterns(struct app_run *run)
{
    struct text_list exports = {NULL, 0};
    struct text_list imports = {NULL, 0};
    maiko_status status = derive_patterns(run, &exports, &imports);

    if (status == MAIKO_OK)
        status = give_options(run, &run->options.relays, WAY_THROUGH); /* first: it decides for what falls under it */
    if (status == MAIKO_OK)
        status = give_patterns(run, &run->options.exports, &exports, WAY_OUT);
    if (status == MAIKO_OK)
        status = give_patterns(run, &run->options.imports, &imports, WAY_IN);
    text_list_clear(&exports, run->options.heap);
    text_list_clear(&imports, run->options.heap);
    return status;
}

static maiko_status set_endpoints(struct app_run *run)
{
    const struct app_options *options = &run->options;
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < options->listen.count && status == MAIKO_OK; i++)
        status = maiko_bridge_listen(run->bridge, options->listen.items[i]);
    for (i = 0; i < options->publish_at.count && status == MAIKO_OK; i++)
        status = maiko_bridge_publish_at(run->bridge, options->publish_at.items[i]);
    for (i = 0; i < options->connect.count && status == MAIKO_OK; i++) {
        size_t last = options->peer_keys.count - 1;
        const char *key = options->peer_keys.count == 0 ? NULL : options->peer_keys.items[i < last ? i : last];

        status = maiko_bridge_connect(run->bridge, options->connect.items[i], key);
    }
    return status;
}

static maiko_status add_types(struct app_run *run)
{
    const maiko_event_type *const *type = run->app.types;
    maiko_status status = MAIKO_OK;

    for (; type != NULL && *type != NULL && status == MAIKO_OK; type++)
        status = maiko_bridge_know_type(run->bridge, *type);
    return status;
}

/* The actor's publish list with the topic of its end. */
static const char *const *extend_publish(struct app_run *run, size_t index, const char *const *publish, const char *end_topic)
{
    const char **list;
    size_t count = 0;

    while (publish[count] != NULL)
        count++;
    list = heap_alloc(run->options.heap, (count + 2) * sizeof(*list));
    if (list == NULL)
        return NULL;
    memcpy(list, publish, count * sizeof(*list));
    list[count] = end_topic;
    list[count + 1] = NULL;
    run->publish[index] = list;
    return list;
}

maiko_status app_introduce(struct app_run *run, size_t index, maiko_actor_spec *spec)
{
    const char *end_topic;

    if (!app_is_placed(run, spec->name))
        return maiko_bridge_expect(run->bridge, spec->name, spec->publish);
    end_topic = maiko_bridge_announce(run->bridge, spec->name, spec->publish, spec->subscribe);
    if (end_topic == NULL)
        return MAIKO_ENOMEM;
    if (spec->publish == NULL || spec->publish[0] == NULL)
        return MAIKO_OK;
    spec->publish = extend_publish(run, index, spec->publish, end_topic);
    return spec->publish == NULL ? MAIKO_ENOMEM : MAIKO_OK;
}

static void make_bridge(struct app_run *run)
{
    const struct app_options *options = &run->options;
    const char **keys = heap_alloc_zeroed(options->heap, options->peer_keys.count + 1, sizeof(*keys));
    maiko_bridge_config config = {.space = options->space,
                                  .node = options->node,
                                  .program = run->app.name,
                                  .runtime_dir = options->runtime_dir,
                                  .key_file = options->key_file,
                                  .allow_file = options->allow_file,
                                  .peer_keys = keys,
                                  .insecure = options->insecure,
                                  .transport = options->transport,
                                  .window_bytes = options->window,
                                  .log = run->config.log,
                                  .log_userdata = run->config.log_userdata,
                                  .space_group = options->space_group,
                                  .listener_codec = options->publish_as};

    if (keys == NULL)
        return;
    if (options->peer_keys.count > 0)
        memcpy(keys, options->peer_keys.items, options->peer_keys.count * sizeof(*keys));
    run->bridge = maiko_bridge_new(run->sup, &config);
    heap_free(options->heap, keys, (options->peer_keys.count + 1) * sizeof(*keys));
}

maiko_status app_set_up_bridge(struct app_run *run)
{
    maiko_status status;

    if (!app_options_need_bridge(&run->options))
        return MAIKO_OK;
    make_bridge(run);
    if (run->bridge == NULL)
        return MAIKO_ENOMEM;
    status = set_patterns(run);
    if (status == MAIKO_OK)
        status = set_endpoints(run);
    return status == MAIKO_OK ? add_types(run) : status;
}

void app_free_publish_lists(struct app_run *run)
{
    size_t i;

    for (i = 0; run->publish != NULL && i < run->app.actor_count; i++) {
        size_t count = 0;

        while (run->publish[i] != NULL && run->publish[i][count] != NULL)
            count++;
        heap_free(run->options.heap, run->publish[i], (count + 1) * sizeof(run->publish[i][0]));
    }
    heap_free(run->options.heap, run->publish, run->app.actor_count * sizeof(*run->publish));
}
