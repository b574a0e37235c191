/* Two fields of one name.
 * expect: duplicate member */
#include <maiko/send.h>

#ifdef BAD
#define PAIR_FIELDS(F) F(BOOL, a) F(INT32, a)
MAIKO_EVENT(pair, "pair", PAIR_FIELDS)
#else
#define PAIR_FIELDS(F) F(BOOL, a) F(INT32, b)
MAIKO_EVENT(pair, "pair", PAIR_FIELDS)
#endif
