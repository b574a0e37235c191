/* The row of the command: what a sender notices of somebody who looks on from a shell. */
#include "bench/row.h"

#include <stddef.h>

#define SHELL(name_, role_, arguments_)                                                                                          \
    {                                                                                                                            \
        .name = name_, .role = role_, .program = "shell", .arguments = arguments_ " events=300000",                              \
        .quick_arguments = arguments_ " events=50000"                                                                            \
    }

const struct row bench_shell_rows[] = {
    {.id = "shell-echo",
     .title = "100 k events/s while maiko topic echo writes all of them into a file: when each millisecond's are sent, p99",
     .unit = "us after their time",
     .figure = "p99_us",
     .lower_is_better = true,
     .fixed = true,
     .ratio_goal = 1.1,
     .goal_text = "1.1 times the limit, none lost",
     .contenders = {SHELL("nobody listens", ROLE_LIMIT, "echo=0 rate=100000"),
                    SHELL("maiko topic echo", ROLE_OURS, "echo=1 rate=100000")}},
    {.id = NULL},
};
