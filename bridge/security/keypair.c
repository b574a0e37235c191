/* Public calls for key pairs, see <maiko/keypair.h>. */
#include <maiko/keypair.h>

#include <stdio.h>
#include <string.h>

#include "link/zmq_curve.h"
#include "security/key_file.h"
#include "space/limits.h"

_Static_assert((int)MAIKO_KEY_SIZE == (int)KEY_TEXT_SIZE, "one size of a key");

/* The caller's buffer, or a little one of ours when there is none. */
static void begin_error(struct text *text, char *error, size_t error_size, char *own, size_t own_size)
{
    if (error != NULL && error_size > 0)
        text_init_buffer(text, error, error_size);
    else
        text_init_buffer(text, own, own_size);
}

maiko_status maiko_keypair_generate(maiko_keypair *ret_keypair)
{
    if (ret_keypair == NULL)
        return MAIKO_EINVAL;
    return curve_generate(ret_keypair->public_key, ret_keypair->secret_key);
}

static bool is_pair(const maiko_keypair *keypair)
{
    char derived[KEY_TEXT_SIZE];
    size_t at;

    return z85_check_key(keypair->public_key, &at) == Z85_OK && z85_check_key(keypair->secret_key, &at) == Z85_OK &&
           curve_derive(keypair->secret_key, derived) == MAIKO_OK && strcmp(derived, keypair->public_key) == 0;
}

maiko_status maiko_keypair_save(const maiko_keypair *keypair, const char *path, char *error, size_t error_size)
{
    struct key_text keys = {"", ""};
    char public_path[SPACE_PATH_MAX];
    maiko_status status;
    struct text why;
    char own[8];

    begin_error(&why, error, error_size, own, sizeof(own));
    if (keypair == NULL || path == NULL || !is_pair(keypair)) {
        text_append(&why, "not a key pair, or no path");
        return MAIKO_EINVAL;
    }
    if (snprintf(public_path, sizeof(public_path), "%s.pub", path) >= (int)sizeof(public_path))
        return MAIKO_ETOOLONG;
    memcpy(keys.public_key, keypair->public_key, KEY_TEXT_SIZE);
    status = key_file_save(public_path, &keys, &why);
    if (status != MAIKO_OK)
        return status;
    memcpy(keys.secret_key, keypair->secret_key, KEY_TEXT_SIZE);
    status = key_file_save(path, &keys, &why);
    explicit_bzero(&keys, sizeof(keys));
    if (status != MAIKO_OK)
        remove(public_path); /* just made here */
    return status;
}

maiko_status maiko_keypair_load(const char *path, maiko_keypair *ret_keypair, char *error, size_t error_size)
{
    struct key_text keys;
    maiko_status status;
    struct text why;
    char own[8];

    begin_error(&why, error, error_size, own, sizeof(own));
    if (path == NULL || ret_keypair == NULL) {
        text_append(&why, "no path, or no room for the keys");
        return MAIKO_EINVAL;
    }
    status = key_file_load(path, true, &keys, &why);
    if (status != MAIKO_OK)
        return status;
    memcpy(ret_keypair->public_key, keys.public_key, KEY_TEXT_SIZE);
    memcpy(ret_keypair->secret_key, keys.secret_key, KEY_TEXT_SIZE);
    explicit_bzero(&keys, sizeof(keys));
    return MAIKO_OK;
}
