#include "message/json_scan.h"

#include <string.h>

#include "base/utf8.h"
#include "message/json_number.h"

void json_scanner_init(struct json_scanner *scanner, const char *json, size_t len)
{
    *scanner =
        (struct json_scanner){.start = json, .at = json, .end = json + len, .token = JSON_END, .token_start = json, .text = ""};
}

static enum json_token bad(struct json_scanner *scanner, const char *reason)
{
    scanner->text = reason;
    scanner->len = strlen(reason);
    scanner->at = scanner->end;
    return scanner->token = JSON_BAD;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The number behind \u, or -1. */
static int32_t scan_hex(const char *at, const char *end)
{
    int32_t value = 0;
    int i;

    for (i = 0; i < 4; i++, at++) {
        if (at == end || hex_digit(*at) < 0)
            return -1;
        value = value * 16 + hex_digit(*at);
    }
    return value;
}

static const char escaped[] = "\"\\/bfnrt";
static const char unescaped[] = "\"\\/\b\f\n\r\t";

/* One character behind `at`, escape or not: how many bytes it takes, 0 when it is none; its number in *ret_codepoint. */
static size_t scan_character(const char *at, const char *end, uint32_t *ret_codepoint)
{
    const char *found;
    int32_t high, low;

    if ((unsigned char)*at < 0x20)
        return 0;
    if (*at != '\\')
        return utf8_decode(at, (size_t)(end - at), ret_codepoint);
    if (end - at < 2)
        return 0;
    found = at[1] != '\0' ? strchr(escaped, at[1]) : NULL;
    if (found != NULL) {
        *ret_codepoint = (unsigned char)unescaped[found - escaped];
        return 2;
    }
    high = at[1] == 'u' ? scan_hex(at + 2, end) : -1;
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return 0;
    if (high < 0xd800 || high > 0xdbff) {
        *ret_codepoint = (uint32_t)high;
        return 6;
    }
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return 0;
    low = scan_hex(at + 8, end);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret_codepoint = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return 12;
}

static enum json_token scan_string(struct json_scanner *scanner)
{
    const char *at = scanner->at + 1;
    uint32_t codepoint;
    size_t used;

    scanner->text = at;
    while (at < scanner->end && *at != '"') {
        used = scan_character(at, scanner->end, &codepoint);
        if (used == 0) {
            scanner->token_start = at;
            return bad(scanner, "a string with a bad escape, control character, lone surrogate or bytes that are not UTF-8");
        }
        at += used;
    }
    if (at == scanner->end)
        return bad(scanner, "a string without an end");
    scanner->len = (size_t)(at - scanner->text);
    scanner->at = at + 1;
    return scanner->token = JSON_STRING;
}

static enum json_token scan_number(struct json_scanner *scanner)
{
    const char *at = scanner->at;

    while (at < scanner->end && *at != '\0' && strchr("+-.0123456789eE", *at) != NULL)
        at++;
    scanner->text = scanner->at;
    scanner->len = (size_t)(at - scanner->at);
    if (!json_number_is_valid(scanner->text, scanner->len))
        return bad(scanner, "a bad number");
    scanner->at = at;
    return scanner->token = JSON_NUMBER;
}

static enum json_token scan_word(struct json_scanner *scanner, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(scanner->end - scanner->at) < len || memcmp(scanner->at, word, len) != 0)
        return bad(scanner, "no JSON");
    scanner->at += len;
    return scanner->token = (enum json_token)word[0];
}

enum json_token json_scan(struct json_scanner *scanner)
{
    if (scanner->token == JSON_BAD)
        return JSON_BAD;
    while (scanner->at < scanner->end && *scanner->at != '\0' && strchr(" \t\r\n", *scanner->at) != NULL)
        scanner->at++;
    scanner->token_start = scanner->at;
    if (scanner->at == scanner->end)
        return scanner->token = JSON_END;
    switch (*scanner->at) {
    case JSON_OBJECT:
    case JSON_OBJECT_END:
    case JSON_ARRAY:
    case JSON_ARRAY_END:
    case JSON_COLON:
    case JSON_COMMA:
        return scanner->token = (enum json_token) * scanner->at++;
    case JSON_STRING:
        return scan_string(scanner);
    case JSON_TRUE:
        return scan_word(scanner, "true");
    case JSON_FALSE:
        return scan_word(scanner, "false");
    case JSON_NULL:
        return scan_word(scanner, "null");
    default:
        return scan_number(scanner);
    }
}

const char *json_token_name(enum json_token token)
{
    switch (token) {
    case JSON_END:
        return "the end";
    case JSON_BAD:
        return "no JSON";
    case JSON_OBJECT:
        return "an object";
    case JSON_OBJECT_END:
        return "}";
    case JSON_ARRAY:
        return "an array";
    case JSON_ARRAY_END:
        return "]";
    case JSON_COLON:
        return "a colon";
    case JSON_COMMA:
        return "a comma";
    case JSON_STRING:
        return "a string";
    case JSON_NUMBER:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "?";
}

struct json_characters json_characters_of(const struct json_scanner *scanner)
{
    return (struct json_characters){.at = scanner->text, .end = scanner->text + scanner->len};
}

size_t json_characters_next(struct json_characters *characters, char out[4])
{
    uint32_t codepoint = 0;

    if (characters->at == characters->end)
        return 0;
    characters->at += scan_character(characters->at, characters->end, &codepoint);
    return utf8_encode(codepoint, out);
}

bool json_string_is(const struct json_scanner *scanner, const char *text)
{
    struct json_characters characters = json_characters_of(scanner);
    char utf8[4];
    size_t len;

    while ((len = json_characters_next(&characters, utf8)) > 0) {
        if (strncmp(text, utf8, len) != 0 || utf8[0] == '\0')
            return false;
        text += len;
    }
    return *text == '\0';
}
