/* JSON lines: one flat object per line, written field by field. */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdbool.h>
#include <stdio.h>

void json_begin(FILE *out);
void json_text(FILE *out, const char *key, const char *value);
void json_number(FILE *out, const char *key, double value);
void json_flag(FILE *out, const char *key, bool value);
void json_end(FILE *out);

#endif
