/* Run: fork, exec, read the lines, collect the resource usage. */
#include "bench/lib/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXEC_FAILED 127

static void read_line(struct run *run, char *line)
{
    char *value = strchr(line, ' ');

    line[strcspn(line, "\n")] = '\0';
    if (value == NULL)
        return;
    *value++ = '\0';
    if (strcmp(line, "note") == 0) {
        snprintf(run->note, sizeof run->note, "%s", value);
    } else if (run->figure_count < RUN_MOST_FIGURES && strlen(line) < sizeof run->figures[0].key) {
        struct figure *figure = &run->figures[run->figure_count++];

        strcpy(figure->key, line);
        figure->value = strtod(value, NULL);
    }
}

static void read_lines(struct run *run, int fd)
{
    FILE *lines = fdopen(fd, "r");
    char line[256];

    if (lines == NULL) {
        close(fd);
        return;
    }
    while (fgets(line, sizeof line, lines) != NULL)
        read_line(run, line);
    fclose(lines);
}

static double timeval_seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static void collect(struct run *run, pid_t child)
{
    struct rusage usage;
    int status;

    if (wait4(child, &status, 0, &usage) != child)
        return;
    run->cpu_seconds = timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime);
    run->peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
    run->started = !(WIFEXITED(status) && WEXITSTATUS(status) == EXEC_FAILED);
    run->valid = WIFEXITED(status) && WEXITSTATUS(status) == 0 && run_figure(run, "valid") == 1;
    if (WIFSIGNALED(status))
        snprintf(run->note, sizeof run->note, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
}

void run_program(struct run *run, char *const argv[])
{
    int ends[2];
    pid_t child;

    memset(run, 0, sizeof *run);
    if (pipe(ends) != 0)
        return;
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(RUN_DEADLINE_SECONDS); /* outlives exec: a hung subject ends by SIGALRM */
        execvp(argv[0], argv);
        _exit(EXEC_FAILED);
    }
    close(ends[1]);
    if (child > 0) {
        read_lines(run, ends[0]);
        collect(run, child);
    } else {
        close(ends[0]);
    }
}

double run_figure(const struct run *run, const char *key)
{
    for (unsigned i = 0; i < run->figure_count; i++)
        if (strcmp(run->figures[i].key, key) == 0)
            return run->figures[i].value;
    return 0;
}
