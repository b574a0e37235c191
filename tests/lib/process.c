/* Process: options cut into words, output kept. */
#include "lib/process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/suite.h"

enum { WORDS_MAX = 64, FINISH_MS = 60000, PORT_FIRST = 20000, PORT_COUNT = 12000, PORTS_MAX = 64 };

void host_init(struct host *host)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&host->scratch));
    setenv("XDG_RUNTIME_DIR", host->scratch.path, 1);
    unsetenv("MAIKO_COUNTERS_DIR");
}

const char *host_built(const char *path)
{
    static char text[1024];
    const char *directory = getenv("MAIKO_BUILDDIR");

    snprintf(text, sizeof(text), "%s/%s", directory != NULL ? directory : ".", path);
    return text;
}

static bool is_free(int port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_bound = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return is_bound;
}

/* The ports given out: of each a socket whose abstract name says so to other test programs, as long as it is open. */
static struct {
    int fds[PORTS_MAX];
    int count;
} taken;

static bool take(int port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "maiko-test-port-%d", port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(fd >= 0 && taken.count < PORTS_MAX);
    if (bind(fd, (const struct sockaddr *)&address, size) != 0 || !is_free(port)) {
        close(fd);
        return false;
    }
    taken.fds[taken.count++] = fd;
    return true;
}

static void give_back(int count)
{
    for (; count > 0; count--)
        close(taken.fds[--taken.count]);
}

/* Below the ports that are given to connecting sockets; each process begins somewhere else. */
int host_free_ports(int count)
{
    static int next;
    int found = 0;
    int port = 0;

    while (found < count) {
        int offset = (getpid() * 16 + next++) % PORT_COUNT;

        port = PORT_FIRST + offset;
        if (offset == 0 || !take(port)) {
            give_back(found);
            found = 0;
        } else {
            found++;
        }
    }
    return port - count + 1;
}

void host_deinit(struct host *host)
{
    give_back(taken.count);
    scratch_deinit(&host->scratch);
}

void process_start(struct process *process, const char *program, const char *options, const char *output_path)
{
    char shell[] = "/bin/sh";
    char flag[] = "-c";
    char script[] = "exec \"$@\" >\"$0\"";
    char line[4096];
    char path[1024];
    char output[1024];
    char *argv[WORDS_MAX + 8];
    char *word;
    int argc = 0;

    memset(process, 0, sizeof(*process));
    snprintf(line, sizeof(line), "%s", options);
    snprintf(path, sizeof(path), "%s", program);
    if (output_path != NULL) {
        snprintf(output, sizeof(output), "%s", output_path);
        argv[argc++] = shell;
        argv[argc++] = flag;
        argv[argc++] = script;
        argv[argc++] = output;
    }
    argv[argc++] = path;
    for (word = strtok(line, " "); word != NULL && argc < WORDS_MAX + 7; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    CU_ASSERT_TRUE_FATAL(child_start_program(&process->child, argv));
}

void process_finish(struct process *process)
{
    child_read_output(&process->child, process->output, sizeof(process->output));
    process->code = child_end(&process->child, FINISH_MS);
    if (process->code != 0)
        printf("# exit %d: %s\n", process->code, process->output);
}

bool process_says(const struct process *process, const char *text)
{
    return strstr(process->output, text) != NULL;
}

uint64_t process_figure(const struct process *process, const char *name)
{
    char key[80];
    const char *at;

    snprintf(key, sizeof(key), "\"%s\":", name);
    at = strstr(process->output, key);
    return at == NULL ? UINT64_MAX : strtoull(at + strlen(key), NULL, 10);
}

bool shell_output(const char *command, char *text, size_t size)
{
    char shell[] = "/bin/sh";
    char flag[] = "-c";
    char line[1024];
    char *argv[] = {shell, flag, line, NULL};
    struct child child;

    snprintf(line, sizeof(line), "%s", command);
    if (!child_start_program(&child, argv))
        return false;
    child_read_output(&child, text, size);
    return child_end(&child, FINISH_MS) == 0;
}
