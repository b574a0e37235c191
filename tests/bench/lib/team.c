/* Team: processes of the rows across processes. */
#include "bench/lib/team.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WATCH_SECONDS = 300 };

static pid_t children[TEAM_MOST];

struct team *team_new(unsigned receivers, void *setup)
{
    struct team *team = mmap(NULL, sizeof *team, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (team == MAP_FAILED || receivers == 0 || receivers > TEAM_MOST)
        subject_die("no team");
    team->count = receivers;
    team->setup = setup;
    return team;
}

void team_start(struct team *team, void (*receive)(struct team *team, unsigned nth))
{
    for (unsigned i = 0; i < team->count; i++) {
        const pid_t child = fork();

        if (child < 0)
            subject_die("no process");
        if (child > 0) {
            children[i] = child;
            continue;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bench_pin(i + 1);
        receive(team, i);
        atomic_store(&team->results[i].done, true);
        _exit(0);
    }
    bench_pin(0);
}

static _Noreturn void give_up(const char *reason)
{
    (void)!write(STDERR_FILENO, reason, strlen(reason));
    _exit(2);
}

/* Those that are still there to be waited for. */
static void look_for_the_dead(int signal)
{
    const int before = errno;

    for (unsigned i = 0; i < TEAM_MOST && children[i] != 0; i++) {
        siginfo_t info = {.si_pid = 0};

        if (waitid(P_PID, (id_t)children[i], &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
            (info.si_code != CLD_EXITED || info.si_status != 0))
            give_up("a receiver died\n");
    }
    errno = before;
}

static void end_at_last(int signal)
{
    give_up("it does not end\n");
}

void team_watch(void)
{
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = look_for_the_dead, .sa_flags = SA_RESTART}, NULL);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = end_at_last}, NULL);
    const unsigned driver_seconds = alarm(WATCH_SECONDS);

    if (driver_seconds > 0)
        alarm(driver_seconds);
    look_for_the_dead(SIGCHLD); /* before it was heard of */
}

void team_join(struct team *team)
{
    for (unsigned i = 0; i < team->count; i++) {
        int status;

        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            subject_die("a receiver died");
    }
}

static double cpu_seconds_of(int whom)
{
    struct rusage usage;

    getrusage(whom, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

int team_finish(const struct team *team, const struct subject *subject, uint64_t sent, uint64_t expected_sum, uint64_t len,
                bool lossy)
{
    uint64_t received = 0, lost = 0;
    bool valid = true;
    char note[64];

    for (unsigned i = 0; i < team->count; i++) {
        const struct team_result *result = &team->results[i];

        received += result->received;
        lost += sent - result->received;
        valid = valid && !result->disordered &&
                (lossy || (result->received == sent && result->lost == 0 && result->sum == expected_sum));
        if (!valid)
            fprintf(stderr, "receiver %u: %llu of %llu, %llu lost, sum %llu of %llu%s\n", i, (unsigned long long)result->received,
                    (unsigned long long)sent, (unsigned long long)result->lost, (unsigned long long)result->sum,
                    (unsigned long long)expected_sum, result->disordered ? ", out of order" : "");
    }
    if (lossy) {
        snprintf(note, sizeof note, "%.0f %% lost", 100.0 * (double)lost / (double)(sent * team->count));
        subject_note(note);
    }
    subject_report("events", (double)received);
    subject_report("seconds", subject->seconds);
    subject_report("rate", (double)received / team->count / subject->seconds * 1e-6);
    subject_report("gb_per_s", (double)received / team->count * (double)len / subject->seconds * 1e-9);
    subject_report("cpu_us", (cpu_seconds_of(RUSAGE_SELF) + cpu_seconds_of(RUSAGE_CHILDREN)) * 1e6 / (double)received);
    subject_report("valid", valid);
    return valid ? EXIT_SUCCESS : EXIT_FAILURE;
}
