/* No room for even the NUL.
 * expect: field name: bytes of a STRING must be 1..16777216 */
#include <maiko/send.h>

#ifdef BAD
#define HELLO_FIELDS(F) F(STRING, name, 0)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#else
#define HELLO_FIELDS(F) F(STRING, name, 1)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#endif
