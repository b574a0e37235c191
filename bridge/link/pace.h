/* Pace: does so much come and go that the port's thread had better keep the sockets to itself?  A guest (zmq_guest.c) saves the
 * wake-up of that thread, which counts when a little has to be done once in a while; in the middle of a stream it takes a little
 * of much, wakes the thread all the same, and both stand in each other's way.  Pure. */
#ifndef LINK_PACE_H
#define LINK_PACE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    PACE_FRAMES = 4,       /* read in one go, or */
    PACE_BYTES = 8 * 1024, /* read and sent in one go: more than either is a stream */
    PACE_QUIET_TURNS = 16, /* of the thread, with something to do but not that much: it has ended */
    PACE_EMPTY_TURNS = 16, /* count as one of those: the other end may have gone, and the thread be there for others */
};

struct pace {
    unsigned frames; /* since somebody began */
    size_t bytes;
    unsigned quiet; /* empty turns, and those that count as so many */
    bool is_stream;
};

/* The port's thread, or a guest, begins to read and send. */
void pace_begin(struct pace *pace);

void pace_read(struct pace *pace, size_t len);
void pace_sent(struct pace *pace, size_t len);

/* What it was all in all.  A guest's part may be how a stream begins, which the result tells, but says nothing of its end. */
bool pace_visit(struct pace *pace);
void pace_turn(struct pace *pace);

#endif
