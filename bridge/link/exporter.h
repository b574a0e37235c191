/* Exporter: what one node publishes to all its peers: the retained log, the channels its entries refer to, who has finished,
 * and a
 * stream per peer.  Pure, one thread. */
#ifndef LINK_EXPORTER_H
#define LINK_EXPORTER_H

#include "base/list.h"
#include "retained/retained.h"
#include "wire/frame.h"

struct exporter;

/* What the events of a channel have in common (PROTOCOL.md 5). */
struct export_channel {
    uint32_t number;
    const char *topic;
    const char *sender;
    const struct export_type *type;
    uint64_t prefix;
    maiko_id origin;
    uint32_t hops;
};

/* A type that was published. */
struct export_type {
    uint32_t index;
    const maiko_event_type *type;
    uint64_t hash;
    struct payload_plan *plan;
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

struct exporter_config {
    struct heap *heap;
    size_t log_bytes;     /* 0: 4 MiB */
    uint64_t stream_seed; /* streams are numbered from here: unlike those of earlier lives, such as the wall time of the start */
};

MAIKO_MUST_CHECK maiko_status exporter_new(const struct exporter_config *config, struct exporter **ret_exporter);

/* Its peers are freed before.  NULL is allowed; returns NULL. */
struct exporter *exporter_free(struct exporter *exporter);

/*
 * Encodes the event once, appends it to the log and offers it to every peer, each of which sends, queues or drops it and counts.
 * *ret_position (may be NULL): its place in the log, for exporter_held_from().
 * MAIKO_OK; MAIKO_ENOTSUP (type with pointers), MAIKO_ETYPE, MAIKO_ETOOLONG, MAIKO_ELIMIT (channels), MAIKO_ENOMEM: then not
 * published.
 */
MAIKO_MUST_CHECK maiko_status exporter_publish(struct exporter *exporter, const struct export_event *event, uint64_t now_ns,
                                               uint64_t *ret_position);

/* Senders of events at this position of the log and later are held: some peer has no room under BLOCK.  UINT64_MAX: nobody is. */
uint64_t exporter_held_from(const struct exporter *exporter);

/* A publisher has finished: every peer is told behind everything it sent, and so is every later one.  Once per name.
 * MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status exporter_finish(struct exporter *exporter, const char *publisher, const char *const *publish,
                                              uint64_t now_ns);

/* Peers that are subscribed to the topic, and were told so: what is published now reaches them. */
size_t exporter_subscribers(const struct exporter *exporter, const char *topic);

/* True when every connected peer has acknowledged everything. */
bool exporter_is_drained(const struct exporter *exporter);

const struct retained *exporter_log(const struct exporter *exporter);

/* ---- For peer and stream ---- */

struct export_end {
    const char *publisher;
    const char *const *publish; /* NULL-terminated */
};

const struct export_channel *exporter_channel(const struct exporter *exporter, uint32_t number);
size_t exporter_channel_count(const struct exporter *exporter);
size_t exporter_type_count(const struct exporter *exporter);
const struct export_end *exporter_end(const struct exporter *exporter, uint32_t index);
size_t exporter_end_count(const struct exporter *exporter);
uint64_t exporter_next_stream(struct exporter *exporter);
struct retained *exporter_log_for_stream(struct exporter *exporter);
void exporter_attach(struct exporter *exporter, struct list *link);

#endif
