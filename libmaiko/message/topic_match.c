/* Topic matching, for text that was checked before: apart from the rest because the bridge has a copy of it. */
#include "message/topic.h"

bool topic_matches(const char *pattern, const char *topic)
{
    if (topic[0] == '$' && pattern[0] != '$')
        return false; /* a wildcard at the front does not match it, and no other level would either */
    while (pattern != NULL) {
        const struct topic_level want = topic_level_next(&pattern);
        struct topic_level have;

        if (topic_level_is_hash(want))
            return true; /* also when the topic ended at the parent */
        if (topic == NULL)
            return false;
        have = topic_level_next(&topic);
        if (!topic_level_is_plus(want) && !topic_level_equals(want, have))
            return false;
    }
    return topic == NULL;
}
