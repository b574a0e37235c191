/* Schema builder: collects the fields of a type and of the structs nested in it.  Everything it makes comes from one list of
 * blocks and is freed at once. */
#ifndef MESSAGE_SCHEMA_BUILDER_H
#define MESSAGE_SCHEMA_BUILDER_H

#include "base/heap.h"
#include "message/schema.h"

struct schema_block;

/* The type, or a nested struct that is open. */
struct schema_level {
    const char *name;
    maiko_field *fields;
    size_t count;
    size_t room;
    size_t end;        /* bytes, of the last field */
    size_t alignment;  /* of the strictest field */
    maiko_field outer; /* nested: the field that becomes this struct */
};

struct maiko_schema {
    struct heap heap;
    struct schema_block *blocks;
    struct schema_level levels[MAIKO_NESTING_MAX + 1];
    size_t depth; /* open nested structs */
    size_t field_total;
    bool has_tail;
    bool finished;
    maiko_status status; /* first failure */
    char error[256];
    maiko_event_type type; /* from finish on; topic and policies before */
};

/* Memory that lives as long as the schema; NULL sticks as MAIKO_ENOMEM. */
void *schema_alloc(maiko_schema *schema, size_t size);
char *schema_copy_text(maiko_schema *schema, const char *text, size_t len);

/* Makes this the first failure, unless there is one; returns the first. */
maiko_status schema_fail(maiko_schema *schema, maiko_status status, const char *format, ...) MAIKO_PRINTF(3, 4);

/* Appends a field to the open level as it is, offset included.  Its name, labels and nested struct must live as long as the
 * schema. */
maiko_status schema_append(maiko_schema *schema, const maiko_field *field);

/* Opens a nested struct that will become `outer` in the level that is open now. */
maiko_status schema_open(maiko_schema *schema, const maiko_field *outer, const char *struct_name);

/* Closes the open level with this size and hands out the struct. */
maiko_status schema_close(maiko_schema *schema, size_t size, maiko_field *ret_outer);

/* Finishes the type with this fixed size; the reason of a failure is the schema's. */
maiko_status schema_complete(maiko_schema *schema, size_t size);

#endif
