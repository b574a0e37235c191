/* The rows X5 to X7: what others notice when a reader stands still, a process is killed, or somebody comes late. */
#include "bench/row.h"

#include <stddef.h>

#define TROUBLE(name_, row_, arguments_)                                                                                         \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "trouble", .row = row_, .arguments = arguments_                             \
    }
/* Not in the quick run: seconds of waiting. */
#define LONG_TROUBLE(name_, row_, arguments_)                                                                                    \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "trouble", .row = row_, .arguments = arguments_, .slow = true               \
    }

/* Without a space: over TCP nobody tells of a death but five seconds of silence, so the goals are not for it. */
#define TCP_TROUBLE(row_, arguments_)                                                                                            \
    {                                                                                                                            \
        .name = "libmaiko, ZeroMQ tcp", .role = ROLE_OURS, .program = "trouble", .row = row_, .arguments = arguments_,           \
        .slow = true, .no_goal = true                                                                                            \
    }
/* A hundred kills, ten in the quick run. */
#define KILLS(name_, row_, arguments_)                                                                                           \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "trouble", .row = row_, .arguments = arguments_ " rounds=100",              \
        .quick_arguments = arguments_ " rounds=10"                                                                               \
    }

const struct row bench_trouble_rows[] = {
    {.id = "X5-drop",
     .title = "one of three readers stands still for 3 s, DROP: the others' longest wait",
     .unit = "ms",
     .figure = "stall_ms",
     .lower_is_better = true,
     .fixed = true,
     .runs = 1,
     .goal = 50,
     .goal_text = "nobody waits (50)",
     .contenders = {LONG_TROUBLE("libmaiko, shared memory", "X5", "transport=shm policy=drop"),
                    LONG_TROUBLE("libmaiko, ZeroMQ ipc", "X5", "transport=zmq policy=drop"),
                    TCP_TROUBLE("X5", "transport=tcp policy=drop")}},
    {.id = "X5-block",
     .title = "one of three readers stands still for 3 s, BLOCK with a deadline of 1 s: the others' longest wait",
     .unit = "ms",
     .figure = "stall_ms",
     .lower_is_better = true,
     .fixed = true,
     .runs = 1,
     .goal = 1050,
     .goal_text = "until the deadline (1 050)",
     .contenders = {LONG_TROUBLE("libmaiko, shared memory", "X5", "transport=shm policy=block deadline_ms=1000"),
                    LONG_TROUBLE("libmaiko, ZeroMQ ipc", "X5", "transport=zmq policy=block deadline_ms=1000"),
                    TCP_TROUBLE("X5", "transport=tcp policy=block deadline_ms=1000")}},
    {.id = "X6-reader",
     .title = "one of two readers is killed: the other one's longest wait, median of 100 kills, 10 in the quick run",
     .unit = "ms",
     .figure = "median_ms",
     .lower_is_better = true,
     .fixed = true,
     .cases = true,
     .runs = 1,
     .goal = 1,
     .goal_text = "1",
     .contenders = {KILLS("libmaiko, shared memory", "X6-reader", "transport=shm")}},
    {.id = "X6-reader-zmq",
     .title = "the same over ZeroMQ",
     .unit = "ms",
     .figure = "median_ms",
     .lower_is_better = true,
     .fixed = true,
     .cases = true,
     .runs = 1,
     .goal = 5,
     .goal_text = "5",
     .contenders = {KILLS("libmaiko, ZeroMQ ipc", "X6-reader", "transport=zmq"),
                    TCP_TROUBLE("X6-reader", "transport=tcp rounds=2")}},
    {.id = "X6-writer",
     .title = "the writer is killed and started again: its first event on the way, none lost, median of 100 kills, 10 in the "
              "quick run",
     .unit = "ms",
     .figure = "median_ms",
     .lower_is_better = true,
     .fixed = true,
     .cases = true,
     .runs = 1,
     .goal = 10,
     .goal_text = "10",
     .contenders = {KILLS("libmaiko, shared memory", "X6-writer", "transport=shm")}},
    {.id = "X6-writer-zmq",
     .title = "the same over ZeroMQ",
     .unit = "ms",
     .figure = "median_ms",
     .lower_is_better = true,
     .fixed = true,
     .cases = true,
     .runs = 1,
     .goal = 20,
     .goal_text = "20",
     .contenders = {KILLS("libmaiko, ZeroMQ ipc", "X6-writer", "transport=zmq"),
                    TCP_TROUBLE("X6-writer", "transport=tcp rounds=100")}},
    {.id = "X7-late",
     .title = "1 000 events right after a subscriber's start returned",
     .unit = "events arrived",
     .figure = "arrived",
     .fixed = true,
     .goal = 1000,
     .goal_text = "1 000",
     .contenders = {TROUBLE("libmaiko, shared memory", "X7-late", "transport=shm log=1"),
                    TROUBLE("libmaiko, ZeroMQ ipc", "X7-late", "transport=zmq log=1"),
                    TCP_TROUBLE("X7-late", "transport=tcp log=1")}},
    {.id = "X7-new",
     .title = "1 000 events of a publisher that starts after the subscriber",
     .unit = "events arrived",
     .figure = "arrived",
     .fixed = true,
     .goal = 1000,
     .goal_text = "1 000",
     .contenders = {TROUBLE("libmaiko, shared memory", "X7-new", "transport=shm"),
                    TROUBLE("libmaiko, ZeroMQ ipc", "X7-new", "transport=zmq"), TCP_TROUBLE("X7-new", "transport=tcp")}},
    {.id = NULL},
};
