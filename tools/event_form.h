/* Event forms: an event as text, JSON, msgpack or bytes, by the schema it came with. */
#ifndef TOOLS_EVENT_FORM_H
#define TOOLS_EVENT_FORM_H

#include <stdint.h>

#include <maiko/encoder.h>

#include "output.h"

struct event_writer;

/* One way to write an event. */
struct event_form {
    const char *name;
    const char *codec; /* of the encoder it needs; NULL: none */
    bool is_binary;    /* not for terminals */
    maiko_status (*write)(struct event_writer *writer, const maiko_envelope *envelope);
};

/* NULL when there is none of this name. */
const struct event_form *event_form_by_name(const char *name);

/* For help and complaints: "text, json, …". */
extern const char event_form_names[];

struct event_writer {
    const struct event_form *form;
    struct output *output; /* borrowed */
    maiko_encoder *encoder;
    uint64_t second; /* of `clock`, since 1970 */
    char clock[32];
};

/* MAIKO_OK, MAIKO_ENOMEM. */
maiko_status event_writer_init(struct event_writer *writer, const struct event_form *form, struct output *output);
void event_writer_deinit(struct event_writer *writer);

/* Puts one event; what could not be kept or written is the output's error.  MAIKO_OK, or why the event cannot be written so. */
maiko_status event_writer_put(struct event_writer *writer, const maiko_envelope *envelope);

#endif
