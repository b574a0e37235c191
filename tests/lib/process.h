/* Process: a program of the test with options in one text, what it says, and a runtime directory that several of them share. */
#ifndef TESTS_LIB_PROCESS_H
#define TESTS_LIB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/child.h"
#include "lib/scratch.h"

/* A scratch directory that is $XDG_RUNTIME_DIR, so that spaces and counters files are this test's alone. */
struct host {
    struct scratch scratch;
};

void host_init(struct host *host);
void host_deinit(struct host *host);

/* A file of the built tree ("examples/weather"), in a buffer that the next call uses again. */
const char *host_built(const char *path);

/* A TCP port of this host that nobody listens at, and `count` - 1 more behind it: this program's until host_deinit(). */
int host_free_ports(int count);

struct process {
    struct child child;
    char output[8192]; /* stdout and stderr, the beginning; filled by process_finish() */
    int code;
};

/*
 * Starts `program`: its options are the words of `options`.  With `output_path` its stdout goes to that file, and only stderr to
 * `output`.  The case fails at once when it cannot be started.
 */
void process_start(struct process *process, const char *program, const char *options, const char *output_path);

/* Reads its output and waits for its end, 60 s at most; a bad exit is printed. */
void process_finish(struct process *process);

bool process_says(const struct process *process, const char *text);

/* The number behind `"name":` in its output; UINT64_MAX when there is none. */
uint64_t process_figure(const struct process *process, const char *name);

/* What a command of the shell writes, its beginning; false when it fails. */
bool shell_output(const char *command, char *text, size_t size);

#endif
