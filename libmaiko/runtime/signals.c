#include "runtime/signals.h"

#include "base/patient_poll.h"
#include "runtime/supervisor_internal.h"
#include "runtime/supervisor_stop.h"
#include "runtime/thread.h"
#include "runtime/thread_masks.h"
#include <errno.h>
#include <stdatomic.h>
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

/* Signals are the program's: one run reads them, and here is which process that is in, so that a forked child begins anew. */
static _Atomic pid_t pid_of_reader;

static bool become_reader(void)
{
    pid_t before = atomic_load_explicit(&pid_of_reader, memory_order_relaxed);
    pid_t self = getpid();

    return before != self && atomic_compare_exchange_strong(&pid_of_reader, &before, self);
}

/* What the program ignores, or who started it (a shell in the background, nohup), stays ignored: a descriptor would get it.
 * Those that would end the program are the ones to ask other threads about. */
static void add_unless_ignored(sigset_t *handled, sigset_t *deadly, int signal_number)
{
    struct sigaction action;
    bool is_known = sigaction(signal_number, NULL, &action) == 0;

    if (is_known && action.sa_handler == SIG_IGN)
        return;
    sigaddset(handled, signal_number);
    if (is_known && action.sa_handler == SIG_DFL)
        sigaddset(deadly, signal_number);
}

static maiko_status refuse(maiko_status status, struct text *error, const char *reason)
{
    text_append(error, reason);
    return status;
}

static maiko_status open_both(struct signals *signals, const sigset_t *handled, struct text *error)
{
    signals->fd = signalfd(-1, handled, SFD_CLOEXEC | SFD_NONBLOCK);
    signals->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signals->fd >= 0 && signals->end_fd >= 0)
        return MAIKO_OK;
    close_both(signals);
    return refuse(MAIKO_ESYSTEM, error, "no descriptor to read signals from");
}

/* It may be none of the program's own: a library's that never blocks a signal is no reason not to run. */
static void warn_of_open_thread(struct maiko_supervisor *sup, const sigset_t *deadly)
{
    char thread[32];

    if (sup->config.log != NULL && thread_masks_find_open("", deadly, thread, sizeof thread))
        supervisor_log(sup, MAIKO_LOG_WARNING,
                       "SIGINT or SIGTERM may end the program in its thread '%s', which does not block them", thread);
}

/* As the reader. */
static maiko_status begin(struct signals *signals, struct text *error)
{
    sigset_t handled;
    sigset_t deadly;
    maiko_status status;

    sigemptyset(&handled);
    sigemptyset(&deadly);
    add_unless_ignored(&handled, &deadly, SIGINT);
    add_unless_ignored(&handled, &deadly, SIGTERM);
    status = open_both(signals, &handled, error);
    if (status != MAIKO_OK)
        return status;
    pthread_sigmask(SIG_BLOCK, &handled, &signals->before);
    warn_of_open_thread(signals->sup, &deadly);
    return MAIKO_OK;
}

maiko_status signals_begin(struct signals *signals, struct maiko_supervisor *sup, struct text *error)
{
    maiko_status status;

    *signals = (struct signals){.sup = sup, .fd = -1, .end_fd = -1};
    if (sup->config.handle_no_signals)
        return MAIKO_OK;
    if (!become_reader())
        return refuse(MAIKO_ESTATE, error, "another supervisor is in run and takes the program's signals");
    status = begin(signals, error);
    if (status != MAIKO_OK)
        atomic_store(&pid_of_reader, 0);
    return status;
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
    atomic_store(&pid_of_reader, 0);
}
