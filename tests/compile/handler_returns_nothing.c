/* A handler says how it went.
 * expect: pointer type mismatch */
#include <maiko/actor.h>

#define HELLO_FIELDS(F) F(STRING, name, 8) F(INT32, count) F(BLOB, key, 4)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#define OTHER_FIELDS(F) F(INT32, count)
MAIKO_EVENT(other, "other", OTHER_FIELDS)

static void bad_handler(void *self, maiko_context *ctx, const hello *event, const maiko_envelope *env)
{
    (void)self, (void)ctx, (void)event, (void)env;
}

static maiko_status good_handler(void *self, maiko_context *ctx, const hello *event, const maiko_envelope *env)
{
    bad_handler(self, ctx, event, env);
    return MAIKO_OK;
}

extern const maiko_handler handlers[];
const maiko_handler handlers[] = {
#ifdef BAD
    MAIKO_ON(hello, bad_handler),
#else
    MAIKO_ON(hello, good_handler),
#endif
    MAIKO_HANDLERS_END,
};
