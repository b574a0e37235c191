/* Node: the inside of a maiko_bridge, shared by the files of this folder.
 *
 * Three kinds of threads meet here.  Before the start one thread sets the bridge up.  Then the bridge's own thread owns sockets,
 * space, peers, log and imports; shards reach it through the handover only, and callers of the public API through `shared`. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "link/origins.h"
#include "link/peer.h"
#include "link/zmq_port.h"
#include "node/announce.h"
#include "node/chores.h"
#include "node/handover.h"
#include "node/news.h"
#include "node/peer_keys.h"
#include "node/topic_figures.h"
#include "node/types.h"
#include "runtime/link_counters.h"
#include "runtime/visit.h"
#include "security/allow.h"
#include "security/key_text.h"
#include "space/space.h"
#include "wire/envelope.h"
#include <maiko/bridge.h>
#include <maiko/import.h>
#include <maiko/topic.h>

enum {
    NODE_PATTERNS_MAX = 256,
    NODE_WAYS = 8, /* for senders that were not expected: so many can be held one without the other */
    NODE_IMPORTERS = 1 + NODE_WAYS,
    NODE_ENDPOINTS_MAX = 16,
    NODE_PEER_KEYS_MAX = 256,
    NODE_NAME_SIZE = 256,
    NODE_TOLD_ATTEMPTS = 64,
    NODE_ERROR_SIZE = 512,
};

#define NODE_MAGIC 0x62726467u /* "brdg" */

/* An export or import as configured. */
struct node_pattern {
    char pattern[MAIKO_TOPIC_MAX + 1];
    char as[MAIKO_TOPIC_MAX + 1]; /* "": the same name */
    maiko_overflow_choice overflow;
    enum pattern_from from;
    bool relay; /* exports: what came from other nodes, too */
};

/* Where events of one sender, or of some that were not expected, enter the topic space.  A full subscriber holds it, and nobody
 * who comes by another. */
struct node_importer {
    struct fifo_link dirty; /* in the bridge's list while something is staged */
    maiko_importer *importer;
    uint64_t staged;     /* events committed since the last flush */
    struct fifo plans;   /* where they came from, see import.c */
    struct fifo waiting; /* imports without room, in order */
    struct list link;    /* in the bridge's list while some wait */
    bool has_said_word;  /* see last_word.h: bridge's thread */
    bool was_word_heard; /* the export actor's */
};

/* An actor of the program, here or elsewhere. */
struct node_actor {
    struct list link;
    char name[NODE_NAME_SIZE];
    const char **publish; /* NULL-terminated copies, in one block with the texts */
    size_t publish_size;
    const char **subscribe;
    size_t subscribe_size;
    /* of this process */
    uint32_t index;
    char end_topic[MAIKO_TOPIC_MAX + 1];
    bool is_finished; /* these two: bridge's thread */
    bool is_told_double;
    /* of another one */
    struct node_importer importer;
    bool is_ended; /* its end came over a link */
};

enum endpoint_use { USE_LINKS, USE_LISTENERS, USE_CONNECT };

struct node_endpoint {
    enum endpoint_use use;
    char text[PORT_ENDPOINT_MAX]; /* after the start: as bound */
    bool is_bound;
    struct peer_key peer_key; /* expected there */
};

/* An event, or a run of them, that came and could not be brought in yet, or the end of a publisher behind its events. */
struct waiting_import {
    struct fifo_link link;
    struct node_peer *peer;       /* NULL: it is gone */
    struct node_backlog *backlog; /* NULL: an end */
    struct list of_peer;          /* all of it that waits, in the order it came */
    uint64_t stream;
    uint64_t position;        /* of the first */
    struct node_actor *ended; /* an end: whose; else NULL */
    struct import_plan *plan; /* events: referred to */
    maiko_import import;      /* what is not in the plan; of a run hops and the high half of the ids */
    uint32_t count;           /* events */
    uint32_t done;            /* of them: brought in, or refused */
    size_t len;               /* of the payload of each, as it is here */
    bool is_encoded;          /* it is an array still, which is shorter than the event */
    bool is_lent;             /* that is elsewhere, and here is a struct lent_payload */
    bool is_run;              /* here are the slots of one, as in an importer's batch */
    _Alignas(16) uint8_t payload[];
};

/* What waits of a remote node, whatever connections and lives it came by: of one that is gone it stays, by its name. */
struct node_backlog {
    struct list link; /* in the bridge's list while the node is gone */
    bool is_left;     /* it is */
    struct peer_backlog waiting;
    char name[SPACE_NAME_MAX + 1];
};

struct lent_payload {
    const void *bytes;
    void *loan; /* for shm_view_return(); NULL: it was brought in */
};

/* Who left the space without a word. */
enum departure { DEPARTURE_UNKNOWN, DEPARTURE_LIVES, DEPARTURE_IN_ORDER, DEPARTURE_DEATH };

/* A remote node: the state machine and the connection it has now. */
struct node_peer {
    struct list link;
    maiko_bridge *bridge;
    struct peer *peer;
    struct route *route;       /* NULL: no connection over ZeroMQ */
    struct node_shm *shm;      /* NULL: no shared memory, and none offered; see shm.h */
    char shm_refusal[32];      /* why there is none, a word; "": nobody has refused */
    char told_shm_refusal[32]; /* the last of these that was told; "": none since there was a session */
    bool was_shm;              /* its last link was through shared memory */
    struct shm_claims *claims; /* what it has of our pool (pool.h); NULL: it was not offered */
    bool was_offered_pool;
    bool has_pool;                    /* it has taken it: events may go there by reference */
    struct shm_view *view;            /* its pool; NULL: it has none, or we have not got it */
    bool has_told_copies;             /* that they are made of what is in its pool */
    bool is_connector;                /* we connect to it */
    bool has_no_memory_to_share;      /* that was the reason */
    bool is_told_no_resources;        /* on $sys/peer, since the last session */
    bool is_from_space;               /* found by the space, ends with it */
    bool wants_close;                 /* the state machine is done with the connection */
    bool is_broken;                   /* a send failed */
    bool is_ready;                    /* both ways */
    bool is_subscribed_to;            /* it told what it wants of us */
    bool is_known;                    /* no stranger, see forget.h */
    bool is_local;                    /* it came over a socket of this host */
    uint64_t changed_ns;              /* when it said hello last, or its last session ended */
    char name[SPACE_NAME_MAX + 1];    /* "" until known */
    char endpoint[PORT_ENDPOINT_MAX]; /* where we connect */
    char key[KEY_TEXT_SIZE];          /* that we expect there */
    char access_key[KEY_TEXT_SIZE];   /* by which the allow list judges it, connected or not; "": it does not */
    struct text_list actors;          /* it has */
    struct list waiting;              /* struct waiting_import from it, by position */
    struct node_backlog *backlog;     /* their sum, and what waits of its earlier lives */
    uint64_t last_waiting;            /* position of the last event that had to wait, and its stream */
    uint64_t last_waiting_stream;
    uint64_t ends_ns;             /* it left the space: freed when its goodbye came, or then; UINT64_MAX: it has not */
    bool is_dead;                 /* it left by dying */
    enum departure departure;     /* what its counters file says of that */
    struct maiko_counters *books; /* that file; NULL: not open */
    bool is_cut;                  /* its last session ended, and neither side had said goodbye */
    bool may_be_cut;              /* or its goodbye was not read any more: a send had failed */
    uint64_t accepted;            /* it is dead: events for us that it accepted in its life; OBITUARY_UNKNOWN; 0: none */
    maiko_link_counters *figures; /* in the counters file; NULL: never met, or no memory */
    uint64_t gaps;
    uint64_t refused_shown;  /* of our events, how many the counters file shows as refused there */
    uint64_t redial_ns;      /* connecting side without a route: when to try again; UINT64_MAX: not */
    uint64_t redial_wait_ns; /* how long to wait before the next try; 0: the first one */
};

/* Over all peers. */
struct node_sums {
    uint64_t acknowledged;
    uint64_t lost;
    uint64_t overdue; /* of those, for no policy's sake: their receiver took nothing for too long, or was away */
    uint64_t looped;
    uint64_t repeated;
    uint64_t window_turns;
    uint64_t refused_there;
    uint64_t lent;
};

/* Somebody waits for a condition; on the waiter's stack, in the list while it waits. */
struct node_wait {
    struct list link;
    const char *topic; /* NULL: for the expected actors, or for everything to have arrived */
    bool is_for_drain;
    unsigned subscribers;
    bool is_done;
    char *missing;
    size_t missing_size;
    struct text *unlinked; /* endpoints we connect to and have no link with; NULL: not asked for */
};

struct maiko_bridge {
    uint32_t magic;
    /* set up before the start */
    struct heap *heap;
    struct heap *large;        /* encoded events, frames, and events that wait to be brought in: the same, or the next */
    struct heap with_shelf;    /* malloc(), where the bridge is on heap_default() */
    struct shelf large_blocks; /* its large ones, for the next */
    maiko_supervisor *sup;
    maiko_bridge_config config; /* texts below */
    char space_name[SPACE_NAME_MAX + 1];
    char space_group[SPACE_NAME_MAX + 1]; /* "": of this user alone */
    char node_name[SPACE_NAME_MAX + 1];
    char program[NODE_NAME_SIZE];
    char runtime_dir[SPACE_PATH_MAX];
    char key_file[SPACE_PATH_MAX];
    char allow_file[SPACE_PATH_MAX];
    struct peer_key *peer_keys;
    size_t peer_key_count;
    const struct codec *listener_codec;
    struct node_pattern exports[NODE_PATTERNS_MAX];
    size_t export_count;
    struct node_pattern imports[NODE_PATTERNS_MAX];
    size_t import_count;
    struct node_endpoint endpoints[NODE_ENDPOINTS_MAX];
    size_t endpoint_count;
    struct list expected; /* node_actor of other processes */
    struct list placed;   /* node_actor of this one */
    uint32_t placed_count;
    bool has_relays;        /* an export passes on what came from other nodes */
    const char *stays_with; /* topic of somebody who keeps the export actor here; NULL: it ends with the publishers */
    bool has_watchers;      /* an actor of `placed` publishes, so its end is passed on */
    struct node_importer importers[NODE_IMPORTERS]; /* of plain publishers; the others: of senders that were not expected */
    maiko_importer *reporter;                       /* of `$sys/peer` */
    maiko_status failure;                           /* first one; sticks */
    char error_text[NODE_ERROR_SIZE];
    maiko_id node_id;
    uint64_t epoch;
    struct handover handover;
    pthread_t thread;
    bool is_started;
    bool is_attached; /* to `sup`, which lives as long */
    /* the export actor's, see export.c */
    struct sources sources;
    struct batch_builder building;
    bool gave_too_much; /* it is to wait until that was taken */
    /* bridge's thread */
    struct zmq_port *port;
    struct space *space;
    int shm_fd; /* epoll: readable when there is something to do for a link through shared memory; -1: none */
    struct exporter *exporter;
    struct types types;
    struct origins origins;
    struct list peers;
    size_t known_count; /* of those, see forget.h */
    size_t stranger_count;
    bool has_ready_stranger;
    struct list left_backlogs; /* of nodes that are gone */
    size_t left_count;
    struct key_text keys;
    int key_watch_fd; /* inotify; -1: none */
    struct watched_file *watched;
    size_t watched_count;
    struct allow_list allow;
    struct list waiting; /* importers with imports that have no room */
    struct fifo dirty;   /* importers with something staged */
    struct pack pack;    /* scratch */
    struct clock clock;
    uint64_t started_ns;
    uint64_t clock_name; /* see process_clock() */
    uint64_t last_reset_ns;
    uint64_t turn_ns;            /* when the peers were run last */
    bool is_ending;              /* peers are freed because the bridge is */
    bool record_is_stale;        /* the space's record of us has to be written again */
    uint64_t record_due_ns;      /* when at the latest; UINT64_MAX: nothing new, nothing failed */
    bool record_has_failed;      /* the last time; it was told */
    bool stop_is_told;           /* that events are refused because of it */
    struct list held_topics;     /* struct source_topic whose senders are held */
    struct list door_waits;      /* see door_queue.h */
    _Atomic size_t door_waiting; /* written by the bridge's thread, read by any */
    struct fifo chores;
    unsigned chore_count;
    unsigned turns_without_chore;
    bool knows_chores;     /* the bridge's thread, of all there are */
    uint64_t chore_ns;     /* when it is time for a piece */
    struct chore clearing; /* away what the dead have left in the space */
    struct announcing announcing;
    struct topic_figures topic_figures;
    /* written by the bridge's thread, read by any */
    _Atomic uint64_t exported;
    _Atomic uint64_t export_refused;
    _Atomic uint64_t imported;
    _Atomic uint64_t import_refused;
    _Atomic uint64_t denied;
    _Atomic uint64_t published;
    _Atomic uint64_t publish_lost;
    _Atomic uint64_t window_waits;
    _Atomic uint64_t relayed;
    _Atomic uint64_t looped;
    _Atomic uint64_t repeated;
    _Atomic uint64_t refusals;
    _Atomic uint64_t reports;
    _Atomic uint64_t reports_dropped;
    uint64_t unreported;                        /* since the last one that found room */
    uint64_t refusals_told_ns;                  /* see node_news_refused(): told as if each had taken its time, until then */
    uint64_t untold_refusals;                   /* since the last one that was told */
    uint64_t told_attempts[NODE_TOLD_ATTEMPTS]; /* hashes of hellos that were refused, see accept.c; 0: none */
    _Atomic uint64_t acknowledged;              /* sums over the peers there are, brought up to date once per turn */
    _Atomic uint64_t window_turns;
    _Atomic uint64_t refused_there;
    _Atomic uint64_t lent;
    _Atomic uint64_t lost;
    _Atomic uint64_t overdue;
    _Atomic uint64_t gaps;
    _Atomic uint64_t lost_for_us;
    _Atomic uint32_t peers_up;
    struct node_sums gone;          /* of peers that are freed */
    atomic_bool is_running;         /* the supervisor has started: imports may enter; set by the export actor */
    atomic_bool has_export_ended;   /* with all who published what it exports; set by it */
    atomic_bool has_export_stopped; /* it takes nothing more; set by it */
    unsigned words_said;            /* see last_word.h: bridge's thread */
    _Atomic unsigned words_awaited; /* the same; 0: not known yet */
    unsigned words_heard;           /* the export actor's */
    atomic_bool wants_last_word;    /* the export actor waits for it; set by it, cleared by the bridge's thread */
    /* see guest.h; the bridge's thread holds it except when it sleeps, and with it goes everything that is that thread's */
    pthread_mutex_t turn;
    atomic_bool is_asleep;       /* changed under `turn`; without it a hint */
    atomic_bool wants_turn;      /* the bridge's thread waits for it */
    bool is_looked_at;           /* the importer's shard alone: it spins, and holds `turn` */
    atomic_bool is_looked_aside; /* written by the same: it does not hold it now, and will look again, or away */
    unsigned owed;               /* under `turn`: reads and sends of a shard that spins, still to be settled */
    unsigned idle_looks;         /* the same: since the last of them */
    uint64_t sleeps_until_ns;    /* under `turn`: the bridge's thread wakes up by itself then */
    struct maiko_visit visit;    /* a shard's, when a link wakes it */
    atomic_bool was_missed;      /* a guest was woken and did not see to everything; it wakes the bridge's thread behind this */
    /* what guests did without the bridge's thread; written under `turn`, read by any */
    _Atomic uint64_t guest_sends;
    _Atomic uint64_t guest_reads;
    _Atomic uint64_t guest_looks; /* by shards that spin: reads and sends */
    /* asked by any thread, done by the bridge's */
    atomic_bool wants_stop;
    atomic_bool wants_haste; /* the end is not to wait */
    atomic_bool wants_reload;
    /* under `lock` */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list waits;
    bool is_closed;                 /* nobody will answer any more */
    bool is_cancelled;              /* whoever waits shall not */
    bool is_drained;                /* result of the stop */
    struct node_pool *pool;         /* of large events, see pool.h; NULL: none; set at start */
    struct shm_budget *view_budget; /* for the pools of others; NULL: none has come yet */
};

/* ---- config.c ---- */

/* maiko_bridge_new() on a heap of one's own: libzmq then gets copies of large frames. */
maiko_bridge *node_new(struct heap *heap, maiko_supervisor *sup, const maiko_bridge_config *config, size_t config_size);

/* ---- node.c ---- */

void node_log(maiko_bridge *bridge, maiko_log_level level, const char *format, ...) MAIKO_PRINTF(3, 4);
maiko_status node_fail(maiko_bridge *bridge, maiko_status status, const char *format, ...) MAIKO_PRINTF(3, 4);
uint64_t node_now(const maiko_bridge *bridge);

/* The files of our ipc endpoints, once the sockets are closed. */
void node_remove_sockets(const maiko_bridge *bridge);
bool node_is_bridge(const maiko_bridge *bridge);

/* Before the start, and without a failure so far. */
maiko_status node_check_set_up(maiko_bridge *bridge);

/* maiko_bridge_wait_actors(), which also names the endpoints we connect to in vain. */
maiko_status node_wait_actors(maiko_bridge *bridge, uint64_t timeout_ns, char *missing, size_t missing_size,
                              struct text *unlinked);

/* maiko_bridge_drain(), which also names the peers that do not have everything. */
maiko_status node_drain(maiko_bridge *bridge, char *missing, size_t missing_size);

/* Events times peers that no policy gave up, and that will never arrive. */
uint64_t node_overdue(const maiko_bridge *bridge);

/* Who waits now or later gets MAIKO_ECLOSED.  Any thread. */
void node_cancel_waits(maiko_bridge *bridge);

/* The same, and the end does not wait for what was accepted to arrive: what has not is lost and counted.  Any thread. */
void node_hurry(maiko_bridge *bridge);

/* ---- config.c ---- */

void node_actor_free(maiko_bridge *bridge, struct node_actor *actor);

/* ---- thread.c: the bridge's thread ---- */

maiko_status node_thread_start(maiko_bridge *bridge, struct text *error);
void node_thread_stop(maiko_bridge *bridge);

/* ---- export.c ---- */

#define EXPORT_ACTOR "bridge export"

/* Before the start: the export actor does not end before whoever publishes on `topic`, a constant. */
void node_export_stay(maiko_bridge *bridge, const char *topic);

/* Adds the actors that export; before the supervisor starts. */
maiko_status node_export_set_up(maiko_bridge *bridge);

/* Topic and type of what ends the export become the supervisor's, so that it cannot be refused for them later.  Before the
 * supervisor starts, behind the importer. */
maiko_status node_export_name_end(maiko_bridge *bridge, struct text *error);

/* ---- last_word.c ---- */

/* The bridge's thread, once per turn: lets the export actor end when it wants to.  Returns when to be called again at the
 * latest. */
uint64_t node_export_end(maiko_bridge *bridge, uint64_t deadline_ns);

/* ---- outflow.c ---- */

/* Publishes what was handed over. */
void node_outflow_run(maiko_bridge *bridge);

/* Publishes a batch and frees it; the caller sees to exporter_evict(), soon. */
void node_outflow_batch(maiko_bridge *bridge, struct batch *batch, uint64_t now_ns);

/* An event that does not leave: counted, and told now and then. */
void node_outflow_refuse(maiko_bridge *bridge, const char *topic, maiko_status status);

/* Lets the senders go on for whom there is room by now. */
void node_outflow_release(maiko_bridge *bridge);

/* Lets all go on: nobody is held by a bridge that has stopped. */
void node_outflow_stop(maiko_bridge *bridge);

/* ---- import.c ---- */

/* Decodes and brings in one event.  False: it waits for room, and node_peer's peer_delivered() is called later.
 * What came in is seen by nobody before node_import_flush(). */
bool node_import_event(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_event *event);

/* As many events of a run as come in now, as they are, or wait together (*ret_waits); returns how many. */
uint32_t node_import_run(maiko_bridge *bridge, struct node_peer *peer, const struct inbound_run *run, bool *ret_waits);

/* Hands over what a frame has brought. */
void node_import_flush(maiko_bridge *bridge);

/* Tries those that wait. */
void node_import_retry(maiko_bridge *bridge);
void node_import_end(maiko_bridge *bridge, const char *publisher);
void node_import_forget_channel(struct node_peer *peer, struct inbound_channel *channel);
void node_import_forget_peer(maiko_bridge *bridge, const struct node_peer *peer);
void node_import_drop_all(maiko_bridge *bridge);
void node_import_on_room(void *bridge);

/* ---- peers.c ---- */

/* A node of the space has arrived; connects when that is our part. */
void node_peers_arrived(maiko_bridge *bridge, const struct node_record *record);
void node_peers_left(maiko_bridge *bridge, const struct node_record *record, bool is_dead);
maiko_status node_peers_connect(maiko_bridge *bridge, const char *endpoint, const char *key);

/* Whom we expected to have `former` there is to have `key` from the next connection on. */
void node_peers_expect(maiko_bridge *bridge, const char *endpoint, const char *former, const char *key);

/* From the port. */
void node_peers_frame(struct route *route, const unsigned char *bytes, size_t len, void *bridge);
void node_peers_up(struct route *route, void *bridge);
void node_peers_down(struct route *route, enum route_fault fault, void *bridge);
void node_peers_forgotten(struct route *route, void *bridge);

/* Timers, flushes, connections to end; returns when to be called again at the latest. */
uint64_t node_peers_run(maiko_bridge *bridge);
void node_peers_bye(maiko_bridge *bridge);
void node_peers_free(maiko_bridge *bridge);

/* ---- figures.c: what peers have counted, for the bridge's counters and for the counters file ---- */

/* The other node has said who it is. */
void node_figures_met(struct node_peer *peer);

/* Brings everything up to date; once per turn. */
void node_figures_update(maiko_bridge *bridge);

/* The peer is about to be freed. */
void node_figures_gone(struct node_peer *peer);

/* ---- key_watch.c: key and allow files, and those with keys of peers, that change ---- */

/* Without it (no inotify left) a warning is logged, and maiko_bridge_reload() is the only way. */
void node_key_watch_start(maiko_bridge *bridge);
void node_key_watch_stop(maiko_bridge *bridge);

/* ---- door.c: listening and publishing without being a node ---- */

void node_door_publish(maiko_bridge *bridge, struct route *route, const unsigned char *bytes, size_t len);

/* The same of a frame that has just come, that has waited and is answered now, or that has waited in vain. */
enum door_attempt { DOOR_FIRST, DOOR_LAST, DOOR_CLOSED };

void node_door_let_in(maiko_bridge *bridge, struct route *route, const unsigned char *bytes, size_t len,
                      enum door_attempt attempt);
void node_door_listen(maiko_bridge *bridge, const struct export_event *event, size_t payload_len, uint64_t seq);

/* ---- name.c ---- */

/* A name that nobody chose; `attempt`, from 1 on: how many of this process are in the way. */
void node_make_name(maiko_bridge *bridge, unsigned attempt);

/* ---- access.c: keys and allow lists ---- */

/* *ret_has_changed: the lists say something else than those before. */
maiko_status node_access_load(maiko_bridge *bridge, bool *ret_has_changed, struct text *error);

/* Whom we know is judged again, by the lists as they are now. */
void node_access_review(maiko_bridge *bridge);
bool node_access_admit(const char *key, const char *address, void *bridge);
bool node_access_admit_user(uid_t user, pid_t process, void *bridge);
bool node_access_may_dial(const maiko_bridge *bridge, const char *key);
bool node_access_may_listen(const char *key, const char *prefix, size_t len, void *bridge);

/* `key` is "" for who has none; `address` is for people, who are told of a refusal. */
bool node_access_may_be_named(const maiko_bridge *bridge, const char *key, const char *node);
bool node_access_may_publish(maiko_bridge *bridge, const char *key, const char *address, const char *topic);
bool node_access_may_subscribe(maiko_bridge *bridge, const char *key, const char *address, const char *pattern);

#endif
