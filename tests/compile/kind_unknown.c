/* A kind that is none.
 * expect: MAIKO_FIELD_KIND_STRNG */
#include <maiko/send.h>

#ifdef BAD
#define HELLO_FIELDS(F) F(STRNG, name, 8)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#else
#define HELLO_FIELDS(F) F(STRING, name, 8)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#endif
