/* Trouble: the processes that send and receive. */
#include "bench/trouble.h"

#include <maiko/peer.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define BATCH 20u
#define PAUSE_NS MAIKO_US(100)

#define MARK_FIELDS(F) F(UINT64, writer) F(UINT64, number)
MAIKO_EVENT(mark, "bench/there", MARK_FIELDS)
#define GO_FIELDS(F)
MAIKO_EVENT(go, "bench/go", GO_FIELDS)

struct node {
    struct trouble *trouble;
    struct page *page;
    struct reader *reader;
    uint64_t number, made; /* writers */
};

void trouble_ring(struct page *page)
{
    atomic_fetch_add(&page->bell, 1);
    futex_wake(&page->bell);
}

static void check(maiko_status status, const char *text)
{
    if (status == MAIKO_OK)
        return;
    fprintf(stderr, "libmaiko: %s: %s\n", maiko_strerror(status), text);
    subject_die("libmaiko refused");
}

/* --- the writer --- */

static maiko_step write_some(void *self, maiko_context *ctx)
{
    struct node *node = self;
    const uint64_t limit = atomic_load(&node->page->limit);

    if (node->trouble->waits && atomic_load(&node->page->go) == 0)
        return MAIKO_STEP_AWAIT_EVENT;
    for (unsigned i = 0; i < BATCH && node->made < limit && !maiko_is_sender_full(ctx); i++) {
        if (node->made == 0)
            atomic_store(&node->page->first_ns, bench_now_ns());
        if (maiko_send(ctx, mark, .writer = node->number, .number = node->made) != MAIKO_OK)
            return MAIKO_STEP_NEVER;
        node->made++;
    }
    atomic_store(&node->page->sent, node->made);
    return node->made == limit ? MAIKO_STEP_NEVER : MAIKO_STEP_BACKOFF(PAUSE_NS);
}

static maiko_status begin(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    return MAIKO_OK;
}

/* --- a reader --- */

static void ring_when_awaited(struct node *node)
{
    struct reader *reader = node->reader;

    if (atomic_load(&reader->received) + atomic_load(&reader->lost) >= atomic_load(&reader->awaited))
        trouble_ring(node->page);
}

static void take(struct node *node, const mark *event)
{
    struct reader *reader = node->reader;
    const uint64_t now = bench_now_ns(), last = atomic_load(&reader->last_ns);

    if (event->writer != atomic_load(&reader->writer)) {
        atomic_store(&reader->next, 0);
        atomic_store(&reader->skipped, 0);
        atomic_store(&reader->first_ns, now);
        atomic_store(&reader->writer, event->writer);
    } else if (last != 0 && now - last > atomic_load(&reader->gap_ns)) {
        atomic_store(&reader->gap_ns, now - last);
    }
    atomic_store(&reader->last_ns, now);
    atomic_fetch_add(&reader->skipped, event->number - atomic_load(&reader->next));
    atomic_store(&reader->next, event->number + 1);
    atomic_fetch_add(&reader->received, 1);
}

static maiko_status receive(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const mark *event = maiko_event_as(envelope, mark);

    if (event != NULL)
        take(self, event);
    ring_when_awaited(self);
    return MAIKO_OK;
}

static maiko_status note_report(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const maiko_peer_report *report = maiko_event_as(envelope, maiko_peer_report);
    struct node *node = self;

    if (report != NULL && report->news == MAIKO_PEER_GAP) {
        atomic_fetch_add(&node->reader->lost, report->lost);
        if (node->trouble->tells_losses)
            fprintf(stderr, "reader %u: %llu events of %s lost: %s\n", (unsigned)(node->reader - node->page->readers),
                    (unsigned long long)report->lost, report->peer, report->reason);
    }
    ring_when_awaited(node);
    return MAIKO_OK;
}

/* --- processes --- */

static void say(maiko_log_level level, const char *text, void *userdata)
{
    if (level >= MAIKO_LOG_ERROR)
        fprintf(stderr, "libmaiko: %s\n", text);
}

static maiko_supervisor *open_node(const struct trouble *trouble, bool writes, maiko_bridge **ret_bridge)
{
    const bool by_address = trouble->endpoint[0] != '\0';
    maiko_supervisor *supervisor = maiko_supervisor_new(&(maiko_config){.log = say});
    maiko_bridge *bridge = maiko_bridge_new(supervisor, &(maiko_bridge_config){.transport = trouble->transport,
                                                                               .space = by_address ? NULL : "bench",
                                                                               .runtime_dir = trouble->directory,
                                                                               .deadline_ns = trouble->deadline_ns,
                                                                               .log = say});

    if (writes)
        maiko_bridge_export(bridge, &(maiko_bridge_pattern){.pattern = "bench/there"});
    else
        maiko_bridge_import(
            bridge, &(maiko_bridge_pattern){.pattern = "bench/there", .overflow = trouble->overflow, .from = trouble->from});
    if (by_address && writes)
        maiko_bridge_listen(bridge, trouble->endpoint);
    else if (by_address)
        maiko_bridge_connect(bridge, trouble->endpoint, NULL);
    *ret_bridge = bridge;
    return supervisor;
}

static void start_node(maiko_supervisor *supervisor, maiko_bridge *bridge, const maiko_actor_spec *spec)
{
    maiko_supervisor_add(supervisor, spec);
    check(maiko_bridge_start(bridge), maiko_bridge_error_text(bridge));
    check(maiko_supervisor_start(supervisor), maiko_supervisor_error_text(supervisor));
}

static _Noreturn void run_writer(struct node *node)
{
    static const maiko_actor_ops ops = {.step = write_some, .handle = begin};
    maiko_bridge *bridge;
    maiko_supervisor *supervisor = open_node(node->trouble, true, &bridge);

    start_node(supervisor, bridge,
               &(maiko_actor_spec){.name = "writer", .ops = &ops, .self = node, .subscribe = MAIKO_TOPICS("bench/go")});
    atomic_store(&node->page->writer_ready, true);
    trouble_ring(node->page);
    while (node->trouble->waits && atomic_load(&node->page->go) == 0)
        futex_wait(&node->page->go, 0);
    if (node->trouble->waits)
        check(maiko_send(maiko_supervisor_context(supervisor), go), "cannot begin");
    for (;;)
        pause();
}

static _Noreturn void run_reader(struct node *node)
{
    static const maiko_actor_ops ops = {.handle = receive}, reports = {.handle = note_report};
    maiko_bridge *bridge;
    maiko_supervisor *supervisor = open_node(node->trouble, false, &bridge);

    /* an actor of its own: reports hold nobody, and a mailbox full of events would lose them */
    maiko_supervisor_add(
        supervisor,
        &(maiko_actor_spec){.name = "reports", .ops = &reports, .self = node, .subscribe = MAIKO_TOPICS(MAIKO_TOPIC_PEER)});
    start_node(supervisor, bridge,
               &(maiko_actor_spec){.name = "reader", .ops = &ops, .self = node, .subscribe = MAIKO_TOPICS("bench/there")});
    atomic_store(&node->reader->ready, true);
    trouble_ring(node->page);
    for (;;)
        pause();
}

static pid_t fork_node(struct node *node, void (*run)(struct node *node))
{
    const pid_t child = fork();

    if (child < 0)
        subject_die("no process");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(node);
    }
    return child;
}

pid_t trouble_start_writer(struct trouble *trouble, uint64_t number)
{
    struct page *page = trouble->page;

    atomic_store(&page->sent, 0);
    atomic_store(&page->first_ns, 0);
    atomic_store(&page->writer_ready, false);
    return fork_node(&(struct node){.trouble = trouble, .page = page, .number = number}, run_writer);
}

pid_t trouble_start_reader(struct trouble *trouble, unsigned nth)
{
    struct reader *reader = &trouble->page->readers[nth];

    atomic_store(&reader->received, 0);
    atomic_store(&reader->lost, 0);
    atomic_store(&reader->last_ns, 0);
    atomic_store(&reader->gap_ns, 0);
    atomic_store(&reader->writer, 0);
    atomic_store(&reader->ready, false);
    return fork_node(&(struct node){.trouble = trouble, .page = trouble->page, .reader = reader}, run_reader);
}
