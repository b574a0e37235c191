/* The rows in one process, W1 to W9: goals and contenders.  The limit comes first, the plain call second; the driver relies on
 * both. */
#include "bench/row.h"

#include <stddef.h>

/* Contenders of the in-process rows, W1 to W7. */
#define MINIMAL(name_, arguments_)                                                                                               \
    {                                                                                                                            \
        .name = name_, .role = ROLE_LIMIT, .program = "baselines/minimal", .arguments = arguments_                               \
    }
#define CALL                                                                                                                     \
    {                                                                                                                            \
        .name = "function call", .role = ROLE_BASELINE, .program = "baselines/call", .arguments = ""                             \
    }
#define OURS(name_, arguments_)                                                                                                  \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "actors", .arguments = arguments_                                           \
    }
/* Ours against ours: on another row's terms. */
#define OURS_AS(row_, name_, role_, program_, arguments_)                                                                        \
    {                                                                                                                            \
        .name = name_, .role = role_, .program = program_, .row = row_, .arguments = arguments_                                  \
    }
/* Ours in a configuration that the goal does not speak of. */
#define ALSO(name_, arguments_)                                                                                                  \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "actors", .arguments = arguments_, .no_goal = true                          \
    }
/* With the defaults, and across two shards, sleeping and spinning when there is nothing to do. */
#define ALSO_LATER(name_, arguments_)                                                                                            \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "actors", .arguments = arguments_, .no_goal = true, .slow = true            \
    }
#define ALSO_SHARDS                                                                                                              \
    ALSO_LATER("libmaiko, defaults", ""), ALSO_LATER("libmaiko, 2 shards", "shards=2 apart=1"),                                  \
        ALSO_LATER("libmaiko, 2 shards, spinning", "shards=2 apart=1 spin_us=50")
#define BY_HAND(name_, program_, arguments_)                                                                                     \
    {                                                                                                                            \
        .name = name_, .role = ROLE_BASELINE, .program = "baselines/" program_, .arguments = arguments_, .first = 20000          \
    }
#define PEER(name_, program_, arguments_)                                                                                        \
    {                                                                                                                            \
        .name = name_, .role = ROLE_PEER, .program = "baselines/" program_, .arguments = arguments_, .slow = true,               \
        .first = 20000                                                                                                           \
    }
#define ERLANG(arguments_)                                                                                                       \
    {                                                                                                                            \
        .name = "Erlang/OTP", .role = ROLE_PEER, .program = "baselines/actors.erl", .arguments = arguments_,                     \
        .interpreter = "escript", .slow = true, .first = 20000                                                                   \
    }
/* W6: both of its rows have the same contenders. */
#define CROWD(name_, role_, program_, actors_)                                                                                   \
    {                                                                                                                            \
        .name = name_, .role = role_, .program = program_, .row = "W6", .arguments = "actors=" actors_                           \
    }
#define LARGE_CROWD(name_, actors_)                                                                                              \
    {                                                                                                                            \
        .name = name_, .role = ROLE_OURS, .program = "actors", .row = "W6", .arguments = "actors=" actors_, .slow = true         \
    }
#define CROWD_PEER(name_, program_, interpreter_)                                                                                \
    {                                                                                                                            \
        .name = name_, .role = ROLE_PEER, .program = "baselines/" program_, .row = "W6", .arguments = "actors=100000",           \
        .interpreter = interpreter_, .slow = true                                                                                \
    }
#define CROWDS                                                                                                                   \
    {                                                                                                                            \
        CROWD("minimal runtime, 1 shard", ROLE_LIMIT, "baselines/minimal", "100000"),                                            \
            CROWD("libmaiko, 100 000 actors", ROLE_OURS, "actors", "100000"),                                                    \
            LARGE_CROWD("libmaiko, 1 000 000 actors", "1000000"), CROWD_PEER("C++ Actor Framework", "caf", NULL),                \
            CROWD_PEER("Erlang/OTP", "actors.erl", "escript")                                                                    \
    }
/* W4 across threads: few round trips tell how long they take. */
#define ACROSS(name_, role_, program_, row_, arguments_, first_)                                                                 \
    {                                                                                                                            \
        .name = name_, .role = role_, .program = program_, .row = row_, .arguments = arguments_, .first = first_                 \
    }
#define ACROSS_PEER(name_, program_)                                                                                             \
    {                                                                                                                            \
        .name = name_, .role = ROLE_PEER, .program = "baselines/" program_, .row = "W4", .arguments = "", .slow = true,          \
        .first = 2000                                                                                                            \
    }
#define PEERS PEER("C++ Actor Framework", "caf", ""), ERLANG("")

const struct row bench_actor_rows[] = {
    {.id = "W1",
     .title = "pipeline 1 to 1",
     .unit = "M events/s",
     .goal = 60,
     .ratio_goal = 0.38,
     .goal_text = "60 or 0.38 of the limit",
     .sane_ratio = 160.0 / 157,
     .contenders = {MINIMAL("minimal runtime, 1 shard", "shards=1"), CALL, OURS("libmaiko, 1 shard", "shards=1"),
                    ALSO("libmaiko, defaults", ""), ALSO("libmaiko, 2 shards", "shards=2 apart=1"),
                    ALSO("libmaiko, 2 shards, spinning", "shards=2 apart=1 spin_us=50"),
                    BY_HAND("minimal runtime, 2 shards", "minimal", "shards=2"),
                    BY_HAND("SPSC ring, published each", "ring", "batch=1"),
                    BY_HAND("SPSC ring, published per 32", "ring", "batch=32"),
                    BY_HAND("SPSC ring, parking, per 32", "ring", "batch=32 park=1"),
                    BY_HAND("SPSC ring, parking, each", "ring", "batch=1 park=1"),
                    BY_HAND("mutex and condition variable", "mutex_queue", ""), PEER("libzmq inproc", "zmq_inproc", ""),
                    PEER("nng inproc", "nng_inproc", ""), PEERS}},
    {.id = "W1-default",
     .title = "pipeline 1 to 1, what the defaults keep",
     .unit = "M events/s",
     .ratio_goal = 0.8,
     .goal_text = "0.8 of one shard",
     .contenders = {OURS_AS("W1", "libmaiko, 1 shard", ROLE_LIMIT, "actors", "shards=1"),
                    OURS_AS("W1", "libmaiko, defaults", ROLE_OURS, "actors", "")}},
    {.id = "W1-count",
     .title = "pipeline 1 to 1, what counting costs",
     .unit = "M events/s",
     .ratio_goal = 0.97,
     .goal_text = "0.97 of the limit",
     .layouts = BENCH_LAYOUTS,
     .contenders = {OURS_AS("W1", "libmaiko without counters, 1 shard", ROLE_LIMIT, "layouts/actors_uncounted", "shards=1"),
                    OURS_AS("W1", "libmaiko, 1 shard", ROLE_OURS, "layouts/actors", "shards=1")}},
    {.id = "W2",
     .title = "fan-out 1 to 8, deliveries",
     .unit = "M deliveries/s",
     .goal = 110,
     .ratio_goal = 0.48,
     .goal_text = "110 or 0.48 of the limit",
     .sane_ratio = 231.0 / 157,
     .contenders = {MINIMAL("minimal runtime, 1 shard", "shards=1"), CALL, OURS("libmaiko, 1 shard", "shards=1"), ALSO_SHARDS,
                    BY_HAND("minimal runtime, 2 shards", "minimal", "shards=2"), PEER("libzmq inproc", "zmq_inproc", ""),
                    PEER("nng inproc", "nng_inproc", ""), PEERS}},
    {.id = "W3",
     .title = "fan-in 4 to 1",
     .unit = "M events/s",
     .goal = 60,
     .ratio_goal = 0.39,
     .goal_text = "60 or 0.39 of the limit",
     .sane_ratio = 155.0 / 157,
     .contenders = {MINIMAL("minimal runtime, 1 shard", "shards=1"), CALL, OURS("libmaiko, 1 shard", "shards=1"), ALSO_SHARDS,
                    BY_HAND("minimal runtime, 2 shards", "minimal", "shards=2"), PEER("libzmq inproc", "zmq_inproc", ""),
                    PEER("nng inproc", "nng_inproc", ""), PEERS}},
    {.id = "W4",
     .title = "ping-pong on one shard",
     .unit = "M round trips/s",
     .goal = 25,
     .ratio_goal = 0.37,
     .goal_text = "25 or 0.37 of the limit",
     .sane_ratio = 68.0 / 157,
     .contenders = {MINIMAL("minimal runtime, 1 shard", "shards=1"), CALL, OURS("libmaiko, 1 shard", "shards=1"), PEERS}},
    {.id = "W4-spin",
     .title = "ping-pong across two shards, spinning",
     .unit = "M round trips/s",
     .ratio_goal = 1.0 / 3,
     .goal_text = "a third of the limit",
     .contenders = {ACROSS("two spinning threads", ROLE_LIMIT, "baselines/pingpong", NULL, "by=spin", 0),
                    ACROSS("minimal runtime, 2 shards", ROLE_BASELINE, "baselines/minimal", "W4", "shards=2", 20000),
                    ACROSS("libmaiko, 2 shards, spinning", ROLE_OURS, "actors", "W4", "shards=2 apart=1 spin_us=50", 10000)}},
    {.id = "W4-park",
     .title = "ping-pong across two shards, sleeping, each bound to a processor",
     .unit = "M round trips/s",
     .ratio_goal = 1 / 1.15,
     .goal_text = "1.15 times the limit's time",
     .contenders = {ACROSS("two threads, futex, on two processors", ROLE_LIMIT, "baselines/pingpong", NULL, "by=futex", 2000),
                    ACROSS("two threads, futex, not bound, perhaps on one", ROLE_BASELINE, "baselines/pingpong", NULL,
                           "by=futex cores=0", 2000),
                    ACROSS("libmaiko, 2 shards, on two processors", ROLE_OURS, "actors", "W4", "shards=2 apart=1 bound=1", 2000),
                    {.name = "libmaiko, 2 shards, not bound, perhaps on one",
                     .role = ROLE_OURS,
                     .program = "actors",
                     .row = "W4",
                     .arguments = "shards=2 apart=1",
                     .no_goal = true,
                     .first = 2000},
                    ACROSS_PEER("libzmq inproc", "zmq_inproc"),
                    ACROSS_PEER("nng inproc", "nng_inproc")}},
    {.id = "W5",
     .title = "source, three relays, sink",
     .unit = "M events/s",
     .goal = 20,
     .ratio_goal = 0.34,
     .goal_text = "20 or 0.34 of the limit",
     .sane_ratio = 58.0 / 157,
     .contenders = {MINIMAL("minimal runtime, 1 shard", "shards=1"), CALL, OURS("libmaiko, 1 shard", "shards=1"), ALSO_SHARDS,
                    BY_HAND("minimal runtime, 2 shards", "minimal", "shards=2"), PEER("libzmq inproc", "zmq_inproc", ""),
                    PEER("nng inproc", "nng_inproc", ""), PEERS}},
    {.id = "W6-bytes",
     .title = "100 000 actors, memory of each",
     .unit = "bytes",
     .figure = "bytes_each",
     .lower_is_better = true,
     .fixed = true,
     .goal = 512,
     .goal_text = "512",
     .contenders = CROWDS},
    {.id = "W6-time",
     .again = true,
     .title = "100 000 actors, creation of each",
     .unit = "us",
     .figure = "us_each",
     .lower_is_better = true,
     .fixed = true,
     .goal = 0.4,
     .ratio_goal = 5,
     .goal_text = "0.4 or 5 times the limit",
     .contenders = CROWDS},
    {.id = "W7",
     .title = "one source, 1 000 topics with an actor each",
     .unit = "M events/s",
     .goal = 40,
     .ratio_goal = 0.33,
     .goal_text = "40 or 0.33 of the limit",
     .sane_ratio = 121.0 / 157,
     .contenders = {MINIMAL("minimal runtime, 1 shard", "shards=1"), CALL, OURS("libmaiko, 1 shard", "shards=1"), ALSO_SHARDS,
                    PEER("libzmq inproc", "zmq_inproc", ""), PEERS}},
    {.id = "W8",
     .title = "10 000 wildcard subscriptions, 100 match each event",
     .unit = "M deliveries/s",
     .ratio_goal = 0.9,
     .goal_text = "independent of those that do not match",
     .contenders =
         {{.name = "libmaiko, 10 do not match", .role = ROLE_LIMIT, .program = "actors", .arguments = "shards=1 others=10"},
          OURS("libmaiko, 1 000 do not match", "shards=1 others=1000"),
          OURS("libmaiko, 10 000 do not match", "shards=1 others=10000")}},
    {.id = "W9",
     .title = "8 actors, 10 us of work per event",
     .unit = "M events/s",
     .ratio_goal = 0.95,
     .goal_text = "0.95 of the limit, with default settings",
     .contenders = {{.name = "two bare threads",
                     .role = ROLE_LIMIT,
                     .program = "baselines/bare_work",
                     .arguments = "threads=2",
                     .first = 5000},
                    {.name = "libmaiko, defaults", .role = ROLE_OURS, .program = "actors", .arguments = "", .first = 5000}}},
    {.id = NULL},
};
