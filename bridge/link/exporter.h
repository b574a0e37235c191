/* Exporter: what one node publishes to all its peers: the retained log, the channels its entries refer to, who has finished,
 * and a stream per peer.  Pure, one thread. */
#ifndef LINK_EXPORTER_H
#define LINK_EXPORTER_H

#include "base/list.h"
#include "retained/retained.h"
#include "wire/frame.h"

struct exporter;

/* A type that was published. */
struct export_type {
    uint32_t index;
    const maiko_event_type *type;
    uint64_t hash;
    struct payload_plan *plan;
    bool is_native; /* every peer that was told of it takes its events as native bytes, and there is one */
};

/* What the events of a channel have in common (PROTOCOL.md 5).  Never freed before the exporter, but its number may be given
 * another meaning: then the generation is another. */
struct export_channel {
    struct retained_channel base; /* its number */
    uint32_t generation;
    uint32_t hops;
    struct retained_topic *topic;
    char *sender;
    const struct export_type *type;
    uint64_t prefix;
    maiko_id origin;
    uint64_t key;
};

/* An event to publish; everything is borrowed for the call but `type`, which stays as long as the exporter. */
struct export_event {
    const maiko_event_type *type;
    const void *payload; /* valid for the type */
    const char *topic;
    const char *sender;
    maiko_id id;
    maiko_id parent;
    maiko_id correlation;
    maiko_id origin; /* nil: this node */
    uint32_t hops;
    uint64_t time_ns;
    maiko_overflow overflow; /* of the topic; counts when the topic is new */
};

enum { EXPORTER_LOG_BYTES = 4 * 1024 * 1024 };

struct exporter_config {
    struct heap *heap;
    size_t log_bytes;     /* 0: EXPORTER_LOG_BYTES */
    size_t channels;      /* at most; 0: as many as the protocol has numbers */
    uint64_t stream_seed; /* streams are numbered from here: unlike those of earlier lives, such as the wall time of the start */
};

MAIKO_MUST_CHECK maiko_status exporter_new(const struct exporter_config *config, struct exporter **ret_exporter);

/* Its peers are freed before.  NULL is allowed; returns NULL. */
struct exporter *exporter_free(struct exporter *exporter);

/*
 * Encodes the event once, appends it to the log and offers it to every peer, each of which sends, queues or drops it and counts.
 * MAIKO_OK; MAIKO_ENOTSUP (type with pointers), MAIKO_ETYPE, MAIKO_ETOOLONG, MAIKO_ELIMIT (types, or events under way refer to
 * all channels), MAIKO_ENOMEM: then not published.
 */
MAIKO_MUST_CHECK maiko_status exporter_publish(struct exporter *exporter, const struct export_event *event, uint64_t now_ns);

/* The same in two steps, for events that were encoded elsewhere.  Of `event` everything counts that does not change from one to
 * the next: all but payload, low id, parent, correlation and time. */
MAIKO_MUST_CHECK maiko_status exporter_channel(struct exporter *exporter, const struct export_event *event,
                                               struct export_channel **ret_channel);

/* Events of one channel, each begun with record_begin_event(), one behind the other in one block. */
struct export_run {
    struct retained_block *block;
    uint8_t *records; /* their channel is written into them, unless it is there */
    size_t len;       /* of each */
    size_t count;
    uint32_t channel; /* the number that is in them */
    bool is_native;   /* the payloads are native bytes: whoever does not take them gets them as arrays */
};

/* run->channel is what stands in them afterwards, *ret_count how many of them, from the first on, were published.
 * MAIKO_OK: all; MAIKO_ETOOLONG, MAIKO_ENOMEM: not the one behind those. */
MAIKO_MUST_CHECK maiko_status exporter_append(struct exporter *exporter, struct export_channel *channel, struct export_run *run,
                                              uint64_t now_ns, size_t *ret_count);

/* After some of them: lets go what the log has no room for. */
void exporter_evict(struct exporter *exporter);

/* Senders to this topic are held: some peer that wants it has no room under BLOCK. */
bool exporter_holds(const struct exporter *exporter, const char *topic);

/* A publisher has finished: every peer is told behind everything it sent, and so is every later one.  Once per name, and kept as
 * long as the exporter: no more than the actors that one node can announce.
 * MAIKO_OK, MAIKO_ELIMIT, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status exporter_finish(struct exporter *exporter, const char *publisher, const char *const *publish,
                                              uint64_t now_ns);

/* Peers that are subscribed to the topic, and were told so: what is published now reaches them. */
size_t exporter_subscribers(const struct exporter *exporter, const char *topic);

/* Brings the oldest_ns of the log's topics up to date, see survey.c: about so many runs of records at a time, of one peer at
 * least.  True: done, the next call begins anew. */
bool exporter_survey(struct exporter *exporter, size_t most);

/* True when every peer has acknowledged everything, but those that said goodbye.  One whose connection broke is waited for: it
 * may come back for the rest. */
bool exporter_is_drained(const struct exporter *exporter);

const struct retained *exporter_log(const struct exporter *exporter);

/* ---- For peer and stream ---- */

struct export_end {
    const char *publisher;
    const char *const *publish; /* NULL-terminated */
};

const struct export_end *exporter_end(const struct exporter *exporter, uint32_t index);
size_t exporter_end_count(const struct exporter *exporter);
uint64_t exporter_next_stream(struct exporter *exporter);
struct retained *exporter_log_for_stream(struct exporter *exporter);
void exporter_attach(struct exporter *exporter, struct list *link);

/* The next published type of that name and hash behind `after` (NULL: the first); NULL when there is none. */
const struct export_type *exporter_find_type(const struct exporter *exporter, struct slice name, uint64_t hash,
                                             const struct export_type *after);

/* A peer was told of the type, asked for its native bytes, or has gone: what is written from now on? */
void exporter_review_type(struct exporter *exporter, uint32_t index);
void exporter_review_types(struct exporter *exporter);

#endif
