/* The maiko command: what its verbs share. */
#ifndef TOOLS_MAIKO_H
#define TOOLS_MAIKO_H

#include <stdbool.h>

#include <maiko/maiko.h>

/* Exit codes of every verb. */
enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_BAD_USAGE = 2, EXIT_NOT_FOUND = 3, EXIT_NO_DATA = 4, EXIT_REFUSED = 5 };

/* argv[0] is the verb. */
int cmd_ps(int argc, char **argv);
int cmd_topic(int argc, char **argv);

int exit_code_of(maiko_status status);

/* "maiko VERB: text" on stderr; returns `code`. */
int complain(int code, const char *verb, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
