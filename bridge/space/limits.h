/* Limits of a space that several files agree on. */
#ifndef SPACE_LIMITS_H
#define SPACE_LIMITS_H

#include <sys/un.h>

enum {
    SPACE_NAME_MAX = 64,   /* bytes of the name of a space or a node, without the NUL */
    SPACE_PATH_MAX = 1024, /* bytes of the longest path we make, with the NUL */
    SPACE_SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path), /* with the NUL; what the kernel takes */
    SPACE_NODES_MAX = 1024,                                              /* nodes of one space that are looked at */
    SPACE_RECORD_MAX = 256 * 1024                                        /* bytes of a record file */
};

#endif
