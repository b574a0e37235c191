/* Fields: what an event is made of.  A type is declared by one list of fields, `#define NAME_FIELDS(F) F(KIND, name, …) …`, from
 * which MAIKO_EVENT, MAIKO_STRUCT and MAIKO_ENUM make the C struct and the table that describes it.  Kinds of fields:
 *
 *     F(BOOL, on)  F(INT8, a) … F(INT64, d)  F(UINT8, e) … F(UINT64, h)  F(FLOAT, x)  F(DOUBLE, y)
 *     F(STRING, name, 32)            char name[32]: NUL-terminated UTF-8 of at most 31 bytes, see maiko_set()
 *     F(BLOB, key, 64)               struct { uint32_t len; uint8_t data[64]; } key, see maiko_set_blob()
 *     F(ENUM, shade, color)          color shade, where color was declared by MAIKO_ENUM
 *     F(STRUCT, at, point)           point at, where point was declared by MAIKO_STRUCT
 *     F(ARRAY, values, DOUBLE, 16)   double values[16]; also ENUM_ARRAY and STRUCT_ARRAY: F(STRUCT_ARRAY, path, point, 4)
 *     F(POINTER, next, struct node)  struct node *next; only in types with .local_only = true
 *     F(TAIL, samples, DOUBLE)       uint64_t samples_count; double samples[]: a variable number of elements, last in an event;
 *                                    F(TAIL, line, TEXT) characters, F(TAIL, body, BYTES) bytes, F(STRUCT_TAIL, points, point)
 *
 * A list may use another list: `#define DERIVED_FIELDS(F) BASE_FIELDS(F) F(INT32, more)`. */
#ifndef MAIKO_FIELD_H
#define MAIKO_FIELD_H

#include <maiko/base.h>
#include <stdbool.h>

enum {
    MAIKO_FIELDS_MAX = 256,     /* fields of one event or struct */
    MAIKO_NESTING_MAX = 8,      /* structs inside structs */
    MAIKO_NAME_MAX = 63,        /* bytes in the name of a type, field or label */
    MAIKO_EVENT_MAX = 16777216, /* bytes of one event, its tail included */
    MAIKO_TAIL_ALIGNMENT = 8    /* a tail begins at the end of the fixed part, which is a multiple of this */
};

/* X(enumerator, number, name, bytes of one element; 0: as the field says).  The numbers travel between processes and never
 * change. */
#define MAIKO_KIND_MAP(X)                                                                                                        \
    X(MAIKO_KIND_BOOL, 1, "bool", 1)                                                                                             \
    X(MAIKO_KIND_INT8, 2, "int8", 1)                                                                                             \
    X(MAIKO_KIND_INT16, 3, "int16", 2)                                                                                           \
    X(MAIKO_KIND_INT32, 4, "int32", 4)                                                                                           \
    X(MAIKO_KIND_INT64, 5, "int64", 8)                                                                                           \
    X(MAIKO_KIND_UINT8, 6, "uint8", 1)                                                                                           \
    X(MAIKO_KIND_UINT16, 7, "uint16", 2)                                                                                         \
    X(MAIKO_KIND_UINT32, 8, "uint32", 4)                                                                                         \
    X(MAIKO_KIND_UINT64, 9, "uint64", 8)                                                                                         \
    X(MAIKO_KIND_FLOAT, 10, "float", 4)                                                                                          \
    X(MAIKO_KIND_DOUBLE, 11, "double", 8)                                                                                        \
    X(MAIKO_KIND_STRING, 12, "string", 0)                                                                                        \
    X(MAIKO_KIND_BLOB, 13, "blob", 0)                                                                                            \
    X(MAIKO_KIND_ENUM, 14, "enum", 4)                                                                                            \
    X(MAIKO_KIND_STRUCT, 15, "struct", 0)                                                                                        \
    X(MAIKO_KIND_POINTER, 16, "pointer", 8)                                                                                      \
    X(MAIKO_KIND_TEXT, 17, "text", 1)                                                                                            \
    X(MAIKO_KIND_BYTES, 18, "bytes", 1)

typedef enum maiko_kind {
#define MAIKO_KIND_ENUM_(name, number, text, bytes) name = number,
    MAIKO_KIND_MAP(MAIKO_KIND_ENUM_)
#undef MAIKO_KIND_ENUM_
} maiko_kind;

typedef enum maiko_form {
    MAIKO_FORM_ONE = 0,   /* one element */
    MAIKO_FORM_ARRAY = 1, /* `count` elements */
    MAIKO_FORM_TAIL = 2   /* as many as the uint64_t right before the tail says */
} maiko_form;

/** One enumerator: its text in JSON and its value. */
typedef struct maiko_label {
    const char *label;
    int32_t value;
} maiko_label;

/** An enum with labels.  Values without a label are legal: a newer program may know more of them. */
typedef struct maiko_enum {
    const char *name;
    const maiko_label *labels; /* the first label of a value is the one that is written */
    size_t label_count;
} maiko_enum;

typedef struct maiko_struct maiko_struct;

/** One field of an event or struct. */
typedef struct maiko_field {
    const char *name;           /* a C identifier */
    uint8_t kind;               /* maiko_kind */
    uint8_t form;               /* maiko_form */
    uint32_t offset;            /* bytes from the start of the event or struct */
    uint32_t size;              /* bytes of one element */
    uint32_t count;             /* elements: 1, or the length of an array; 0 for a tail */
    uint32_t capacity;          /* STRING: bytes with the NUL, BLOB: bytes of data; else 0 */
    const maiko_enum *labels;   /* ENUM only */
    const maiko_struct *nested; /* STRUCT only */
} maiko_field;

/** A struct that fields may nest.  The table comes from `fields` or, when that is NULL, from `field_table`. */
struct maiko_struct {
    const char *name;
    size_t size; /* bytes */
    const maiko_field *fields;
    const maiko_field *(*field_table)(void); /* C cannot name the struct in a per-field macro outside of a function */
    size_t field_count;
    size_t field_size; /* sizeof(maiko_field) of the program that made the table */
};

/* ---- From here on: how a list becomes a struct and a table.  Names that end in _ are not for programs. ---- */

#ifdef __cplusplus
#define MAIKO_STATIC_ASSERT_(condition, text) static_assert(condition, text);
#else
#define MAIKO_STATIC_ASSERT_(condition, text) _Static_assert(condition, text);
#endif
#define MAIKO_UNUSED_ __attribute__((unused))

/* Older C++ takes designated initialisers and flexible arrays, but warns. */
#if defined __cplusplus && defined __clang__
#define MAIKO_NEWER_CXX_BEGIN_                                                                                                   \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wpedantic\"")                                          \
        _Pragma("clang diagnostic ignored \"-Wc99-extensions\"") _Pragma("clang diagnostic ignored \"-Wc99-designator\"")        \
            _Pragma("clang diagnostic ignored \"-Wmissing-field-initializers\"")
#define MAIKO_NEWER_CXX_END_ _Pragma("clang diagnostic pop")
#elif defined __cplusplus
#define MAIKO_NEWER_CXX_BEGIN_                                                                                                   \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wpragmas\"")                                               \
        _Pragma("GCC diagnostic ignored \"-Wpedantic\"") _Pragma("GCC diagnostic ignored \"-Wc++20-extensions\"")                \
            _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#define MAIKO_NEWER_CXX_END_ _Pragma("GCC diagnostic pop")
#else
#define MAIKO_NEWER_CXX_BEGIN_
#define MAIKO_NEWER_CXX_END_
#endif

#define MAIKO_PASTE_(a, b) MAIKO_PASTE_NOW_(a, b)
#define MAIKO_PASTE_NOW_(a, b) a##b
#define MAIKO_SECOND_(...) MAIKO_SECOND_NOW_(__VA_ARGS__)
#define MAIKO_SECOND_NOW_(a, b, ...) b
#define MAIKO_FOURTH_(...) MAIKO_FOURTH_NOW_(__VA_ARGS__)
#define MAIKO_FOURTH_NOW_(a, b, c, d, ...) d

/* The passes over a list: each is handed to it as F.  Which form a kind has is said once, in MAIKO_FIELD_kind_. */
#define MAIKO_PASS_MEMBER_(kind, ...) MAIKO_FIELD_##kind##_(MEMBER, __VA_ARGS__)
#define MAIKO_PASS_ENTRY_(kind, ...) MAIKO_FIELD_##kind##_(ENTRY, __VA_ARGS__)
#define MAIKO_PASS_ASSERT_(kind, ...) MAIKO_FIELD_##kind##_(ASSERT, __VA_ARGS__)
#define MAIKO_PASS_CHECKED_(kind, ...) MAIKO_FIELD_##kind##_(CHECKED, __VA_ARGS__)
#define MAIKO_PASS_TAIL_(kind, ...) MAIKO_FIELD_##kind##_(TAIL, __VA_ARGS__)
#define MAIKO_PASS_KNOWN_(kind, ...) +MAIKO_FIELD_KIND_##kind
#define MAIKO_PASS_COUNT_(kind, ...) +1
#define MAIKO_PASS_PROBE_(kind, ...) ~, 1,

#define MAIKO_FIELD_BOOL_(pass, name) MAIKO_ONE_##pass##_(bool, BOOL, name)
#define MAIKO_FIELD_INT8_(pass, name) MAIKO_ONE_##pass##_(int8_t, INT8, name)
#define MAIKO_FIELD_INT16_(pass, name) MAIKO_ONE_##pass##_(int16_t, INT16, name)
#define MAIKO_FIELD_INT32_(pass, name) MAIKO_ONE_##pass##_(int32_t, INT32, name)
#define MAIKO_FIELD_INT64_(pass, name) MAIKO_ONE_##pass##_(int64_t, INT64, name)
#define MAIKO_FIELD_UINT8_(pass, name) MAIKO_ONE_##pass##_(uint8_t, UINT8, name)
#define MAIKO_FIELD_UINT16_(pass, name) MAIKO_ONE_##pass##_(uint16_t, UINT16, name)
#define MAIKO_FIELD_UINT32_(pass, name) MAIKO_ONE_##pass##_(uint32_t, UINT32, name)
#define MAIKO_FIELD_UINT64_(pass, name) MAIKO_ONE_##pass##_(uint64_t, UINT64, name)
#define MAIKO_FIELD_FLOAT_(pass, name) MAIKO_ONE_##pass##_(float, FLOAT, name)
#define MAIKO_FIELD_DOUBLE_(pass, name) MAIKO_ONE_##pass##_(double, DOUBLE, name)
#define MAIKO_FIELD_STRING_(pass, name, bytes) MAIKO_STRING_##pass##_(name, bytes)
#define MAIKO_FIELD_BLOB_(pass, name, bytes) MAIKO_BLOB_##pass##_(name, bytes)
#define MAIKO_FIELD_ENUM_(pass, name, type) MAIKO_ENUM_##pass##_(name, type)
#define MAIKO_FIELD_STRUCT_(pass, name, type) MAIKO_STRUCT_##pass##_(name, type)
#define MAIKO_FIELD_POINTER_(pass, name, type) MAIKO_POINTER_##pass##_(name, type)
#define MAIKO_FIELD_ARRAY_(pass, name, kind, n)                                                                                  \
    MAIKO_ARRAY_##pass##_(MAIKO_C_TYPE_##kind##_, MAIKO_KIND_##kind, name, n, NULL, NULL)
#define MAIKO_FIELD_ENUM_ARRAY_(pass, name, type, n)                                                                             \
    MAIKO_ARRAY_##pass##_(type, MAIKO_KIND_ENUM, name, n, &maiko_enum_##type, NULL)
#define MAIKO_FIELD_STRUCT_ARRAY_(pass, name, type, n)                                                                           \
    MAIKO_ARRAY_##pass##_(type, MAIKO_KIND_STRUCT, name, n, NULL, &maiko_struct_##type)
#define MAIKO_FIELD_TAIL_(pass, name, kind) MAIKO_TAIL_##pass##_(MAIKO_C_TYPE_##kind##_, MAIKO_KIND_##kind, name, NULL)
#define MAIKO_FIELD_STRUCT_TAIL_(pass, name, type) MAIKO_TAIL_##pass##_(type, MAIKO_KIND_STRUCT, name, &maiko_struct_##type)

/* What ARRAY and TAIL may hold; anything else ends in a name nobody declared. */
#define MAIKO_C_TYPE_BOOL_ bool
#define MAIKO_C_TYPE_INT8_ int8_t
#define MAIKO_C_TYPE_INT16_ int16_t
#define MAIKO_C_TYPE_INT32_ int32_t
#define MAIKO_C_TYPE_INT64_ int64_t
#define MAIKO_C_TYPE_UINT8_ uint8_t
#define MAIKO_C_TYPE_UINT16_ uint16_t
#define MAIKO_C_TYPE_UINT32_ uint32_t
#define MAIKO_C_TYPE_UINT64_ uint64_t
#define MAIKO_C_TYPE_FLOAT_ float
#define MAIKO_C_TYPE_DOUBLE_ double
#define MAIKO_C_TYPE_TEXT_ char
#define MAIKO_C_TYPE_BYTES_ uint8_t

/* KNOWN: the word after F( exists, asked before anything else so that the first error names it. */
enum {
    MAIKO_FIELD_KIND_BOOL = 0,
    MAIKO_FIELD_KIND_INT8 = 0,
    MAIKO_FIELD_KIND_INT16 = 0,
    MAIKO_FIELD_KIND_INT32 = 0,
    MAIKO_FIELD_KIND_INT64 = 0,
    MAIKO_FIELD_KIND_UINT8 = 0,
    MAIKO_FIELD_KIND_UINT16 = 0,
    MAIKO_FIELD_KIND_UINT32 = 0,
    MAIKO_FIELD_KIND_UINT64 = 0,
    MAIKO_FIELD_KIND_FLOAT = 0,
    MAIKO_FIELD_KIND_DOUBLE = 0,
    MAIKO_FIELD_KIND_STRING = 0,
    MAIKO_FIELD_KIND_BLOB = 0,
    MAIKO_FIELD_KIND_ENUM = 0,
    MAIKO_FIELD_KIND_STRUCT = 0,
    MAIKO_FIELD_KIND_POINTER = 0,
    MAIKO_FIELD_KIND_ARRAY = 0,
    MAIKO_FIELD_KIND_ENUM_ARRAY = 0,
    MAIKO_FIELD_KIND_STRUCT_ARRAY = 0,
    MAIKO_FIELD_KIND_TAIL = 0,
    MAIKO_FIELD_KIND_STRUCT_TAIL = 0
};

/* MEMBER: the declaration in the struct. */
#define MAIKO_ONE_MEMBER_(type, kind, name) type name;
#define MAIKO_STRING_MEMBER_(name, bytes) char name[bytes];
#define MAIKO_BLOB_MEMBER_(name, bytes)                                                                                          \
    struct {                                                                                                                     \
        uint32_t len;                                                                                                            \
        uint8_t data[bytes];                                                                                                     \
    } name;
#define MAIKO_ENUM_MEMBER_(name, type) type name;
#define MAIKO_STRUCT_MEMBER_(name, type) type name;
#define MAIKO_POINTER_MEMBER_(name, type) type *name;
#define MAIKO_ARRAY_MEMBER_(type, kind, name, n, labels, nested) type name[n];
#define MAIKO_TAIL_MEMBER_(type, kind, name, nested)                                                                             \
    uint64_t name##_count __attribute__((aligned(8)));                                                                           \
    __extension__ type name[] __attribute__((aligned(8)));

/* ENTRY: the row in the table; maiko_this_ is the struct. */
#define MAIKO_ENTRY_ROW_(name, kind, form, size, count, capacity, labels, nested)                                                \
    {#name, kind, form, (uint32_t)offsetof(maiko_this_, name), (uint32_t)(size), count, capacity, labels, nested},
#define MAIKO_ONE_ENTRY_(type, kind, name)                                                                                       \
    MAIKO_ENTRY_ROW_(name, MAIKO_KIND_##kind, MAIKO_FORM_ONE, sizeof(type), 1, 0, NULL, NULL)
#define MAIKO_STRING_ENTRY_(name, bytes)                                                                                         \
    MAIKO_ENTRY_ROW_(name, MAIKO_KIND_STRING, MAIKO_FORM_ONE, bytes, 1, (uint32_t)(bytes), NULL, NULL)
#define MAIKO_BLOB_ENTRY_(name, bytes)                                                                                           \
    MAIKO_ENTRY_ROW_(name, MAIKO_KIND_BLOB, MAIKO_FORM_ONE, sizeof(((maiko_this_ *)0)->name), 1, (uint32_t)(bytes), NULL, NULL)
#define MAIKO_ENUM_ENTRY_(name, type)                                                                                            \
    MAIKO_ENTRY_ROW_(name, MAIKO_KIND_ENUM, MAIKO_FORM_ONE, sizeof(type), 1, 0, &maiko_enum_##type, NULL)
#define MAIKO_STRUCT_ENTRY_(name, type)                                                                                          \
    MAIKO_ENTRY_ROW_(name, MAIKO_KIND_STRUCT, MAIKO_FORM_ONE, sizeof(type), 1, 0, NULL, &maiko_struct_##type)
#define MAIKO_POINTER_ENTRY_(name, type)                                                                                         \
    MAIKO_ENTRY_ROW_(name, MAIKO_KIND_POINTER, MAIKO_FORM_ONE, sizeof(void *), 1, 0, NULL, NULL)
#define MAIKO_ARRAY_ENTRY_(type, kind, name, n, labels, nested)                                                                  \
    MAIKO_ENTRY_ROW_(name, kind, MAIKO_FORM_ARRAY, sizeof(type), (uint32_t)(n), 0, labels, nested)
#define MAIKO_TAIL_ENTRY_(type, kind, name, nested)                                                                              \
    MAIKO_ENTRY_ROW_(name, kind, MAIKO_FORM_TAIL, sizeof(type), 0, 0, NULL, nested)

/* ASSERT: limits with an error message that names the field. */
#define MAIKO_NAME_ASSERT_(name) MAIKO_STATIC_ASSERT_(sizeof(#name) <= MAIKO_NAME_MAX + 1, "field " #name ": name over 63 bytes")
#define MAIKO_RANGE_ASSERT_(name, n, what)                                                                                       \
    MAIKO_STATIC_ASSERT_((n) + 0 >= 1 && (n) + 0 <= MAIKO_EVENT_MAX + 0, "field " #name ": " what " must be 1..16777216")
#define MAIKO_ONE_ASSERT_(type, kind, name) MAIKO_NAME_ASSERT_(name)
#define MAIKO_STRING_ASSERT_(name, bytes) MAIKO_NAME_ASSERT_(name) MAIKO_RANGE_ASSERT_(name, bytes, "bytes of a STRING")
#define MAIKO_BLOB_ASSERT_(name, bytes) MAIKO_NAME_ASSERT_(name) MAIKO_RANGE_ASSERT_(name, bytes, "bytes of a BLOB")
#define MAIKO_ENUM_ASSERT_(name, type) MAIKO_NAME_ASSERT_(name)
#define MAIKO_STRUCT_ASSERT_(name, type) MAIKO_NAME_ASSERT_(name)
#define MAIKO_POINTER_ASSERT_(name, type) MAIKO_NAME_ASSERT_(name)
#define MAIKO_ARRAY_ASSERT_(type, kind, name, n, labels, nested)                                                                 \
    MAIKO_NAME_ASSERT_(name) MAIKO_RANGE_ASSERT_(name, n, "elements of an ARRAY")
#define MAIKO_TAIL_ASSERT_(type, kind, name, nested) MAIKO_NAME_ASSERT_(name)

/* CHECKED: above 0 in sum when some bytes are not a legal value, so that a send must look. */
#define MAIKO_CHECKED_KIND_(kind) ((kind) == MAIKO_KIND_BOOL)
#define MAIKO_ONE_CHECKED_(type, kind, name) +MAIKO_CHECKED_KIND_(MAIKO_KIND_##kind)
#define MAIKO_STRING_CHECKED_(name, bytes) +1
#define MAIKO_BLOB_CHECKED_(name, bytes) +1
#define MAIKO_ENUM_CHECKED_(name, type) +0
#define MAIKO_STRUCT_CHECKED_(name, type) +maiko_checked_##type
#define MAIKO_POINTER_CHECKED_(name, type) +0
#define MAIKO_ARRAY_CHECKED_(type, kind, name, n, labels, nested) +((kind) == MAIKO_KIND_STRUCT || MAIKO_CHECKED_KIND_(kind))
#define MAIKO_TAIL_CHECKED_(type, kind, name, nested) +1

/* TAIL: bytes of one element of the tail; 0 in sum when there is none. */
#define MAIKO_ONE_TAIL_(type, kind, name) +0
#define MAIKO_STRING_TAIL_(name, bytes) +0
#define MAIKO_BLOB_TAIL_(name, bytes) +0
#define MAIKO_ENUM_TAIL_(name, type) +0
#define MAIKO_STRUCT_TAIL_(name, type) +0
#define MAIKO_POINTER_TAIL_(name, type) +0
#define MAIKO_ARRAY_TAIL_(type, kind, name, n, labels, nested) +0
#define MAIKO_TAIL_TAIL_(type, kind, name, nested) +sizeof(type)

/* ISO C has no struct without members. */
#define MAIKO_NO_MEMBER_(fields) MAIKO_PASTE_(MAIKO_NO_MEMBER_, MAIKO_SECOND_(fields(MAIKO_PASS_PROBE_) ~, 0, ~))
#define MAIKO_NO_MEMBER_0 uint8_t maiko_no_fields_;
#define MAIKO_NO_MEMBER_1

/* struct, typedef, limits and table of one list. */
#define MAIKO_DEFINE_STRUCT_(name, fields)                                                                                       \
    MAIKO_STATIC_ASSERT_((0 fields(MAIKO_PASS_KNOWN_)) == 0, #name ": kinds of fields")                                          \
    MAIKO_NEWER_CXX_BEGIN_                                                                                                       \
    typedef struct name {                                                                                                        \
        MAIKO_NO_MEMBER_(fields) fields(MAIKO_PASS_MEMBER_)                                                                      \
    } name;                                                                                                                      \
    MAIKO_NEWER_CXX_END_                                                                                                         \
    fields(MAIKO_PASS_ASSERT_) MAIKO_STATIC_ASSERT_(sizeof(#name) <= MAIKO_NAME_MAX + 1, #name ": name over 63 bytes")           \
        MAIKO_STATIC_ASSERT_((0 fields(MAIKO_PASS_COUNT_)) <= MAIKO_FIELDS_MAX, #name ": more than 256 fields")                  \
            MAIKO_STATIC_ASSERT_(sizeof(struct name) <= MAIKO_EVENT_MAX, #name ": larger than 16 MiB")                           \
                MAIKO_UNUSED_ static inline const maiko_field *maiko_fields_##name(void)                                         \
    {                                                                                                                            \
        typedef struct name maiko_this_ MAIKO_UNUSED_;                                                                           \
        static const maiko_field table[] = {fields(MAIKO_PASS_ENTRY_){NULL, 0, 0, 0, 0, 0, 0, NULL, NULL}};                      \
        return table;                                                                                                            \
    }

/**
 * Declare a struct that events may nest: `struct name`, the typedef `name`, and its table.  No TAIL inside.
 */
#define MAIKO_STRUCT(name, fields)                                                                                               \
    MAIKO_DEFINE_STRUCT_(name, fields)                                                                                           \
    MAIKO_STATIC_ASSERT_((0 fields(MAIKO_PASS_TAIL_)) == 0, #name ": only an event may have a TAIL")                             \
    enum { maiko_checked_##name = (0 fields(MAIKO_PASS_CHECKED_)) > 0 };                                                         \
    MAIKO_UNUSED_ static const maiko_struct maiko_struct_##name = {                                                              \
        #name, sizeof(struct name), NULL, maiko_fields_##name, (size_t)(0 fields(MAIKO_PASS_COUNT_)), sizeof(maiko_field)};

/**
 * Declare an enum with labels from a list `#define COLOR_LABELS(L) L(RED) L(GREEN, 5) L(COLOR_BLUE, 6, "blue")`: enumerator,
 * value (the previous plus one when left out) and text (the enumerator's own name when left out).  Values are those of an
 * int32_t.
 */
#define MAIKO_ENUM(name, labels)                                                                                                 \
    typedef enum name { labels(MAIKO_LABEL_VALUE_) } name;                                                                       \
    MAIKO_STATIC_ASSERT_(sizeof(enum name) == 4, #name ": values of an enum must be those of an int32_t")                        \
    MAIKO_STATIC_ASSERT_(sizeof(#name) <= MAIKO_NAME_MAX + 1, #name ": name over 63 bytes")                                      \
    MAIKO_UNUSED_ static const maiko_label maiko_labels_##name[] = {labels(MAIKO_LABEL_ROW_)};                                   \
    MAIKO_UNUSED_ static const maiko_enum maiko_enum_##name = {#name, maiko_labels_##name,                                       \
                                                               sizeof(maiko_labels_##name) / sizeof(maiko_labels_##name[0])};

#define MAIKO_LABEL_VALUE_(...) MAIKO_FOURTH_(__VA_ARGS__, MAIKO_VALUE_3_, MAIKO_VALUE_2_, MAIKO_VALUE_1_, ~)(__VA_ARGS__)
#define MAIKO_VALUE_1_(name) name,
#define MAIKO_VALUE_2_(name, value) name = value,
#define MAIKO_VALUE_3_(name, value, text) name = value,
#define MAIKO_LABEL_ROW_(...) MAIKO_FOURTH_(__VA_ARGS__, MAIKO_ROW_3_, MAIKO_ROW_2_, MAIKO_ROW_1_, ~)(__VA_ARGS__)
#define MAIKO_ROW_1_(name) {#name, name},
#define MAIKO_ROW_2_(name, value) {#name, name},
#define MAIKO_ROW_3_(name, value, text) {text, name},

#endif
