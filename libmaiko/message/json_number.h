/* JSON numbers: text of integers and floating-point numbers, whatever the locale of the program. */
#ifndef MESSAGE_JSON_NUMBER_H
#define MESSAGE_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_NUMBER_SIZE = 40, JSON_NUMBER_MAX = 1200 }; /* bytes we write, NUL included; bytes of a number we read */

/* Integers beyond this are strings in JSON. */
#define JSON_INTEGER_MAX (UINT64_C(1) << 53)

/* The shortest text that reads back as the same finite number; its length. */
size_t json_number_format_double(double value, char out[JSON_NUMBER_SIZE]);
size_t json_number_format_float(float value, char out[JSON_NUMBER_SIZE]);

/* Is this a number as JSON writes it? */
bool json_number_is_valid(const char *text, size_t len);

/* Of valid text; false when it is too large for the type. */
bool json_number_parse_double(const char *text, size_t len, double *ret_value);
bool json_number_parse_float(const char *text, size_t len, float *ret_value);

/* Of digits with an optional minus and nothing else; false also when it does not fit. */
bool json_number_parse_u64(const char *text, size_t len, uint64_t *ret_value);
bool json_number_parse_i64(const char *text, size_t len, int64_t *ret_value);

#endif
