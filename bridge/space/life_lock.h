/* Life lock: a file locked by its node for as long as the process lives; the kernel drops it on any kind of death.
 *
 * It is a POSIX record lock because that one belongs to the process and not to the descriptor: a forked child that
 * inherits the descriptor does not keep its parent alive.  The price: closing *any* descriptor of the file in the owning
 * process drops the lock, so nothing may open a life file of the own process again (node_record says whose it is). */
#ifndef SPACE_LIFE_LOCK_H
#define SPACE_LIFE_LOCK_H

#include <stdbool.h>

#include <maiko/status.h>

/* Makes the file in a new directory and locks it.  The descriptor stays open for life; closing it gives up the lock.
 * MAIKO_OK, MAIKO_EEXIST (somebody was quicker, or takes the directory for a dead one), MAIKO_ENOTFOUND (directory gone),
 * MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status life_lock_create(int directory_fd, int *ret_fd);

enum life { LIFE_ABSENT, LIFE_HELD, LIFE_FREE };

/* Only for nodes of other processes. */
enum life life_lock_probe(int directory_fd);

/* Locks the life file of a dead node, which makes the caller the only one that may remove its directory (other threads of
 * this process included).  MAIKO_OK, MAIKO_ESTATE (alive, or somebody else removes it), MAIKO_ENOTFOUND, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status life_lock_seize(int directory_fd, int *ret_fd);

/* True when the life file that `parent_fd`/`node` leads to now is the one that `life_fd` has open. */
bool life_lock_is_in_place(int life_fd, int parent_fd, const char *node);

#endif
