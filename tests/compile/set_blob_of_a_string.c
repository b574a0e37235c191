/* maiko_set_blob is for BLOB fields.
 * expect: 'data'|‘data’|not a structure or union|request for member */
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
    (void)!maiko_set_blob(&event.name, "x", 1);
#else
    (void)!maiko_set_blob(&event.key, "x", 1);
#endif
}
