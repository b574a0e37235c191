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

/* The same for a call that failed; `space` may be NULL, `reason` empty.  Returns the exit code. */
int complain_status(maiko_status status, const char *verb, const char *space, const char *reason);

/* What is wrong with the option at which getopt_long() stopped, called with an option string that begins with ':' and opterr 0.
 * Returns EXIT_BAD_USAGE. */
int complain_option(const char *verb, int letter, char **argv);

/* A directory that has to be an absolute path and is none.  Returns EXIT_BAD_USAGE. */
int complain_path(const char *verb, const char *path);

/* At the end of a verb that prints: EXIT_OK, or a complaint when not everything could be written. */
int finish_output(const char *verb);

/* A text of somebody else for a terminal: what is UTF-8 and no control character stays, every other byte becomes \xNN.  Returns
 * `buffer`; what does not fit is cut. */
enum { PRINTABLE_SIZE = 1040 };
const char *printable(const char *text, char buffer[PRINTABLE_SIZE]);

/* The same for texts of any length: four bytes for each of them and PRINTABLE_ROOM more are enough. */
enum { PRINTABLE_ROOM = 16 };
void printable_copy(const char *text, char *buffer, size_t size);

/* Columns that it takes on a terminal. */
size_t columns_of(const char *text);

#endif
