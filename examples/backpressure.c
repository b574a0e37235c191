/* Backpressure: a producer faster than its consumer is held, so every block arrives; its progress reports may be dropped. */
#include <maiko/maiko.h>
#include <stdio.h>
#include <string.h>

enum { BLOCKS = 1000, BLOCK_BYTES = 1024, REPORT_EVERY = 50 };

#define BLOCK_FIELDS(F) F(ARRAY, bytes, UINT8, BLOCK_BYTES)
MAIKO_EVENT(block, "data", BLOCK_FIELDS) /* MAIKO_BLOCK is the default */

#define PROGRESS_FIELDS(F) F(UINT64, bytes)
MAIKO_EVENT_WITH(progress, "telemetry", PROGRESS_FIELDS, .overflow = MAIKO_DROP_NEWEST)

static uint64_t checksum(uint64_t sum, const block *event)
{
    for (int i = 0; i < BLOCK_BYTES; i++)
        sum = (sum ^ event->bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* --- producer: one block per step --- */

struct producer {
    uint32_t done;
    uint32_t dice;
    uint64_t sum;
};

static void fill(struct producer *producer, block *event)
{
    for (int i = 0; i < BLOCK_BYTES; i++) {
        producer->dice = producer->dice * 1664525 + 1013904223;
        event->bytes[i] = (uint8_t)(producer->dice >> 24);
    }
}

static maiko_step produce(void *self, maiko_context *ctx)
{
    struct producer *producer = self;
    block *event;

    if (producer->done == BLOCKS) {
        printf("Producer checksum: %016llx\n", (unsigned long long)producer->sum);
        maiko_finish(ctx);
        return MAIKO_STEP_NEVER;
    }
    event = maiko_reserve(ctx, block, 0);
    if (event == NULL)
        return maiko_error(ctx, maiko_context_last_refusal(ctx), "no room for a block");
    fill(producer, event);
    producer->sum = checksum(producer->sum, event);
    maiko_commit(ctx, event);
    if (++producer->done % REPORT_EVERY == 0)
        maiko_send(ctx, progress, .bytes = (uint64_t)producer->done * BLOCK_BYTES);
    return MAIKO_STEP_CONTINUE;
}

static const maiko_actor_ops producer = {.step = produce};

/* --- consumer: reads every block a few times over, so that it is the slow one --- */

struct consumer {
    uint32_t blocks;
    uint64_t sum;
    volatile uint64_t work;
};

static maiko_status consume(void *self, maiko_context *ctx, const block *event, const maiko_envelope *env)
{
    struct consumer *consumer = self;

    (void)ctx;
    (void)env;
    consumer->blocks++;
    consumer->sum = checksum(consumer->sum, event);
    for (int i = 0; i < 10; i++)
        consumer->work += checksum(consumer->sum, event);
    return MAIKO_OK;
}

static maiko_status print_sum(void *self, maiko_context *ctx)
{
    const struct consumer *consumer = self;

    (void)ctx;
    printf("Consumer checksum: %016llx (%u blocks)\n", (unsigned long long)consumer->sum, (unsigned)consumer->blocks);
    return MAIKO_OK;
}

static const maiko_handler consumer_handlers[] = {MAIKO_ON(block, consume), MAIKO_HANDLERS_END};
static const maiko_actor_ops consumer = {.handlers = consumer_handlers, .on_end = print_sum};

/* --- telemetry --- */

static maiko_status on_progress(void *self, maiko_context *ctx, const progress *event, const maiko_envelope *env)
{
    (void)self;
    (void)ctx;
    (void)env;
    printf("Transferred %llu bytes so far\n", (unsigned long long)event->bytes);
    return MAIKO_OK;
}

static const maiko_handler telemetry_handlers[] = {MAIKO_ON(progress, on_progress), MAIKO_HANDLERS_END};
static const maiko_actor_ops telemetry = {.handlers = telemetry_handlers};

static const maiko_actor_spec actors[] = {
    {.name = "consumer",
     .ops = &consumer,
     .state_size = sizeof(struct consumer),
     .subscribe = MAIKO_TOPICS("data"),
     .capacity = 16,
     .tick_limit = 8},
    {.name = "telemetry", .ops = &telemetry, .subscribe = MAIKO_TOPICS("telemetry"), .capacity = 2},
    {.name = "producer", .ops = &producer, .state_size = sizeof(struct producer), .publish = MAIKO_TOPICS("data", "telemetry")},
};

int main(void)
{
    maiko_supervisor *sup = maiko_supervisor_new(NULL);

    maiko_supervisor_add_table(sup, actors, sizeof actors / sizeof actors[0]);
    maiko_supervisor_run(sup);
    return maiko_exit_code(maiko_supervisor_stop(&sup, NULL));
}
