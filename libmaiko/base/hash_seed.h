/* Hash seed: what nobody outside the process knows, so that names chosen by peers and users cannot be made to collide. */
#ifndef BASE_HASH_SEED_H
#define BASE_HASH_SEED_H

#include <stdint.h>

/* The same one at every call within the process, and in its forked children. */
uint64_t hash_seed(void);

#endif
