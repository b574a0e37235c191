/* Output: stdout for verbs that go on until somebody ends them.  What is put is kept until output_flush(), many events to one
 * write; a write never waits for a reader that does not read when the command shall end. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct output {
    char *bytes;
    size_t len;
    size_t size;
    int stop_fd; /* readable: the command shall end */
    int error; /* errno of what could not be written or kept, which sticks; ETIMEDOUT: nobody reads, and it shall end; 0: none */
};

void output_init(struct output *output, int stop_fd);
void output_deinit(struct output *output);

/* Room for `len` bytes behind what is there, or NULL.  output_add() says how many were written to it. */
char *output_room(struct output *output, size_t len);
void output_add(struct output *output, size_t len);

void output_put(struct output *output, const void *bytes, size_t len);
void output_text(struct output *output, const char *text);

/* Is it time for a flush although more is to come? */
bool output_is_full(const struct output *output);

/* Writes all of it.  False: `error` says why not; nothing more will be written. */
bool output_flush(struct output *output);

#endif
