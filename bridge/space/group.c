/* Group, see group.h. */
#include "space/group.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/errno_text.h"

enum { GROUPS_MAX = 65536, ENTRY_MAX = 1024 * 1024 }; /* NGROUPS_MAX; of the group database, with all member names */

static bool read_number(const char *name, gid_t *ret_group)
{
    unsigned long number;
    char *end;

    if (name[0] < '0' || name[0] > '9')
        return false;
    errno = 0;
    number = strtoul(name, &end, 10);
    *ret_group = (gid_t)number;
    return *end == '\0' && errno == 0 && number < SPACE_NO_GROUP;
}

static maiko_status look_up(const char *name, gid_t *ret_group, struct text *error)
{
    struct group *found = NULL;
    struct group entry;
    char *texts = NULL;
    size_t size;
    int reason = ERANGE;

    for (size = 4096; reason == ERANGE && size <= ENTRY_MAX; size *= 4) {
        free(texts);
        texts = malloc(size);
        reason = texts == NULL ? ENOMEM : getgrnam_r(name, &entry, texts, size, &found);
    }
    if (found != NULL)
        *ret_group = found->gr_gid;
    free(texts);
    if (found != NULL)
        return MAIKO_OK;
    if (reason == ENOMEM)
        return MAIKO_ENOMEM;
    if (reason == 0 || reason == ENOENT || reason == ESRCH) /* what getgrnam_r says of a name it does not find differs */
        text_append_format(error, "there is no group \"%s\"", name);
    else
        text_append_format(error, "group \"%s\": %s", name, ERRNO_TEXT(reason));
    return reason == 0 || reason == ENOENT || reason == ESRCH ? MAIKO_ENOTFOUND : MAIKO_ESYSTEM;
}

static bool has(const gid_t *groups, int count, gid_t group)
{
    while (count-- > 0)
        if (groups[count] == group)
            return true;
    return false;
}

static bool is_ours(gid_t group)
{
    int count = getgroups(0, NULL);
    gid_t *groups = count > 0 ? calloc((size_t)count, sizeof(*groups)) : NULL;
    bool is_member = getegid() == group;

    if (groups != NULL)
        is_member = is_member || has(groups, getgroups(count, groups), group);
    free(groups);
    return is_member;
}

maiko_status group_find(const char *name, gid_t *ret_group, struct text *error)
{
    maiko_status status = read_number(name, ret_group) ? MAIKO_OK : look_up(name, ret_group, error);

    if (status != MAIKO_OK || is_ours(*ret_group))
        return status;
    text_append_format(error, "user %lu is no member of group \"%s\"", (unsigned long)geteuid(), name);
    return MAIKO_EPERM;
}

/* By the database: its name, and the group it has first. */
static bool find_user(uid_t user, char *texts, size_t size, struct passwd *ret_entry)
{
    struct passwd *found = NULL;

    return getpwuid_r(user, ret_entry, texts, size, &found) == 0 && found != NULL;
}

static bool is_known(gid_t group, char *texts, size_t size)
{
    struct group *found = NULL;
    struct group entry;

    return getgrgid_r(group, &entry, texts, size, &found) == 0 && found != NULL;
}

/* Does the database have all its groups, and this is none of them? */
static bool is_outside(const struct passwd *user, gid_t group)
{
    gid_t *groups = calloc(GROUPS_MAX, sizeof(*groups));
    int count = GROUPS_MAX;
    bool is_none = groups != NULL && getgrouplist(user->pw_name, user->pw_gid, groups, &count) >= 0 && !has(groups, count, group);

    free(groups);
    return is_none;
}

bool group_disowns(gid_t group, uid_t user)
{
    char *texts = malloc(ENTRY_MAX);
    struct passwd entry;
    bool is_none = texts != NULL && is_known(group, texts, ENTRY_MAX) && find_user(user, texts, ENTRY_MAX, &entry) &&
                   is_outside(&entry, group);

    free(texts);
    return is_none;
}

/* Its supplementary groups; the kernel says how many when there is no room for them. */
static bool is_theirs(gid_t group, int fd)
{
    gid_t *groups = NULL;
    socklen_t size = 0;
    bool is_member = false;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) != 0 && errno == ERANGE && size <= GROUPS_MAX * sizeof(*groups))
        groups = calloc(1, size);
    if (groups != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
        is_member = has(groups, (int)(size / sizeof(*groups)), group);
    free(groups);
    return is_member;
}

bool group_admits(gid_t group, int fd, struct ucred *ret_peer)
{
    socklen_t size = sizeof(*ret_peer);

    *ret_peer = (struct ucred){.uid = (uid_t)-1, .gid = SPACE_NO_GROUP};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size) != 0)
        return false;
    if (ret_peer->uid == geteuid())
        return true;
    return group != SPACE_NO_GROUP && (ret_peer->gid == group || is_theirs(group, fd));
}

static bool line_has(const char *line, unsigned long number)
{
    char *end;

    for (; *line != '\0'; line = end) {
        if (strtoul(line, &end, 10) == number && end != line)
            return true;
        if (end == line)
            return false;
    }
    return false;
}

bool group_has_process(gid_t group, uid_t user, pid_t process)
{
    bool is_of_user = false;
    bool is_member = false;
    char path[64];
    char *line = NULL;
    size_t size = 0;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)process);
    status = group == SPACE_NO_GROUP ? NULL : fopen(path, "re");
    while (status != NULL && getline(&line, &size, status) > 0) {
        if (strncmp(line, "Uid:", 4) == 0)
            is_of_user = line_has(line + 4, user);
        else if (strncmp(line, "Gid:", 4) == 0 || strncmp(line, "Groups:", 7) == 0)
            is_member = is_member || line_has(strchr(line, ':') + 1, group);
    }
    free(line);
    if (status != NULL)
        fclose(status);
    return is_of_user && is_member;
}
