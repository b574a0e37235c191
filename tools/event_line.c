/* Events as lines of text or JSON, by the schemas they came with. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <maiko/id.h>
#include <maiko/json.h>
#include <maiko/schema.h>

#include "event_line.h"
#include "maiko.h"

static void print_time(uint64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / 1000000000u);
    struct tm parts;
    char text[32];

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    printf("%s.%09" PRIu64 "Z", text, time_ns % 1000000000u);
}

static void print_text(const maiko_envelope *envelope, const char *payload)
{
    char sender[PRINTABLE_SIZE];

    print_time(maiko_envelope_time(envelope));
    printf(" %s %s %s\n", maiko_envelope_topic(envelope), printable(maiko_envelope_sender(envelope), sender), payload);
}

static void add_id(json_t *object, const char *key, maiko_id id)
{
    char text[MAIKO_ID_TEXT_SIZE];

    if (!maiko_id_is_nil(id))
        json_object_set_new(object, key, json_string(maiko_id_format(id, text)));
}

/* The payload's text is taken as it is, at the end of the object: numbers keep their digits. */
static void print_json(const maiko_envelope *envelope, const char *payload)
{
    json_t *object =
        json_pack("{s:I, s:s, s:s, s:s}", "time", (json_int_t)maiko_envelope_time(envelope), "topic",
                  maiko_envelope_topic(envelope), "type", envelope->type->name, "sender", maiko_envelope_sender(envelope));
    char *head;

    add_id(object, "id", maiko_envelope_id(envelope));
    add_id(object, "parent", maiko_envelope_parent(envelope));
    add_id(object, "correlation", maiko_envelope_correlation(envelope));
    head = json_dumps(object, JSON_COMPACT);
    if (head != NULL)
        printf("%.*s,\"payload\":%s}\n", (int)strlen(head) - 1, head, payload);
    free(head);
    json_decref(object);
}

maiko_status print_event(const maiko_envelope *envelope, bool is_json, int *write_error)
{
    size_t len = 0;
    char *json;

    (void)maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, NULL, 0, &len);
    json = malloc(len + 5);
    if (json == NULL)
        return MAIKO_ENOMEM;
    if (maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, json, len + 1, NULL) != MAIKO_OK)
        strcpy(json, "null");
    if (is_json)
        print_json(envelope, json);
    else
        print_text(envelope, json);
    free(json);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        *write_error = errno != 0 ? errno : EIO;
    return MAIKO_OK;
}
