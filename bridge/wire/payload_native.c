/* Payload, native: an event's bytes as they lie in memory, in a bin, between processes of one host that agreed on the type
 * (PROTOCOL.md 5).  They are copied first and checked then, so that nobody changes them in between. */
#include <string.h>

#include "wire/limits.h"
#include "wire/payload_plan.h"
#include <maiko/schema.h>

/* Bytes that strings and blobs may leave unused, all together; more than that is better said in msgpack. */
enum { SLACK_MAX = 512 };

static size_t slack_of(const struct shape *shape);

/* A tail may have any number of elements. */
static size_t slack_of_field(const struct shape_field *field)
{
    size_t each = field->kind == MAIKO_KIND_STRUCT ? slack_of(field->nested) : field->capacity;

    if (field->form == MAIKO_FORM_TAIL)
        return each > 0 ? SLACK_MAX + 1 : 0;
    return field->form == MAIKO_FORM_ARRAY ? each * field->count : each;
}

static size_t slack_of(const struct shape *shape)
{
    size_t slack = 0;
    size_t i;

    for (i = 0; i < shape->count; i++)
        slack += slack_of_field(&shape->fields[i]);
    return slack;
}

/* One string or blob of the event itself: what it leaves unused is seen at a glance. */
static bool stands_alone(const struct shape_field *field)
{
    return field->form == MAIKO_FORM_ONE && (field->kind == MAIKO_KIND_STRING || field->kind == MAIKO_KIND_BLOB);
}

void payload_plan_measure(struct payload_plan *plan)
{
    const struct shape *shape = plan->shape;
    size_t i;

    for (i = 0; i < shape->count; i++) {
        size_t slack = slack_of_field(&shape->fields[i]);

        plan->slack += slack;
        plan->slack_inside += stands_alone(&shape->fields[i]) ? 0 : slack;
    }
}

bool payload_is_compact(const struct payload_plan *plan)
{
    return plan->slack_inside <= SLACK_MAX;
}

static size_t unused_of(const struct shape_field *field, const uint8_t *at)
{
    uint32_t len;

    if (field->kind == MAIKO_KIND_STRING)
        return field->capacity - strnlen((const char *)at, field->capacity);
    memcpy(&len, at, sizeof(len));
    return field->capacity - len;
}

bool payload_is_always_compact(const struct payload_plan *plan)
{
    return plan->slack <= SLACK_MAX;
}

bool payload_event_is_compact(const struct payload_plan *plan, const void *event)
{
    const struct shape *shape = plan->shape;
    size_t unused = plan->slack_inside;
    size_t i;

    if (payload_is_always_compact(plan))
        return true;
    for (i = 0; i < shape->count && unused <= SLACK_MAX; i++)
        if (stands_alone(&shape->fields[i]))
            unused += unused_of(&shape->fields[i], (const uint8_t *)event + shape->fields[i].offset);
    return unused <= SLACK_MAX;
}

void payload_write_native(const struct payload_plan *plan, struct pack *pack, const void *event)
{
    pack_bin(pack, event, maiko_event_len(plan->type, event));
}

static maiko_status refuse(struct text *error, maiko_status status, const char *reason)
{
    if (error != NULL && error->len == 0)
        text_append_format(error, "native payload: %s", reason);
    return status;
}

maiko_status payload_native_bytes(const struct payload_plan *plan, struct slice payload, struct slice *ret_bytes,
                                  struct text *error)
{
    struct reader reader = reader_of(payload);
    struct slice bytes;

    if (!reader_bin(&reader, &bytes))
        return refuse(error, MAIKO_ETYPE, "not a bin");
    if (bytes.len > MAIKO_EVENT_MAX)
        return refuse(error, MAIKO_ETOOLONG, "too long");
    if (bytes.len < plan->type->size || (plan->tail == NULL && bytes.len != plan->type->size))
        return refuse(error, MAIKO_ETYPE, "not as long as the type");
    *ret_bytes = bytes;
    return MAIKO_OK;
}

maiko_status payload_native_len(const struct payload_plan *plan, struct slice payload, size_t *ret_len, struct text *error)
{
    struct slice bytes;
    maiko_status status = payload_native_bytes(plan, payload, &bytes, error);

    if (status == MAIKO_OK)
        *ret_len = bytes.len;
    return status;
}

/* What a send asks of its event, with the reason only when there is one. */
maiko_status payload_check_native(const struct payload_plan *plan, const void *event, size_t len, struct text *error)
{
    char reason[WIRE_TEXT_MAX + 1];
    maiko_status status = maiko_schema_validate(plan->type, event, len, NULL, 0);

    if (status == MAIKO_OK || error == NULL)
        return status;
    (void)!maiko_schema_validate(plan->type, event, len, reason, sizeof(reason));
    return refuse(error, status, reason);
}

maiko_status payload_read_native(const struct payload_plan *plan, struct slice payload, void *event, size_t len,
                                 struct text *error)
{
    struct reader reader = reader_of(payload);
    struct slice bytes;

    if (!reader_bin(&reader, &bytes) || bytes.len != len)
        return refuse(error, MAIKO_EINVAL, "another length than before");
    if (len > 0)
        memcpy(event, bytes.data, len);
    return payload_check_native(plan, event, len, error);
}

void payload_convert_native(const struct payload_plan *plan, struct slice payload, struct pack *pack)
{
    struct reader reader = reader_of(payload);
    struct slice bytes = {NULL, 0};

    if (reader_bin(&reader, &bytes))
        payload_write_array(plan, pack, bytes.data);
}
