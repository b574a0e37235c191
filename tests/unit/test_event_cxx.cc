// Event types from C++11: the same lists of fields, the same layout, typed access and sends of filled structs.
// Prints TAP itself: the kit is C.
#include <cstdio>
#include <cstring>

#define maiko_send_bytes kept_send_bytes
#define maiko_send_options kept_send_options
#include <maiko/send.h>

#include <maiko/json.h>
#include <maiko/schema.h>
#include <maiko/topics.h>

#include "lib/sample_events.h"

static const char *topic_of_routed(const void *event, char *buffer, size_t size);

#define ROUTED_FIELDS(F) F(UINT32, room)
MAIKO_EVENT_WITH(routed, MAIKO_COMPUTED_TOPIC, ROUTED_FIELDS, .overflow = MAIKO_FAIL, .sticky = true, .topic_of = topic_of_routed)

static const char *topic_of_routed(const void *event, char *buffer, size_t size)
{
    std::snprintf(buffer, size, "rooms/%u", static_cast<unsigned>(static_cast<const routed *>(event)->room));
    return buffer;
}

static const char *const *const topics = MAIKO_TOPICS("a", "b/#");

static size_t sent_len;
static const maiko_event_type *sent_type;
static const maiko_envelope *sent_parent;

extern "C" {
maiko_status kept_send_bytes(maiko_context *, const maiko_event_type *type, const void *, size_t len)
{
    sent_type = type;
    sent_len = len;
    return MAIKO_OK;
}

maiko_status kept_send_options(maiko_context *ctx, const maiko_send_opts *opts, const maiko_event_type *type, const void *event,
                               size_t len)
{
    sent_parent = opts->parent;
    return kept_send_bytes(ctx, type, event, len);
}
}

static int number, failed;

static void check(bool good, const char *what)
{
    std::printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, what);
    failed += !good;
}

static void descriptors_are_those_of_c()
{
    char buffer[256];
    routed event = {7};

    check(maiko_schema_check(MAIKO_TYPE(sample), nullptr, 0) == MAIKO_OK, "the sample type passes the check");
    // The number the C compiler gets for the same list is asserted in test_schema.c.
    check(maiko_schema_hash(MAIKO_TYPE(path)) == UINT64_C(0x871d362f81931409), "its layout is the one of C");
    check(MAIKO_TYPE(tick)->field_count == 0 && std::strcmp(MAIKO_TYPE(tick)->topic, "tick") == 0, "an event without fields");
    check(MAIKO_TYPE(routed)->overflow == MAIKO_FAIL && MAIKO_TYPE(routed)->sticky && !MAIKO_TYPE(routed)->control, "options");
    check(std::strcmp(MAIKO_TYPE(routed)->topic_of(&event, buffer, sizeof buffer), "rooms/7") == 0, "a computed topic");
    check(std::strcmp(topics[1], "b/#") == 0 && topics[2] == nullptr, "a list of topics");
}

static void fields_are_filled_and_read()
{
    sample event = {};
    maiko_envelope envelope = {MAIKO_TYPE(sample), &event, sizeof event};
    const sample *got = maiko_event_as(&envelope, sample);

    check(maiko_set(&event.name, "C++") == MAIKO_OK && std::strcmp(event.name, "C++") == 0, "maiko_set");
    check(maiko_set(&event.name, "sixteen bytes...") == MAIKO_ETOOLONG, "maiko_set refuses what is too long");
    check(maiko_set_blob(&event.key, "\0\1", 2) == MAIKO_OK && event.key.len == 2, "maiko_set_blob");
    check(got == &event, "maiko_event_as its own type");
    check(maiko_event_as(&envelope, line) == nullptr, "maiko_event_as another type");
}

static void filled_structs_are_sent()
{
    sample event = {};
    maiko_envelope envelope = {MAIKO_TYPE(sample), &event, sizeof event};

    event.samples_count = 3;
    check(maiko_send_event(nullptr, sample, &event) == MAIKO_OK && sent_type == MAIKO_TYPE(sample) &&
              sent_len == sizeof event + 3 * sizeof(int16_t),
          "maiko_send_event");
    check(maiko_send_child_event(nullptr, &envelope, sample, &event) == MAIKO_OK && sent_parent == &envelope,
          "maiko_send_child_event");
}

static void events_become_json()
{
    char json[200];
    tick event = {};

    check(maiko_event_to_json(MAIKO_TYPE(tick), &event, sizeof event, json, sizeof json, nullptr) == MAIKO_OK &&
              std::strcmp(json, "{}") == 0,
          "maiko_event_to_json");
}

int main()
{
    descriptors_are_those_of_c();
    fields_are_filled_and_read();
    filled_structs_are_sent();
    events_become_json();
    std::printf("1..%d\n", number);
    return failed != 0;
}
