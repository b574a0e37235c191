/* INI text, see ini_text.h. */
#include "space/ini_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "space/private_directory.h"

maiko_status ini_text_read(int fd, struct heap *heap, char **ret_text, size_t *ret_len, struct text *error)
{
    char *text = NULL;
    size_t len = 0;
    maiko_status status = file_read_all(fd, INI_FILE_MAX, heap, &text, &len);

    if (status != MAIKO_OK) {
        text_append_format(error, "cannot be read: %s", maiko_strerror(status));
        return status;
    }
    if (strlen(text) != len) {
        text_append_format(error, "a NUL after %zu bytes", strlen(text));
        heap_free(heap, text, len + 1);
        return MAIKO_EINVAL;
    }
    *ret_text = text;
    *ret_len = len;
    return MAIKO_OK;
}

maiko_status ini_text_load(const char *path, struct heap *heap, char **ret_text, size_t *ret_len, struct text *error)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    maiko_status status;

    if (fd < 0) {
        int reason = errno;

        text_append_format(error, "cannot be read: %s", ERRNO_TEXT(reason));
        return reason == ENOENT ? MAIKO_ENOTFOUND : MAIKO_ESYSTEM;
    }
    status = ini_text_read(fd, heap, ret_text, ret_len, error);
    close(fd);
    return status;
}

maiko_status ini_text_check(const char *text, struct text *error)
{
    unsigned number;

    for (number = 1; *text != '\0'; number++) {
        size_t len = strcspn(text, "\n");

        if (len > INI_LINE_MAX) {
            text_append_format(error, "line %u is longer than %d bytes", number, INI_LINE_MAX);
            return MAIKO_EINVAL;
        }
        if (strspn(text, " \t") > 0 && strspn(text, " \t\r") < len && strchr(";#", text[strspn(text, " \t")]) == NULL) {
            text_append_format(error, "line %u begins with a blank: names begin where their line does", number);
            return MAIKO_EINVAL;
        }
        text += len + (text[len] == '\n');
    }
    return MAIKO_OK;
}
