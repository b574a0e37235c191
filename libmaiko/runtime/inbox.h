/* Inbox: how events of outside threads enter.  A bounded buffer under a lock in front of a gate, an actor record without
 * hooks whose turn it is to send them on: so debt, hold and order apply to outside senders as to everybody. */
#ifndef RUNTIME_INBOX_H
#define RUNTIME_INBOX_H

#include "base/id.h"
#include "message/envelope.h"
#include "runtime/actor.h"
#include "runtime/import_run.h"
#include "runtime/registry.h"
#include <maiko/import.h>
#include <pthread.h>

struct inbox_buffer {
    char *bytes;
    size_t size;
    size_t used;
    size_t large; /* bytes of events that are not in it but on the heap */
    uint32_t events;
};

struct inbox {
    struct maiko_supervisor *sup;
    struct actor *gate;
    struct inbox *next; /* of the supervisor */
    struct inbox *next_on_shard;
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct inbox_buffer fill;
    struct envelope *reserved; /* by outside threads, neither committed nor abandoned yet; send_reserve.c */
    uint32_t waiting;          /* threads that wait for room */
    bool was_full;             /* a send was refused since the last notification */
    void (*notify)(void *userdata);
    void *notify_userdata;
    bool is_closed;
    bool is_cut;         /* the gate's thread was left behind: it takes out no more */
    bool is_for_reports; /* brings in what the library says below `$sys/`, and only that; set before start */
    struct id_source ids;
    uint64_t wall_last;
    /* the one thread that brings in over paths: what is not handed over yet, and the room there was when it was begun */
    struct inbox_buffer stage;
    uint32_t stage_room_events;
    size_t stage_room_bytes;
    bool is_staging;
    bool has_lost_stage; /* reserving more found the inbox closed: the next flush says so */
    /* set at creation */
    uint32_t limit_events;
    size_t limit_bytes;
    /* the gate's shard */
    struct inbox_buffer drain;
    size_t drain_at;
    uint32_t drain_done;   /* events of the run there */
    uint32_t memory_tries; /* of its first event, in a row, for which there was no memory */
    bool is_over;          /* the gate sends on no more, because of a stop; written under the lock */
    /* any thread; relaxed hint, the lock orders the rest */
    _Atomic bool has_events;
};

/* What is known of an event before it is sent; ids and names that are not given are made. */
struct inbox_event {
    const struct type_entry *entry;
    struct topic *topic;
    const void *payload;
    size_t payload_len;
    struct envelope *made; /* NULL, or what the payload is in: of a large event, taken on MAIKO_OK only */
    maiko_id id;
    maiko_id parent;
    maiko_id correlation;
    uint64_t time_ns;
    struct envelope_foreign foreign; /* with a release: the payload is its owner's and stays there; reserve only */
    const struct sender *sender;     /* NULL: the gate */
    uint8_t hops;
    bool is_finish; /* no event: the gate finishes behind what was sent before; entry and topic are NULL */
};

MAIKO_MUST_CHECK maiko_status inbox_init(struct inbox *inbox, struct maiko_supervisor *sup);
void inbox_deinit(struct inbox *inbox);

/* Any thread.  Waits for room unless `try_only` or on a thread that would wait for itself.
 * MAIKO_OK, MAIKO_EFULL, MAIKO_ECLOSED, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status inbox_send(struct inbox *inbox, const struct inbox_event *event, bool try_only);

/* Events that are made in place, many under one lock.  Reserve, then commit or abandon, one at a time and from one thread; flush
 * hands over what was committed.  `event` says entry, topic, payload_len and sender; the payload is the caller's to fill in until
 * the commit, or foreign and there: then its owner gets it back if it is abandoned, but not without success.  The commit's `meta`
 * has the rest.  MAIKO_OK, MAIKO_EFULL, MAIKO_ECLOSED, MAIKO_ENOMEM (a flush keeps what it has). */
MAIKO_MUST_CHECK maiko_status inbox_reserve(struct inbox *inbox, const struct inbox_event *event, void **ret_payload);
void inbox_commit(struct inbox *inbox, const maiko_import *meta);
void inbox_abandon(struct inbox *inbox);

/* The same for up to `most` events of the pools that are alike, with the record of one (import_run.h). */
MAIKO_MUST_CHECK maiko_status inbox_reserve_run(struct inbox *inbox, const struct inbox_event *event, uint32_t most,
                                                struct maiko_import_run *ret_run);
uint32_t inbox_commit_run(struct inbox *inbox, uint64_t id_hi, uint8_t hops, uint32_t count);
MAIKO_MUST_CHECK maiko_status inbox_flush(struct inbox *inbox);

/* No more events; waiting threads get MAIKO_ECLOSED.  What was accepted stays. */
void inbox_close(struct inbox *inbox);

/* Any thread: would a send wait now? */
bool inbox_is_full(struct inbox *inbox);

/* The gate's shard: is there anything to send on? */
static inline bool inbox_has_events(const struct inbox *inbox)
{
    return (inbox->drain_at < inbox->drain.used || atomic_load_explicit(&inbox->has_events, memory_order_relaxed)) &&
           !inbox->is_over;
}

/* The gate's shard, or any thread while that sleeps: has it waited for memory for so long that a stop does not wait on, when
 * there is nothing else that could give any back? */
bool inbox_is_starved(const struct inbox *inbox);

/* The gate's shard, or when that has ended: nothing is sent on any more before the inbox is settled.  Events that are left; 0
 * when this was called before. */
uint64_t inbox_end(struct inbox *inbox);

/* Any thread: the gate's, which has not ended, takes out no more.  Events that it has not taken out; 0 after inbox_end(). */
uint64_t inbox_cut(struct inbox *inbox);

/* The gate's activation: sends on what is there until the gate is held. */
void inbox_run(struct inbox *inbox);

/* The shard's: puts gates with events in its run queue.  True when there was one. */
bool inbox_wake_gates(struct shard *shard);

/* The shard's, before it sleeps: could a gate run? */
bool inbox_wants_gate(const struct shard *shard);

/* When no thread runs any more: sends on what is left, held or not, so that it ends where its subscribers' queues end. */
bool inbox_settle(struct inbox *inbox);

#endif
