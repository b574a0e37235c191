/* maiko_set has to know the size of the field.
 * expect: no matching function */
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
    char *text = event.name;
    (void)!maiko_set(&text, "x");
#else
    (void)!maiko_set(&event.name, "x");
#endif
}
