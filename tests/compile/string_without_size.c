/* The size was forgotten.
 * expect: only 2 given|too few arguments */
#include <maiko/send.h>

#ifdef BAD
#define HELLO_FIELDS(F) F(STRING, name)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#else
#define HELLO_FIELDS(F) F(STRING, name, 8)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
#endif
