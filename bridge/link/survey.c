/* Survey: of each topic, when the oldest event was sent that some peer has not acknowledged.  Nothing is noted for it while
 * events come and go, but how many there are: now and then the streams are looked through from their oldest record on, each until
 * it has shown an event of every topic that has some. */
#include "link/exporter.h"
#include "link/peer.h"
#include "link/peer_state.h"
#include "link/stream_queue.h"
#include "wire/reader.h"

/* [channel, id, time, ...], which was written here. */
static uint64_t time_of(struct slice event)
{
    struct reader reader = reader_of(event);
    uint64_t number = 0;
    uint32_t count;
    int i;

    if (!reader_array(&reader, &count))
        return 0;
    for (i = 0; i < 3; i++)
        if (!reader_uint(&reader, &number))
            return 0;
    return number;
}

/* An event without a time is one of 1970: 0 says that there is none. */
static uint64_t sent_at(const struct stream_record *record)
{
    const struct retained_entry *entry = record->entry;
    size_t len = entry->block->rest != NULL ? entry->block->size : entry->len;
    uint64_t time_ns = time_of((struct slice){retained_bytes(entry, record->index), len});

    return time_ns > 0 ? time_ns : 1;
}

/* The first of a topic in a stream is taken for its oldest there: senders may have clocks of their own. */
static void find(struct retained_topic *topic, uint64_t sent_ns)
{
    if (topic->found_ns == 0 || sent_ns < topic->found_ns)
        topic->found_ns = sent_ns;
}

static size_t look_at(const struct stream *stream, uint64_t look, size_t topics)
{
    size_t looked = 0;
    size_t i = 0;

    while (i < stream->count && topics > 0) {
        const struct stream_record *record = stream_at(stream, i);
        bool is_event = record->state == STREAM_EVENT;

        looked++;
        i += is_event ? record->run : 1;
        if (!is_event || record->entry->topic->seen_in == look)
            continue;
        record->entry->topic->seen_in = look;
        find(record->entry->topic, sent_at(record));
        topics--;
    }
    return looked;
}

size_t peer_survey(struct peer *peer, uint32_t survey, uint64_t look, size_t topics)
{
    if (peer->survey == survey)
        return 0;
    peer->survey = survey;
    return look_at(&peer->stream, look, topics);
}
