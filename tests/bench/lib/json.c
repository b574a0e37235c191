/* JSON lines: a writer without state; every field brings the comma before it, the first field is always "format". */
#include "bench/lib/json.h"

#include <math.h>

static void put_string(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', out);
        if ((unsigned char)*text >= 0x20)
            putc(*text, out);
    }
    putc('"', out);
}

static void put_key(FILE *out, const char *key)
{
    fputs(", ", out);
    put_string(out, key);
    fputs(": ", out);
}

void json_begin(FILE *out)
{
    fputs("{\"format\": 1", out);
}

void json_text(FILE *out, const char *key, const char *value)
{
    put_key(out, key);
    put_string(out, value);
}

void json_number(FILE *out, const char *key, double value)
{
    put_key(out, key);
    if (isfinite(value))
        fprintf(out, "%.6g", value);
    else
        fputs("null", out);
}

void json_flag(FILE *out, const char *key, bool value)
{
    put_key(out, key);
    fputs(value ? "true" : "false", out);
}

void json_end(FILE *out)
{
    fputs("}\n", out);
    fflush(out);
}
