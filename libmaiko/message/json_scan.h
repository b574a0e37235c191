/* JSON, scanning: splits text into tokens where it lies.  Keeps no memory, recurses nowhere, reads every byte once; what it
 * calls a string has only valid escapes, paired surrogates and UTF-8 in it. */
#ifndef MESSAGE_JSON_SCAN_H
#define MESSAGE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_token {
    JSON_END,
    JSON_BAD, /* text says why */
    JSON_OBJECT = '{',
    JSON_OBJECT_END = '}',
    JSON_ARRAY = '[',
    JSON_ARRAY_END = ']',
    JSON_COLON = ':',
    JSON_COMMA = ',',
    JSON_STRING = '"', /* text, len: between the quotes, escapes as they are */
    JSON_NUMBER = '0', /* text, len: a number as JSON has it, at most JSON_NUMBER_MAX bytes */
    JSON_TRUE = 't',
    JSON_FALSE = 'f',
    JSON_NULL = 'n'
};

struct json_scanner {
    /* input */
    const char *start;
    const char *at;
    const char *end;
    /* the token found last */
    enum json_token token;
    const char *token_start;
    const char *text;
    size_t len;
};

void json_scanner_init(struct json_scanner *scanner, const char *json, size_t len);

/* Finds the next token and returns it.  After JSON_END and JSON_BAD it stays there. */
enum json_token json_scan(struct json_scanner *scanner);

/* "a string", "a number", …: for error texts. */
const char *json_token_name(enum json_token token);

/* The characters of a string token, one after the other. */
struct json_characters {
    const char *at;
    const char *end;
};

struct json_characters json_characters_of(const struct json_scanner *scanner);

/* The next character as UTF-8: its length, or 0 at the end. */
size_t json_characters_next(struct json_characters *characters, char out[4]);

/* Is the string token this text? */
bool json_string_is(const struct json_scanner *scanner, const char *text);

#endif
