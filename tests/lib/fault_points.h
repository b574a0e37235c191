/* Fault points: ends or stops this process when the link code comes past one of them (bridge/shm/shm_fault.h), for programs
 * linked with the bridge of tests/chaos.  One plan per process, made before its threads start. */
#ifndef TESTS_LIB_FAULT_POINTS_H
#define TESTS_LIB_FAULT_POINTS_H

#include <stddef.h>

enum { FAULT_POINTS_MAX = 128 };

/* At the nth time (from 1) that `name` is passed, the process sends itself the signal.  NULL: no plan. */
void fault_points_plan(const char *name, unsigned nth, int signal_number);

/* From MAIKO_FAULT_POINT=name:nth:signal, for programs that are started with exec.  Without the variable: no plan. */
void fault_points_plan_from_environment(void);

/* Names passed since the start of the process: at most FAULT_POINTS_MAX are noted. */
size_t fault_points_passed(const char *ret_names[FAULT_POINTS_MAX]);

/* What the link code calls. */
void fault_point_reached(const char *name);

#endif
