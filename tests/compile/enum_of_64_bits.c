/* A value that does not fit.
 * expect: values of an enum must be those of an int32_t */
#include <maiko/send.h>

#ifdef BAD
#define SIZE_LABELS(L) L(SMALL) L(HUGE, 0x100000000)
MAIKO_ENUM(size, SIZE_LABELS)
#else
#define SIZE_LABELS(L) L(SMALL) L(HUGE, 0x10000000)
MAIKO_ENUM(size, SIZE_LABELS)
#endif
