/* Sample events: types that between them use every kind of field. */
#ifndef TESTS_LIB_SAMPLE_EVENTS_H
#define TESTS_LIB_SAMPLE_EVENTS_H

#include <maiko/envelope.h>
#include <maiko/event.h>

#define COLOR_LABELS(L) L(RED) L(GREEN, 5) L(COLOR_BLUE, 6, "blue") L(COLOR_DEEP, -1, "deep \"blue\"")
MAIKO_ENUM(color, COLOR_LABELS)

#define POINT_FIELDS(F) F(INT32, x) F(INT32, y)
MAIKO_STRUCT(point, POINT_FIELDS)

#define MARK_FIELDS(F) F(STRING, label, 8) F(STRUCT, at, point) F(BOOL, visible)
MAIKO_STRUCT(mark, MARK_FIELDS)

#define NUMBER_FIELDS(F)                                                                                                         \
    F(INT8, i8)                                                                                                                  \
    F(INT16, i16)                                                                                                                \
    F(INT32, i32) F(INT64, i64) F(UINT8, u8) F(UINT16, u16) F(UINT32, u32) F(UINT64, u64) F(FLOAT, f32) F(DOUBLE, f64)
/* clang-format off: it does not settle on the fields' lines */
#define SAMPLE_FIELDS(F)                                                                                                         \
    F(BOOL, on)                                                                                                                  \
    NUMBER_FIELDS(F)                                                                                                             \
    F(STRING, name, 16)                                                                                                          \
    F(BLOB, key, 7)                                                                                                              \
    F(ENUM, shade, color)                                                                                                        \
    F(STRUCT, best, mark)                                                                                                        \
    F(ARRAY, values, DOUBLE, 2 + 1)                                                                                              \
    F(ARRAY, flags, BOOL, 3)                                                                                                     \
    F(ENUM_ARRAY, shades, color, 2)                                                                                              \
    F(STRUCT_ARRAY, marks, mark, 2)                                                                                              \
    F(TAIL, samples, INT16)
/* clang-format on */
MAIKO_EVENT(sample, "sample/all", SAMPLE_FIELDS)

MAIKO_EVENT(numbers, MAIKO_DEFAULT_TOPIC, NUMBER_FIELDS)

#define TICK_FIELDS(F)
MAIKO_EVENT(tick, MAIKO_SELF_TOPIC, TICK_FIELDS)

#define LINE_FIELDS(F) F(UINT32, number) F(TAIL, text, TEXT)
MAIKO_EVENT(line, "lines", LINE_FIELDS)

#define BODY_FIELDS(F) F(TAIL, body, BYTES)
MAIKO_EVENT(body, "bodies", BODY_FIELDS)

#define PATH_FIELDS(F) F(STRING, name, 16) F(STRUCT_TAIL, points, point)
MAIKO_EVENT(path, "paths", PATH_FIELDS)

#define LOCAL_FIELDS(F) F(POINTER, next, struct tick)
MAIKO_EVENT_WITH(local, "local", LOCAL_FIELDS, .local_only = true)

#endif
