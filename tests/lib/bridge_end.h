/* Bridge end: a supervisor with a bridge that counts up, or notes what comes in; the other end may be another process. */
#ifndef TESTS_LIB_BRIDGE_END_H
#define TESTS_LIB_BRIDGE_END_H

#include <stdatomic.h>
#include <stdint.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>

#include "lib/child.h"

#define COUNTED_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(counted, "count/up", COUNTED_FIELDS)

struct bridge_end {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    _Atomic uint64_t received;
    _Atomic uint64_t first;     /* number of the first one */
    _Atomic uint64_t only_from; /* not 0: numbers outside of `only_from` to `only_to` are not looked at */
    _Atomic uint64_t only_to;
    _Atomic uint64_t last;
    _Atomic uint64_t not_rising; /* duplicates and reorderings */
    _Atomic uint64_t holes;      /* steps of more than one */
    char topic[64];
    char log[512]; /* the last warning */
};

/* The transport of all ends of this test and of the processes it starts, from now on: MAIKO_TRANSPORT_AUTO until then. */
void bridge_end_use(maiko_transport transport);

/* What the supervisors of the ends that this process makes from now on are made of, but for their names. */
void bridge_end_configure(const maiko_config *config);

/* Member of the space "bridge" as `node`; with an actor "note" that subscribes when `subscribe` is given.  `given`: NULL for
 * defaults.  Failures come out of bridge_end_start(). */
void bridge_end_make(struct bridge_end *end, const char *node, const maiko_bridge_config *given, const char *subscribe);
maiko_status bridge_end_start(struct bridge_end *end);
void bridge_end_stop(struct bridge_end *end);

maiko_status bridge_end_export(struct bridge_end *end, const char *pattern, const char *as);
maiko_status bridge_end_import(struct bridge_end *end, const char *pattern, maiko_bridge_from from);

maiko_status bridge_end_publish(struct bridge_end *end, uint64_t number);
maiko_bridge_counters bridge_end_counters(struct bridge_end *end);

/* This program again as `program ROLE NUMBER`: a fork of one with threads may not do much (and nothing under the thread
 * sanitizer). */
bool bridge_end_start_other(struct child *child, const char *role, uint64_t number);

#endif
