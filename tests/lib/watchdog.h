/* Watchdog: a case that hangs ends the program with the stacks of all its threads, instead of holding up the whole run. */
#ifndef TESTS_LIB_WATCHDOG_H
#define TESTS_LIB_WATCHDOG_H

/* `name` must stay valid until watchdog_stop(). */
void watchdog_start(const char *name, unsigned seconds);
void watchdog_stop(void);

#endif
