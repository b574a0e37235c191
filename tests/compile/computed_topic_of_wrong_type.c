/* A topic function of another shape.
 * expect: incompatible.(function )?pointer */
#include <maiko/send.h>

#ifdef BAD
static const char *topic_of(int event)
{
    return event ? "a" : "b";
}
#define ROOM_FIELDS(F) F(UINT32, room)
MAIKO_EVENT_WITH(room, MAIKO_COMPUTED_TOPIC, ROOM_FIELDS, .topic_of = topic_of)
#else
static const char *topic_of(const void *event, char *buffer, size_t size)
{
    return event && buffer && size ? "a" : "b";
}
#define ROOM_FIELDS(F) F(UINT32, room)
MAIKO_EVENT_WITH(room, MAIKO_COMPUTED_TOPIC, ROOM_FIELDS, .topic_of = topic_of)
#endif
