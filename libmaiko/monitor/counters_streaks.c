/* Counters streaks: reads the streaks of a file that may be written meanwhile.
 *
 * Three looks: at the numbers, with the header; at the whole streaks, before the rows; at the numbers again, behind the rows.  A
 * streak with the same number in all three went on from the first look to the last, so that what the second one found of it
 * belongs together, and the rows were those it is about.  One that has ended since has left its sums in the words of its rows,
 * which may have been read before: they are read once more.  One that began after the first look leaves words that were true
 * then.  So each figure is true at some moment of the call, and none goes back from one call to the next. */
#include "monitor/counters_reader.h"

#include <string.h>

struct role {
    uint8_t kind; /* of its row */
    uint8_t word;
};

static const struct role roles[COUNTERS_ROLES] = {
#define ROLE(role, kind, type, word) {COUNTERS_ROW_##kind, offsetof(struct counters_##type, word) / sizeof(uint64_t)},
    COUNTERS_ROLE_MAP(ROLE)
#undef ROLE
};

static bool read_streak(const struct counters_source *source, uint32_t shard, struct counters_streak *ret_streak)
{
    const uint64_t offset = offsetof(struct counters_header, streaks) + shard * sizeof(struct counters_streak_slot);

    return counters_source_read(source, offset, ret_streak, sizeof(*ret_streak)) == sizeof(*ret_streak);
}

void counters_streaks_look(struct counters_header *header, const struct counters_source *source)
{
    uint32_t i;

    for (i = 0; i < COUNTERS_STREAKS; i++) {
        struct counters_streak *streak = &header->streaks[i].streak;
        const uint64_t number = streak->number;

        if (number != 0 && (!read_streak(source, i, streak) || streak->number != number))
            streak->number = 0;
    }
}

/* Is it the row that the role speaks of, as far as one can tell? */
static bool is_row_of(const struct counters_row *row, const struct role *role, uint32_t number)
{
    return counters_is(row, (enum counters_row_kind)role->kind, COUNTERS_LIVE) && row->label.row == number;
}

/* What a row has become meanwhile.  One whose owner has ended keeps its words until somebody else gets it, and stays live here:
 * the totals were read before. */
static void renew(struct counters_row *row, const struct counters_row *now, const struct role *role, uint32_t number)
{
    if (now->label.id != row->label.id)
        return;
    if (is_row_of(now, role, number))
        *row = *now;
    else if (counters_is(now, (enum counters_row_kind)role->kind, COUNTERS_ENDED) && now->label.row == number)
        memcpy(row->words, now->words, sizeof(row->words));
}

/* The streak went on all the time. */
static void apply(struct counters_snapshot *snapshot, const struct counters_streak *streak)
{
    int i;

    for (i = 0; i < COUNTERS_ROLES; i++) {
        const uint32_t number = streak->rows[i];
        const uint64_t sum = streak->from[i] + streak->next;
        struct counters_row *row = number < snapshot->row_count ? &snapshot->rows[number] : NULL;

        if (row != NULL && is_row_of(row, &roles[i], number) && row->words[roles[i].word] < sum)
            row->words[roles[i].word] = sum;
    }
}

/* The streak has ended: its rows now, unless they have become somebody else's. */
static void read_again(struct counters_snapshot *snapshot, const struct counters_streak *streak,
                       const struct counters_source *source)
{
    int i;

    for (i = 0; i < COUNTERS_ROLES; i++) {
        const uint32_t number = streak->rows[i];
        struct counters_row *row = number < snapshot->row_count ? &snapshot->rows[number] : NULL;
        struct counters_row now;

        if (row == NULL || !is_row_of(row, &roles[i], number) ||
            counters_source_read(source, snapshot->header->header_size + (uint64_t)number * sizeof(now), &now, sizeof(now)) !=
                sizeof(now))
            continue;
        renew(row, &now, &roles[i], number);
    }
}

void counters_streaks_apply(struct counters_snapshot *snapshot, const struct counters_source *source)
{
    uint32_t i;

    for (i = 0; i < COUNTERS_STREAKS; i++) {
        const struct counters_streak *streak = &snapshot->header->streaks[i].streak;
        struct counters_streak now;

        if (streak->number == 0 || !read_streak(source, i, &now))
            continue;
        if (now.number == streak->number)
            apply(snapshot, streak);
        else
            read_again(snapshot, streak, source);
    }
}
