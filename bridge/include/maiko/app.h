/* An app is a pipeline written as a table of actors, with a command line that decides which of them run in this process and
 * how they meet the others.
 *
 *     static const maiko_actor_spec weather[] = {{.name = "sensor", …}, {.name = "logger", …}};
 *     int main(int argc, char **argv) { return maiko_app_main(argc, argv, &MAIKO_APP("weather", weather)); }
 *
 * Without options everything runs in one process.  `--help` says the rest. */
#ifndef MAIKO_APP_H
#define MAIKO_APP_H

#include <maiko/bridge.h>

MAIKO_BEGIN_DECLS

/** A table of actors and its name.  Made by MAIKO_APP(); read during maiko_app_main() only. */
typedef struct maiko_app {
    size_t struct_size; /* these four: of the calling program */
    size_t spec_size;
    size_t ops_size;
    size_t config_size;
    const char *name;
    const maiko_actor_spec *actors;
    size_t actor_count;
    const maiko_config
        *config;           /* of the supervisor; NULL: defaults.  Options of the command line win; `log` is the bridge's, too */
    const char *arguments; /* what may follow the options, for --help, such as "FILE"; NULL: nothing */
    /**
     * Called before any actor is added, with what follows the options (argv[0] is the first of it; to getopt(), which skips one,
     * say argc + 1 and argv - 1); a failure ends the program with this usage.  Options of the app itself stand behind `--`.
     * NULL: nothing may follow.
     */
    maiko_status (*prepare)(int argc, char **argv, void *userdata);
    void *userdata;
    const maiko_event_type *const *types; /* NULL-terminated: types that may come from other versions of the program; or NULL */
} maiko_app;

#ifndef __cplusplus
/** An app with a table that is an array; further fields may follow: `MAIKO_APP("weather", weather, .arguments = "FILE")`. */
#define MAIKO_APP(app_name, ...)                                                                                                 \
    (maiko_app)                                                                                                                  \
    {                                                                                                                            \
        .spec_size = sizeof(maiko_actor_spec), .ops_size = sizeof(maiko_actor_ops), .config_size = sizeof(maiko_config),         \
        .name = (app_name), .actors = (MAIKO_APP_TABLE(__VA_ARGS__, 0)),                                                         \
        .actor_count = sizeof(MAIKO_APP_TABLE(__VA_ARGS__, 0)) / sizeof((MAIKO_APP_TABLE(__VA_ARGS__, 0))[0]),                   \
        MAIKO_APP_FIELDS(__VA_ARGS__, .struct_size = sizeof(maiko_app))                                                          \
    }
/* ISO C wants at least one argument for "...": something always follows */
#define MAIKO_APP_TABLE(table, ...) table
#define MAIKO_APP_FIELDS(table, ...) __VA_ARGS__
#endif

/** The same as a function, for C++ and tables of computed length. */
static inline maiko_app maiko_app_of(const char *name, const maiko_actor_spec *actors, size_t actor_count)
{
    maiko_app app;

    app.config = NULL;
    app.arguments = NULL;
    app.prepare = NULL;
    app.userdata = NULL;
    app.types = NULL;
    app.struct_size = sizeof(maiko_app);
    app.spec_size = sizeof(maiko_actor_spec);
    app.ops_size = sizeof(maiko_actor_ops);
    app.config_size = sizeof(maiko_config);
    app.name = name;
    app.actors = actors;
    app.actor_count = actor_count;
    return app;
}

/**
 * Run the app as its command line says: to be returned from main().
 *
 * Reads the options, adds the actors placed here, joins the space or connects, waits until every actor of the table that is not
 * placed here is present somewhere (--wait), runs until all its actors have ended or SIGINT or SIGTERM comes, and waits until
 * the peers have what was sent.  Says on stderr what went wrong.
 * @return exit code: 0, 1 (an actor or a call failed), 2 (usage), 4 (the others did not come in time).
 * Threads: the main one.  Blocking: until the program is over.
 */
MAIKO_API int maiko_app_main(int argc, char **argv, const maiko_app *app);

MAIKO_END_DECLS

#endif
