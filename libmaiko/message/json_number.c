#include "message/json_number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* printf and strtod write and read the decimal point of the thread's locale, so the thread gets the C locale meanwhile.
 * glibc has that one built in: no allocation, no failure. */
struct c_locale {
    locale_t c;
    locale_t before;
};

static void c_locale_enter(struct c_locale *scope)
{
    scope->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    scope->before = uselocale(scope->c);
}

static void c_locale_leave(struct c_locale *scope)
{
    uselocale(scope->before);
    if (scope->c != (locale_t)0)
        freelocale(scope->c);
}

/* "-0" would come back as the integer 0 from readers that tell the two apart. */
static size_t format_minus_zero(char out[JSON_NUMBER_SIZE])
{
    memcpy(out, "-0.0", 5);
    return 4;
}

size_t json_number_format_double(double value, char out[JSON_NUMBER_SIZE])
{
    struct c_locale scope;
    int precision = 15;
    int len;

    if (value == 0 && signbit(value))
        return format_minus_zero(out);
    c_locale_enter(&scope);
    do
        len = snprintf(out, JSON_NUMBER_SIZE, "%.*g", precision, value);
    while (precision++ < 17 && strtod(out, NULL) != value);
    c_locale_leave(&scope);
    return (size_t)len;
}

size_t json_number_format_float(float value, char out[JSON_NUMBER_SIZE])
{
    struct c_locale scope;
    int precision = 6;
    int len;

    if (value == 0 && signbit(value))
        return format_minus_zero(out);
    c_locale_enter(&scope);
    do
        len = snprintf(out, JSON_NUMBER_SIZE, "%.*g", precision, (double)value);
    while (precision++ < 9 && strtof(out, NULL) != value);
    c_locale_leave(&scope);
    return (size_t)len;
}

static size_t count_digits(const char *text, size_t len)
{
    size_t count = 0;

    while (count < len && text[count] >= '0' && text[count] <= '9')
        count++;
    return count;
}

bool json_number_is_valid(const char *text, size_t len)
{
    size_t at = len > 0 && text[0] == '-' ? 1 : 0;
    size_t digits = count_digits(text + at, len - at);

    if (digits == 0 || (digits > 1 && text[at] == '0') || len > JSON_NUMBER_MAX)
        return false;
    at += digits;
    if (at < len && text[at] == '.') {
        digits = count_digits(text + at + 1, len - at - 1);
        if (digits == 0)
            return false;
        at += 1 + digits;
    }
    if (at < len && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < len && (text[at] == '+' || text[at] == '-'))
            at++;
        digits = count_digits(text + at, len - at);
        if (digits == 0)
            return false;
        at += digits;
    }
    return at == len;
}

bool json_number_parse_double(const char *text, size_t len, double *ret_value)
{
    char copy[JSON_NUMBER_MAX + 1];
    struct c_locale scope;

    memcpy(copy, text, len);
    copy[len] = '\0';
    c_locale_enter(&scope);
    *ret_value = strtod(copy, NULL);
    c_locale_leave(&scope);
    return isfinite(*ret_value);
}

bool json_number_parse_float(const char *text, size_t len, float *ret_value)
{
    char copy[JSON_NUMBER_MAX + 1];
    struct c_locale scope;

    memcpy(copy, text, len);
    copy[len] = '\0';
    c_locale_enter(&scope);
    *ret_value = strtof(copy, NULL);
    c_locale_leave(&scope);
    return isfinite(*ret_value);
}

bool json_number_parse_u64(const char *text, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t i;

    if (len == 0 || count_digits(text, len) != len || (len > 1 && text[0] == '0'))
        return false;
    for (i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool json_number_parse_i64(const char *text, size_t len, int64_t *ret_value)
{
    bool negative = len > 0 && text[0] == '-';
    uint64_t magnitude;

    if (!json_number_parse_u64(text + negative, len - negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}
