/* Table: which actors of an app run in this process. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/run.h"

maiko_actor_spec app_spec_at(const struct app_run *run, size_t index)
{
    maiko_actor_spec spec;

    memset(&spec, 0, sizeof(spec));
    memcpy(&spec, (const char *)run->app.actors + index * run->app.spec_size,
           run->app.spec_size < sizeof(spec) ? run->app.spec_size : sizeof(spec));
    return spec;
}

bool app_is_placed(const struct app_run *run, const char *name)
{
    return !run->options.has_actors || text_list_has(&run->options.actors, name);
}

static void print_topics(const char *word, const char *const *topics)
{
    for (; topics != NULL && *topics != NULL; topics++)
        dprintf(STDOUT_FILENO, "    %s %s\n", word, *topics);
}

void app_print_table(const struct app_run *run)
{
    size_t i;

    for (i = 0; i < run->app.actor_count; i++) {
        maiko_actor_spec spec = app_spec_at(run, i);
        const maiko_subscription *subscription = spec.subscriptions;

        dprintf(STDOUT_FILENO, "%s\n", spec.name);
        print_topics("publishes", spec.publish);
        print_topics("subscribes to", spec.subscribe);
        for (; subscription != NULL && subscription->pattern != NULL; subscription++)
            dprintf(STDOUT_FILENO, "    subscribes to %s\n", subscription->pattern);
    }
}

maiko_status app_check_placement(const struct app_run *run, struct text *error)
{
    size_t placed = 0;
    size_t i;
    size_t j;

    for (i = 0; i < run->options.actors.count; i++) {
        bool is_known = false;

        for (j = 0; j < run->app.actor_count; j++)
            is_known = is_known || strcmp(app_spec_at(run, j).name, run->options.actors.items[i]) == 0;
        if (!is_known) {
            text_append_format(error, "--actors %s: not in the table (--list prints it)", run->options.actors.items[i]);
            return MAIKO_ENOTFOUND;
        }
    }
    for (i = 0; i < run->app.actor_count; i++)
        placed += app_is_placed(run, app_spec_at(run, i).name);
    if (placed < run->app.actor_count && !app_options_need_bridge(&run->options)) {
        text_append(error, "--actors without --space, --listen or --connect: the others could not be found");
        return MAIKO_EINVAL;
    }
    return MAIKO_OK;
}
