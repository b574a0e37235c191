/* Row: one line of the report: what is measured, in which unit, who competes, and what counts as met. */
#ifndef BENCH_ROW_H
#define BENCH_ROW_H

#include <stdbool.h>

enum role {
    ROLE_LIMIT,    /* the row's yardstick: ratios are against it */
    ROLE_OURS,     /* libmaiko: the goals are for it */
    ROLE_BASELINE, /* what one would write by hand */
    ROLE_PEER,     /* another library */
};

struct contender {
    const char *name;
    enum role role;
    const char *program;   /* below the folder of built programs, or a script below the sources when `interpreter` is given */
    const char *arguments; /* key=value, separated by single spaces; "" for none */
    const char *quick_arguments; /* of the quick run; NULL: the same */
    const char *row;             /* the row's name on its command line; NULL: the row's id */
    const char *interpreter;
    bool slow;    /* left out of the quick run */
    double first; /* events of the warm-up run, which also finds the number for the measured ones; 0: 100 000 */
    bool no_goal; /* ours, but not the configuration the goal is about */
};

#define BENCH_LAYOUTS 8u /* as in local.mk */
#define ROW_MOST_CONTENDERS 24u

struct row {
    const char *id;
    const char *title;
    const char *unit;
    const char *figure; /* what the programs print it as; NULL: "rate" */
    bool lower_is_better;
    bool fixed;        /* the arguments say how much is done, nothing is scaled */
    bool cases;        /* one run counts many cases and prints median_ms, min_ms, max_ms, p95_ms and cases */
    bool again;        /* shows runs of earlier rows in another figure, where they were made */
    unsigned layouts;  /* programs there are of each contender, NAME-1 and so on, see layouts.sh; 0: the one */
    unsigned runs;     /* at most; 0: as many as are asked for.  With 1 there is no warm-up */
    double goal;       /* in the unit; 0: none */
    double ratio_goal; /* against the limit; 0: none.  Either of the two is enough */
    const char *goal_text;
    double sane_ratio; /* what the limit reached against the plain call where the goals were set; 0: not checked */
    struct contender contenders[ROW_MOST_CONTENDERS];
};

/* Each ends with an id of NULL. */
extern const struct row bench_actor_rows[];
extern const struct row bench_link_rows[];
extern const struct row bench_trouble_rows[];
extern const struct row bench_shell_rows[];

/* Figures of peers that are not measured here, with where they come from. */
struct constant {
    const char *row;
    const char *name;
    double value;
};

extern const struct constant bench_constants[]; /* ends with a row of NULL */
extern const char bench_constants_origin[];

#endif
