/* Fault points: see fault_points.h. */
#include "lib/fault_points.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char planned[64];
static _Atomic long until_fault;
static int planned_signal;
static _Atomic(const char *) passed[FAULT_POINTS_MAX]; /* filled from the front, never emptied */

void fault_points_plan(const char *name, unsigned nth, int signal_number)
{
    snprintf(planned, sizeof(planned), "%s", name != NULL ? name : "");
    atomic_store(&until_fault, (long)nth);
    planned_signal = signal_number;
}

void fault_points_plan_from_environment(void)
{
    const char *text = getenv("MAIKO_FAULT_POINT");
    char name[64];
    unsigned nth;
    int signal_number;

    if (text != NULL && sscanf(text, "%63[a-z_]:%u:%d", name, &nth, &signal_number) == 3)
        fault_points_plan(name, nth, signal_number);
}

static void note(const char *name)
{
    size_t i;

    for (i = 0; i < FAULT_POINTS_MAX; i++) {
        const char *there = atomic_load(&passed[i]);

        if (there == NULL && atomic_compare_exchange_strong(&passed[i], &there, name))
            return;
        if (strcmp(there, name) == 0)
            return;
    }
}

size_t fault_points_passed(const char *ret_names[FAULT_POINTS_MAX])
{
    size_t count;

    for (count = 0; count < FAULT_POINTS_MAX && atomic_load(&passed[count]) != NULL; count++)
        ret_names[count] = atomic_load(&passed[count]);
    return count;
}

void fault_point_reached(const char *name)
{
    note(name);
    if (planned[0] != '\0' && strcmp(planned, name) == 0 && atomic_fetch_sub(&until_fault, 1) == 1)
        raise(planned_signal);
}
