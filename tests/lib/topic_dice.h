/* Topic dice: random topic names and patterns from few levels, so that they often match each other. */
#ifndef TESTS_LIB_TOPIC_DICE_H
#define TESTS_LIB_TOPIC_DICE_H

#include "lib/dice.h"

enum { TOPIC_DICE_SIZE = 64 };

/* A valid name of one to four levels: empty ones, '$' at the front and UTF-8 among them. */
void topic_dice_name(struct dice *dice, char text[TOPIC_DICE_SIZE]);

/* A valid pattern, half of them with wildcards. */
void topic_dice_pattern(struct dice *dice, char text[TOPIC_DICE_SIZE]);

/* Like either of them, but in one case of ten with a level that may not stand there. */
void topic_dice_any(struct dice *dice, char text[TOPIC_DICE_SIZE]);

#endif
