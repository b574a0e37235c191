/* Dice: splitmix64, with a seed that is told. */
#include "lib/dice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void dice_init_seeded(struct dice *dice, uint64_t seed)
{
    dice->state = seed;
}

void dice_init(struct dice *dice)
{
    const char *given = getenv("MAIKO_SEED");
    uint64_t seed = 0;

    if (given != NULL)
        seed = strtoull(given, NULL, 0);
    else if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed = 1;
    printf("# MAIKO_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    dice_init_seeded(dice, seed);
}

uint64_t dice_throw(struct dice *dice)
{
    uint64_t mixed = dice->state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

size_t dice_below(struct dice *dice, size_t count)
{
    return (size_t)(dice_throw(dice) % count);
}

bool dice_percent(struct dice *dice, unsigned percent)
{
    return dice_below(dice, 100) < percent;
}
