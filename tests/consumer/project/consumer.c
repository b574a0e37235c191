/* A program of somebody else: a source sends numbers, a sink adds them up, and the sum must be right. */
#include <maiko/maiko.h>

#include <stdio.h>

enum { LAST = 1000 };

#define NUMBER_FIELDS(F) F(UINT32, value)
MAIKO_EVENT(number, "numbers", NUMBER_FIELDS)

static maiko_step produce(void *self, maiko_context *ctx)
{
    uint32_t *next = self;

    while (*next <= LAST && !maiko_is_sender_full(ctx)) {
        if (maiko_send(ctx, number, .value = *next) != MAIKO_OK)
            return maiko_error(ctx, maiko_context_last_refusal(ctx), "number %u was refused", (unsigned)*next);
        ++*next;
    }
    if (*next <= LAST)
        return MAIKO_STEP_CONTINUE;
    maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static maiko_status add(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const number *event = maiko_event_as(envelope, number);
    uint64_t *sum = self;

    (void)ctx;
    if (event != NULL)
        *sum += event->value;
    return MAIKO_OK;
}

int main(void)
{
    static const maiko_actor_ops source = {.step = produce};
    static const maiko_actor_ops sink = {.handle = add};
    uint32_t next = 1;
    uint64_t sum = 0;
    maiko_supervisor *sup = maiko_supervisor_new(NULL);
    maiko_status status;

    maiko_supervisor_add(sup,
                         &(maiko_actor_spec){.name = "sink", .ops = &sink, .self = &sum, .subscribe = MAIKO_TOPICS("numbers")});
    maiko_supervisor_add(
        sup, &(maiko_actor_spec){.name = "source", .ops = &source, .self = &next, .publish = MAIKO_TOPICS("numbers")});
    maiko_supervisor_start(sup);
    maiko_supervisor_join(sup);
    status = maiko_supervisor_stop(&sup, NULL);
    printf("libmaiko %s: %s, sum %llu\n", maiko_version(), maiko_strerror(status), (unsigned long long)sum);
    return status == MAIKO_OK && sum == (uint64_t)LAST * (LAST + 1) / 2 ? 0 : 1;
}
