/* A bridge joins a supervisor to others: it exports topics to the nodes that ask for them, imports topics from them, finds the
 * nodes of its space on this host by itself and others where it is told.  One background thread owns all sockets.
 *
 * Order of calls: maiko_bridge_new() and what it exports, imports, listens and connects to, all before maiko_supervisor_start();
 * then maiko_bridge_start(), maiko_supervisor_start(), and at the end maiko_supervisor_halt(), maiko_bridge_stop(),
 * maiko_supervisor_stop(). */
#ifndef MAIKO_BRIDGE_H
#define MAIKO_BRIDGE_H

#include <maiko/actor.h>
#include <maiko/supervisor.h>

MAIKO_BEGIN_DECLS

typedef struct maiko_bridge maiko_bridge;

/** How events cross to another process of the same host. */
typedef enum maiko_transport {
    MAIKO_TRANSPORT_AUTO = 0, /* shared memory with nodes of the space; ZeroMQ where that is refused or cannot be had */
    MAIKO_TRANSPORT_SHM,      /* shared memory only: it needs a space */
    MAIKO_TRANSPORT_ZMQ       /* ZeroMQ only: shared memory is refused */
} maiko_transport;

/** What an import gets first when it meets a node that has published already. */
typedef enum maiko_bridge_from {
    MAIKO_FROM_LIVE = 0, /* nothing; but all that a node publishes which appeared later than the import */
    MAIKO_FROM_LAST,     /* the last value of every topic */
    MAIKO_FROM_LOG       /* everything its retained log holds */
} maiko_bridge_from;

/** Settings of a bridge.  Zero means the default. */
typedef struct maiko_bridge_config {
    const char *space;            /* name of the space to join on this host, never ""; NULL: none */
    const char *node;             /* unique in the space; never ""; NULL: PROGRAM.PID, and more to be unique */
    const char *program;          /* for people; NULL: "" */
    const char *runtime_dir;      /* absolute; NULL: $XDG_RUNTIME_DIR, or a checked directory below /tmp */
    const char *key_file;         /* own key pair (maiko_keypair_save): encrypts TCP; NULL: none */
    const char *allow_file;       /* which peers may connect and what they may; NULL: none but peer_keys */
    const char *const *peer_keys; /* public keys that may do everything, if no section says less: text or files; NULL at end */
    bool insecure;                /* lets TCP listen to others without keys */
    maiko_transport transport;    /* MAIKO_TRANSPORT_AUTO */
    uint64_t window_bytes;        /* unacknowledged on one link; 2 MiB */
    uint32_t window_events;       /* 16 384; at most 65 536 */
    uint64_t log_bytes;           /* retained log; 4 MiB; at most an eighth of the supervisor's memory_cap_bytes */
    uint64_t deadline_ns;         /* BLOCK without progress before a link turns lossy; 5 s */
    uint64_t heartbeat_ns;        /* 1 s */
    uint64_t silence_ns;          /* no sign of life for so long ends a link, but not one through shared memory; 5 s */
    uint64_t linger_ns;           /* maiko_bridge_stop() waits so long for what was accepted to arrive; 5 s */
    uint8_t hop_limit;            /* 8 */
    /* On the bridge's thread, or on a shard's while that one sleeps, so one at a time; NULL: silent. */
    void (*log)(maiko_log_level level, const char *text, void *userdata);
    void *log_userdata;
    /* Group whose members share the space, a name or a number; NULL: nobody but this user.  All nodes name the same; runtime_dir
     * is then one that all members reach, or NULL: a checked directory below /tmp.  MAIKO_ENOTFOUND: no such group; MAIKO_EPERM:
     * this process is no member, or a directory is open to others than the members, or belongs to somebody who is none any
     * more. */
    const char *space_group;
    /* Memory for large events that other processes of the host read in place: taken as it is used, and kept; 64 MiB; below
     * 256 KiB: none.  A process that writes to its pool changes the tails of events others are reading, nothing else. */
    uint64_t pool_bytes;
    const char *listener_codec; /* what plain listeners get: "msgpack" or "json"; NULL: "msgpack" */
} maiko_bridge_config;

/** One pattern of topics that leaves or enters.  A topic under several has name and policy of the first that was given. */
typedef struct maiko_bridge_pattern {
    const char *pattern;            /* as it is called on the sending side */
    const char *as;                 /* what it is called on the receiving side: the same wildcards; NULL: the same */
    maiko_overflow_choice overflow; /* imports: what the sender does when we do not keep up; of the topic by default */
    maiko_bridge_from from;         /* imports */
    bool relay;                     /* exports: pass on what came from other nodes, too, once each and over hop_limit links */
} maiko_bridge_pattern;

/** Counts of one bridge since its start. */
typedef struct maiko_bridge_counters {
    size_t struct_size;       /* sizeof(maiko_bridge_counters) of the calling program; set by the caller */
    uint64_t exported;        /* events taken over from actors */
    uint64_t export_refused;  /* that cannot leave: types with pointers, out of memory, passed on too late (maiko_bridge(3)) */
    uint64_t acknowledged;    /* events times peers that have them */
    uint64_t lost;            /* events times peers that will never have them, by any reason */
    uint64_t imported;        /* events brought in */
    uint64_t import_refused;  /* that did not fit their type or were refused by the runtime */
    uint64_t gaps;            /* times events for us were lost */
    uint64_t lost_for_us;     /* how many, where the sender knew */
    uint64_t denied;          /* by the allow list */
    uint64_t published;       /* events times plain listeners' doors */
    uint64_t publish_lost;    /* events a plain listener was too slow for: exact where one has the topic, else at least so many */
    uint64_t window_waits;    /* times exporting was held because a peer had no room */
    uint32_t peers;           /* with a session now */
    uint64_t relayed;         /* exported events that came from other nodes */
    uint64_t looped;          /* events that came back to where they began, or crossed more links than hop_limit: dropped */
    uint64_t repeated;        /* that had come by another way before: dropped */
    uint64_t refusals;        /* of connections, patterns and topics, by us; how they are told: maiko_peer(3) */
    uint64_t reports;         /* events sent on `$sys/peer`, see <maiko/peer.h> */
    uint64_t reports_dropped; /* that found no room */
    uint64_t window_turns;    /* times links' windows were filled anew: the bytes a peer acknowledged over its window */
    uint64_t refused_there;   /* of those acknowledged: the peer would not have them, or not pass them on: maiko_peer(3) */
    uint64_t lent;            /* large events times peers that read them where they were made */
    uint64_t pool_starved;    /* large events that found no room in the pool: made on the heap, and copied on their way */
} maiko_bridge_counters;

/**
 * Create a bridge for a supervisor that has not started.  Its memory is the supervisor's: of its allocator, and counted against
 * its cap.
 *
 * @param config  NULL for defaults; copied.
 * @return the bridge, or NULL when out of memory.  A bad value does not fail here: the first failure of any call sticks and
 *         comes out of maiko_bridge_start() and maiko_bridge_error_text().
 * Threads: any, one at a time, until started.  Blocking: never.
 */
static inline maiko_bridge *maiko_bridge_new(maiko_supervisor *sup, const maiko_bridge_config *config);

/** Let other nodes have what is sent here on these topics.  MAIKO_OK, or the failure that stuck. */
static inline maiko_status maiko_bridge_export(maiko_bridge *bridge, const maiko_bridge_pattern *pattern);

/** Bring in what other nodes export on these topics.  MAIKO_OK, or the failure that stuck. */
static inline maiko_status maiko_bridge_import(maiko_bridge *bridge, const maiko_bridge_pattern *pattern);

/**
 * Declare an actor of another process whose events will come in: subscribers here do not end before it has finished, and its
 * name stands for it in the counters.
 * @param publish  NULL-terminated; what it sends on.
 */
MAIKO_API maiko_status maiko_bridge_expect(maiko_bridge *bridge, const char *actor, const char *const *publish);

/**
 * Declare an actor of this process: other nodes are told its name, its topics, and its end.  Call it before adding the actor; the
 * actor's publish list must then also have the topic this returns (valid until the bridge is freed).  4096 at most.
 * @return a topic for the actor's publish list, or NULL (the failure sticks).
 */
MAIKO_API const char *maiko_bridge_announce(maiko_bridge *bridge, const char *actor, const char *const *publish,
                                            const char *const *subscribe);

/** A type that may come in, so that peers with older or newer versions of it are understood.  Stays the caller's. */
MAIKO_API maiko_status maiko_bridge_know_type(maiko_bridge *bridge, const maiko_event_type *type);

/** Accept links at "tcp://HOST:PORT" (PORT may be *) or "ipc:///PATH". */
MAIKO_API maiko_status maiko_bridge_listen(maiko_bridge *bridge, const char *endpoint);

/**
 * Connect to another node, again and again until it is there.
 * @param endpoint  "tcp://HOST:PORT" or "ipc:///PATH"; copied.
 * @param peer_key  its public key as text or file, which is read again when it changes; NULL: not encrypted.
 * @return MAIKO_OK, MAIKO_EINVAL (no such place, or a peer key without a key file of our own), MAIKO_EEXIST (connects there by
 *         this key already: two nodes have one link), MAIKO_ELIMIT (more than 16 endpoints), or the failure that stuck.
 */
MAIKO_API maiko_status maiko_bridge_connect(maiko_bridge *bridge, const char *endpoint, const char *peer_key);

/** Publish what is exported for plain SUB sockets, too. */
MAIKO_API maiko_status maiko_bridge_publish_at(maiko_bridge *bridge, const char *endpoint);

/**
 * Open the sockets, join the space and begin to look for others.
 * @return MAIKO_OK, the failure that stuck, MAIKO_EPERM (no keys where they are needed, a directory open to others), MAIKO_EEXIST
 *         (node name or endpoint taken by a live process), MAIKO_ELIMIT (descriptors, or the supervisor's topic names: it takes
 *         one), MAIKO_ECONFLICT (the program has a type maiko_bridge_ended), MAIKO_ENOTSUP, MAIKO_ESYSTEM (no threads, too).
 */
MAIKO_API maiko_status maiko_bridge_start(maiko_bridge *bridge);

/**
 * Wait until at least `subscribers` nodes are subscribed to a topic and know that they are: what is sent from then on
 * reaches them.
 * @param topic  as it is called outside, where its export renames it.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ESTATE (not started), MAIKO_ETIMEDOUT, MAIKO_ECLOSED (stopped meanwhile).
 * Threads: any that may wait; not an actor's hook.  Blocking: until then.
 */
MAIKO_API maiko_status maiko_bridge_wait_ready(maiko_bridge *bridge, const char *topic, unsigned subscribers,
                                               uint64_t timeout_ns);

/**
 * Wait until every expected actor (maiko_bridge_expect) is present in some node, and the links to those nodes are ready
 * both ways.
 * @param missing  filled with the names that are not, separated by commas, on MAIKO_ETIMEDOUT; may be NULL.
 * @return as maiko_bridge_wait_ready().
 */
MAIKO_API maiko_status maiko_bridge_wait_actors(maiko_bridge *bridge, uint64_t timeout_ns, char *missing, size_t missing_size);

/**
 * Wait until the peers have everything that was accepted so far, at most config.linger_ns.  After maiko_supervisor_halt(),
 * to read final counters before maiko_bridge_stop().
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ESTATE, MAIKO_ETIMEDOUT, MAIKO_ECLOSED.  Threads and blocking as above.
 */
MAIKO_API maiko_status maiko_bridge_drain(maiko_bridge *bridge);

/** The endpoints it listens at, with real port numbers: number `index`, or NULL past the last.  Valid until stopped. */
MAIKO_API const char *maiko_bridge_endpoint(maiko_bridge *bridge, size_t index);

/**
 * Read the key and allow files, and those with keys of peers, again; what they allow holds from now on.  A bridge does so by
 * itself when one of them was replaced or written; this is for file systems that tell of no changes.
 */
MAIKO_API maiko_status maiko_bridge_reload(maiko_bridge *bridge);

/** Fill in the counters.  MAIKO_OK, MAIKO_EINVAL. */
MAIKO_API maiko_status maiko_bridge_count(maiko_bridge *bridge, maiko_bridge_counters *counters);

/** @return the text of the first failure, "" when there is none. */
MAIKO_API const char *maiko_bridge_error_text(const maiko_bridge *bridge);

/**
 * Say goodbye: wait until the peers have what was accepted (at most config.linger_ns), leave the space, free; *bridge
 * becomes NULL.
 * After maiko_supervisor_halt() and before maiko_supervisor_stop().  The other way round nothing breaks: what
 * maiko_supervisor_stop() has halted is freed here.  A supervisor that was not started yet cannot be any more (MAIKO_ESTATE).
 * @return MAIKO_OK, MAIKO_ETIMEDOUT (some of it did not arrive; it is counted as lost), MAIKO_ESTATE (the supervisor runs, or is
 * stopping, with this bridge's actors: nothing happened, *bridge is as before), MAIKO_EINVAL, MAIKO_EFORKED.
 */
MAIKO_API maiko_status maiko_bridge_stop(maiko_bridge **bridge);

/** Version of the bridge library that is loaded; equal to maiko_version() in a sound installation. */
MAIKO_API const char *maiko_bridge_version(void);

/* The calls behind the inline ones; they carry the sizes the calling program was compiled with. */
MAIKO_API maiko_bridge *maiko_bridge_new_sized(maiko_supervisor *sup, const maiko_bridge_config *config, size_t config_size);
MAIKO_API maiko_status maiko_bridge_export_sized(maiko_bridge *bridge, const maiko_bridge_pattern *pattern, size_t size);
MAIKO_API maiko_status maiko_bridge_import_sized(maiko_bridge *bridge, const maiko_bridge_pattern *pattern, size_t size);

static inline maiko_bridge *maiko_bridge_new(maiko_supervisor *sup, const maiko_bridge_config *config)
{
    return maiko_bridge_new_sized(sup, config, sizeof(maiko_bridge_config));
}

static inline maiko_status maiko_bridge_export(maiko_bridge *bridge, const maiko_bridge_pattern *pattern)
{
    return maiko_bridge_export_sized(bridge, pattern, sizeof(maiko_bridge_pattern));
}

static inline maiko_status maiko_bridge_import(maiko_bridge *bridge, const maiko_bridge_pattern *pattern)
{
    return maiko_bridge_import_sized(bridge, pattern, sizeof(maiko_bridge_pattern));
}

MAIKO_END_DECLS

#endif
