/* Overflow: policy and state in, action out. */
#include "routing/overflow.h"

enum overflow_action overflow_decide(maiko_overflow policy, const struct overflow_state *state)
{
    if (state->depth < state->capacity)
        return OVERFLOW_ENQUEUE;
    switch (policy) {
    case MAIKO_DROP_NEWEST:
        return OVERFLOW_DROP_NEWEST;
    case MAIKO_DROP_OLDEST:
        /* one leaves, one comes: the bound holds, and evicting gives a waiter its place earlier, not later */
        return state->has_evictable ? OVERFLOW_EVICT_OLDEST : OVERFLOW_DROP_NO_VICTIM;
    case MAIKO_FAIL:
        return OVERFLOW_FAIL_SUBSCRIBER;
    case MAIKO_OVERFLOW_OF_TOPIC:
    case MAIKO_BLOCK:
        break;
    }
    return OVERFLOW_WAIT;
}

const char *overflow_action_name(enum overflow_action action)
{
    switch (action) {
#define OVERFLOW_ACTION_NAME(name, text, what)                                                                                   \
    case OVERFLOW_##name:                                                                                                        \
        return text;
        OVERFLOW_ACTION_MAP(OVERFLOW_ACTION_NAME)
#undef OVERFLOW_ACTION_NAME
    }
    return "?";
}
