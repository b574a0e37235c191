/* Thread: how the library makes threads, so that none of them takes a signal that is the host's. */
#ifndef RUNTIME_THREAD_H
#define RUNTIME_THREAD_H

#include <maiko/status.h>
#include <pthread.h>

/*
 * Starts a thread in which all signals are blocked but those that its own instructions raise (SIGSEGV and its like): the host's
 * handlers for these, a crash reporter or a sanitizer, see the faults of its own actors.
 *
 * name: what debuggers show, cut at 15 bytes.  MAIKO_OK, or MAIKO_ESYSTEM when the system has no thread left.
 */
maiko_status thread_start(pthread_t *ret_thread, void *(*run)(void *), void *userdata, const char *name);

#endif
