/* Key text, see key_text.h. */
#include "security/key_text.h"

#include <string.h>

static size_t trim(const char **line, size_t len)
{
    while (len > 0 && (**line == ' ' || **line == '\t')) {
        (*line)++;
        len--;
    }
    while (len > 0 && strchr(" \t\r", (*line)[len - 1]) != NULL)
        len--;
    return len;
}

static maiko_status take_key(const char *value, size_t len, char *key, unsigned number, struct text *error)
{
    char text[KEY_TEXT_SIZE + 1] = "";
    enum z85_fault fault;
    size_t at;

    if (key[0] != '\0') {
        text_append_format(error, "line %u: the second key of its kind", number);
        return MAIKO_EINVAL;
    }
    memcpy(text, value, len < sizeof(text) ? len : sizeof(text) - 1);
    fault = z85_check_key(text, &at);
    if (fault != Z85_OK) {
        text_append_format(error, "line %u: %s", number, z85_fault_text(fault));
        if (fault != Z85_LENGTH)
            text_append_format(error, " (character %zu)", at + 1);
        return MAIKO_EINVAL;
    }
    memcpy(key, text, KEY_TEXT_SIZE);
    return MAIKO_OK;
}

static maiko_status parse_line(const char *line, size_t len, unsigned number, struct key_text *keys, struct text *error)
{
    const char *equals;
    const char *value;
    size_t name_len;
    size_t value_len;

    len = trim(&line, len);
    if (len == 0 || line[0] == '#')
        return MAIKO_OK;
    equals = memchr(line, '=', len);
    if (equals != NULL) {
        name_len = trim(&line, (size_t)(equals - line));
        value = equals + 1;
        value_len = trim(&value, len - (size_t)(value - line));
        if (name_len == 6 && memcmp(line, "public", 6) == 0)
            return take_key(value, value_len, keys->public_key, number, error);
        if (name_len == 6 && memcmp(line, "secret", 6) == 0)
            return take_key(value, value_len, keys->secret_key, number, error);
    }
    text_append_format(error, "line %u: neither \"public = KEY\" nor \"secret = KEY\"", number);
    return MAIKO_EINVAL;
}

maiko_status key_text_parse(const char *bytes, size_t len, struct key_text *ret_keys, struct text *error)
{
    struct key_text keys = {"", ""};
    maiko_status status = MAIKO_OK;
    unsigned number = 0;

    while (status == MAIKO_OK && len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t line_len = end == NULL ? len : (size_t)(end - bytes);
        size_t step = end == NULL ? len : line_len + 1;

        status = parse_line(bytes, line_len, ++number, &keys, error);
        bytes += step;
        len -= step;
    }
    if (status == MAIKO_OK && keys.public_key[0] == '\0') {
        text_append(error, "no public key in it");
        status = MAIKO_EINVAL;
    }
    if (status == MAIKO_OK)
        *ret_keys = keys;
    return status;
}

void key_text_format(const struct key_text *keys, struct text *ret_text)
{
    text_append_format(ret_text, "public = %s\n", keys->public_key);
    if (keys->secret_key[0] != '\0')
        text_append_format(ret_text, "secret = %s\n", keys->secret_key);
}
