/* Scratch: a directory of its own for a test case. */
#ifndef TESTS_LIB_SCRATCH_H
#define TESTS_LIB_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

struct scratch {
    char path[512];
};

/* Makes an empty directory, mode 0700, below $TMPDIR or /tmp. */
bool scratch_init(struct scratch *scratch);

/* Removes it with all that is in it. */
void scratch_deinit(struct scratch *scratch);

/* PATH/`name`, in `buffer`. */
const char *scratch_file(const struct scratch *scratch, const char *name, char *buffer, size_t size);

/* Writes a file PATH/`name`, and the directories on the way to it. */
bool scratch_put(const struct scratch *scratch, const char *name, const char *text);

/* Plain files in PATH/`name` ("" for the directory itself), hidden ones included; -1 when there is no such directory. */
int scratch_count(const struct scratch *scratch, const char *name);

#endif
