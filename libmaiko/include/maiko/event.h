/* Event types: a C struct and what the library knows about it, made by one macro from one list of fields.
 *
 *     #define HELLO_FIELDS(F) F(STRING, name, 32)
 *     MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)
 *
 * declares `struct hello`, the typedef `hello`, its schema, its topic, and what maiko_send() and maiko_event_as() need to let the
 * compiler check names and types.  Kinds of fields are listed in <maiko/field.h>; types made at run time in <maiko/schema.h>. */
#ifndef MAIKO_EVENT_H
#define MAIKO_EVENT_H

#include <maiko/base.h>
#include <maiko/field.h>
#include <maiko/status.h>
#include <string.h>

MAIKO_BEGIN_DECLS

/** An event with its metadata, see <maiko/envelope.h>. */
typedef struct maiko_envelope maiko_envelope;

/** What happens to an event whose subscriber's mailbox is full. */
typedef enum maiko_overflow {
    MAIKO_OVERFLOW_OF_TOPIC = 0, /* not said here: a subscription takes its topic's policy, an event type MAIKO_BLOCK */
    MAIKO_BLOCK = 1,             /* it waits, and its sender is held until it has found a place */
    MAIKO_DROP_NEWEST = 2,       /* it is dropped and counted */
    MAIKO_DROP_OLDEST = 3,       /* the oldest one waiting is dropped and counted */
    MAIKO_FAIL = 4               /* the subscriber fails */
} maiko_overflow;

/** A policy where leaving it out is an answer too. */
typedef maiko_overflow maiko_overflow_choice;

/** "block", "drop_newest", "drop_oldest", "fail", "of_topic"; "?" for other numbers.  Threads: any. */
MAIKO_API const char *maiko_overflow_name(maiko_overflow overflow);

/**
 * Describes one event type.  Constant; made by MAIKO_EVENT, by <maiko/schema.h> at run time, or by hand.  Two descriptors are the
 * same type when name and schema are equal (every translation unit that includes a MAIKO_EVENT has a copy of its own).
 * Lives as long as any event, supervisor or subscription that was handed it.
 */
typedef struct maiko_event_type {
    size_t struct_size;                      /* sizeof(maiko_event_type) of the program that made it; fields are only appended */
    const char *name;                        /* letters, digits, `_ . : -`, beginning with a letter or `_`, 1..63 bytes */
    const char *topic;                       /* constant topic; NULL: computed by topic_of */
    size_t size;                             /* bytes of the fixed part, sizeof(struct) */
    const maiko_field *fields;               /* the table, or NULL: it comes from field_table */
    const maiko_field *(*field_table)(void); /* see maiko_struct */
    size_t field_count;
    size_t field_size; /* sizeof(maiko_field) of the program that made the table */
    size_t tail_size;  /* bytes of one element of the variable tail; 0: no tail */
    bool plain;        /* any bytes are a legal value, so that a send need not look */
    /* Options of MAIKO_EVENT_WITH; C++ wants them in this order. */
    maiko_overflow overflow; /* policy of its topics; left out: MAIKO_BLOCK */
    bool sticky;             /* the last value is kept per topic and given to new subscribers */
    bool control;            /* priority lane: handled before other events, never dropped by a policy */
    bool local_only;         /* may hold pointers; cannot leave the process */
    /* Topic of an event, when `topic` is NULL: pure, called on the sender's thread.  Returns a constant, or `buffer` (256 bytes)
     * filled in, or NULL to refuse the event. */
    const char *(*topic_of)(const void *event, char *buffer, size_t size);
    /* local_only types: frees what the event points to, when the last receiver is done or the event was dropped. */
    void (*destroy)(void *event);
} maiko_event_type;

/** The topic of programs that need only one. */
#define MAIKO_DEFAULT_TOPIC "default"
/** The type's name is its topic. */
#define MAIKO_SELF_TOPIC ~, ~
/** The topic is computed by .topic_of = function. */
#define MAIKO_COMPUTED_TOPIC NULL

/** The descriptor of a type made by MAIKO_EVENT; a constant expression. */
#define MAIKO_TYPE(name) (&maiko_type_##name)

/** Is it the same type: the same descriptor, or equal name and equal schema?  Threads: any.  NULL is no type. */
MAIKO_API bool maiko_event_is(const maiko_event_type *type, const maiko_event_type *other);

/** @return the policy of the type's topics, MAIKO_BLOCK when none was said. */
static inline maiko_overflow maiko_event_overflow(const maiko_event_type *type)
{
    return type->overflow == MAIKO_OVERFLOW_OF_TOPIC ? MAIKO_BLOCK : type->overflow;
}

/** @return elements in the event's tail, 0 for types without one. */
static inline uint64_t maiko_event_tail_count(const maiko_event_type *type, const void *event)
{
    uint64_t count = 0;

    if (type->tail_size > 0)
        memcpy(&count, (const char *)event + type->size - sizeof(count), sizeof(count));
    return count;
}

/** @return bytes of the event with its tail; SIZE_MAX (which no send accepts) when the tail's count is beyond MAIKO_EVENT_MAX. */
static inline size_t maiko_event_len(const maiko_event_type *type, const void *event)
{
    uint64_t count = maiko_event_tail_count(type, event);

    if (count > MAIKO_EVENT_MAX)
        return SIZE_MAX;
    return type->size + (size_t)count * type->tail_size;
}

/**
 * Put text into a STRING field: `maiko_set(&event.name, pointer)`.
 *
 * @param field  address of the field (its size is taken from its type).
 * @param text   NUL-terminated UTF-8; copied, what is left of the field becomes zeros.
 * @return MAIKO_OK, MAIKO_ETOOLONG (nothing is ever cut), MAIKO_EUTF8, MAIKO_EINVAL (NULL); on errors the field stays as it was.
 * Threads: any.  Blocking: never.
 */
#ifndef __cplusplus
#define maiko_set(field, text) maiko_string_set(*(field), MAIKO_ARRAY_SIZE_(*(field)), text)
#endif

/** The same for a BLOB field: copies len bytes; MAIKO_ETOOLONG past its capacity.  `bytes` may be NULL when len is 0. */
#ifndef __cplusplus
#define maiko_set_blob(field, bytes, len) maiko_blob_set(field, MAIKO_BLOB_SIZE_(field), bytes, len)
#endif

/** The functions behind maiko_set and maiko_set_blob; capacity in bytes, the NUL of a string included. */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_string_set(char *field, size_t capacity, const char *text);
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_blob_set(void *field, size_t capacity, const void *bytes, size_t len);

MAIKO_END_DECLS

#ifdef __cplusplus
template <size_t N> inline maiko_status maiko_set(char (*field)[N], const char *text)
{
    return maiko_string_set(*field, N, text);
}

template <class Blob> inline maiko_status maiko_set_blob(Blob *field, const void *bytes, size_t len)
{
    static_assert(offsetof(Blob, data) == sizeof(uint32_t), "maiko_set_blob takes the address of a BLOB field");
    return maiko_blob_set(field, sizeof field->data, bytes, len);
}
#else
/* sizeof an array that must not be a pointer, sizeof the data of a BLOB; the struct exists for its assertion. */
#define MAIKO_ARRAY_SIZE_(array)                                                                                                 \
    (sizeof(array) + 0 * sizeof(struct {                                                                                         \
                         _Static_assert(!__builtin_types_compatible_p(__typeof__(array), __typeof__(&(array)[0])),               \
                                        "maiko_set takes the address of a STRING field");                                        \
                         char c;                                                                                                 \
                     }))
#define MAIKO_BLOB_SIZE_(blob)                                                                                                   \
    (sizeof(blob)->data + 0 * sizeof(struct {                                                                                    \
                              _Static_assert(offsetof(__typeof__(*(blob)), data) == sizeof(uint32_t),                            \
                                             "maiko_set_blob takes the address of a BLOB field");                                \
                              char c;                                                                                            \
                          }))
#endif

/**
 * Declare an event type: struct, typedef, schema, topic, typed sends and typed access.  At file scope, in a source or a header,
 * without a semicolon behind it.
 *
 * @param name    of the type and the struct.
 * @param topic   a string, MAIKO_DEFAULT_TOPIC, MAIKO_SELF_TOPIC, or MAIKO_COMPUTED_TOPIC with .topic_of.
 * @param fields  the list's name; it may be empty: `#define TICK_FIELDS(F)`.
 */
#define MAIKO_EVENT(name, topic, fields)                                                                                         \
    MAIKO_DEFINE_EVENT_(name, fields)                                                                                            \
    MAIKO_DEFINE_TYPE_(name, fields, MAIKO_TOPIC_(#name, topic), .overflow = MAIKO_OVERFLOW_OF_TOPIC)

/** MAIKO_EVENT with options: `.overflow = MAIKO_FAIL`, `.sticky = true`, `.control = true`, `.local_only = true`, `.topic_of =
 * function`, `.destroy = function`; in C++ in this order. */
#define MAIKO_EVENT_WITH(name, topic, fields, ...)                                                                               \
    MAIKO_DEFINE_EVENT_(name, fields)                                                                                            \
    MAIKO_DEFINE_TYPE_(name, fields, MAIKO_TOPIC_(#name, topic), __VA_ARGS__)

#define MAIKO_DEFINE_TYPE_(name_, fields_, topic_, ...)                                                                          \
    MAIKO_NEWER_CXX_BEGIN_                                                                                                       \
    MAIKO_UNUSED_ static const maiko_event_type maiko_type_##name_ = {.struct_size = sizeof(maiko_event_type),                   \
                                                                      .name = #name_,                                            \
                                                                      .topic = topic_,                                           \
                                                                      .size = sizeof(struct name_),                              \
                                                                      .fields = NULL,                                            \
                                                                      .field_table = maiko_fields_##name_,                       \
                                                                      .field_count = (size_t)(0 fields_(MAIKO_PASS_COUNT_)),     \
                                                                      .field_size = sizeof(maiko_field),                         \
                                                                      .tail_size = (0 fields_(MAIKO_PASS_TAIL_)),                \
                                                                      .plain = (0 fields_(MAIKO_PASS_CHECKED_)) == 0,            \
                                                                      __VA_ARGS__};                                              \
    MAIKO_NEWER_CXX_END_

/* A wrong pointer handed to a typed send stops the compiler here. */
#define MAIKO_DEFINE_EVENT_(name, fields)                                                                                        \
    MAIKO_DEFINE_STRUCT_(name, fields)                                                                                           \
    MAIKO_UNUSED_ static inline const struct name *maiko_expect_##name(const struct name *event)                                 \
    {                                                                                                                            \
        return event;                                                                                                            \
    }

/* MAIKO_SELF_TOPIC arrives as two arguments. */
#define MAIKO_TOPIC_(...) MAIKO_FOURTH_(__VA_ARGS__, MAIKO_TOPIC_SELF_, MAIKO_TOPIC_GIVEN_, ~)(__VA_ARGS__)
#define MAIKO_TOPIC_GIVEN_(name, topic) topic
#define MAIKO_TOPIC_SELF_(name, a, b) name

#endif
