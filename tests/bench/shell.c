/* Shell: a node sends at a steady rate while `maiko topic echo` writes what it gets into a file, or while nobody listens.
 * Command line: ROW echo=0 or 1, rate=EVENTS_PER_SECOND, events=N, format=FORM.  Measured are the sender, how long after its time
 * the last event of each millisecond was sent, and the CPU time of the command. */
#include "bench/lib/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE MAIKO_SECONDS(30)
#define TICK_NS UINT64_C(1000000)

#define MEASURE_FIELDS(F) F(STRING, station, 24) F(DOUBLE, celsius) F(DOUBLE, hectopascal) F(UINT64, number)
MAIKO_EVENT(measure, "bench/measure", MEASURE_FIELDS)

struct setup {
    bool has_echo;
    const char *format;
    uint64_t events, per_tick;
    char directory[64], file[96];
};

struct sender {
    const struct setup *setup;
    uint64_t sent, ticks, started_ns;
    double *late_us; /* of each tick */
};

static void check(maiko_status status, const char *text)
{
    if (status == MAIKO_OK)
        return;
    fprintf(stderr, "libmaiko: %s: %s\n", maiko_strerror(status), text);
    subject_die("libmaiko refused");
}

/* --- the sender --- */

static bool is_due(const struct sender *sender)
{
    return bench_now_ns() >= sender->started_ns + sender->ticks * TICK_NS;
}

/* The rest of a tick's events; false: there is no room for more now. */
static bool send_tick(struct sender *sender, maiko_context *ctx)
{
    while (sender->sent < (sender->ticks + 1) * sender->setup->per_tick && sender->sent < sender->setup->events) {
        if (maiko_is_sender_full(ctx))
            return false;
        check(maiko_send(ctx, measure, .station = "Seattle-Tacoma", .celsius = 12.5, .hectopascal = 1013.25,
                         .number = sender->sent),
              "an event was refused");
        sender->sent++;
    }
    sender->late_us[sender->ticks] = (double)(bench_now_ns() - (sender->started_ns + sender->ticks * TICK_NS)) * 1e-3;
    sender->ticks++;
    return true;
}

/* All that is due: more than one tick's when it was late. */
static maiko_step send_due(void *self, maiko_context *ctx)
{
    struct sender *sender = self;
    uint64_t now;

    if (sender->started_ns == 0)
        sender->started_ns = bench_now_ns();
    while (sender->sent < sender->setup->events && is_due(sender))
        if (!send_tick(sender, ctx))
            return MAIKO_STEP_CONTINUE;
    if (sender->sent >= sender->setup->events)
        return maiko_stop_runtime(ctx) == MAIKO_OK ? MAIKO_STEP_NEVER : MAIKO_EACTOR;
    now = bench_now_ns();
    return is_due(sender) ? MAIKO_STEP_CONTINUE : MAIKO_STEP_BACKOFF(sender->started_ns + sender->ticks * TICK_NS - now);
}

/* --- the command --- */

static void name_command(char *path, size_t size)
{
    char self[400];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    self[len > 0 ? len : 0] = '\0';
    for (int up = 0; up < 3 && strrchr(self, '/') != NULL; up++)
        *strrchr(self, '/') = '\0';
    snprintf(path, size, "%s/tools/maiko", self);
}

static pid_t start_echo(const struct setup *setup)
{
    char path[512], count[32];
    pid_t pid;

    name_command(path, sizeof path);
    snprintf(count, sizeof count, "%" PRIu64, setup->events);
    pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setenv("XDG_RUNTIME_DIR", setup->directory, 1);
    if (dup2(open(setup->file, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO) >= 0)
        execl(path, path, "topic", "echo", "--space", "bench", "--count", count, "--format", setup->format, "bench/#",
              (char *)NULL);
    _exit(127);
}

/* It ends by itself when it has had all; the CPU seconds that it took. */
static double end_echo(pid_t pid)
{
    struct rusage usage;
    int status = 0;

    (void)alarm(20); /* what is lost is waited for in vain */
    if (waitpid(pid, &status, 0) != pid) {
        kill(pid, SIGTERM);
        waitpid(pid, &status, 0);
    }
    (void)alarm(0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        _exit(127); /* the command is not built */
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* How many events are in the file, each a line of text, in order. */
static uint64_t count_lines(const struct setup *setup)
{
    FILE *file = fopen(setup->file, "r");
    uint64_t lines = 0, next = 0, number;
    char line[512];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *at = strstr(line, "\"number\":");

        if (at == NULL || sscanf(at, "\"number\":%" SCNu64, &number) != 1 || number < next)
            subject_die("the file is disordered or damaged");
        next = number + 1;
        lines++;
    }
    if (file != NULL)
        fclose(file);
    return lines;
}

/* --- both --- */

static double run(struct subject *subject, struct sender *sender)
{
    static const maiko_actor_ops ops = {.step = send_due};
    const struct setup *setup = sender->setup;
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.name = "shell", .no_counters_file = true});
    maiko_bridge *bridge = maiko_bridge_new(sup, &(maiko_bridge_config){.space = "bench", .runtime_dir = setup->directory});
    pid_t echo = 0;
    double cpu = 0;

    maiko_bridge_export(bridge, &(maiko_bridge_pattern){.pattern = "bench/#"});
    check(maiko_bridge_start(bridge), maiko_bridge_error_text(bridge));
    check(maiko_supervisor_start(sup), maiko_supervisor_error_text(sup));
    if (setup->has_echo) {
        echo = start_echo(setup);
        check(maiko_bridge_wait_ready(bridge, "bench/measure", 1, PATIENCE), "the command does not come");
    }
    subject_begin(subject);
    check(maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "sender", .ops = &ops, .self = sender}), "no sender");
    check(maiko_supervisor_join(sup), maiko_supervisor_error_text(sup));
    subject_end(subject);
    maiko_supervisor_halt(sup, NULL);
    if (setup->has_echo)
        cpu = end_echo(echo);
    maiko_bridge_stop(&bridge);
    maiko_supervisor_stop(&sup, NULL);
    return cpu;
}

static void remove_directory(const struct setup *setup)
{
    static const char *const inside[] = {"/maiko/bench", "/maiko", ""};
    char path[96];

    unlink(setup->file);
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        snprintf(path, sizeof path, "%s%s", setup->directory, inside[i]);
        rmdir(path);
    }
}

static void ignore(int signal_number)
{
    (void)signal_number;
}

int main(int argc, char **argv)
{
    struct setup setup = {.directory = "/tmp/maiko-bench-XXXXXX"};
    struct subject subject;
    struct sender sender = {.setup = &setup};
    uint64_t written;
    double cpu;

    subject_init(&subject, argc, argv);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = ignore}, NULL);
    setup.has_echo = subject_number(&subject, "echo", 1) != 0;
    setup.format = subject_text(&subject, "format", "text");
    setup.per_tick = subject_number(&subject, "rate", 100000) / 1000;
    setup.events = subject_number(&subject, "events", 300000);
    if (setup.per_tick == 0 || mkdtemp(setup.directory) == NULL)
        subject_die("a rate from 1000, and a directory");
    snprintf(setup.file, sizeof setup.file, "%s/output", setup.directory);
    sender.late_us = calloc(setup.events / setup.per_tick + 1, sizeof *sender.late_us);
    cpu = run(&subject, &sender);
    written = setup.has_echo && strcmp(setup.format, "text") == 0 ? count_lines(&setup) : sender.sent;
    subject_report("p50_us", bench_percentile(sender.late_us, sender.ticks, 50));
    subject_report("p99_us", bench_percentile(sender.late_us, sender.ticks, 99));
    subject_report("echo_cpu_us", cpu * 1e6 / (double)setup.events);
    subject_report("lost", (double)(sender.sent - written));
    free(sender.late_us);
    remove_directory(&setup);
    return subject_finish(&subject, written, sender.sent, 0, 0);
}
