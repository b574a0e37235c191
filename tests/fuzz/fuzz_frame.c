/* Link frames from anybody: the frame and every array in it. */
#include "wire/foreign_type.h"
#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void walk_types(struct slice array)
{
    struct reader reader;
    uint32_t count = frame_array(array, &reader);
    struct foreign_type *type;
    char reason[256];
    struct text error;
    struct slice bytes;
    char text[64];

    text_init_buffer(&error, reason, sizeof(reason));
    for (; count > 0 && reader_skip(&reader, &bytes); count--) {
        if (foreign_type_read(heap_default(), bytes, &type, &error) != MAIKO_OK)
            continue;
        if (maiko_schema_check(type->type, text, sizeof(text)) != MAIKO_OK)
            __builtin_trap();
        foreign_type_free(type);
    }
}

static void walk_records(struct slice array, struct text *error)
{
    struct reader reader;
    uint32_t count = frame_array(array, &reader);
    struct record record = {.kind = RECORD_OTHER};

    for (; count > 0 && frame_next_record(&reader, &record, error) == MAIKO_OK; count--) {
        struct reader names;
        struct slice name;
        uint32_t left = frame_array(record.publish, &names);

        for (; left > 0 && frame_next_text(&names, &name, error) == MAIKO_OK; left--)
            continue;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct slice lists[2 * WIRE_TOPICS_MAX];
    char reason[256];
    struct text error;
    struct frame frame;
    struct reader reader;
    struct frame_pattern pattern;
    struct frame_channel channel;
    struct frame_refusal refusal;
    struct frame_actor actor;
    uint32_t count;

    text_init_buffer(&error, reason, sizeof(reason));
    if (frame_read(data, len, &frame, &error) != MAIKO_OK)
        return 0;
    (void)frame_kind_name(frame.kind);
    (void)frame_peek_hello(data, len, &frame);
    for (count = frame_array(frame.patterns, &reader); count > 0; count--)
        if (frame_next_pattern(&reader, &pattern, &error) != MAIKO_OK)
            break;
    for (count = frame_array(frame.failed, &reader); count > 0; count--)
        if (frame_next_pattern(&reader, &pattern, &error) != MAIKO_OK)
            break;
    for (count = frame_array(frame.refused, &reader); count > 0; count--)
        if (frame_next_refusal(&reader, &refusal, &error) != MAIKO_OK)
            break;
    for (count = frame_array(frame.channels, &reader); count > 0; count--)
        if (frame_next_channel(&reader, &channel, &error) != MAIKO_OK)
            break;
    for (count = frame_array(frame.actors, &reader); count > 0; count--)
        if (frame_next_actor(&reader, &actor, lists, &error) != MAIKO_OK)
            break;
    walk_types(frame.types);
    walk_records(frame.records, &error);
    return 0;
}
