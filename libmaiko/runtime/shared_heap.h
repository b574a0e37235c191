/* Shared heap: the memory of a supervisor for the other libraries of this package.  Exported for them and declared in no public
 * header. */
#ifndef RUNTIME_SHARED_HEAP_H
#define RUNTIME_SHARED_HEAP_H

#include "base/heap.h"
#include <maiko/supervisor.h>

/* Where its config names an allocator or a cap: what is counted against it.  NULL: it has neither, and heap_default() of the
 * caller will do; also without a supervisor.  Valid until maiko_supervisor_stop().  Any thread; blocks never. */
MAIKO_API struct heap *maiko_supervisor_heap(maiko_supervisor *sup);

#endif
