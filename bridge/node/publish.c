/* Sending one event into a space from outside: a `publish` frame in JSON to a node that exports the topic, from where it goes to
 * everybody who imports it.  Where nobody exports it, to each who imports it; else to the first that knows what to do with it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "link/zmq_port.h"
#include "space/text_list.h"
#include <maiko/space.h>
#include <maiko/topic.h>

/* One question to one node. */
struct question {
    bool is_up;
    bool is_down;
    bool is_answered;
    char status[32];
    char text[256];
};

static void on_up(struct route *route, void *userdata)
{
    ((struct question *)userdata)->is_up = true;
}

static void on_down(struct route *route, enum route_fault fault, void *userdata)
{
    struct question *question = userdata;

    question->is_down = true;
    snprintf(question->text, sizeof(question->text), "%s", route_fault_text(fault));
}

static void on_frame(struct route *route, const unsigned char *bytes, size_t len, void *userdata)
{
    struct question *question = userdata;
    json_t *answer = json_loadb((const char *)bytes, len, 0, NULL);
    const char *status = json_string_value(json_object_get(answer, "status"));
    const char *text = json_string_value(json_object_get(answer, "text"));

    if (status != NULL) {
        question->is_answered = true;
        snprintf(question->status, sizeof(question->status), "%s", status);
        snprintf(question->text, sizeof(question->text), "%s", text == NULL ? "" : text);
    }
    json_decref(answer);
}

static bool refuse_key(const char *key, const char *address, void *userdata)
{
    return false; /* nobody connects to us */
}

static bool refuse_prefix(const char *key, const char *prefix, size_t len, void *userdata)
{
    return false;
}

static maiko_status status_of(const struct question *question)
{
    static const struct {
        const char *word;
        maiko_status status;
    } words[] = {{"ok", MAIKO_OK},         {"denied", MAIKO_EPERM}, {"topic", MAIKO_ETOPIC},   {"type", MAIKO_ETYPE},
                 {"payload", MAIKO_ETYPE}, {"full", MAIKO_EFULL},   {"closed", MAIKO_ECLOSED}, {"limit", MAIKO_ELIMIT},
                 {"late", MAIKO_ETIMEDOUT}};
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].word, question->status) == 0)
            return words[i].status;
    return MAIKO_EPROTOCOL;
}

static maiko_status ask(struct zmq_port *port, struct question *question, const char *endpoint, const char *frame,
                        uint64_t timeout_ns)
{
    char reason[256];
    struct text error;
    struct clock clock;
    uint64_t end_ns;
    struct route *route;
    bool is_sent = false;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    clock_init(&clock);
    end_ns = clock_deadline(clock_mono_ns(&clock), timeout_ns);
    status = zmq_port_connect(port, endpoint, "", &route, &error);
    if (status != MAIKO_OK)
        return status;
    while (!question->is_answered && !question->is_down && clock_mono_ns(&clock) < end_ns) {
        if (question->is_up && !is_sent)
            is_sent = zmq_port_send(port, route, frame, strlen(frame)) == MAIKO_OK;
        zmq_port_run(port, end_ns);
    }
    if (question->is_answered)
        return status_of(question);
    return question->is_down ? MAIKO_ECLOSED : MAIKO_ETIMEDOUT;
}

static maiko_status ask_node(const char *endpoint, const char *frame, uint64_t timeout_ns, struct question *question)
{
    struct zmq_port_config config = {.heap = heap_default(),
                                     .hooks = {.frame = on_frame,
                                               .up = on_up,
                                               .down = on_down,
                                               .admit = refuse_key,
                                               .may_listen = refuse_prefix,
                                               .userdata = question}};
    struct zmq_port *port = NULL;
    char reason[256];
    struct text error;
    maiko_status status;

    memset(question, 0, sizeof(*question));
    text_init_buffer(&error, reason, sizeof(reason));
    status = zmq_port_open(&config, &port, &error);
    if (status != MAIKO_OK) {
        snprintf(question->text, sizeof(question->text), "%s", reason);
        return status;
    }
    status = ask(port, question, endpoint, frame, timeout_ns);
    zmq_port_close(port, 0);
    return status;
}

/* Endpoints of the nodes, by what they do with the topic. */
struct doors {
    const char *topic;
    struct text_list exporting;
    struct text_list importing;
    struct text_list others;
};

static bool has_match(const char *const *patterns, const char *topic)
{
    for (; *patterns != NULL; patterns++)
        if (maiko_topic_matches(*patterns, topic))
            return true;
    return false;
}

static void collect(const maiko_node_info *node, void *userdata)
{
    struct doors *doors = userdata;
    struct text_list *list = has_match(node->exports, doors->topic)   ? &doors->exporting
                             : has_match(node->imports, doors->topic) ? &doors->importing
                                                                      : &doors->others;

    if (node->is_alive && node->is_ready && node->endpoints[0] != NULL)
        (void)!text_list_add(list, heap_default(), node->endpoints[0]);
}

static bool may_ask_another(maiko_status status)
{
    return status == MAIKO_ETYPE || status == MAIKO_ECLOSED || status == MAIKO_ETIMEDOUT;
}

/* Until one takes it, or says what is wrong with it.  One that is late may have taken it, whatever the others say. */
static maiko_status ask_one(const struct text_list *endpoints, const char *frame, uint64_t timeout_ns, maiko_status status,
                            struct question *question)
{
    bool is_late = false;
    size_t i;

    for (i = 0; i < endpoints->count && may_ask_another(status); i++) {
        status = ask_node(endpoints->items[i], frame, timeout_ns, question);
        is_late = is_late || status == MAIKO_ETIMEDOUT;
    }
    return is_late && may_ask_another(status) ? MAIKO_ETIMEDOUT : status;
}

/* MAIKO_OK when it is with one of them at least; else what the first that may have it says, or the last. */
static maiko_status ask_each(const struct text_list *endpoints, const char *frame, uint64_t timeout_ns, maiko_status status,
                             struct question *ret_question)
{
    bool is_taken = false;
    size_t i;

    for (i = 0; i < endpoints->count; i++) {
        struct question question;
        maiko_status asked = ask_node(endpoints->items[i], frame, timeout_ns, &question);

        if (asked != MAIKO_OK && (is_taken || (i > 0 && status == MAIKO_ETIMEDOUT)))
            continue;
        is_taken = asked == MAIKO_OK;
        status = asked;
        *ret_question = question;
    }
    return status;
}

static maiko_status ask_space(const struct doors *doors, const char *frame, uint64_t timeout_ns, struct question *question)
{
    maiko_status status = ask_one(&doors->exporting, frame, timeout_ns, MAIKO_ETYPE, question);

    if (status == MAIKO_ETYPE || status == MAIKO_ECLOSED) /* one that is late may have taken it */
        status = ask_each(&doors->importing, frame, timeout_ns, status, question);
    if (status == MAIKO_ETYPE || status == MAIKO_ECLOSED)
        status = ask_one(&doors->others, frame, timeout_ns, status, question);
    return status;
}

/* The event as JSON, or NULL with the reason. */
static json_t *read_payload(const char *json, char *reason, size_t reason_size)
{
    json_error_t error;
    json_t *payload = json_loads(json, JSON_REJECT_DUPLICATES, &error);

    if (json_is_object(payload))
        return payload;
    if (payload == NULL)
        snprintf(reason, reason_size, "not JSON: byte %d: %s", error.position, error.text);
    else
        snprintf(reason, reason_size, "an event is a JSON object: {\"field\": value, ...}");
    json_decref(payload);
    return NULL;
}

static bool add_wait(json_t *frame, const maiko_publication *given)
{
    return given->subscribers == 0 || (json_object_set_new(frame, "subscribers", json_integer(given->subscribers)) == 0 &&
                                       json_object_set_new(frame, "wait", json_integer((json_int_t)given->wait_ns)) == 0);
}

static char *make_frame(const maiko_publication *given, char *reason, size_t reason_size)
{
    json_t *payload = read_payload(given->json, reason, reason_size);
    json_t *frame;
    char *text = NULL;

    if (payload == NULL)
        return NULL;
    frame = json_pack("{s:s, s:i, s:s, s:O}", "kind", "publish", "number", 1, "topic", given->topic, "payload", payload);
    if (frame != NULL && add_wait(frame, given) &&
        (given->type == NULL || json_object_set_new(frame, "type", json_string(given->type)) == 0))
        text = json_dumps(frame, JSON_COMPACT);
    if (text == NULL)
        snprintf(reason, reason_size, "a type's name is UTF-8");
    json_decref(frame);
    json_decref(payload);
    return text;
}

static void write_answer(const struct question *question, char *answer, size_t answer_size)
{
    if (answer != NULL && answer_size > 0)
        snprintf(answer, answer_size, "%s%s%s", question->status,
                 question->status[0] != '\0' && question->text[0] != '\0' ? ": " : "", question->text);
}

/* Who counts subscribers is who exports. */
static maiko_status ask_for(const maiko_publication *given, const struct doors *doors, const char *frame,
                            struct question *question)
{
    uint64_t timeout_ns = clock_deadline(given->timeout_ns, given->wait_ns);

    if (given->subscribers == 0)
        return ask_space(doors, frame, given->timeout_ns, question);
    if (doors->exporting.count > 0)
        return ask_one(&doors->exporting, frame, timeout_ns, MAIKO_ETYPE, question);
    snprintf(question->text, sizeof(question->text), "no node exports %s, and none knows who is subscribed", given->topic);
    return MAIKO_ENOTFOUND;
}

static maiko_status send_in_space(const maiko_publication *given, const char *frame, struct question *question, char *answer,
                                  size_t answer_size)
{
    struct doors doors = {.topic = given->topic};
    maiko_status status = maiko_space_list_shared(given->runtime_dir, given->group, given->space, collect, &doors, answer,
                                                  answer_size);
    bool is_anybody_there = doors.exporting.count + doors.importing.count + doors.others.count > 0;

    if (status == MAIKO_OK)
        status = is_anybody_there ? ask_for(given, &doors, frame, question) : MAIKO_ENOTFOUND;
    if (is_anybody_there)
        write_answer(question, answer, answer_size);
    text_list_clear(&doors.exporting, heap_default());
    text_list_clear(&doors.importing, heap_default());
    text_list_clear(&doors.others, heap_default());
    return status;
}

maiko_status maiko_space_send_sized(const maiko_publication *publication, size_t size, char *answer, size_t answer_size)
{
    maiko_publication given = {.space = NULL};
    struct question question = {.is_up = false};
    maiko_status status = MAIKO_EINVAL;
    char *frame;

    if (publication == NULL)
        return MAIKO_EINVAL;
    memcpy(&given, publication, size < sizeof(given) ? size : sizeof(given));
    if (given.space == NULL || given.topic == NULL || given.json == NULL || given.wait_ns > INT64_MAX)
        return MAIKO_EINVAL;
    if (maiko_topic_check(given.topic) != MAIKO_OK) {
        snprintf(question.text, sizeof(question.text), "a topic is 1 to %d bytes of UTF-8, without the wildcards + and #",
                 MAIKO_TOPIC_MAX);
        write_answer(&question, answer, answer_size);
        return MAIKO_ETOPIC;
    }
    frame = make_frame(&given, question.text, sizeof(question.text));
    if (frame != NULL)
        status = send_in_space(&given, frame, &question, answer, answer_size);
    else
        write_answer(&question, answer, answer_size);
    free(frame);
    return status;
}

maiko_status maiko_space_publish_shared(const char *runtime_dir, const char *group, const char *space, const char *topic,
                                        const char *type, const char *json, uint64_t timeout_ns, char *answer, size_t answer_size)
{
    const maiko_publication given = {.runtime_dir = runtime_dir,
                                     .group = group,
                                     .space = space,
                                     .topic = topic,
                                     .type = type,
                                     .json = json,
                                     .timeout_ns = timeout_ns};

    return maiko_space_send(&given, answer, answer_size);
}

maiko_status maiko_space_publish(const char *runtime_dir, const char *space, const char *topic, const char *type,
                                 const char *json, uint64_t timeout_ns, char *answer, size_t answer_size)
{
    return maiko_space_publish_shared(runtime_dir, NULL, space, topic, type, json, timeout_ns, answer, answer_size);
}
