/* The record file of a node.  What is taken is written as a line that reads as the same record. */
#include <stdlib.h>
#include <string.h>

#include "space/path.h"
#include "space/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static bool read_record(const char *bytes, size_t len, struct node_record *ret_record)
{
    char reason[256];
    struct text error;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    node_record_init(ret_record, heap_default());
    status = node_record_parse(bytes, len, ret_record, &error);
    require(status == MAIKO_OK || ((status == MAIKO_EPROTOCOL || status == MAIKO_ELIMIT) && error.len > 0));
    return status == MAIKO_OK;
}

static void write_record(const struct node_record *record, struct text *ret_line)
{
    text_init_heap(ret_line, heap_default(), (size_t)8 * SPACE_RECORD_MAX); /* escapes are longer than what they stand for */
    require(node_record_format(record, ret_line) == MAIKO_OK);
}

/* As a node does that meets these topics: each is listed once or counted, and what is listed is whole. */
static void list_topics(const struct node_record *from)
{
    struct node_record record;
    uint64_t added = 0;
    size_t i;

    node_record_init(&record, heap_default());
    for (i = 0; i + 2 < from->topics.count; i += 3)
        added += node_record_add_topic(&record, from->topics.items[i], from->topics.items[i + 1], from->topics.items[i + 2]);
    require(record.topics.count % 3 == 0 && record.topics.count / 3 + record.topics_left_out >= added);
    require(record.topics_bytes <= NODE_RECORD_TOPICS_BYTES && record.topics.count <= (size_t)3 * NODE_RECORD_TOPICS_MAX);
    node_record_deinit(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct node_record record;
    struct node_record again;
    struct text line;
    struct text second;

    if (len > SPACE_RECORD_MAX || !read_record((const char *)data, len, &record))
        return 0;
    require(space_name_is_valid(record.name));
    list_topics(&record);
    write_record(&record, &line);
    require(read_record(text_str(&line), line.len, &again));
    write_record(&again, &second);
    require(strcmp(text_str(&line), text_str(&second)) == 0);
    text_deinit(&line);
    text_deinit(&second);
    node_record_deinit(&record);
    node_record_deinit(&again);
    return 0;
}
