/* Links: the rows X1 to X4 from an actor of one process to actors of others, over the transport that the command line names:
 * transport=ipc, tcp or shm.  X1 and X2 count and check every event; X3 measures round trips. */
#include "bench/lib/bulk.h"
#include "bench/lib/port.h"
#include "bench/lib/team.h"

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BURST 128u /* events a source makes before others have their turn */
#define PATIENCE MAIKO_SECONDS(30)

#define SMALL_FIELDS(F) F(BLOB, body, 64)
MAIKO_EVENT(small, "bench/there", SMALL_FIELDS)
#define MEDIUM_FIELDS(F) F(BLOB, body, 1024)
MAIKO_EVENT(medium, "bench/there", MEDIUM_FIELDS)
#define LARGE_FIELDS(F) F(TAIL, body, BYTES)
MAIKO_EVENT(large, "bench/there", LARGE_FIELDS)
MAIKO_EVENT(answer, "bench/back", SMALL_FIELDS)
#define GO_FIELDS(F)
MAIKO_EVENT(go, "bench/go", GO_FIELDS)

struct setup {
    char endpoint[96];
    char directory[64]; /* of the ipc socket */
    maiko_transport transport;
    uint64_t events, spin_us;
    size_t len;
    const void *prepared;
    bool rounds;
};

/* State of the one actor of a process. */
struct part {
    const struct setup *setup;
    struct team_result *result;
    uint64_t made, next;
    uint64_t asked_ns;
    double *microseconds;
};

static void check(maiko_status status, const char *text)
{
    if (status == MAIKO_OK)
        return;
    fprintf(stderr, "libmaiko: %s: %s\n", maiko_strerror(status), text);
    if (status == MAIKO_ENOTSUP)
        _exit(127); /* this transport is not there: the driver takes it as not built */
    subject_die("libmaiko refused");
}

/* --- the sending side --- */

static maiko_status send_one(struct part *part, maiko_context *ctx)
{
    const size_t len = part->setup->len;

    if (len == sizeof((small *)0)->body.data) {
        small event = {.body.len = (uint32_t)len};

        bulk_fill(event.body.data, part->setup->prepared, len, part->made++);
        return maiko_send_event(ctx, small, &event);
    }
    if (len == sizeof((medium *)0)->body.data) {
        medium event;

        event.body.len = (uint32_t)len;
        bulk_fill(event.body.data, part->setup->prepared, len, part->made++);
        return maiko_send_event(ctx, medium, &event);
    }
    large *event = maiko_reserve(ctx, large, len);

    if (event == NULL)
        return maiko_context_last_refusal(ctx);
    bulk_fill(event->body, part->setup->prepared, len, part->made++);
    return maiko_commit(ctx, event);
}

static maiko_step produce(void *self, maiko_context *ctx)
{
    struct part *part = self;
    const uint64_t pause = part->made + BURST < part->setup->events ? part->made + BURST : part->setup->events;

    if (part->next == 0)
        return MAIKO_STEP_AWAIT_EVENT; /* until it is told to go */
    while (part->made < pause && !maiko_is_sender_full(ctx)) {
        const maiko_status status = send_one(part, ctx);

        if (status != MAIKO_OK)
            return maiko_error(ctx, status, "event %llu was refused", (unsigned long long)part->made);
    }
    return part->made < part->setup->events ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

static maiko_status begin(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    ((struct part *)self)->next = 1;
    return MAIKO_OK;
}

/* --- the receiving side --- */

static maiko_status receive(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const small *small_event = maiko_event_as(envelope, small);
    const medium *medium_event = small_event == NULL ? maiko_event_as(envelope, medium) : NULL;
    const large *large_event = small_event == NULL && medium_event == NULL ? maiko_event_as(envelope, large) : NULL;
    const void *body = small_event != NULL ? small_event->body.data : medium_event != NULL ? medium_event->body.data : NULL;
    struct part *part = self;

    if (large_event != NULL)
        body = large_event->body;
    if (body == NULL)
        return maiko_error(ctx, MAIKO_ETYPE, "an event that nobody sends");
    team_count(part->result, bulk_sequence(body), bulk_sum(body, part->setup->len), &part->next);
    if (part->next == part->setup->events) /* the last one; what is missing before it is lost */
        maiko_stop_runtime(ctx);
    return MAIKO_OK;
}

/* --- round trips --- */

static maiko_status ask(struct part *part, maiko_context *ctx)
{
    part->asked_ns = bench_now_ns();
    return send_one(part, ctx);
}

static maiko_status ask_first(void *self, maiko_context *ctx, const go *event, const maiko_envelope *envelope)
{
    return ask(self, ctx);
}

static maiko_status ask_again(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct part *part = self;

    if (maiko_event_as(envelope, answer) == NULL)
        return MAIKO_OK;
    part->microseconds[part->next++] = (double)(bench_now_ns() - part->asked_ns) * 1e-3;
    if (part->next == part->setup->events)
        return maiko_stop_runtime(ctx);
    return ask(part, ctx);
}

static maiko_status give_answer(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const small *question = maiko_event_as(envelope, small);
    struct part *part = self;
    answer event;

    if (question == NULL)
        return MAIKO_OK;
    team_count(part->result, bulk_sequence(question->body.data), bulk_sum(question->body.data, part->setup->len), &part->next);
    memcpy(&event.body, &question->body, sizeof event.body);
    if (part->next == part->setup->events)
        maiko_stop_runtime(ctx);
    return maiko_send_child_event(ctx, envelope, answer, &event);
}

/* --- processes --- */

struct process {
    maiko_supervisor *supervisor;
    maiko_bridge *bridge;
};

static void say(maiko_log_level level, const char *text, void *userdata)
{
    if (level >= MAIKO_LOG_ERROR)
        fprintf(stderr, "libmaiko: %s\n", text);
}

/* Shared memory is for nodes of a space; they find each other. */
static bool uses_space(const struct setup *setup)
{
    return setup->transport == MAIKO_TRANSPORT_SHM;
}

static void open_process(struct process *process, const struct setup *setup, bool listens)
{
    process->supervisor = maiko_supervisor_new(&(maiko_config){.spin_ns = setup->spin_us * 1000, .log = say});
    process->bridge = maiko_bridge_new(process->supervisor, &(maiko_bridge_config){.transport = setup->transport,
                                                                                   .space = uses_space(setup) ? "bench" : NULL,
                                                                                   .runtime_dir = setup->directory,
                                                                                   .log = say});
    if (listens || setup->rounds)
        maiko_bridge_export(process->bridge, &(maiko_bridge_pattern){.pattern = listens ? "bench/there" : "bench/back"});
    if (!listens || setup->rounds)
        maiko_bridge_import(process->bridge, &(maiko_bridge_pattern){.pattern = listens ? "bench/back" : "bench/there"});
    if (uses_space(setup))
        return;
    if (listens)
        maiko_bridge_listen(process->bridge, setup->endpoint);
    else
        maiko_bridge_connect(process->bridge, setup->endpoint, NULL);
}

static void start_process(struct process *process, const maiko_actor_spec *spec)
{
    maiko_supervisor_add(process->supervisor, spec);
    check(maiko_bridge_start(process->bridge), maiko_bridge_error_text(process->bridge));
    check(maiko_supervisor_start(process->supervisor), maiko_supervisor_error_text(process->supervisor));
}

static void close_process(struct process *process)
{
    maiko_supervisor_halt(process->supervisor, NULL);
    maiko_bridge_stop(&process->bridge);
    maiko_supervisor_stop(&process->supervisor, NULL);
}

static void run_receiver(struct team *team, unsigned nth)
{
    static const maiko_actor_ops receiver = {.handle = receive}, answerer = {.handle = give_answer};
    const struct setup *setup = team->setup;
    struct part part = {.setup = setup, .result = &team->results[nth]};
    struct process process;

    open_process(&process, setup, false);
    start_process(&process, &(maiko_actor_spec){.name = "receiver",
                                                .ops = setup->rounds ? &answerer : &receiver,
                                                .self = &part,
                                                .subscribe = MAIKO_TOPICS("bench/there"),
                                                .types = MAIKO_TYPES(MAIKO_TYPE(small), MAIKO_TYPE(medium), MAIKO_TYPE(large))});
    check(maiko_supervisor_join(process.supervisor), maiko_supervisor_error_text(process.supervisor));
    close_process(&process);
}

static void measure(struct team *team, struct subject *subject, struct process *process)
{
    const struct setup *setup = team->setup;

    check(maiko_bridge_wait_ready(process->bridge, "bench/there", team->count, PATIENCE), "the receivers do not come");
    subject_begin(subject);
    check(maiko_send(maiko_supervisor_context(process->supervisor), go), "cannot begin");
    if (setup->rounds) {
        check(maiko_supervisor_join(process->supervisor), maiko_supervisor_error_text(process->supervisor));
        subject_end(subject);
        team_join(team);
    } else {
        team_join(team);
        subject_end(subject);
    }
}

static void run_sender(struct team *team, struct subject *subject)
{
    static const maiko_handler asking[] = {MAIKO_ON(go, ask_first), MAIKO_HANDLERS_END};
    static const maiko_actor_ops source = {.step = produce, .handle = begin};
    static const maiko_actor_ops asker = {.handlers = asking, .handle = ask_again};
    const struct setup *setup = team->setup;
    struct part part = {.setup = setup, .microseconds = calloc(setup->rounds ? setup->events : 1, sizeof(double))};
    struct process process;

    open_process(&process, setup, true);
    start_process(&process, &(maiko_actor_spec){.name = "sender",
                                                .ops = setup->rounds ? &asker : &source,
                                                .self = &part,
                                                .subscribe = setup->rounds ? MAIKO_TOPICS("bench/go", "bench/back")
                                                                           : MAIKO_TOPICS("bench/go")});
    measure(team, subject, &process);
    close_process(&process);
    if (setup->rounds) {
        subject_report("p50_us", bench_percentile(part.microseconds, setup->events, 50));
        subject_report("p99_us", bench_percentile(part.microseconds, setup->events, 99));
    }
    free(part.microseconds);
}

static void name_endpoint(struct setup *setup, const char *transport)
{
    setup->transport = strcmp(transport, "shm") == 0 ? MAIKO_TRANSPORT_SHM : MAIKO_TRANSPORT_ZMQ;
    strcpy(setup->directory, "/tmp/maiko-bench-XXXXXX");
    if (mkdtemp(setup->directory) == NULL)
        subject_die("no directory");
    if (strcmp(transport, "tcp") == 0)
        snprintf(setup->endpoint, sizeof setup->endpoint, "tcp://127.0.0.1:%u", bench_free_ports(1));
    else
        snprintf(setup->endpoint, sizeof setup->endpoint, "ipc://%s/socket", setup->directory);
}

static void remove_directory(const struct setup *setup)
{
    static const char *const inside[] = {"/maiko/bench", "/maiko/counters", "/maiko", ""};
    char path[96];
    size_t i;

    if (strncmp(setup->endpoint, "ipc://", 6) == 0)
        unlink(setup->endpoint + 6);
    for (i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", setup->directory, inside[i]);
        rmdir(path);
    }
}

int main(int argc, char **argv)
{
    struct subject subject;
    struct setup setup;
    struct team *team;
    void *prepared;
    int status;

    subject_init(&subject, argc, argv);
    setup.rounds = subject_is(&subject, "X3");
    setup.events = subject_number(&subject, "events", 10000);
    setup.spin_us = subject_number(&subject, "spin_us", 0);
    setup.len = subject_number(&subject, "len", 64);
    setup.prepared = prepared = bulk_prepare(setup.len);
    name_endpoint(&setup, subject_text(&subject, "transport", "ipc"));
    team = team_new(setup.rounds ? 1 : (unsigned)subject_number(&subject, "readers", 1), &setup);
    team_start(team, run_receiver);
    run_sender(team, &subject);
    status = team_finish(team, &subject, setup.events, bulk_expected(setup.events, prepared, setup.len), setup.len, false);
    remove_directory(&setup);
    free(prepared);
    return status;
}
