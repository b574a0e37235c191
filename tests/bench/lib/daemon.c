/* Daemon: fork, exec, wait for the socket; kill, wait, remove. */
#include "bench/lib/daemon.h"

#include "bench/lib/subject.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ARGUMENTS 8u
#define EXEC_FAILED 127
#define RETRY_MS 2
#define PATIENCE_NS UINT64_C(20000000000)

FILE *daemon_prepare(struct daemon *daemon)
{
    FILE *config;

    memset(daemon, 0, sizeof *daemon);
    strcpy(daemon->directory, "/tmp/maiko-bench-XXXXXX");
    if (mkdtemp(daemon->directory) == NULL)
        subject_die("no directory");
    snprintf(daemon->config, sizeof daemon->config, "%s/config", daemon->directory);
    snprintf(daemon->log, sizeof daemon->log, "%s/log", daemon->directory);
    snprintf(daemon->socket, sizeof daemon->socket, "%s/socket", daemon->directory);
    config = fopen(daemon->config, "w");
    if (config == NULL)
        subject_die("no configuration");
    return config;
}

static bool takes_connections(const struct daemon *daemon)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", daemon->socket);
    taken = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return taken;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

static void remove_directory(const struct daemon *daemon)
{
    (void)nftw(daemon->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void show_log(const struct daemon *daemon)
{
    FILE *log = fopen(daemon->log, "r");
    char line[256];

    while (log != NULL && fgets(line, sizeof line, log) != NULL)
        fputs(line, stderr);
    if (log != NULL)
        fclose(log);
}

static _Noreturn void give_up(const struct daemon *daemon, int status)
{
    const bool missing = WIFEXITED(status) && WEXITSTATUS(status) == EXEC_FAILED;

    if (!missing)
        show_log(daemon);
    remove_directory(daemon);
    if (missing)
        exit(EXEC_FAILED);
    subject_die("the broker ended");
}

/* Nothing tells when a stranger listens: tries again as long as it has not ended. */
static void await_socket(const struct daemon *daemon)
{
    const uint64_t until = bench_now_ns() + PATIENCE_NS;
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, daemon->pid, 0), .events = POLLIN};

    while (!takes_connections(daemon)) {
        int status;

        poll(&end, 1, RETRY_MS);
        if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid)
            give_up(daemon, status);
        if (bench_now_ns() > until)
            subject_die("the broker does not listen");
    }
    close(end.fd);
}

static _Noreturn void become(const struct daemon *daemon, const char *const *programs, const char *const *arguments)
{
    const char *argv[MOST_ARGUMENTS] = {0};
    const int log = open(daemon->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; arguments[i] != NULL && i + 2 < MOST_ARGUMENTS; i++)
        argv[i + 1] = arguments[i];
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    for (; *programs != NULL; programs++) {
        argv[0] = *programs;
        execvp(argv[0], (char *const *)argv);
    }
    _exit(EXEC_FAILED);
}

void daemon_start(struct daemon *daemon, const char *const *programs, const char *const *arguments)
{
    daemon->pid = fork();
    if (daemon->pid < 0)
        subject_die("no process");
    if (daemon->pid == 0)
        become(daemon, programs, arguments);
    await_socket(daemon);
}

void daemon_stop(struct daemon *daemon)
{
    int status;

    kill(daemon->pid, SIGKILL);
    waitpid(daemon->pid, &status, 0);
    remove_directory(daemon);
}
