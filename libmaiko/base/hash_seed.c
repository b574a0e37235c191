/* Hash seed: from the 16 random bytes that the kernel gives each process it starts, so nothing is kept here and nothing can fail.
 * They are the libc's guards, too, which the mix does not tell. */
#include "base/hash_seed.h"

#include "base/hash.h"
#include <string.h>
#include <sys/auxv.h>

uint64_t hash_seed(void)
{
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
    uint64_t words[2] = {0, 0};

    if (random != NULL)
        memcpy(words, random, sizeof words);
    return hash_u64(words[0] + hash_u64(words[1]));
}
