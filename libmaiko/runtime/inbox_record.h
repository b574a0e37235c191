/* Inbox records: what stands in the buffers of an inbox. */
#ifndef RUNTIME_INBOX_RECORD_H
#define RUNTIME_INBOX_RECORD_H

#include "runtime/inbox.h"

/* One event, or a run of them: then the payload of each has its slot in front of it, and id, parent, correlation and time are
 * those of none. */
struct inbox_record {
    size_t size; /* of the record, a multiple of 16 */
    const struct type_entry *entry;
    struct topic *topic;
    struct envelope *large; /* the event itself, when it is too large for the pool or has a destructor */
    size_t payload_len;
    maiko_id id;
    maiko_id parent;
    maiko_id correlation;
    uint64_t time_ns;
    const struct sender *sender;
    uint32_t run; /* events; 0: it is no run */
    uint8_t hops;
    bool is_finish;
};
_Static_assert(sizeof(struct inbox_record) % 16 == 0, "the slots of a run and the record behind it are aligned");

static inline struct inbox_record *inbox_record_at(const struct inbox_buffer *buffer, size_t at)
{
    return (struct inbox_record *)(void *)(buffer->bytes + at);
}

#endif
