/* Child: a function run in a child process, with its output and its end in the hands of the test. */
#ifndef TESTS_LIB_CHILD_H
#define TESTS_LIB_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    int output_fd; /* read end of what the child writes to stdout and stderr */
};

/* Runs `body(userdata)` in a forked child and exits it with the result.  False when fork or pipe fails. */
bool child_start(struct child *child, int (*body)(void *userdata), void *userdata);

/* Runs a program; argv[0] is looked up in PATH. */
bool child_start_program(struct child *child, char *const argv[]);

/* This program once more, with two arguments: what it is to be, and a word for it. */
bool child_start_role(struct child *child, const char *role, const char *argument);

/* Reads output until end of file, at most size - 1 bytes kept, NUL-terminated; the number of bytes kept. */
size_t child_read_output(struct child *child, char *text, size_t size);

/* After SIGSTOP it returns when the child stands still. */
void child_signal(const struct child *child, int signal_number);

/*
 * Waits for the end at most timeout_ms (slowed down as wait_until), kills it then, and closes the pipe.
 * The exit status, 128 + signal number as a shell shows it, or -1 when it had to be killed for time.
 */
int child_end(struct child *child, unsigned timeout_ms);

/* All in one: runs the body, returns child_end(). */
int child_run(int (*body)(void *userdata), void *userdata, unsigned timeout_ms);

#endif
