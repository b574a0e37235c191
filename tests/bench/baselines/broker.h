/* Broker: the rows X1 to X3 through a daemon that takes every event from the sender and gives it to the receivers: for
 * orientation, since it is another kind of machine.  One file per broker says how to speak to it. */
#ifndef BENCH_BROKER_H
#define BENCH_BROKER_H

#include <stddef.h>
#include <stdio.h>

struct line; /* one connection */

/* Called with what one event carries; the bytes are valid until it returns. */
typedef void (*line_take)(void *userdata, const void *bytes, size_t len);

struct broker {
    const char *const *programs;                                                /* that the daemon may be, NULL at the end */
    void (*configure)(FILE *config, const char *directory, const char *socket); /* a private configuration that loses nothing */
    const char *option; /* in front of the configuration's path, or NULL */
    struct line *(*open)(const char *socket);
    void (*subscribe)(struct line *line, const char *topic); /* returns when the daemon has confirmed */
    void (*publish)(struct line *line, const char *topic, const void *bytes, size_t len, unsigned receivers);
    void (*flush)(struct line *line);                                   /* everything published is with the daemon */
    void (*receive)(struct line *line, line_take take, void *userdata); /* waits for one event at least */
    void (*close)(struct line *line);
};

/* main of a program that measures this broker: len=N bytes each, readers=N. */
int broker_main(const struct broker *broker, int argc, char **argv);

#endif
