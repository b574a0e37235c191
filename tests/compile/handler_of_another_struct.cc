/* A handler takes the struct of its line's type.
 * expect: invalid .?static_cast|static_cast from */
#include <maiko/actor.h>

#define HELLO_FIELDS(F) F(STRING, name, 8) F(INT32, count) F(BLOB, key, 4)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#define OTHER_FIELDS(F) F(INT32, count)
MAIKO_EVENT(other, "other", OTHER_FIELDS)

static maiko_status on_hello(void *self, maiko_context *ctx, const hello *event, const maiko_envelope *env)
{
    (void)self, (void)ctx, (void)event, (void)env;
    return MAIKO_OK;
}

extern const maiko_handler handlers[];
const maiko_handler handlers[] = {
#ifdef BAD
    MAIKO_ON(other, on_hello),
#else
    MAIKO_ON(hello, on_hello),
#endif
    MAIKO_HANDLERS_END,
};
