#include "runtime/thread.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>

static void fill_with_signals_of_the_host(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    size_t i;

    sigfillset(set);
    for (i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(set, own[i]);
}

maiko_status thread_start(pthread_t *ret_thread, void *(*run)(void *), void *userdata, const char *name)
{
    char shown[16];
    sigset_t blocked;
    sigset_t before;
    int failure;

    fill_with_signals_of_the_host(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before); /* the new thread inherits it */
    failure = pthread_create(ret_thread, NULL, run, userdata);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return MAIKO_ESYSTEM;
    snprintf(shown, sizeof shown, "%s", name);
    (void)pthread_setname_np(*ret_thread, shown);
    return MAIKO_OK;
}
