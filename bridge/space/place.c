/* Place, see place.h. */
#include "space/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "space/group.h"
#include "space/path.h"
#include "space/private_directory.h"

/* Its owner may change a directory of the group at will: whoever has left the group must not have one.  What is below can be
 * reached by members only, whoever made it. */
static maiko_status check_owner(int fd, gid_t group, const char *path, struct text *error)
{
    struct stat info;

    if (group == SPACE_NO_GROUP || fstat(fd, &info) != 0 || info.st_uid == 0 || info.st_uid == geteuid() ||
        !group_disowns(group, info.st_uid))
        return MAIKO_OK;
    text_append_format(error,
                       "%s belongs to user %lu, who is no member of group %lu: that user, or root, has to remove it or give it "
                       "to a member",
                       path, (unsigned long)info.st_uid, (unsigned long)group);
    return MAIKO_EPERM;
}

maiko_status place_open_base(const char *runtime_dir, gid_t group, bool create, char ret_path[SPACE_PATH_MAX], int *ret_fd,
                             struct text *error)
{
    maiko_status status = group == SPACE_NO_GROUP ? space_base_path(runtime_dir, geteuid(), ret_path, error)
                                                  : space_group_base_path(runtime_dir, group, ret_path, error);

    if (status == MAIKO_OK)
        status = private_directory_open_path(ret_path, group, create, ret_fd, error);
    if (status != MAIKO_OK)
        return status;
    status = check_owner(*ret_fd, group, ret_path, error);
    if (status != MAIKO_OK)
        close(*ret_fd);
    return status;
}

maiko_status place_open(const char *runtime_dir, gid_t group, const char *space, bool create, struct place *ret_place,
                        struct text *error)
{
    maiko_status status;
    int base_fd;

    ret_place->group = group;
    status = place_open_base(runtime_dir, group, create, ret_place->base, &base_fd, error);
    if (status != MAIKO_OK)
        return status;
    status = private_directory_open(base_fd, space, create, &ret_place->space_fd, error);
    close(base_fd);
    if (status != MAIKO_OK)
        return status;
    if (snprintf(ret_place->path, sizeof(ret_place->path), "%s/%s", ret_place->base, space) < (int)sizeof(ret_place->path))
        return MAIKO_OK;
    place_close(ret_place);
    text_append_format(error, "the path of space \"%s\" is longer than %d bytes", space, SPACE_PATH_MAX - 1);
    return MAIKO_ETOOLONG;
}

void place_close(struct place *place)
{
    if (place->space_fd >= 0)
        close(place->space_fd);
    place->space_fd = -1;
}

static maiko_status make_short_directory(const struct place *place, struct text *error)
{
    char path[SPACE_PATH_MAX + sizeof(SPACE_SHORT_DIRECTORY)];
    maiko_status status;
    int fd;

    snprintf(path, sizeof(path), "%s/" SPACE_SHORT_DIRECTORY, place->base);
    status = private_directory_open_path(path, place->group, true, &fd, error);
    if (status == MAIKO_OK)
        close(fd);
    return status;
}

maiko_status place_socket_path(const struct place *place, const char *space, const char *node, const char *file,
                               char ret_path[SPACE_SOCKET_PATH_MAX], struct text *error)
{
    maiko_status status = space_socket_path(place->base, space, node, file, ret_path, error);

    if (status == MAIKO_OK && space_socket_path_is_short(place->base, ret_path))
        status = make_short_directory(place, error);
    return status;
}
