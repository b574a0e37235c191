/* A conversation from anybody: frames of two bytes of length and that many bytes, after a session was established.  The peer
 * may end the
 * session, and nothing else may happen. */
#include <string.h>

#include "lib/sample_events.h"
#include "link/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void on_send(struct peer *peer, const uint8_t *bytes, size_t len, void *userdata)
{
    struct frame frame;

    if (frame_read(bytes, len, &frame, NULL) != MAIKO_OK)
        __builtin_trap();
}

static void on_close(struct peer *peer, void *userdata)
{
}

static bool on_deliver(struct peer *peer, const struct inbound_event *event, void *userdata)
{
    uint64_t *positions = userdata;

    event->channel->is_native = true;
    positions[0] = event->stream;
    positions[1] = event->position;
    return event->position % 2 == 0;
}

static void on_ended(struct peer *peer, const char *publisher, const char *const *publish, void *userdata)
{
    for (; *publish != NULL; publish++)
        (void)strlen(*publish);
}

static void on_actors(struct peer *peer, const struct frame_actor *actors, size_t count, void *userdata)
{
}

static bool is_near(struct peer *peer, void *userdata)
{
    return true;
}

static const struct peer_sink sink = {
    .send = on_send, .close = on_close, .deliver = on_deliver, .is_near = is_near, .ended = on_ended, .actors = on_actors};

static void establish(struct peer *peer)
{
    struct frame hello = {.kind = FRAME_HELLO,
                          .session = 1,
                          .hello = {.min = 1, .max = 1, .space = slice_of("s"), .name = slice_of("n"), .node = {2, 2}}};
    struct frame ready = {.kind = FRAME_READY, .session = 1, .number = 2, .stream = 1, .is_lost_known = true};
    struct pack pack;

    pack_init(&pack, heap_default(), 4096);
    frame_write(&pack, &hello);
    peer_frame(peer, pack.data, pack.len, 1);
    pack_clear(&pack);
    frame_write(&pack, &ready);
    peer_frame(peer, pack.data, pack.len, 1);
    pack_deinit(&pack);
}

static void publish(struct exporter *exporter, uint64_t number)
{
    numbers value = {.u64 = number};
    struct export_event event = {.type = MAIKO_TYPE(numbers),
                                 .payload = &value,
                                 .topic = number % 2 == 0 ? "a" : "b",
                                 .sender = "s",
                                 .id = {1, number},
                                 .overflow = (maiko_overflow)(1 + number % 4)};

    (void)!exporter_publish(exporter, &event, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct exporter_config exporter_config = {.heap = heap_default(), .log_bytes = 2000};
    struct pattern wish = {.text = (char *)(uintptr_t) "#"};
    uint64_t positions[2] = {0, 0};
    struct peer_config config = {.heap = heap_default(),
                                 .identity = {.space = "s", .name = "m", .node = {1, 1}},
                                 .sink = &sink,
                                 .userdata = positions,
                                 .window_events = 3};
    struct peer *peer;
    uint64_t now = 2;

    if (exporter_new(&exporter_config, &config.exporter) != MAIKO_OK || peer_new(&config, &peer) != MAIKO_OK)
        __builtin_trap();
    (void)!peer_subscribe(peer, &wish, 1);
    establish(peer);
    while (len >= 2) {
        size_t frame_len = (size_t)data[0] << 8 | data[1];

        data += 2;
        len -= 2;
        if (frame_len > len)
            frame_len = len;
        publish(config.exporter, now);
        peer_frame(peer, data, frame_len, now);
        peer_delivered(peer, positions[0], positions[1], now);
        peer_flush(peer, now);
        now += MAIKO_MS(frame_len);
        peer_tick(peer, now);
        data += frame_len;
        len -= frame_len;
    }
    peer_free(peer);
    exporter_free(config.exporter);
    return 0;
}
