/* Counters header: what a counters file says about itself and about every counter in it, and which process wrote it. */
#ifndef RUNTIME_COUNTERS_HEADER_H
#define RUNTIME_COUNTERS_HEADER_H

#include <stdbool.h>

#include "runtime/counters_layout.h"

/* Kind of word 0..7 of a kind of row; words without a name are counters that stay 0. */
enum counters_kind counters_word_kind(unsigned row_kind, int word);

/* Fills in everything that is set at creation except the magic.  The header is all zero before. */
void counters_header_init(struct counters_header *header, const char *name, uint32_t flags);

/* Stores the magic: from here on it is a counters file. */
void counters_header_publish(struct counters_header *header);

enum counters_owner {
    COUNTERS_OWNER_ALIVE,
    COUNTERS_OWNER_DEAD,
    COUNTERS_OWNER_ELSEWHERE /* in another pid namespace: its number says nothing here; ask the file's lock */
};

/* Whether the process that wrote the header still runs.  The header may be anybody's bytes. */
enum counters_owner counters_header_owner(const struct counters_header *header);

#endif
