/* Node record: what a node says about itself, in a file beside its life lock.  Pure: text in, struct out and back.
 * Readers ignore members they do not know and default those that are missing, so old and new programs share a space. */
#ifndef SPACE_RECORD_H
#define SPACE_RECORD_H

#include <stdbool.h>

#include "base/heap.h"
#include "base/text.h"
#include "space/limits.h"
#include "space/process.h"
#include "space/text_list.h"
#include <maiko/status.h>

/* The first topics, as many as fit in a record however their names are escaped; of the others the number is told. */
enum { NODE_RECORD_TOPICS_MAX = 1024, NODE_RECORD_TOPICS_BYTES = 96 * 1024 };
enum { NODE_RECORD_VERSION = 1, NODE_RECORD_LIST_MAX = TEXT_LIST_MAX, NODE_RECORD_TEXT_MAX = 1024 };

/* A link as its owner sees it. */
struct link_record {
    char *peer;
    char *transport; /* "zmq", "shm" */
    char *state;     /* "connecting", "ready", "stalled", "down" */
};

struct node_record {
    struct heap *heap;
    char name[SPACE_NAME_MAX + 1];
    struct process_identity process;
    uint64_t epoch;              /* boot number: greater in every later life of this name */
    uint64_t started_ns;         /* wall clock */
    bool is_ready;               /* its sockets listen and its actors are placed */
    char *program;               /* "" when unknown; never NULL after init */
    char *counters_path;         /* "" when there is none */
    struct text_list endpoints;  /* where its link socket listens; the ipc:// one first */
    struct text_list publishers; /* plain SUB listeners connect here */
    struct text_list actors;     /* placed here */
    struct text_list exports;    /* patterns */
    struct text_list imports;
    struct text_list exports_inside; /* the same, by the names its own topics have; empty: no other ones */
    struct text_list imports_inside;
    struct text_list finished; /* actors placed here that have finished */
    struct text_list topics;   /* exported so far: name, type and first sender of each, one behind the other */
    size_t topics_bytes;       /* of these texts, while it is filled */
    uint64_t topics_left_out;  /* exported, too, and not among them */
    struct link_record *links;
    size_t link_count;
};

void node_record_init(struct node_record *record, struct heap *heap);
void node_record_deinit(struct node_record *record);

/* Copies one text; "" for NULL.  MAIKO_OK, MAIKO_ENOMEM (the old one stays). */
MAIKO_MUST_CHECK maiko_status node_record_set_text(struct node_record *record, char **field, const char *text);

MAIKO_MUST_CHECK maiko_status node_record_add_link(struct node_record *record, const char *peer, const char *transport,
                                                   const char *state);
void node_record_clear_links(struct node_record *record);

/* A topic that is not in the record yet: listed, or counted as left out.  True: there is something new to write. */
bool node_record_add_topic(struct node_record *record, const char *topic, const char *type, const char *sender);

/* One line of JSON with a newline.  MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status node_record_format(const struct node_record *record, struct text *ret_text);

/* Fills an initialised, empty record.  MAIKO_OK, MAIKO_ENOMEM, MAIKO_EPROTOCOL (not a record: `error` says why). */
MAIKO_MUST_CHECK maiko_status node_record_parse(const char *bytes, size_t len, struct node_record *record, struct text *error);

#endif
