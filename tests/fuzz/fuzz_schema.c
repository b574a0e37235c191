/* Fuzz target: a type as bytes, and bytes of an event of it.  Two bytes give the length of the type, lowest first; it
 * follows, then the event: as it is, and as JSON.  A type that is accepted passes the check and has one spelling; what is
 * legal for it can be written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/json.h>
#include <maiko/schema.h>
#include <maiko/value.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_spelling(const maiko_event_type *type, const uint8_t *bytes, size_t len)
{
    uint8_t *again = malloc(len);
    size_t again_len = 0;

    require(again != NULL);
    require(maiko_schema_check(type, NULL, 0) == MAIKO_OK);
    require(maiko_schema_encode(type, again, len, &again_len) == MAIKO_OK);
    require(again_len == len && memcmp(again, bytes, len) == 0);
    require(maiko_event_is(type, type) && maiko_schema_hash(type) == maiko_schema_hash(type));
    free(again);
}

static void check_event(const maiko_event_type *type, const uint8_t *bytes, size_t len)
{
    const maiko_field *first = maiko_event_field(type, 0);
    size_t json_len = 0;
    int64_t value;
    char error[200];

    if (maiko_schema_validate(type, bytes, len, error, sizeof(error)) != MAIKO_OK)
        return;
    require(maiko_event_to_json(type, bytes, len, NULL, 0, &json_len) == MAIKO_ETOOLONG);
    if (first == NULL)
        return;
    require(maiko_event_find_field(type, first->name) == first);
    if (first->kind == MAIKO_KIND_STRUCT)
        require(maiko_struct_find_field(first->nested, "none of them") == NULL);
    (void)maiko_value_get_int(type, bytes, len, first->name, &value);
}

static void check_json(const maiko_event_type *type, const char *json, size_t len)
{
    static char event[1 << 16];
    size_t event_len = 0;
    maiko_status status = maiko_event_from_json(type, json, len, event, sizeof(event), &event_len, NULL, 0);

    if (status == MAIKO_OK)
        require(maiko_schema_validate(type, event, event_len, NULL, 0) == MAIKO_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const maiko_event_type *type = NULL;
    maiko_schema *schema = NULL;
    char error[200];
    size_t type_len;

    if (len < 2)
        return 0;
    type_len = (size_t)data[0] | (size_t)data[1] << 8;
    if (type_len > len - 2)
        type_len = len - 2;
    if (maiko_schema_decode(data + 2, type_len, NULL, &schema, error, sizeof(error)) != MAIKO_OK) {
        require(error[0] != '\0');
        return 0;
    }
    require(maiko_schema_finish(schema, &type) == MAIKO_OK);
    check_spelling(type, data + 2, type_len);
    check_event(type, data + 2 + type_len, len - 2 - type_len);
    check_json(type, (const char *)data + 2 + type_len, len - 2 - type_len);
    maiko_schema_free(schema);
    return 0;
}
