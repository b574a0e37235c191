/* Hello: one event, one actor.  Prints `Hello, World! (from supervisor)`. */
#include <maiko/maiko.h>
#include <stdio.h>

#define HELLO_FIELDS(F) F(STRING, name, 32)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)

static maiko_status greet(void *self, maiko_context *ctx, const maiko_envelope *env)
{
    const hello *event = maiko_event_as(env, hello);

    (void)self;
    (void)ctx;
    if (event)
        printf("Hello, %s! (from %s)\n", event->name, maiko_envelope_sender(env));
    return MAIKO_OK;
}

static const maiko_actor_ops greeter = {.handle = greet};

int main(void)
{
    maiko_supervisor *sup = maiko_supervisor_new(NULL);

    maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "greeter", .ops = &greeter, .subscribe = MAIKO_TOPICS("greeting")});
    maiko_supervisor_start(sup);
    maiko_send(maiko_supervisor_context(sup), hello, .name = "World");
    return maiko_exit_code(maiko_supervisor_stop(&sup, NULL));
}
