/* Rooms: memory of another library of this package in which large events are made (<maiko/send.h>, reserve), so that it need not
 * copy them.  Exported for it and declared in no public header. */
#ifndef RUNTIME_ROOMS_H
#define RUNTIME_ROOMS_H

#include <maiko/event.h>
#include <maiko/supervisor.h>
#include <stdbool.h>

MAIKO_BEGIN_DECLS

enum { ROOMS_FROM = 4097 }; /* bytes of an event; smaller ones are copied anyway */

struct maiko_room {
    void *event; /* at a multiple of 16, type->size bytes of zeros */
    /* Once, when the last reference to the event is gone or it was abandoned; on any thread, perhaps behind the supervisor's
     * end. */
    void (*release)(void *owner);
    void *owner;
    bool is_scarce; /* said with or without room: its sender is told that it is full */
};

struct maiko_rooms {
    /* Room for an event of `len` bytes; false: it is made on the heap.  Any thread, and several at a time; waits for nothing. */
    bool (*take)(struct maiko_rooms *rooms, const maiko_event_type *type, size_t len, struct maiko_room *ret_room);
    /* The supervisor is being freed: nothing is taken any more. */
    void (*let_go)(struct maiko_rooms *rooms);
    struct maiko_rooms *next; /* the supervisor's */
};

/* Before the start; asked in this order.  Types with a destructor, and supervisors whose memory is capped, do not ask. */
MAIKO_API void maiko_supervisor_use_rooms(maiko_supervisor *sup, struct maiko_rooms *rooms);

MAIKO_END_DECLS

#endif
