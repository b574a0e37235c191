/* Basics of every public header: export mark, attributes, version, durations and the convention for structs
 * that grow.  Safe to include alone, from C11 and from C++11. */
#ifndef MAIKO_BASE_H
#define MAIKO_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define MAIKO_BEGIN_DECLS extern "C" {
#define MAIKO_END_DECLS }
#else
#define MAIKO_BEGIN_DECLS
#define MAIKO_END_DECLS
#endif

/* Exported from libmaiko.so; everything without the mark is hidden. */
#define MAIKO_API __attribute__((visibility("default")))

/* Ignoring the result loses something (an object, a reference, an event). */
#define MAIKO_MUST_CHECK __attribute__((warn_unused_result))

/* The argument number of a printf-like format and of its first value, counted from 1 (0: a va_list). */
#define MAIKO_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

#define MAIKO_STRINGIFY_(x) #x
#define MAIKO_STRINGIFY(x) MAIKO_STRINGIFY_(x)

/* Version of these headers.  configure.ac carries the same three numbers. */
#define MAIKO_VERSION_MAJOR 0
#define MAIKO_VERSION_MINOR 1
#define MAIKO_VERSION_PATCH 0
#define MAIKO_VERSION_STRING                                                                                                     \
    MAIKO_STRINGIFY(MAIKO_VERSION_MAJOR)                                                                                         \
    "." MAIKO_STRINGIFY(MAIKO_VERSION_MINOR) "." MAIKO_STRINGIFY(MAIKO_VERSION_PATCH)

/* One comparable number: 1.2.3 is 0x010203. */
#define MAIKO_VERSION_NUMBER ((MAIKO_VERSION_MAJOR << 16) | (MAIKO_VERSION_MINOR << 8) | MAIKO_VERSION_PATCH)
#define MAIKO_VERSION_AT_LEAST(major, minor, patch) (MAIKO_VERSION_NUMBER >= (((major) << 16) | ((minor) << 8) | (patch)))

/* Durations in nanoseconds, as uint64_t.  Fractions work: MAIKO_SECONDS(0.5). */
#define MAIKO_US(n) ((uint64_t)((n)*UINT64_C(1000)))
#define MAIKO_MS(n) ((uint64_t)((n)*UINT64_C(1000000)))
#define MAIKO_SECONDS(n) ((uint64_t)((n)*UINT64_C(1000000000)))
#define MAIKO_MINUTES(n) ((uint64_t)((n)*UINT64_C(60000000000)))
#define MAIKO_HOURS(n) ((uint64_t)((n)*UINT64_C(3600000000000)))

/* Structs of options carry the size they had when the calling program was compiled, and only ever grow at the
 * end.  True when a struct of `struct_size` bytes already has `field`; when not, the field has its default. */
#define MAIKO_HAS_FIELD(type, struct_size, field) ((struct_size) >= offsetof(type, field) + sizeof(((type *)0)->field))

MAIKO_BEGIN_DECLS

/**
 * Version of the library that is loaded, which may be newer than MAIKO_VERSION_STRING of the headers.
 *
 * @return a constant such as "0.1.0".
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API const char *maiko_version(void);

/** The same as a number comparable with MAIKO_VERSION_NUMBER.  Threads: any.  Blocking: never. */
MAIKO_API uint32_t maiko_version_number(void);

MAIKO_END_DECLS

#endif
