/* An enum that was never declared.
 * expect: colour */
#include <maiko/send.h>

#ifdef BAD
#define LAMP_FIELDS(F) F(ENUM, shade, colour)
MAIKO_EVENT(lamp, "lamp", LAMP_FIELDS)
#else
#define COLOUR_LABELS(L) L(RED) L(GREEN)
MAIKO_ENUM(colour, COLOUR_LABELS)
#define LAMP_FIELDS(F) F(ENUM, shade, colour)
MAIKO_EVENT(lamp, "lamp", LAMP_FIELDS)
#endif
