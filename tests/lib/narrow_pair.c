/* Narrow pair, see narrow_pair.h. */
#include "lib/narrow_pair.h"

#include <string.h>

#include "lib/suite.h"

struct pair pair;

void narrow_open(void)
{
    CU_ASSERT_EQUAL_FATAL(pair_open(&pair), MAIKO_OK);
}

void narrow_begin(void)
{
    pair_init(&pair, heap_default());
    pair.b.config.window_events = 4;
    narrow_open();
}

void narrow_publish(const char *topic, maiko_overflow overflow, unsigned count)
{
    static uint64_t number;

    for (; count > 0; count--)
        CU_ASSERT_EQUAL(pair_publish(&pair.a, topic, overflow, ++number), MAIKO_OK);
}

void narrow_link_up(const char *pattern, enum pattern_from from)
{
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, pattern, from), MAIKO_OK);
    pair_connect(&pair);
    CU_ASSERT(peer_is_ready(pair.b.peer));
}

void narrow_fail(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("t", FROM_LIVE);
    narrow_publish("t", MAIKO_FAIL, 6);
    pair_settle(&pair);
    pair_deliver(&pair.b);
    CU_ASSERT(strstr(pair.b.news, "failed:overflow") != NULL);
}

void narrow_say(const struct frame *frame)
{
    struct pack pack;

    pack_init(&pack, heap_default(), 4096);
    frame_write(&pack, frame);
    peer_frame(pair.b.peer, pack.data, pack.len, pair.now);
    pack_deinit(&pack);
}
