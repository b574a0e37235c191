/* Paths of a space, see path.h. */
#include "space/path.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"

bool space_name_is_valid(const char *name)
{
    size_t len = name == NULL ? 0 : strnlen(name, SPACE_NAME_MAX + 1);
    size_t i;

    if (len == 0 || len > SPACE_NAME_MAX || name[0] == '.' || name[0] == '-' || !utf8_is_valid(name, len))
        return false;
    for (i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '/')
            return false;
    return true;
}

bool space_name_is_reserved(const char *name)
{
    return strcmp(name, SPACE_COUNTERS_DIRECTORY) == 0;
}

static maiko_status check_length(int len, struct text *error)
{
    if (len < SPACE_PATH_MAX)
        return MAIKO_OK;
    text_append_format(error, "XDG_RUNTIME_DIR is %d bytes long, at most %d can be used", len, SPACE_PATH_MAX - 1);
    return MAIKO_ETOOLONG;
}

/* `fallback` and `number` make its name below /tmp. */
static maiko_status base_path(const char *runtime_dir, const char *fallback, unsigned long number, char *ret_path,
                              struct text *error)
{
    if (runtime_dir != NULL && runtime_dir[0] == '/')
        return check_length(snprintf(ret_path, SPACE_PATH_MAX, "%s/maiko", runtime_dir), error);
    return check_length(snprintf(ret_path, SPACE_PATH_MAX, "/tmp/%s-%lu", fallback, number), error);
}

maiko_status space_base_path(const char *runtime_dir, uid_t uid, char ret_path[SPACE_PATH_MAX], struct text *error)
{
    return base_path(runtime_dir, "maiko", uid, ret_path, error);
}

maiko_status space_group_base_path(const char *runtime_dir, gid_t group, char ret_path[SPACE_PATH_MAX], struct text *error)
{
    return base_path(runtime_dir, "maiko-group", group, ret_path, error);
}

static uint64_t hash_of(const char *space, const char *node)
{
    uint64_t hash = hash_stable(HASH_STABLE_INIT, space, strlen(space) + 1); /* with the NUL: "a" "bc" is not "ab" "c" */

    return hash_stable(hash, node, strlen(node));
}

maiko_status space_socket_path(const char *base, const char *space, const char *node, const char *file,
                               char ret_path[SPACE_SOCKET_PATH_MAX], struct text *error)
{
    int len = snprintf(ret_path, SPACE_SOCKET_PATH_MAX, "%s/%s/%s/%s", base, space, node, file);

    if (len < SPACE_SOCKET_PATH_MAX)
        return MAIKO_OK;
    len = snprintf(ret_path, SPACE_SOCKET_PATH_MAX, "%s/" SPACE_SHORT_DIRECTORY "/%016llx-%s", base,
                   (unsigned long long)hash_of(space, node), file);
    if (len < SPACE_SOCKET_PATH_MAX)
        return MAIKO_OK;
    text_append_format(error,
                       "socket path %s/" SPACE_SHORT_DIRECTORY "/… needs %d bytes, the system takes %d: use a shorter "
                       "XDG_RUNTIME_DIR",
                       base, len, SPACE_SOCKET_PATH_MAX - 1);
    return MAIKO_ETOOLONG;
}

bool space_socket_path_is_short(const char *base, const char *path)
{
    size_t len = strlen(base);

    return strncmp(path, base, len) == 0 &&
           strncmp(path + len, "/" SPACE_SHORT_DIRECTORY "/", sizeof(SPACE_SHORT_DIRECTORY) + 1) == 0;
}
