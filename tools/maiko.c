/* The maiko command: finds the verb and runs it, or maiko-VERB from PATH. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maiko.h"

static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} verbs[] = {
    {"ps", cmd_ps, "processes of the spaces of this host, their actors and links"},
    {"topic", cmd_topic, "list, echo PATTERN, pub TOPIC JSON: the topics of a running space"},
};

int complain(int code, const char *verb, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "maiko %s: ", verb);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

int complain_option(const char *verb, int letter, char **argv)
{
    const char *given = argv[optind - 1];

    if (letter == ':')
        complain(0, verb, "%s needs a value", given);
    else if (optopt != 0 && strncmp(given, "--", 2) == 0 && strchr(given, '=') != NULL)
        complain(0, verb, "%.*s takes no value", (int)strcspn(given, "="), given);
    else if (optopt != 0)
        complain(0, verb, "no option -%c", optopt);
    else
        complain(0, verb, "no option %s", given);
    fprintf(stderr, "maiko %s --help says what there is.\n", verb);
    return EXIT_BAD_USAGE;
}

int complain_path(const char *verb, const char *path)
{
    return complain(EXIT_BAD_USAGE, verb, "--runtime-dir %s: not an absolute path", path);
}

int finish_output(const char *verb)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    return complain(EXIT_ERROR, verb, "cannot write: %s", strerror(errno));
}

int exit_code_of(maiko_status status)
{
    switch (status) {
    case MAIKO_OK:
        return EXIT_OK;
    case MAIKO_ENOTFOUND:
        return EXIT_NOT_FOUND;
    case MAIKO_ETIMEDOUT:
        return EXIT_NO_DATA;
    case MAIKO_EPERM:
        return EXIT_REFUSED;
    default:
        return EXIT_ERROR;
    }
}

int complain_status(maiko_status status, const char *verb, const char *space, const char *reason)
{
    if (status == MAIKO_ENOTFOUND && space != NULL)
        return complain(EXIT_NOT_FOUND, verb, "nobody is in space %s  (maiko ps lists the spaces)", space);
    return complain(exit_code_of(status), verb, "%s", reason[0] != '\0' ? reason : maiko_strerror(status));
}

static void print_verbs(FILE *file)
{
    size_t i;

    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        fprintf(file, "  %-8s %s\n", verbs[i].name, verbs[i].help);
}

static int print_help(FILE *file, int code)
{
    fprintf(file, "usage: maiko VERB [OPTION]...     (maiko VERB --help says more)\n");
    print_verbs(file);
    fprintf(file, "Other verbs are programs called maiko-VERB in PATH.\n");
    return code;
}

/* `maiko foo` runs maiko-foo. */
static int run_program(int argc, char **argv)
{
    char name[256];

    if (snprintf(name, sizeof(name), "maiko-%s", argv[0]) < (int)sizeof(name)) {
        argv[0] = name;
        execvp(name, argv);
    }
    fprintf(stderr, "maiko: no verb \"%s\"\n", name + strlen("maiko-"));
    return print_help(stderr, EXIT_BAD_USAGE);
}

/* What is closed when the command starts is the number of the next thing opened: what is printed would go into a socket. */
static void keep_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY); /* writing there fails, as it does on what is closed */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    size_t i;

    keep_standard_fds();
    signal(SIGPIPE, SIG_DFL);
    if (argc < 2)
        return print_help(stderr, EXIT_BAD_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return print_help(stdout, EXIT_OK);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return printf("maiko %s\n", maiko_version()) > 0 ? EXIT_OK : EXIT_ERROR;
    if (strcmp(argv[1], "--list") == 0) {
        print_verbs(stdout);
        return EXIT_OK;
    }
    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].name, argv[1]) == 0) {
            opterr = 0;
            return verbs[i].run(argc - 1, argv + 1);
        }
    return run_program(argc - 1, argv + 1);
}
