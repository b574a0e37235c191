/* Key file, see key_file.h. */
#include "security/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "link/zmq_curve.h"
#include "security/trusted_file.h"

enum { KEY_FILE_MAX = 4096 };

static maiko_status read_keys(int fd, struct key_text *ret_keys, struct text *error)
{
    char bytes[KEY_FILE_MAX + 1];
    ssize_t len = read(fd, bytes, sizeof(bytes));
    maiko_status status;

    if (len < 0) {
        text_append(error, ERRNO_TEXT(errno));
        return MAIKO_ESYSTEM;
    }
    if (len > KEY_FILE_MAX) {
        text_append_format(error, "longer than %d bytes", KEY_FILE_MAX);
        return MAIKO_ETOOLONG;
    }
    status = key_text_parse(bytes, (size_t)len, ret_keys, error);
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}

static maiko_status check_pair(const struct key_text *keys, const char *path, struct text *error)
{
    char derived[KEY_TEXT_SIZE];
    maiko_status status;

    if (keys->secret_key[0] == '\0') {
        text_append_format(error, "key file %s: no secret key in it", path);
        return MAIKO_EINVAL;
    }
    status = curve_derive(keys->secret_key, derived);
    if (status == MAIKO_ENOTSUP)
        text_append(error, "this libzmq was built without CURVE");
    else if (status != MAIKO_OK || strcmp(derived, keys->public_key) != 0) {
        text_append_format(error, "key file %s: the two keys do not belong together", path);
        status = MAIKO_EINVAL;
    }
    return status;
}

maiko_status key_file_load(const char *path, bool wants_secret, struct key_text *ret_keys, struct text *error)
{
    struct key_text keys = {"", ""};
    maiko_status status;
    int fd = -1;

    text_append_format(error, "key file %s: ", path);
    status = trusted_file_open(path, wants_secret, &fd, error);
    if (status != MAIKO_OK)
        return status;
    status = read_keys(fd, &keys, error);
    close(fd);
    if (status == MAIKO_OK) {
        text_clear(error);
        status = wants_secret ? check_pair(&keys, path, error) : MAIKO_OK;
    }
    if (status == MAIKO_OK)
        *ret_keys = keys;
    explicit_bzero(&keys, sizeof(keys));
    return status;
}

maiko_status key_file_save(const char *path, const struct key_text *keys, struct text *error)
{
    mode_t mode = keys->secret_key[0] != '\0' ? 0600 : 0644;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    char bytes[256];
    struct text line;
    bool is_written;

    if (fd < 0) {
        int reason = errno;

        text_append_format(error, "key file %s: %s", path, ERRNO_TEXT(reason));
        return reason == EEXIST ? MAIKO_EEXIST : MAIKO_ESYSTEM;
    }
    text_init_buffer(&line, bytes, sizeof(bytes));
    key_text_format(keys, &line);
    is_written = write(fd, bytes, line.len) == (ssize_t)line.len && fsync(fd) == 0;
    explicit_bzero(bytes, sizeof(bytes));
    close(fd);
    if (is_written)
        return MAIKO_OK;
    text_append_format(error, "key file %s: %s", path, ERRNO_TEXT(errno));
    unlink(path);
    return MAIKO_ESYSTEM;
}
