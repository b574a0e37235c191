/* Pace, see pace.h. */
#include "link/pace.h"

void pace_begin(struct pace *pace)
{
    pace->frames = 0;
    pace->bytes = 0;
}

void pace_read(struct pace *pace, size_t len)
{
    pace->frames++;
    pace->bytes += len;
}

void pace_sent(struct pace *pace, size_t len)
{
    pace->bytes += len;
}

bool pace_visit(struct pace *pace)
{
    if (pace->frames <= PACE_FRAMES && pace->bytes <= PACE_BYTES)
        return false;
    pace->is_stream = true;
    pace->quiet = 0;
    return true;
}

void pace_turn(struct pace *pace)
{
    if (pace_visit(pace) || !pace->is_stream)
        return;
    pace->quiet += pace->bytes > 0 ? PACE_EMPTY_TURNS : 1;
    pace->is_stream = pace->quiet < PACE_QUIET_TURNS * PACE_EMPTY_TURNS;
}
