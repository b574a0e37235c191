/* A typed send takes its own struct.
 * expect: cannot convert|no matching function */
#include <maiko/send.h>

#define HELLO_FIELDS(F) F(STRING, name, 8) F(INT32, count) F(BLOB, key, 4)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#define OTHER_FIELDS(F) F(INT32, count)
MAIKO_EVENT(other, "other", OTHER_FIELDS)

void test(maiko_context *ctx, const maiko_envelope *env);
void test(maiko_context *ctx, const maiko_envelope *env)
{
    hello event = hello();
    other wrong = other();

    (void)ctx, (void)env, (void)event, (void)wrong;
#ifdef BAD
    maiko_send_event(ctx, hello, &wrong);
#else
    maiko_send_event(ctx, hello, &event);
#endif
}
