/* Names have a limit.
 * expect: name over 63 bytes */
#include <maiko/send.h>

#ifdef BAD
#define LONG_FIELDS(F) F(BOOL, xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
MAIKO_EVENT(with_long, "long", LONG_FIELDS)
#else
#define LONG_FIELDS(F) F(BOOL, xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
MAIKO_EVENT(with_long, "long", LONG_FIELDS)
#endif
