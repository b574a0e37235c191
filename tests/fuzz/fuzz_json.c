/* Fuzz target: JSON of a type we know.  The first byte chooses the type, the rest is the text.  What is read must be a legal
 * event, and its own text must read back as the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/json.h>
#include <maiko/schema.h>

#include "lib/sample_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const maiko_event_type *const types[] = {MAIKO_TYPE(sample), MAIKO_TYPE(numbers), MAIKO_TYPE(tick), MAIKO_TYPE(line),
                                                MAIKO_TYPE(body),   MAIKO_TYPE(path),    MAIKO_TYPE(local)};

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_round_trip(const maiko_event_type *type, const void *event, size_t len)
{
    size_t json_len = 0, back_len = 0;
    char *json, *back;

    require(maiko_schema_validate(type, event, len, NULL, 0) == MAIKO_OK);
    require(maiko_event_to_json(type, event, len, NULL, 0, &json_len) == MAIKO_ETOOLONG);
    json = malloc(json_len + 1);
    back = malloc(len);
    require(json != NULL && back != NULL);
    require(maiko_event_to_json(type, event, len, json, json_len + 1, &json_len) == MAIKO_OK);
    require(maiko_event_from_json(type, json, json_len, back, len, &back_len, NULL, 0) == MAIKO_OK);
    require(back_len == len && memcmp(back, event, len) == 0);
    free(json);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const maiko_event_type *type;
    const char *json;
    char error[200];
    size_t event_len = 0;
    maiko_status status;
    void *event;

    if (len == 0)
        return 0;
    type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
    json = (const char *)data + 1;
    status = maiko_event_from_json(type, json, len - 1, NULL, 0, &event_len, error, sizeof(error));
    require(status != MAIKO_OK && (status == MAIKO_ETOOLONG || error[0] != '\0'));
    if (status != MAIKO_ETOOLONG)
        return 0;
    event = malloc(event_len);
    require(event != NULL);
    require(maiko_event_from_json(type, json, len - 1, event, event_len, &event_len, error, sizeof(error)) == MAIKO_OK);
    check_round_trip(type, event, event_len);
    free(event);
    return 0;
}
