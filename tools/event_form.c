/* Event forms, see event_form.h: a form is one function and one line in the table. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <maiko/id.h>
#include <maiko/json.h>

#include "event_form.h"
#include "indent.h"
#include "maiko.h"

/* ---- what several say ---- */

static void put_time(struct event_writer *writer, uint64_t time_ns)
{
    uint64_t second = time_ns / 1000000000u;
    char fraction[16];

    if (second != writer->second || writer->clock[0] == '\0') {
        time_t seconds = (time_t)second;
        struct tm parts;

        gmtime_r(&seconds, &parts);
        strftime(writer->clock, sizeof(writer->clock), "%Y-%m-%dT%H:%M:%S", &parts);
        writer->second = second;
    }
    snprintf(fraction, sizeof(fraction), ".%09" PRIu64 "Z ", time_ns % 1000000000u);
    output_text(writer->output, writer->clock);
    output_text(writer->output, fraction);
}

static void put_name(struct event_writer *writer, const char *name)
{
    char text[PRINTABLE_SIZE];

    output_text(writer->output, printable(name, text));
}

/* Time, topic and sender: where an event begins. */
static void put_head(struct event_writer *writer, const maiko_envelope *envelope)
{
    put_time(writer, maiko_envelope_time(envelope));
    output_text(writer->output, maiko_envelope_topic(envelope));
    output_text(writer->output, " ");
    put_name(writer, maiko_envelope_sender(envelope));
}

/* The payload's JSON at the end of the output; where it begins is `*ret_at`. */
static maiko_status put_payload(struct event_writer *writer, const maiko_envelope *envelope, size_t *ret_at)
{
    struct output *output = writer->output;
    char *room = output_room(output, 512);
    size_t size = room == NULL ? 0 : output->size - output->len;
    size_t len = 0;
    maiko_status status = maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, room, size, &len);

    if (status == MAIKO_ETOOLONG) {
        room = output_room(output, len + 1);
        if (room == NULL)
            return MAIKO_OK; /* the output knows */
        status = maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, room, len + 1, &len);
    }
    if (status != MAIKO_OK)
        return status;
    *ret_at = output->len;
    output_add(output, len);
    return MAIKO_OK;
}

/* ---- the forms ---- */

static maiko_status write_text(struct event_writer *writer, const maiko_envelope *envelope)
{
    maiko_status status;
    size_t at;

    put_head(writer, envelope);
    output_text(writer->output, " ");
    status = put_payload(writer, envelope, &at);
    output_text(writer->output, "\n");
    return status;
}

static maiko_status write_encoded(struct event_writer *writer, const maiko_envelope *envelope)
{
    const void *bytes;
    size_t len;
    maiko_status status = maiko_encoder_write(writer->encoder, envelope, &bytes, &len);

    if (status == MAIKO_OK)
        output_put(writer->output, bytes, len);
    return status;
}

static maiko_status write_json(struct event_writer *writer, const maiko_envelope *envelope)
{
    maiko_status status = write_encoded(writer, envelope);

    output_text(writer->output, "\n");
    return status;
}

static void put_line(struct event_writer *writer, const char *key, const char *value)
{
    char text[32];

    snprintf(text, sizeof(text), "  %-12s ", key);
    output_text(writer->output, text);
    put_name(writer, value);
    output_text(writer->output, "\n");
}

static void put_id(struct event_writer *writer, const char *key, maiko_id id)
{
    char text[MAIKO_ID_TEXT_SIZE];

    if (!maiko_id_is_nil(id))
        put_line(writer, key, maiko_id_format(id, text));
}

static maiko_status write_pretty(struct event_writer *writer, const maiko_envelope *envelope)
{
    struct output *output = writer->output;
    maiko_status status;
    size_t at = 0;

    put_time(writer, maiko_envelope_time(envelope));
    output_text(output, maiko_envelope_topic(envelope));
    output_text(output, "\n");
    put_line(writer, "type", envelope->type->name);
    put_line(writer, "sender", maiko_envelope_sender(envelope));
    put_id(writer, "id", maiko_envelope_id(envelope));
    put_id(writer, "parent", maiko_envelope_parent(envelope));
    if (!maiko_id_equal(maiko_envelope_correlation(envelope), maiko_envelope_id(envelope)))
        put_id(writer, "correlation", maiko_envelope_correlation(envelope));
    output_text(output, "  payload      ");
    status = put_payload(writer, envelope, &at);
    if (status == MAIKO_OK)
        indent_json(output, at, 2);
    output_text(output, "\n\n");
    return status;
}

/* As hexdump -C has it. */
static void put_hex_line(struct event_writer *writer, const unsigned char *bytes, size_t at, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char line[80];
    int end = snprintf(line, sizeof(line), "%08zx ", at);
    size_t i;

    memset(line + end, ' ', sizeof(line) - (size_t)end);
    for (i = 0; i < len; i++) {
        char *place = line + end + 1 + i * 3 + i / 8;

        place[0] = digits[bytes[at + i] >> 4];
        place[1] = digits[bytes[at + i] & 15];
        line[end + 52 + (int)i] = bytes[at + i] >= 0x20 && bytes[at + i] < 0x7f ? (char)bytes[at + i] : '.';
    }
    line[end + 51] = '|';
    line[end + 52 + (int)len] = '|';
    line[end + 53 + (int)len] = '\n';
    output_put(writer->output, line, (size_t)end + 54 + len);
}

static maiko_status write_hex(struct event_writer *writer, const maiko_envelope *envelope)
{
    char text[32];
    size_t at;

    put_head(writer, envelope);
    output_text(writer->output, " ");
    put_name(writer, envelope->type->name);
    snprintf(text, sizeof(text), " %zu bytes\n", envelope->payload_len);
    output_text(writer->output, text);
    for (at = 0; at < envelope->payload_len; at += 16)
        put_hex_line(writer, envelope->payload, at, envelope->payload_len - at < 16 ? envelope->payload_len - at : 16);
    return MAIKO_OK;
}

static maiko_status write_raw(struct event_writer *writer, const maiko_envelope *envelope)
{
    output_put(writer->output, envelope->payload, envelope->payload_len);
    return MAIKO_OK;
}

static const struct event_form forms[] = {
    {"text", NULL, false, write_text}, {"json", "json", false, write_json}, {"pretty", NULL, false, write_pretty},
    {"hex", NULL, false, write_hex},   {"raw", NULL, true, write_raw},      {"msgpack", "msgpack", true, write_encoded},
};

const char event_form_names[] = "text, json, pretty, hex, raw or msgpack";

const struct event_form *event_form_by_name(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(forms[i].name, name) == 0)
            return &forms[i];
    return NULL;
}

/* ---- the writer ---- */

maiko_status event_writer_init(struct event_writer *writer, const struct event_form *form, struct output *output)
{
    *writer = (struct event_writer){.form = form, .output = output};
    return form->codec == NULL ? MAIKO_OK : maiko_encoder_new(form->codec, NULL, &writer->encoder);
}

void event_writer_deinit(struct event_writer *writer)
{
    writer->encoder = maiko_encoder_free(writer->encoder);
}

maiko_status event_writer_put(struct event_writer *writer, const maiko_envelope *envelope)
{
    size_t before = writer->output->len;
    maiko_status status = writer->form->write(writer, envelope);

    if (status != MAIKO_OK)
        writer->output->len = before; /* all of it or nothing */
    return status;
}
