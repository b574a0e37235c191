/* Interrupt, see interrupt.h. */
#include "app/interrupt.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/patient_poll.h"
#include "runtime/thread.h"

static void fill(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
}

static void *listen_for_signals(void *userdata)
{
    struct app_interrupt *interrupt = userdata;
    struct pollfd fds[] = {{.fd = interrupt->signal_fd, .events = POLLIN}, {.fd = interrupt->end_fd, .events = POLLIN}};
    struct signalfd_siginfo info;
    sigset_t signals;

    while (patient_poll(fds, 2, -1, NULL) <= 0)
        ;
    if (fds[1].revents != 0 || read(interrupt->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return NULL;
    interrupt->signal = (int)info.ssi_signo;
    interrupt->cut_short(interrupt->bridge);
    fill(&signals);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* the next one finds this thread */
    while (patient_poll(&fds[1], 1, -1, NULL) <= 0)
        ;
    return NULL;
}

void app_interrupt_begin(struct app_interrupt *interrupt, maiko_bridge *bridge, void (*cut_short)(maiko_bridge *bridge))
{
    sigset_t signals;

    memset(interrupt, 0, sizeof(*interrupt));
    interrupt->bridge = bridge;
    interrupt->cut_short = cut_short;
    interrupt->has_begun = true;
    fill(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, &interrupt->before);
    interrupt->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    interrupt->end_fd = eventfd(0, EFD_CLOEXEC);
    interrupt->is_running = interrupt->signal_fd >= 0 && interrupt->end_fd >= 0 &&
                            thread_start(&interrupt->thread, listen_for_signals, interrupt, "maiko wait") == MAIKO_OK;
    if (!interrupt->is_running)
        pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
}

int app_interrupt_end(struct app_interrupt *interrupt)
{
    if (!interrupt->has_begun)
        return 0;
    interrupt->has_begun = false;
    if (interrupt->is_running) {
        (void)eventfd_write(interrupt->end_fd, 1);
        pthread_join(interrupt->thread, NULL);
    }
    if (interrupt->signal_fd >= 0)
        close(interrupt->signal_fd);
    if (interrupt->end_fd >= 0)
        close(interrupt->end_fd);
    return interrupt->signal;
}

void app_interrupt_restore(const struct app_interrupt *interrupt)
{
    if (interrupt->is_running)
        pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
}
