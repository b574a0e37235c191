/* Child: fork, pipe, wait. */
#include "lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/suite.h"
#include "lib/wait.h"

/* In the child: output goes to the pipe, and the child does not outlive a test that is killed.  A group of its own, because the
 * kernel lets stopped processes go on when the shell that started their group ends; this one's parent is in another group. */
static void become_child(int write_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    fflush(stdout);
    dup2(write_fd, STDOUT_FILENO);
    dup2(write_fd, STDERR_FILENO);
    close(write_fd);
}

static pid_t fork_with_pipe(struct child *child)
{
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        become_child(fds[1]);
        return 0;
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return -1;
    }
    *child = (struct child){.pid = pid, .output_fd = fds[0]};
    return pid;
}

/*
 * A child that dies in the middle of things leaves memory behind, and valgrind would make that its exit status.  A program
 * that it does not follow has no such look at the end.
 */
static void exit_under_valgrind(int status)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", status);
    execlp("sh", "sh", "-c", "exit $0", text, (char *)NULL);
}

bool child_start(struct child *child, int (*body)(void *userdata), void *userdata)
{
    pid_t pid = fork_with_pipe(child);

    if (pid == 0) {
        int status = body(userdata);

        fflush(NULL);
        if (suite_is_valgrind())
            exit_under_valgrind(status);
        _exit(status);
    }
    return pid > 0;
}

bool child_start_program(struct child *child, char *const argv[])
{
    pid_t pid = fork_with_pipe(child);

    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    return pid > 0;
}

bool child_start_role(struct child *child, const char *role, const char *argument)
{
    char program[] = "/proc/self/exe";
    char texts[2][32];
    char *argv[] = {program, texts[0], texts[1], NULL};

    snprintf(texts[0], sizeof(texts[0]), "%s", role);
    snprintf(texts[1], sizeof(texts[1]), "%s", argument);
    return child_start_program(child, argv);
}

size_t child_read_output(struct child *child, char *text, size_t size)
{
    char rest[256];
    size_t len = 0;
    ssize_t got;

    do {
        if (len + 1 < size)
            got = read(child->output_fd, text + len, size - 1 - len);
        else
            got = read(child->output_fd, rest, sizeof(rest));
        if (got > 0 && len + 1 < size)
            len += (size_t)got;
    } while (got > 0 || (got < 0 && errno == EINTR));
    text[len] = '\0';
    return len;
}

void child_signal(const struct child *child, int signal_number)
{
    siginfo_t info;

    kill(child->pid, signal_number);
    if (signal_number == SIGSTOP) /* its threads run on until the one that was chosen takes the signal */
        (void)waitid(P_PID, (id_t)child->pid, &info, WSTOPPED | WEXITED | WNOWAIT);
}

int child_end(struct child *child, unsigned timeout_ms)
{
    int status = 0;
    bool ended = wait_until(waitpid(child->pid, &status, WNOHANG) == child->pid, timeout_ms);

    close(child->output_fd);
    if (!ended) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, &status, 0);
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(int (*body)(void *userdata), void *userdata, unsigned timeout_ms)
{
    struct child child;

    return child_start(&child, body, userdata) ? child_end(&child, timeout_ms) : -1;
}
