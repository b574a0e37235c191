/* Random schemas and events of them, for property tests of whatever reads types at run time. */
#ifndef TESTS_LIB_RANDOM_SCHEMA_H
#define TESTS_LIB_RANDOM_SCHEMA_H

#include <maiko/schema.h>

#include "lib/random.h"

/* A finished schema with up to a dozen fields of all kinds, structs up to three deep; NULL when memory is short. */
maiko_schema *random_schema(struct random *random, const maiko_allocator *allocator);

/*
 * A legal event of the type: numbers of every bit pattern, texts that are UTF-8 and texts that are not, values with and without
 * label. Bytes that mean nothing are zero.  From malloc; NULL when memory is short.
 */
void *random_event(struct random *random, const maiko_event_type *type, size_t *ret_len);

#endif
