/* Node record, see record.h. */
#include "space/record.h"

#include <jansson.h>
#include <string.h>

#include "space/path.h"

void node_record_init(struct node_record *record, struct heap *heap)
{
    memset(record, 0, sizeof(*record));
    record->heap = heap;
}

void node_record_clear_links(struct node_record *record)
{
    size_t i;

    for (i = 0; i < record->link_count; i++) {
        heap_strfree(record->heap, record->links[i].peer);
        heap_strfree(record->heap, record->links[i].transport);
        heap_strfree(record->heap, record->links[i].state);
    }
    heap_free(record->heap, record->links, record->link_count * sizeof(record->links[0]));
    record->links = NULL;
    record->link_count = 0;
}

void node_record_deinit(struct node_record *record)
{
    struct heap *heap = record->heap;

    heap_strfree(heap, record->program);
    heap_strfree(heap, record->counters_path);
    text_list_clear(&record->endpoints, heap);
    text_list_clear(&record->publishers, heap);
    text_list_clear(&record->actors, heap);
    text_list_clear(&record->exports, heap);
    text_list_clear(&record->imports, heap);
    text_list_clear(&record->exports_inside, heap);
    text_list_clear(&record->imports_inside, heap);
    text_list_clear(&record->finished, heap);
    text_list_clear(&record->topics, heap);
    node_record_clear_links(record);
    node_record_init(record, heap);
}

maiko_status node_record_set_text(struct node_record *record, char **field, const char *text)
{
    char *copy = heap_strdup(record->heap, text == NULL ? "" : text);

    if (copy == NULL)
        return MAIKO_ENOMEM;
    heap_strfree(record->heap, *field);
    *field = copy;
    return MAIKO_OK;
}

maiko_status node_record_add_link(struct node_record *record, const char *peer, const char *transport, const char *state)
{
    struct heap *heap = record->heap;
    struct link_record added = {heap_strdup(heap, peer), heap_strdup(heap, transport), heap_strdup(heap, state)};
    size_t size = record->link_count * sizeof(added);
    struct link_record *links = NULL;

    if (added.peer != NULL && added.transport != NULL && added.state != NULL)
        links = heap_resize(heap, record->links, size, size + sizeof(added));
    if (links == NULL) {
        heap_strfree(heap, added.peer);
        heap_strfree(heap, added.transport);
        heap_strfree(heap, added.state);
        return MAIKO_ENOMEM;
    }
    links[record->link_count++] = added;
    record->links = links;
    return MAIKO_OK;
}

static bool has_topic(const struct node_record *record, const char *topic)
{
    size_t i;

    for (i = 0; i < record->topics.count; i += 3)
        if (strcmp(record->topics.items[i], topic) == 0)
            return true;
    return false;
}

/* Without memory none is listed, for the texts stand in threes. */
static void leave_out(struct node_record *record, uint64_t listed)
{
    record->topics_left_out += listed + 1;
    text_list_clear(&record->topics, record->heap);
}

bool node_record_add_topic(struct node_record *record, const char *topic, const char *type, const char *sender)
{
    size_t len = strlen(topic) + strlen(type) + strlen(sender);
    uint64_t listed = record->topics.count / 3;

    if (has_topic(record, topic))
        return false;
    if (listed == NODE_RECORD_TOPICS_MAX || record->topics_bytes + len > NODE_RECORD_TOPICS_BYTES)
        record->topics_left_out++;
    else if (text_list_add(&record->topics, record->heap, topic) != MAIKO_OK ||
             text_list_add(&record->topics, record->heap, type) != MAIKO_OK ||
             text_list_add(&record->topics, record->heap, sender) != MAIKO_OK)
        leave_out(record, listed);
    else
        record->topics_bytes += len;
    return true;
}

static json_t *list_to_json(const struct text_list *list)
{
    json_t *array = json_array();
    size_t i;

    for (i = 0; i < list->count; i++)
        if (json_array_append_new(array, json_string(list->items[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *links_to_json(const struct node_record *record)
{
    json_t *array = json_array();
    size_t i;

    for (i = 0; i < record->link_count; i++) {
        const struct link_record *link = &record->links[i];
        json_t *object = json_pack("{s:s, s:s, s:s}", "peer", link->peer, "transport", link->transport, "state", link->state);

        if (json_array_append_new(array, object) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

/* json_pack takes over the references of "o", also when it fails. */
static json_t *record_to_json(const struct node_record *record)
{
    return json_pack(
        "{s:i, s:s, s:{s:I, s:I, s:I}, s:I, s:I, s:b, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
        "version", NODE_RECORD_VERSION, "name", record->name, "process", "pid", (json_int_t)record->process.pid, "namespace",
        (json_int_t)record->process.pid_namespace, "start", (json_int_t)record->process.start_time, "epoch",
        (json_int_t)record->epoch, "started", (json_int_t)record->started_ns, "ready", (int)record->is_ready, "program",
        text_or_empty(record->program), "counters", text_or_empty(record->counters_path), "endpoints",
        list_to_json(&record->endpoints), "publishers", list_to_json(&record->publishers), "actors",
        list_to_json(&record->actors), "exports", list_to_json(&record->exports), "imports", list_to_json(&record->imports),
        "exports_inside", list_to_json(&record->exports_inside), "imports_inside", list_to_json(&record->imports_inside),
        "finished", list_to_json(&record->finished), "topics", list_to_json(&record->topics), "links", links_to_json(record),
        "topics_left_out", (json_int_t)record->topics_left_out);
}

maiko_status node_record_format(const struct node_record *record, struct text *ret_text)
{
    json_t *json = record_to_json(record);
    char *line = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

    json_decref(json);
    if (line == NULL)
        return MAIKO_ENOMEM;
    text_append(ret_text, line);
    text_append_char(ret_text, '\n');
    free(line);
    return text_status(ret_text);
}

static maiko_status bad(struct text *error, const char *member)
{
    text_append_format(error, "not a node record: bad \"%s\"", member);
    return MAIKO_EPROTOCOL;
}

static maiko_status parse_text(struct node_record *record, const json_t *json, const char *member, char **field,
                               struct text *error)
{
    const json_t *value = json_object_get(json, member);

    if (value != NULL && (!json_is_string(value) || json_string_length(value) > NODE_RECORD_TEXT_MAX))
        return bad(error, member);
    return node_record_set_text(record, field, json_string_value(value));
}

static maiko_status parse_list(struct node_record *record, const json_t *json, const char *member, struct text_list *list,
                               struct text *error)
{
    const json_t *value = json_object_get(json, member);
    maiko_status status = MAIKO_OK;
    size_t i;

    if (value != NULL && (!json_is_array(value) || json_array_size(value) > NODE_RECORD_LIST_MAX))
        return bad(error, member);
    for (i = 0; i < json_array_size(value) && status == MAIKO_OK; i++) {
        const json_t *item = json_array_get(value, i);

        if (!json_is_string(item) || json_string_length(item) > NODE_RECORD_TEXT_MAX)
            return bad(error, member);
        status = text_list_add(list, record->heap, json_string_value(item));
    }
    return status;
}

static maiko_status parse_links(struct node_record *record, const json_t *json, struct text *error)
{
    const json_t *value = json_object_get(json, "links");
    maiko_status status = MAIKO_OK;
    size_t i;

    if (value != NULL && (!json_is_array(value) || json_array_size(value) > SPACE_NODES_MAX))
        return bad(error, "links");
    for (i = 0; i < json_array_size(value) && status == MAIKO_OK; i++) {
        const json_t *item = json_array_get(value, i);
        const char *peer = json_string_value(json_object_get(item, "peer"));
        const char *transport = json_string_value(json_object_get(item, "transport"));
        const char *state = json_string_value(json_object_get(item, "state"));

        if (peer == NULL || transport == NULL || state == NULL || strlen(peer) > NODE_RECORD_TEXT_MAX)
            return bad(error, "links");
        status = node_record_add_link(record, peer, transport, state);
    }
    return status;
}

static uint64_t number_of(const json_t *json, const char *member)
{
    return (uint64_t)json_integer_value(json_object_get(json, member));
}

static maiko_status parse_identity(struct node_record *record, const json_t *json, struct text *error)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const json_t *process = json_object_get(json, "process");

    if (number_of(json, "version") < NODE_RECORD_VERSION)
        return bad(error, "version");
    if (!space_name_is_valid(name))
        return bad(error, "name");
    memcpy(record->name, name, strlen(name) + 1);
    record->process.pid = (int64_t)number_of(process, "pid");
    record->process.pid_namespace = number_of(process, "namespace");
    record->process.start_time = number_of(process, "start");
    record->epoch = number_of(json, "epoch");
    record->started_ns = number_of(json, "started");
    record->is_ready = json_is_true(json_object_get(json, "ready"));
    record->topics_left_out = number_of(json, "topics_left_out");
    return MAIKO_OK;
}

static maiko_status parse_members(struct node_record *record, const json_t *json, struct text *error)
{
    maiko_status status = parse_identity(record, json, error);

    if (status == MAIKO_OK)
        status = parse_text(record, json, "program", &record->program, error);
    if (status == MAIKO_OK)
        status = parse_text(record, json, "counters", &record->counters_path, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "endpoints", &record->endpoints, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "publishers", &record->publishers, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "actors", &record->actors, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "exports", &record->exports, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "imports", &record->imports, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "exports_inside", &record->exports_inside, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "imports_inside", &record->imports_inside, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "finished", &record->finished, error);
    if (status == MAIKO_OK)
        status = parse_list(record, json, "topics", &record->topics, error);
    if (status == MAIKO_OK)
        status = parse_links(record, json, error);
    return status;
}

maiko_status node_record_parse(const char *bytes, size_t len, struct node_record *record, struct text *error)
{
    json_error_t reason;
    json_t *json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &reason);
    maiko_status status;

    if (!json_is_object(json)) {
        text_append_format(error, "not a node record: %s", json == NULL ? reason.text : "no object");
        json_decref(json);
        return MAIKO_EPROTOCOL;
    }
    status = parse_members(record, json, error);
    json_decref(json);
    if (status != MAIKO_OK)
        node_record_deinit(record);
    return status;
}
