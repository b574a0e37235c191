/* Narrow pair: two peers of which b takes four events at a time; a publishes. */
#ifndef TESTS_LIB_NARROW_PAIR_H
#define TESTS_LIB_NARROW_PAIR_H

#include "lib/peer_pair.h"

extern struct pair pair;

/* Ready to be connected; narrow_open() after pair_init() where the configurations differ. */
void narrow_begin(void);
void narrow_open(void);

/* Events with rising numbers. */
void narrow_publish(const char *topic, maiko_overflow overflow, unsigned count);

/* b, linked up with "t", takes no more, and its subscription fails. */
void narrow_fail(void);

/* b receives this one from somebody else. */
void narrow_say(const struct frame *frame);

/* b subscribes, and the two meet. */
void narrow_link_up(const char *pattern, enum pattern_from from);

#endif
