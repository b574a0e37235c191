/* Counters list: the counters files of a directory. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "runtime/counters_place.h"
#include <maiko/counters.h>

maiko_status maiko_counters_directory(char *buffer, size_t size)
{
    char path[COUNTERS_PATH_SIZE];
    char ignored[1];
    struct text why;
    maiko_status status;
    int fd;

    if (buffer == NULL || size == 0)
        return MAIKO_EINVAL;
    buffer[0] = '\0';
    text_init_buffer(&why, ignored, sizeof(ignored));
    status = counters_directory_open(false, path, &fd, &why);
    if (status != MAIKO_OK)
        return status;
    close(fd);
    return snprintf(buffer, size, "%s", path) < (int)size ? MAIKO_OK : MAIKO_ETOOLONG;
}

/* Cuts ".digits" off the end; false when there is none. */
static bool cut_number(const char *name, size_t *len)
{
    size_t at = *len;

    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    if (at == *len || at < 2 || name[at - 1] != '.')
        return false;
    *len = at - 1;
    return true;
}

/* NAME.PID.N */
static bool is_counters_name(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && cut_number(name, &len) && cut_number(name, &len);
}

static maiko_status walk(DIR *directory, const char *path, maiko_status (*found)(const char *path, void *userdata),
                         void *userdata)
{
    char file[COUNTERS_PATH_SIZE + 257];
    maiko_status status = MAIKO_OK;
    struct dirent *entry;

    while (status == MAIKO_OK && (entry = readdir(directory)) != NULL) {
        if (!is_counters_name(entry->d_name))
            continue;
        if (snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) < (int)sizeof(file))
            status = found(file, userdata);
    }
    return status;
}

maiko_status maiko_counters_list(const char *directory, maiko_status (*found)(const char *path, void *userdata), void *userdata)
{
    char path[COUNTERS_PATH_SIZE];
    maiko_status status = MAIKO_OK;
    DIR *opened;

    if (found == NULL)
        return MAIKO_EINVAL;
    if (directory == NULL)
        status = maiko_counters_directory(path, sizeof(path));
    else if (snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path))
        status = MAIKO_ETOOLONG;
    if (status != MAIKO_OK)
        return directory == NULL && status == MAIKO_ENOTFOUND ? MAIKO_OK : status;
    opened = opendir(path);
    if (opened == NULL)
        return errno == ENOENT || errno == ENOTDIR ? MAIKO_ENOTFOUND : errno == EACCES ? MAIKO_EPERM : MAIKO_ESYSTEM;
    status = walk(opened, path, found, userdata);
    closedir(opened);
    return status;
}
