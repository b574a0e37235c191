/*
 * Dice: random numbers of a property test.  The seed is printed, and a failure is repeated with MAIKO_SEED=that number;
 * without it every run throws new ones.  At most one throw per expression, as with random numbers (random.h).
 */
#ifndef TESTS_LIB_DICE_H
#define TESTS_LIB_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* From MAIKO_SEED or the kernel; prints it as a TAP comment. */
void dice_init(struct dice *dice);

void dice_init_seeded(struct dice *dice, uint64_t seed);

uint64_t dice_throw(struct dice *dice);

/* 0 .. count - 1; count is at least 1. */
size_t dice_below(struct dice *dice, size_t count);

/* True in so many of a hundred cases. */
bool dice_percent(struct dice *dice, unsigned percent);

#endif
