/*
 * Watchdog: SIGALRM, then the stacks: of all threads by gdb when it is installed, else of the one that got the signal by
 * backtrace().
 */
#include "lib/watchdog.h"

#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *watched_name;

static void say(const char *text)
{
    ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));

    (void)ignored;
}

static void show_stacks_with_gdb(pid_t target)
{
    char pid_text[32];

    snprintf(pid_text, sizeof(pid_text), "%d", (int)target);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execlp("timeout", "timeout", "30", "gdb", "--batch", "--nx", "-p", pid_text, "-ex", "set pagination off", "-ex",
           "thread apply all bt 24", (char *)NULL);
    _exit(127);
}

static bool gdb_showed_stacks(void)
{
    int status = -1;
    pid_t parent = getpid();
    pid_t child;

    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    child = fork();
    if (child == 0)
        show_stacks_with_gdb(parent);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The program is lost anyway, so calls that are not async-signal-safe are only a risk to the report. */
static void on_alarm(int signal_number)
{
    void *frames[64];

    (void)signal_number;
    say("Bail out! hung: ");
    say(watched_name);
    say("\n");
    if (!gdb_showed_stacks())
        backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
    _exit(EXIT_FAILURE);
}

void watchdog_start(const char *name, unsigned seconds)
{
    struct sigaction action = {.sa_handler = on_alarm};
    sigset_t alarm_only;

    watched_name = name;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
    alarm(seconds);
}

void watchdog_stop(void)
{
    alarm(0);
}
