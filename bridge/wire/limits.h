/* Limits of the protocol (PROTOCOL.md 1), checked before anything is unpacked. */
#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H

#include <maiko/field.h>

enum {
    WIRE_VERSION_MIN = 1,
    WIRE_VERSION_MAX = 1,
    WIRE_BATCH_MAX = 1048576,                              /* bytes of a frame without its last record */
    WIRE_FRAME_MAX = WIRE_BATCH_MAX + 2 * MAIKO_EVENT_MAX, /* small numbers are longer in msgpack than in memory */
    WIRE_DEPTH_MAX = 32,                                   /* arrays and maps inside each other */
    WIRE_NAME_MAX = 255,                                   /* bytes of a topic, pattern, or name of a node, space or actor */
    WIRE_PATTERNS_MAX = 4096,                              /* in one subscribe frame */
    WIRE_ACTORS_MAX = 4096,                                /* in one actors frame */
    WIRE_TOPICS_MAX = 256,                                 /* of one actor in it */
    WIRE_CHANNELS_MAX = 65536,                             /* of one session */
    WIRE_TYPES_MAX = 4096,                                 /* of one session */
    WIRE_REFUSED_MAX = 4096,                               /* rows of a `refused` */
    WIRE_TEXT_MAX = 255                                    /* bytes of a reason */
};

#endif
