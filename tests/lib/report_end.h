/* Report end: a supervisor with a bridge, and an actor that keeps what it hears on `$sys/peer` of the others. */
#ifndef TESTS_LIB_REPORT_END_H
#define TESTS_LIB_REPORT_END_H

#include <stdatomic.h>
#include <stdint.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#define COUNTED_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(counted, "count/up", COUNTED_FIELDS)

enum { REPORTS_KEPT = 64 };

struct report_end {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    _Atomic uint32_t received; /* of `counted` */
    _Atomic uint32_t count;    /* of reports */
    maiko_peer_report reports[REPORTS_KEPT];
    char log[1024]; /* the last warning */
    _Atomic uint32_t refused_lines;
    _Atomic uint32_t unwritten_lines;      /* of the record */
    _Atomic uint32_t unwelcome_lines;      /* of events that were not brought in */
    _Atomic uint32_t stopped_lines;        /* of those that come after the stop */
    _Atomic uint32_t new_keys;             /* of peers, read from their files */
    _Atomic uint32_t heard_of_descriptors; /* times there were some again */
};

/* A runtime directory of one's own, around everything else. */
extern char report_ends_directory[64];
void report_ends_begin(void);
void report_ends_finish(void);

/* Member of the space "reports", or as `given` says.  Failures come out of report_end_try(). */
void report_end_make(struct report_end *end, const char *node, const maiko_bridge_config *given);
void report_end_make_on(struct report_end *end, const maiko_config *supervisor, const char *node,
                        const maiko_bridge_config *given);
maiko_status report_end_try(struct report_end *end);
void report_end_start(struct report_end *end);
void report_end_stop(struct report_end *end);

/* Made, listening on a port of its own, and started. */
void report_end_listen(struct report_end *end, const maiko_bridge_config *config);

/* The first report of this kind and reason (NULL: any), or NULL. */
const maiko_peer_report *report_end_find(struct report_end *end, maiko_peer_news news, const char *reason);

/* Within a minute. */
bool report_end_hears(struct report_end *end, maiko_peer_news news, const char *reason);
maiko_bridge_counters report_end_counters(struct report_end *end);

#endif
