/* A tail is the end.
 * expect: flexible array member */
#include <maiko/send.h>

#ifdef BAD
#define FRAME_FIELDS(F) F(TAIL, samples, INT16) F(UINT32, number)
MAIKO_EVENT(frame, "frame", FRAME_FIELDS)
#else
#define FRAME_FIELDS(F) F(UINT32, number) F(TAIL, samples, INT16)
MAIKO_EVENT(frame, "frame", FRAME_FIELDS)
#endif
