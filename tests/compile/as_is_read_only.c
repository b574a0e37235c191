/* A handler may not change the event it was handed.
 * expect: read-only|const-qualified */
#include <maiko/send.h>

#define HELLO_FIELDS(F) F(STRING, name, 8) F(INT32, count) F(BLOB, key, 4)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#define OTHER_FIELDS(F) F(INT32, count)
MAIKO_EVENT(other, "other", OTHER_FIELDS)

void test(maiko_context *ctx, const maiko_envelope *env);
void test(maiko_context *ctx, const maiko_envelope *env)
{
    hello event = {.name = "x"};
    other wrong = {.count = 1};

    (void)ctx, (void)env, (void)event, (void)wrong;
#ifdef BAD
    maiko_event_as(env, hello)->count = 1;
#else
    event.count = maiko_event_as(env, hello)->count;
#endif
}
