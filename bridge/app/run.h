/* Run: one run of an app.  app.c is its course, table.c who runs where, wiring.c what leads to the others. */
#ifndef APP_RUN_H
#define APP_RUN_H

#include "app/interrupt.h"
#include "app/options.h"
#include <maiko/app.h>

struct app_run {
    maiko_app app;       /* these two: as the library's version has them */
    maiko_config config; /* with the log of this run, which the bridge has as well */
    struct app_options options;
    maiko_supervisor *sup;
    struct app_interrupt at_start; /* until the supervisor runs */
    struct app_interrupt at_end;   /* from the end of its run on */
    maiko_bridge *bridge;          /* NULL: everything runs here */
    const char ***publish;         /* publish lists of the actors here, one per actor of the table; NULL: the table's own */
};

/* ---- table.c ---- */

/* Specs of the calling program may be shorter or longer than ours. */
maiko_actor_spec app_spec_at(const struct app_run *run, size_t index);
bool app_is_placed(const struct app_run *run, const char *name);
void app_print_table(const struct app_run *run);

/* An actor that is asked for must be in the table; and one that is not here must be somewhere. */
maiko_status app_check_placement(const struct app_run *run, struct text *error);

/* ---- wiring.c ---- */

/* Each --overflow is of a pattern that is imported.  MAIKO_OK, MAIKO_ENOTFOUND with the reason, MAIKO_ENOMEM. */
maiko_status app_check_overflows(struct app_run *run, struct text *error);

/* What the options ask for, before the supervisor starts.  MAIKO_OK when nothing leads to others, too. */
maiko_status app_set_up_bridge(struct app_run *run);

/* Tells the bridge of an actor, here or elsewhere; may give `spec` a longer publish list. */
maiko_status app_introduce(struct app_run *run, size_t index, maiko_actor_spec *spec);

void app_free_publish_lists(struct app_run *run);

#endif
