/* Leaks: what a test case must leave as it found it: open descriptors, threads, child processes. */
#ifndef TESTS_LIB_LEAKS_H
#define TESTS_LIB_LEAKS_H

#include <stdbool.h>
#include <stddef.h>

enum { LEAKS_MAX_FD = 1024 };

struct leaks {
    bool fd_open[LEAKS_MAX_FD]; /* descriptors past LEAKS_MAX_FD are only counted */
    unsigned fd_count;
    unsigned thread_count;
};

void leaks_note(struct leaks *ret_leaks);

/* True when nothing new is there; else false and `text` says what.  A thread that was joined may take a moment to disappear. */
bool leaks_none_since(const struct leaks *before, char *text, size_t size);

/* Open descriptors of this process, the one used for counting left out. */
unsigned leaks_count_fds(void);

/* Mappings of memory that links share. */
unsigned leaks_count_shared_mappings(void);

#endif
