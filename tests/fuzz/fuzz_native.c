/* Native bytes from a peer: the first byte says what type they are said to be of.  What is taken is a legal event, and the same
 * as an array. */
#include <stdlib.h>
#include <string.h>

#include "lib/sample_events.h"
#include "message/schema.h"
#include "wire/limits.h"
#include "wire/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* It may leave unused what a message without it would not have. */
#define ROOMY_FIELDS(F) F(STRING, text, 400) F(BLOB, key, 300) F(UINT8, number)
MAIKO_EVENT(roomy, "roomy", ROOMY_FIELDS)

static const maiko_event_type *const types[] = {MAIKO_TYPE(sample), MAIKO_TYPE(path),    MAIKO_TYPE(line), MAIKO_TYPE(body),
                                                MAIKO_TYPE(tick),   MAIKO_TYPE(numbers), MAIKO_TYPE(roomy)};

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* Written for somebody who takes arrays only, and read there. */
static void check_event(const struct payload_plan *plan, const void *event, size_t event_len)
{
    struct pack native, array, converted;
    size_t len = 0;
    void *read;

    require(maiko_schema_validate(payload_plan_type(plan), event, event_len, NULL, 0) == MAIKO_OK);
    require(payload_event_is_compact(plan, event) <= payload_is_compact(plan));
    pack_init(&native, heap_default(), WIRE_FRAME_MAX);
    pack_init(&array, heap_default(), WIRE_FRAME_MAX);
    pack_init(&converted, heap_default(), WIRE_FRAME_MAX);
    payload_write_native(plan, &native, event);
    payload_write_array(plan, &array, event);
    payload_convert_native(plan, pack_slice(&native), &converted);
    require(pack_status(&array) == MAIKO_OK && pack_status(&converted) == MAIKO_OK);
    require(array.len == converted.len && memcmp(array.data, converted.data, array.len) == 0);
    require(payload_len(plan, pack_slice(&array), &len, NULL) == MAIKO_OK && len == event_len);
    read = malloc(len > 0 ? len : 1);
    require(read != NULL && payload_read(plan, pack_slice(&array), read, len, NULL) == MAIKO_OK);
    free(read);
    pack_deinit(&native);
    pack_deinit(&array);
    pack_deinit(&converted);
}

/* Behind an event of zeros it is judged as by itself. */
static void judge_run(const maiko_event_type *type, const void *event, size_t len)
{
    size_t step = (len + 16) & ~(size_t)15;
    char *run = calloc(2, step);
    size_t legal = 0;

    require(run != NULL);
    memcpy(run + step, event, len);
    while (legal < 2 && schema_validate(type, run + legal * step, len) == MAIKO_OK)
        legal++;
    require(schema_legal_in_run(type, run, step, 2, len) == legal);
    free(run);
}

/* As who sends many of a type looks at them. */
static void judge_at_a_glance(const maiko_event_type *type, const void *event, size_t len)
{
    bool is_legal = schema_validate(type, event, len) == MAIKO_OK;

    require(type->tail_size != 0 || schema_is_met(type, schema_look_of(type), event) == is_legal);
}

static void read_bytes(const struct payload_plan *plan, struct slice payload)
{
    char reason[256];
    struct text error;
    size_t len = 0;
    void *event;

    text_init_buffer(&error, reason, sizeof(reason));
    if (payload_native_len(plan, payload, &len, &error) != MAIKO_OK)
        return;
    event = malloc(len > 0 ? len : 1);
    require(event != NULL);
    if (payload_read_native(plan, payload, event, len, &error) == MAIKO_OK)
        check_event(plan, event, len);
    else
        require(error.len > 0);
    judge_run(payload_plan_type(plan), event, len);
    judge_at_a_glance(payload_plan_type(plan), event, len);
    require(payload_read_native(plan, payload, event, len - 1, NULL) == MAIKO_EINVAL);
    free(event);
}

/* From 0x80 on the bytes are the payload as it lies in a record, else what its bin holds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct payload_plan *plan = NULL;
    struct pack pack;

    if (len < 1)
        return 0;
    require(payload_plan_new(heap_default(), types[data[0] % (sizeof(types) / sizeof(types[0]))], NULL, &plan, NULL) == MAIKO_OK);
    (void)payload_is_compact(plan);
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    pack_bin(&pack, data + 1, len - 1);
    read_bytes(plan, data[0] < 0x80 ? pack_slice(&pack) : (struct slice){data + 1, len - 1});
    pack_deinit(&pack);
    payload_plan_free(plan);
    return 0;
}
