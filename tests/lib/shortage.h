/* Shortage: for a while this process finds no descriptors. */
#ifndef TESTS_LIB_SHORTAGE_H
#define TESTS_LIB_SHORTAGE_H

#include <stdbool.h>
#include <sys/resource.h>

enum { SHORTAGE_DESCRIPTORS = 16 }; /* more than a bridge sleeps on, which still works then */

struct shortage {
    struct rlimit before;
    int taken[SHORTAGE_DESCRIPTORS];
    int count;
};

/* RLIMIT_NOFILE is lowered, and what is free below it taken.  Those above stay open, but closing them gives nothing back. */
void shortage_begin(struct shortage *shortage);
void shortage_end(struct shortage *shortage);

/* The same in a process without a suite.  False: there is no other limit. */
bool shortage_try(struct shortage *shortage);
bool shortage_give_back(struct shortage *shortage);

#endif
