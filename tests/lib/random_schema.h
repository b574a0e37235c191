/*
 * Random schema: event types and legal events drawn from a seed, for round trips through every encoding.
 */
#ifndef TESTS_LIB_RANDOM_SCHEMA_H
#define TESTS_LIB_RANDOM_SCHEMA_H

#include <maiko/schema.h>

struct random_source {
    uint64_t state;
};

uint64_t random_below(struct random_source *source, uint64_t below);

/* A type of up to eight fields of any kind, nested up to three deep, half of them with a tail.  NULL: without memory. */
maiko_schema *random_schema(struct random_source *source, const maiko_event_type **ret_type);

/* A legal event of the type in a block of *ret_len bytes, what no field covers zero.  Freed with free(). */
void *random_event(struct random_source *source, const maiko_event_type *type, size_t *ret_len);

#endif
