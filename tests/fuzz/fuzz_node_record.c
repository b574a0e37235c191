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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct node_record record;
    struct node_record again;
    struct text line;
    struct text second;

    if (len > SPACE_RECORD_MAX || !read_record((const char *)data, len, &record))
        return 0;
    require(space_name_is_valid(record.name));
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
