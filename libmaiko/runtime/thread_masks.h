/* Thread masks: whether a signal would find a thread of the program that does not block it. */
#ifndef RUNTIME_THREAD_MASKS_H
#define RUNTIME_THREAD_MASKS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* Is there a thread that does not block one of them?  Its name then.  Without /proc there is none, and one that is just in
 * pthread_create(), which blocks all for so long, is not seen.  `root` is the directory that /proc is in: "" but in tests. */
bool thread_masks_find_open(const char *root, const sigset_t *signals, char *ret_name, size_t size);

#endif
