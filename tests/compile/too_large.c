/* Events have a limit.
 * expect: huge: larger than 16 MiB */
#include <maiko/send.h>

#ifdef BAD
#define HUGE_FIELDS(F) F(ARRAY, a, INT64, 2097152) F(BOOL, one_more)
MAIKO_EVENT(huge, "huge", HUGE_FIELDS)
#else
#define HUGE_FIELDS(F) F(ARRAY, a, INT64, 2097151) F(BOOL, one_more)
MAIKO_EVENT(huge, "huge", HUGE_FIELDS)
#endif
