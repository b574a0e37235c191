/* The rows across processes, X1 to X4: goals and contenders, the limit first.  Over shared memory the limit is a bare ring, over
 * ZeroMQ what a careful programmer writes by hand.  A goal's ratio is the goal divided by what that limit reached where the goals
 * were set. */
#include "bench/row.h"

#include <stddef.h>

#define RING(name_, row_, arguments_)                                                                                            \
    {                                                                                                                            \
        .name = name_, .role = ROLE_LIMIT, .program = "baselines/shared_ring", .row = row_, .arguments = arguments_,             \
        .first = 1000                                                                                                            \
    }
#define MORE_RING(name_, row_, arguments_)                                                                                       \
    {                                                                                                                            \
        .name = name_, .role = ROLE_BASELINE, .program = "baselines/shared_ring", .row = row_, .arguments = arguments_,          \
        .first = 1000                                                                                                            \
    }
#define WIRE(name_, role_, row_, arguments_)                                                                                     \
    {                                                                                                                            \
        .name = name_, .role = role_, .program = "baselines/zmq_wire", .row = row_, .arguments = arguments_, .first = 1000       \
    }
#define SHM_RING(name_, row_, arguments_)                                                                                        \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "shm_ring", .row = row_, .arguments = arguments_, .first = 1000             \
    }
#define LINK(name_, row_, arguments_)                                                                                            \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "links", .row = row_, .arguments = arguments_, .first = 1000                \
    }
/* The goals are for ipc. */
#define TCP_LINK(row_, arguments_, slow_, first_)                                                                                \
    {                                                                                                                            \
        .name = "libmaiko, ZeroMQ tcp", .role = ROLE_OURS, .program = "links", .row = row_, .arguments = arguments_,             \
        .slow = slow_, .first = first_, .no_goal = true                                                                          \
    }
/* Not in the quick run: seconds of copying. */
#define LARGE_LINK(name_, row_, arguments_)                                                                                      \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "links", .row = row_, .arguments = arguments_, .slow = true, .first = 100   \
    }
#define NNG(row_, arguments_)                                                                                                    \
    {                                                                                                                            \
        .name = "nng ipc", .role = ROLE_PEER, .program = "baselines/nng_ipc", .row = row_, .arguments = arguments_,              \
        .slow = true, .first = 1000                                                                                              \
    }
#define CYCLONE(row_, arguments_)                                                                                                \
    {                                                                                                                            \
        .name = "Cyclone DDS", .role = ROLE_PEER, .program = "baselines/cyclone", .row = row_, .arguments = arguments_,          \
        .slow = true, .first = 1000                                                                                              \
    }
/* For orientation: a daemon stands between. */
#define BROKER(name_, program_, row_, arguments_)                                                                                \
    {                                                                                                                            \
        .name = name_, .role = ROLE_PEER, .program = "baselines/" program_, .row = row_, .arguments = arguments_, .slow = true,  \
        .first = 1000                                                                                                            \
    }
#define PEERS(row_, arguments_)                                                                                                  \
    NNG(row_, arguments_), CYCLONE(row_, arguments_), BROKER("redis", "redis", row_, arguments_),                                \
        BROKER("mosquitto", "mosquitto", row_, arguments_)
#define PING(name_, role_, arguments_)                                                                                           \
    {                                                                                                                            \
        .name = name_, .role = role_, .program = "baselines/pingpong", .row = "X3", .arguments = arguments_, .first = 1000       \
    }

const struct row bench_link_rows[] = {
    {.id = "ring",
     .title = "a shared ring alone to another process, 64 bytes, published per 32",
     .unit = "M records/s",
     .goal = 100,
     .ratio_goal = 0.9,
     .goal_text = "100 or 0.9 of the limit",
     .contenders = {RING("fixed slots, nothing checked", "X1", "len=64 batch=32"),
                    MORE_RING("the same, records of 128 bytes", "X1", "len=128 batch=32"),
                    SHM_RING("libmaiko's ring: ids, times, every word checked", "X1", "len=64 batch=32")}},
    {.id = "ring-4",
     .title = "four shared rings alone, each to a process of its own, 64 bytes, published per 32",
     .unit = "M records/s each",
     .goal = 35,
     .ratio_goal = 0.92,
     .goal_text = "35 or 0.92 of the limit",
     .contenders = {RING("one ring, four cursors, nothing checked", "X2", "len=64 readers=4 batch=32"),
                    SHM_RING("libmaiko's rings", "X2", "len=64 readers=4 batch=32")}},
    {.id = "ring-64K",
     .title = "a shared ring alone to another process, 64 KiB read in place",
     .unit = "GB/s",
     .figure = "gb_per_s",
     .goal = 40,
     .ratio_goal = 0.73,
     .goal_text = "40 or 0.73 of the limit",
     .contenders = {RING("fixed slots, nothing checked", "X1", "len=65536"),
                    SHM_RING("libmaiko's ring and chunks", "X1", "len=65536")}},
    {.id = "X1-64",
     .title = "to another process, 64 bytes, shared memory",
     .unit = "M events/s",
     .goal = 30,
     .ratio_goal = 0.27,
     .goal_text = "30 or 0.27 of the limit",
     .contenders = {RING("bare ring, published per 32", "X1", "len=64 batch=32"),
                    MORE_RING("bare ring, published each", "X1", "len=64"),
                    LINK("libmaiko, shared memory", "X1", "len=64 transport=shm")}},
    {.id = "X1-64-zmq",
     .title = "to another process, 64 bytes, ZeroMQ",
     .unit = "M events/s",
     .goal = 6,
     .ratio_goal = 1.71,
     .goal_text = "6 or 1.71 of the limit",
     .contenders = {WIRE("libzmq and msgpack by hand, ipc", ROLE_LIMIT, "X1", "len=64"),
                    WIRE("the same, 64 events a message", ROLE_BASELINE, "X1", "len=64 batch=64"),
                    WIRE("libzmq and msgpack by hand, tcp", ROLE_BASELINE, "X1", "len=64 endpoint=tcp"),
                    LINK("libmaiko, ZeroMQ ipc", "X1", "len=64 transport=ipc"),
                    TCP_LINK("X1", "len=64 transport=tcp", false, 1000), PEERS("X1", "len=64")}},
    {.id = "X1-1K",
     .title = "to another process, 1 KiB, shared memory",
     .unit = "M events/s",
     .goal = 10,
     .ratio_goal = 0.56,
     .goal_text = "10 or 0.56 of the limit",
     .contenders = {RING("bare ring, published per 32", "X1", "len=1024 batch=32"),
                    MORE_RING("bare ring, published each", "X1", "len=1024"),
                    LINK("libmaiko, shared memory", "X1", "len=1024 transport=shm")}},
    {.id = "X1-1K-zmq",
     .title = "to another process, 1 KiB, ZeroMQ",
     .unit = "M events/s",
     .goal = 1.5,
     .ratio_goal = 1.92,
     .goal_text = "1.5 or 1.92 of the limit",
     .contenders = {WIRE("libzmq and msgpack by hand, ipc", ROLE_LIMIT, "X1", "len=1024"),
                    WIRE("the same, 64 events a message", ROLE_BASELINE, "X1", "len=1024 batch=64"),
                    WIRE("libzmq and msgpack by hand, tcp", ROLE_BASELINE, "X1", "len=1024 endpoint=tcp"),
                    LINK("libmaiko, ZeroMQ ipc", "X1", "len=1024 transport=ipc"),
                    TCP_LINK("X1", "len=1024 transport=tcp", false, 1000), PEERS("X1", "len=1024")}},
    {.id = "X1-64K",
     .title = "to another process, 64 KiB, shared memory",
     .unit = "GB/s",
     .figure = "gb_per_s",
     .goal = 40,
     .ratio_goal = 0.73,
     .goal_text = "40 or 0.73 of the limit",
     .contenders = {RING("bare ring", "X1", "len=65536"), LINK("libmaiko, shared memory", "X1", "len=65536 transport=shm")}},
    {.id = "X1-64K-zmq",
     .title = "to another process, 64 KiB, ZeroMQ",
     .unit = "GB/s",
     .figure = "gb_per_s",
     .goal = 1.6,
     .ratio_goal = 1.0,
     .goal_text = "1.6 or the limit",
     .contenders = {WIRE("libzmq and msgpack by hand, ipc", ROLE_LIMIT, "X1", "len=65536"),
                    WIRE("libzmq and msgpack by hand, tcp", ROLE_BASELINE, "X1", "len=65536 endpoint=tcp"),
                    LARGE_LINK("libmaiko, ZeroMQ ipc", "X1", "len=65536 transport=ipc"),
                    TCP_LINK("X1", "len=65536 transport=tcp", true, 100), PEERS("X1", "len=65536")}},
    {.id = "X1-1M",
     .title = "to another process, 1 MiB, shared memory",
     .unit = "GB/s",
     .figure = "gb_per_s",
     .goal = 38,
     .ratio_goal = 0.9,
     .goal_text = "38 or 0.9 of the limit",
     .contenders = {RING("bare ring", "X1", "len=1048576"), LINK("libmaiko, shared memory", "X1", "len=1048576 transport=shm")}},
    {.id = "X1-1M-zmq",
     .title = "to another process, 1 MiB, ZeroMQ",
     .unit = "GB/s",
     .figure = "gb_per_s",
     .goal = 4.4,
     .ratio_goal = 0.98,
     .goal_text = "4.4 or 0.98 of the limit",
     .contenders = {WIRE("libzmq and msgpack by hand, ipc", ROLE_LIMIT, "X1", "len=1048576"),
                    WIRE("libzmq and msgpack by hand, tcp", ROLE_BASELINE, "X1", "len=1048576 endpoint=tcp"),
                    LARGE_LINK("libmaiko, ZeroMQ ipc", "X1", "len=1048576 transport=ipc"),
                    TCP_LINK("X1", "len=1048576 transport=tcp", true, 100), PEERS("X1", "len=1048576")}},
    {.id = "X2",
     .title = "to four other processes, 64 bytes, shared memory",
     .unit = "M events/s each",
     .goal = 10,
     .ratio_goal = 0.26,
     .goal_text = "10 or 0.26 of the limit",
     .contenders = {RING("bare ring, published per 32", "X2", "readers=4 batch=32"),
                    MORE_RING("bare ring, published each", "X2", "readers=4"),
                    LINK("libmaiko, shared memory", "X2", "readers=4 transport=shm")}},
    {.id = "X2-zmq",
     .title = "to four other processes, 64 bytes, ZeroMQ",
     .unit = "M events/s each",
     .goal = 1.3,
     .ratio_goal = 1.08,
     .goal_text = "1.3 or 1.08 of the limit",
     .contenders = {WIRE("libzmq and msgpack by hand, ipc", ROLE_LIMIT, "X2", "readers=4"),
                    WIRE("the same, 64 events a message", ROLE_BASELINE, "X2", "readers=4 batch=64"),
                    LINK("libmaiko, ZeroMQ ipc", "X2", "readers=4 transport=ipc"),
                    TCP_LINK("X2", "readers=4 transport=tcp", true, 1000), PEERS("X2", "readers=4")}},
    {.id = "X3-p50",
     .title = "round trip between processes, sleeping, p50, shared memory",
     .unit = "us",
     .figure = "p50_us",
     .lower_is_better = true,
     .ratio_goal = 1.15,
     .goal_text = "1.15 times the limit",
     .contenders = {PING("two processes, eventfd", ROLE_LIMIT, "by=eventfd processes=1 percentiles=1"),
                    LINK("libmaiko, shared memory", "X3", "transport=shm")}},
    {.id = "X3-p50-zmq",
     .title = "round trip between processes, sleeping, p50, ZeroMQ",
     .unit = "us",
     .figure = "p50_us",
     .lower_is_better = true,
     .goal = 80,
     .ratio_goal = 1.095,
     .goal_text = "80 or 1.095 times the limit",
     .contenders = {WIRE("libzmq and msgpack by hand, ipc", ROLE_LIMIT, "X3", ""),
                    LINK("libmaiko, ZeroMQ ipc", "X3", "transport=ipc"), TCP_LINK("X3", "transport=tcp", true, 1000),
                    PEERS("X3", "")}},
    {.id = "X3-p99",
     .again = true,
     .title = "round trip between processes, sleeping, p99, shared memory",
     .unit = "us",
     .figure = "p99_us",
     .lower_is_better = true,
     .ratio_goal = 1.15,
     .goal_text = "1.15 times the limit",
     .contenders = {PING("two processes, eventfd", ROLE_LIMIT, "by=eventfd processes=1 percentiles=1"),
                    LINK("libmaiko, shared memory", "X3", "transport=shm")}},
    {.id = "X3-p99-zmq",
     .again = true,
     .title = "round trip between processes, sleeping, p99, ZeroMQ",
     .unit = "us",
     .figure = "p99_us",
     .lower_is_better = true,
     .goal = 120,
     .ratio_goal = 1.05,
     .goal_text = "120 or 1.05 times the limit",
     .contenders = {WIRE("libzmq and msgpack by hand, ipc", ROLE_LIMIT, "X3", ""),
                    LINK("libmaiko, ZeroMQ ipc", "X3", "transport=ipc"), TCP_LINK("X3", "transport=tcp", true, 1000),
                    PEERS("X3", "")}},
    {.id = "X3-spin",
     .title = "round trip between processes, spinning, p50",
     .unit = "us",
     .figure = "p50_us",
     .lower_is_better = true,
     .goal = 0.5,
     .ratio_goal = 3.7,
     .goal_text = "0.5 or 3.7 times the limit",
     .contenders = {PING("two processes, spinning", ROLE_LIMIT, "by=spin processes=1 percentiles=1"),
                    LINK("libmaiko, shared memory, spinning", "X3", "transport=shm spin_us=50")}},
    {.id = "X4",
     .again = true,
     .title = "CPU time of one event to another process, 64 bytes, shared memory",
     .unit = "CPU us",
     .figure = "cpu_us",
     .lower_is_better = true,
     .goal = 0.08,
     .ratio_goal = 4.5,
     .goal_text = "0.08 or 4.5 times the limit",
     .contenders = {RING("bare ring, published per 32", "X1", "len=64 batch=32"),
                    MORE_RING("bare ring, published each", "X1", "len=64"),
                    LINK("libmaiko, shared memory", "X1", "len=64 transport=shm")}},
    {.id = "X4-zmq",
     .again = true,
     .title = "CPU time of one event to another process, 64 bytes, ZeroMQ",
     .unit = "CPU us",
     .figure = "cpu_us",
     .lower_is_better = true,
     .goal = 0.25,
     .ratio_goal = 0.51,
     .goal_text = "0.25 or 0.51 times the limit",
     .contenders = {WIRE("libzmq and msgpack by hand, ipc", ROLE_LIMIT, "X1", "len=64"),
                    WIRE("the same, 64 events a message", ROLE_BASELINE, "X1", "len=64 batch=64"),
                    LINK("libmaiko, ZeroMQ ipc", "X1", "len=64 transport=ipc"),
                    TCP_LINK("X1", "len=64 transport=tcp", true, 1000), PEERS("X1", "len=64")}},
    {.id = NULL},
};
