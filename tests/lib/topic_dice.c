/* Topic dice: levels joined at random, thrown again until the result is valid. */
#include "lib/topic_dice.h"

#include <maiko/topic.h>
#include <string.h>

static const char *const plain_levels[] = {"a", "a", "b", "", "ab", "$", "$sys", "\xc3\xbc"};
static const char *const broken_levels[] = {"a+", "+a", "#a", "a#", "++", "+#", "#"};

static const char *throw_level(struct dice *dice, bool may_be_wildcard)
{
    if (may_be_wildcard && dice_percent(dice, 25))
        return "+";
    if (may_be_wildcard && dice_percent(dice, 15))
        return "#";
    return plain_levels[dice_below(dice, sizeof(plain_levels) / sizeof(plain_levels[0]))];
}

static void throw_levels(struct dice *dice, char text[TOPIC_DICE_SIZE], bool may_have_wildcards)
{
    const size_t count = 1 + dice_below(dice, 4);

    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            strcat(text, "/");
        strcat(text, throw_level(dice, may_have_wildcards));
    }
}

void topic_dice_name(struct dice *dice, char text[TOPIC_DICE_SIZE])
{
    do
        throw_levels(dice, text, false);
    while (maiko_topic_check(text) != MAIKO_OK);
}

void topic_dice_pattern(struct dice *dice, char text[TOPIC_DICE_SIZE])
{
    do
        throw_levels(dice, text, true);
    while (maiko_pattern_check(text) != MAIKO_OK);
}

void topic_dice_any(struct dice *dice, char text[TOPIC_DICE_SIZE])
{
    do
        throw_levels(dice, text, dice_percent(dice, 50));
    while (text[0] == '\0');
    if (dice_percent(dice, 10)) {
        strcat(text, "/");
        strcat(text, broken_levels[dice_below(dice, sizeof(broken_levels) / sizeof(broken_levels[0]))]);
        if (dice_percent(dice, 50))
            strcat(text, "/a");
    }
}
