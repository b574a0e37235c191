/* The contents of a key file.  Keys that are taken decode and encode to themselves, and no key is ever in the reason. */
#include <stdlib.h>
#include <string.h>

#include "security/key_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_key(const char *key)
{
    unsigned char bytes[KEY_BYTES];
    char again[KEY_TEXT_SIZE];

    z85_decode_key(key, bytes);
    z85_encode_key(bytes, again);
    require(strcmp(key, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct key_text keys;
    struct key_text again;
    char reason[256];
    char lines[256];
    struct text error;
    struct text text;

    text_init_buffer(&error, reason, sizeof(reason));
    if (key_text_parse((const char *)data, len, &keys, &error) != MAIKO_OK) {
        require(error.len > 0 && error.len < 100);
        return 0;
    }
    check_key(keys.public_key);
    if (keys.secret_key[0] != '\0')
        check_key(keys.secret_key);
    text_init_buffer(&text, lines, sizeof(lines));
    key_text_format(&keys, &text);
    require(key_text_parse(lines, text.len, &again, &error) == MAIKO_OK);
    require(memcmp(&keys, &again, sizeof(keys)) == 0);
    return 0;
}
