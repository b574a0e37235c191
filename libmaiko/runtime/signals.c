#include "runtime/signals.h"

#include "base/patient_poll.h"
#include "runtime/supervisor_internal.h"
#include "runtime/supervisor_stop.h"
#include "runtime/thread.h"
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* A shell or timeout(1) may say it to the process and to its group: so soon it is the same word again. */
#define SAME_WORD_NS MAIKO_MS(100)

static void close_both(struct signals *signals)
{
    if (signals->fd >= 0)
        close(signals->fd);
    if (signals->end_fd >= 0)
        close(signals->end_fd);
    signals->fd = -1;
    signals->end_fd = -1;
}

/* What the program ignores, or who started it (a shell in the background, nohup), stays ignored: a descriptor would get it. */
static void add_unless_ignored(sigset_t *handled, int signal_number)
{
    struct sigaction action;

    if (sigaction(signal_number, NULL, &action) != 0 || action.sa_handler != SIG_IGN)
        sigaddset(handled, signal_number);
}

maiko_status signals_begin(struct signals *signals, struct maiko_supervisor *sup)
{
    sigset_t handled;

    *signals = (struct signals){.sup = sup, .fd = -1, .end_fd = -1};
    if (sup->config.handle_no_signals)
        return MAIKO_OK;
    sigemptyset(&handled);
    add_unless_ignored(&handled, SIGINT);
    add_unless_ignored(&handled, SIGTERM);
    signals->fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    signals->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signals->fd < 0 || signals->end_fd < 0) {
        close_both(signals);
        return MAIKO_ESYSTEM;
    }
    pthread_sigmask(SIG_BLOCK, &handled, &signals->before);
    return MAIKO_OK;
}

/* Not by what poll() says, which says nothing under an RLIMIT_NOFILE of 0. */
static bool has_signal(const struct signals *signals)
{
    struct signalfd_siginfo info;

    return read(signals->fd, &info, sizeof info) == (ssize_t)sizeof info;
}

void signals_take(struct signals *signals)
{
    while (signals->fd >= 0 && has_signal(signals)) {
        uint64_t now_ns = clock_mono_ns(&signals->sup->clock);

        if (!signals->has_first) {
            signals->has_first = true;
            signals->first_ns = now_ns;
            (void)maiko_supervisor_request_stop(signals->sup);
        } else if (now_ns - signals->first_ns >= SAME_WORD_NS) {
            supervisor_hurry(signals->sup);
        }
    }
}

static void *watch(void *userdata)
{
    struct signals *signals = userdata;
    uint64_t count;

    while (read(signals->end_fd, &count, sizeof count) < 0) {
        struct pollfd fds[2] = {{.fd = signals->fd, .events = POLLIN}, {.fd = signals->end_fd, .events = POLLIN}};

        if (patient_poll(fds, 2, -1, NULL) < 0 && errno != EINTR)
            return NULL;
        signals_take(signals);
    }
    return NULL;
}

/* Without a thread for it a second signal changes nothing. */
void signals_hand_over(struct signals *signals)
{
    char name[16];

    if (signals->fd < 0)
        return;
    signals_take(signals); /* the other one of a pair: its time is when it is read, and a thread may take long to begin */
    snprintf(name, sizeof name, "%.10s/sig", signals->sup->name);
    signals->has_thread = thread_start(&signals->thread, watch, signals, name) == MAIKO_OK;
}

void signals_end(struct signals *signals)
{
    const uint64_t one = 1;

    if (signals->fd < 0)
        return;
    if (signals->has_thread) {
        (void)!write(signals->end_fd, &one, sizeof one);
        pthread_join(signals->thread, NULL);
    }
    while (has_signal(signals)) /* unblocked they would end the program */
        ;
    close_both(signals);
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}
