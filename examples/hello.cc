// Hello in C++11: the same program as hello.c.
#include <cstdio>
#include <maiko/maiko.h>

#define HELLO_FIELDS(F) F(STRING, name, 32)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)

static maiko_status greet(void *, maiko_context *, const maiko_envelope *env)
{
    const hello *event = maiko_event_as(env, hello);

    if (event)
        std::printf("Hello, %s! (from %s)\n", event->name, maiko_envelope_sender(env));
    return MAIKO_OK;
}

int main()
{
    maiko_supervisor *sup = maiko_supervisor_new(nullptr);
    maiko_actor_ops ops = {};
    maiko_actor_spec greeter = {};
    hello event = {};

    ops.handle = greet;
    greeter.name = "greeter";
    greeter.ops = &ops;
    greeter.subscribe = MAIKO_TOPICS("greeting");
    maiko_supervisor_add(sup, &greeter);
    maiko_supervisor_start(sup);
    if (maiko_set(&event.name, "World") == MAIKO_OK)
        maiko_send_event(maiko_supervisor_context(sup), hello, &event);
    return maiko_exit_code(maiko_supervisor_stop(&sup, nullptr));
}
