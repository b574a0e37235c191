/* Ping-pong: two actors answer each other, a third one counts.  The type's name is the topic. */
#include <maiko/maiko.h>
#include <stdio.h>

enum { EVENTS = 10 };

#define BALL_FIELDS(F) F(UINT32, number)
MAIKO_EVENT(ping, MAIKO_SELF_TOPIC, BALL_FIELDS)
MAIKO_EVENT(pong, MAIKO_SELF_TOPIC, BALL_FIELDS)

static maiko_status on_ping(void *self, maiko_context *ctx, const ping *event, const maiko_envelope *env)
{
    (void)self;
    printf("Event: Ping received by %s actor\n", maiko_context_name(ctx));
    if (event->number == EVENTS)
        return maiko_stop_runtime(ctx);
    return maiko_send_child(ctx, env, pong, .number = event->number + 1);
}

static maiko_status on_pong(void *self, maiko_context *ctx, const pong *event, const maiko_envelope *env)
{
    (void)self;
    printf("Event: Pong received by %s actor\n", maiko_context_name(ctx));
    if (event->number == EVENTS)
        return maiko_stop_runtime(ctx);
    return maiko_send_child(ctx, env, ping, .number = event->number + 1);
}

static maiko_status count(void *self, maiko_context *ctx, const maiko_envelope *env)
{
    (void)ctx;
    (void)env;
    ++*(unsigned *)self;
    return MAIKO_OK;
}

static maiko_status print_count(void *self, maiko_context *ctx)
{
    (void)ctx;
    printf("Total events processed: %u\n", *(unsigned *)self);
    return MAIKO_OK;
}

static const maiko_handler ping_handlers[] = {MAIKO_ON(pong, on_pong), MAIKO_HANDLERS_END};
static const maiko_handler pong_handlers[] = {MAIKO_ON(ping, on_ping), MAIKO_HANDLERS_END};
static const maiko_actor_ops ping_ops = {.handlers = ping_handlers};
static const maiko_actor_ops pong_ops = {.handlers = pong_handlers};
static const maiko_actor_ops counter_ops = {.handle = count, .on_stop = print_count};

static const maiko_actor_spec actors[] = {
    {.name = "Ping", .ops = &ping_ops, .subscribe = MAIKO_TOPICS("pong")},
    {.name = "Pong", .ops = &pong_ops, .subscribe = MAIKO_TOPICS("ping")},
    {.name = "Counter", .ops = &counter_ops, .state_size = sizeof(unsigned), .subscribe = MAIKO_TOPICS("ping", "pong")},
};

int main(void)
{
    maiko_supervisor *sup = maiko_supervisor_new(NULL);
    maiko_status status;

    maiko_supervisor_add_table(sup, actors, sizeof actors / sizeof actors[0]);
    maiko_supervisor_start(sup);
    maiko_send(maiko_supervisor_context(sup), ping, .number = 1);
    maiko_supervisor_join(sup);
    status = maiko_supervisor_stop(&sup, NULL);
    puts("Done");
    return maiko_exit_code(status);
}
