/* An option that is none.
 * expect: no member named|does not refer to any field */
#include <maiko/send.h>

#ifdef BAD
#define HELLO_FIELDS(F) F(STRING, name, 8)
MAIKO_EVENT_WITH(hello, "greeting", HELLO_FIELDS, .overflw = MAIKO_FAIL)
#else
#define HELLO_FIELDS(F) F(STRING, name, 8)
MAIKO_EVENT_WITH(hello, "greeting", HELLO_FIELDS, .overflow = MAIKO_FAIL)
#endif
