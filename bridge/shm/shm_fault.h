/* Fault points: places where a test ends, stops or delays the process, one before and one after every atomic store of the link
 * code (tests/checks/fault_points.sh), and around the steps of attaching.  Nothing is left of them unless the bridge is built
 * with MAIKO_FAULT_POINTS. */
#ifndef SHM_FAULT_H
#define SHM_FAULT_H

#ifdef MAIKO_FAULT_POINTS
/* Of the test kit. */
void fault_point_reached(const char *name);
#define FAULT_POINT(name) fault_point_reached(#name)
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
