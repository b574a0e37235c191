/* Handover: the queue through which shards give events to the bridge's thread.  The export actor hands over one batch per turn
 * and, when the bridge has no room, a hold that keeps it from running; the bridge's thread gives the hold back. */
#ifndef BRIDGE_HANDOVER_H
#define BRIDGE_HANDOVER_H

#include <pthread.h>
#include <stdbool.h>

#include "base/heap.h"
#include "base/list.h"
#include <maiko/envelope.h>
#include <maiko/import.h>

/* One event on its way out, or the end of a publisher. */
struct handed {
    struct fifo_link link;
    maiko_envelope *envelope; /* kept; NULL: an end */
    uint32_t pattern;         /* index of the export; of the announced actor for an end */
};

/*
 * who               | may call                         | beside
 * export actor      | handover_give, handover_hold     | the bridge's thread
 * bridge's thread   | handover_take, handover_set_room | the export actor
 * any               | handover_wake                    | all
 */
struct handover {
    struct heap *heap;
    int wake_fd; /* eventfd the bridge's thread sleeps on */
    pthread_mutex_t lock;
    /* under the lock */
    struct fifo queue;
    size_t count;
    bool has_room;
    bool is_closed;
    maiko_hold *hold; /* of the export actor */
};

enum { HANDOVER_MARK = 4096 /* events; past it the export actor is held */ };

MAIKO_MUST_CHECK maiko_status handover_init(struct handover *handover, struct heap *heap);

/* Drops what nobody took, and releases the hold. */
void handover_deinit(struct handover *handover);

/* Takes over the whole batch (empty afterwards).  True: the caller had better take a hold and offer it. */
bool handover_give(struct handover *handover, struct fifo *batch, size_t count);

/* Takes the hold over unless there is room by now; then it is the caller's to release.  True: taken. */
bool handover_hold(struct handover *handover, maiko_hold *hold);

/* All that was given. */
struct fifo handover_take(struct handover *handover, size_t *ret_count);

/* Room lets the export actor run again. */
void handover_set_room(struct handover *handover, bool has_room);

/* Nothing will be taken any more; what is given from now on is dropped. */
void handover_close(struct handover *handover);

void handover_wake(struct handover *handover);

/* Reads the wake-ups away; bridge's thread. */
void handover_clear_wake(struct handover *handover);

void handed_free(struct heap *heap, struct handed *handed);

#endif
