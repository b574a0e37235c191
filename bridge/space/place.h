/* Place: the directories around a node, opened and checked: the base of the user, the space, short socket names. */
#ifndef SPACE_PLACE_H
#define SPACE_PLACE_H

#include <stdbool.h>

#include "base/text.h"
#include "space/group.h"
#include "space/limits.h"

struct place {
    char base[SPACE_PATH_MAX];
    char path[SPACE_PATH_MAX]; /* of the space */
    int space_fd;
    gid_t group; /* SPACE_NO_GROUP: of this user alone */
};

/* MAIKO_OK, MAIKO_ENOTFOUND (only without `create`), MAIKO_EPERM, MAIKO_ETOOLONG, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status place_open(const char *runtime_dir, gid_t group, const char *space, bool create,
                                         struct place *ret_place, struct text *error);
void place_close(struct place *place);

/* The checked base directory alone.  The descriptor is the caller's. */
MAIKO_MUST_CHECK maiko_status place_open_base(const char *runtime_dir, gid_t group, bool create, char ret_path[SPACE_PATH_MAX],
                                              int *ret_fd, struct text *error);

/* The path of a node's socket; makes the directory of short names when that is needed. */
MAIKO_MUST_CHECK maiko_status place_socket_path(const struct place *place, const char *space, const char *node, const char *file,
                                                char ret_path[SPACE_SOCKET_PATH_MAX], struct text *error);

#endif
