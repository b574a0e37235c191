/* Node directory, see node_directory.h. */
#include "space/node_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "space/path.h"
#include "space/private_directory.h"
#include "space/shortage.h"

enum { CREATE_ATTEMPTS = 16, TEMPORARY_NAME_MAX = NODE_DIRECTORY_TEMPORARY_MAX };

/* ".new-PID-NAMESPACE-START-RANDOM": a reaper can tell its own process' by the name, and must not open their life file. */
static void temporary_name(const char *prefix, const struct process_identity *self, char ret_name[TEMPORARY_NAME_MAX])
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = (uint64_t)(uintptr_t)ret_name; /* only has to differ from other threads of this process */
    snprintf(ret_name, TEMPORARY_NAME_MAX, "%s%lld-%llu-%llu-%016llx", prefix, (long long)self->pid,
             (unsigned long long)self->pid_namespace, (unsigned long long)self->start_time, (unsigned long long)random);
}

static bool temporary_is_own(const char *name)
{
    struct process_identity self = process_identity_self();
    char own[TEMPORARY_NAME_MAX];
    int len = snprintf(own, sizeof(own), "%lld-%llu-%llu-", (long long)self.pid, (unsigned long long)self.pid_namespace,
                       (unsigned long long)self.start_time);

    return strncmp(strchr(name, '-') + 1, own, (size_t)len) == 0;
}

static maiko_status write_record(int directory_fd, const struct node_record *record, struct text *error)
{
    struct text line;
    maiko_status status;

    text_init_heap(&line, record->heap, SPACE_RECORD_MAX);
    status = node_record_format(record, &line);
    if (status == MAIKO_OK)
        status = private_file_replace(directory_fd, SPACE_RECORD_FILE, text_str(&line), line.len, error);
    text_deinit(&line);
    return status;
}

/* Removes what was made, also when there is no descriptor left. */
static void discard(int space_fd, const char *name, struct node_directory *directory)
{
    private_directory_remove_open(space_fd, name, directory->fd);
    directory->fd = -1;
    node_directory_abandon(directory);
}

/* A locked directory with a record, still under its temporary name.  MAIKO_EEXIST and MAIKO_ENOTFOUND mean: a reaper took
 * it for a dead one's before the lock was there; try again. */
static maiko_status make_temporary(int space_fd, const char *name, const struct node_record *record,
                                   struct node_directory *directory, struct text *error)
{
    maiko_status status = private_directory_open(space_fd, name, true, &directory->fd, error);

    if (status != MAIKO_OK) {
        if (status != MAIKO_EEXIST && status != MAIKO_ENOTFOUND)
            unlinkat(space_fd, name, AT_REMOVEDIR); /* made, and then not opened: nobody else has a name like this */
        return status;
    }
    status = life_lock_create(directory->fd, &directory->life_fd);
    if (status == MAIKO_ELIMIT || status == MAIKO_ESYSTEM)
        text_append_format(error, "the lock of a node: %s", maiko_strerror(status));
    /* A reaper may have locked, removed and let go of it before we locked it. */
    if (status == MAIKO_OK && !life_lock_is_in_place(directory->life_fd, space_fd, name))
        status = MAIKO_ENOTFOUND;
    if (status == MAIKO_OK)
        status = write_record(directory->fd, record, error);
    if (status == MAIKO_OK)
        return status;
    if (status != MAIKO_EEXIST && status != MAIKO_ENOTFOUND) /* no room, no memory: it is still ours */
        discard(space_fd, name, directory);
    node_directory_abandon(directory);
    return status;
}

static void name_the_owner(int space_fd, struct node_record *record, struct text *error)
{
    struct node_record other;
    char ignored[128];
    struct text why;

    text_init_buffer(&why, ignored, sizeof(ignored));
    node_record_init(&other, record->heap);
    if (node_directory_read(space_fd, record->name, &other, &why) == MAIKO_OK)
        text_append_format(error, "node \"%s\" is already in this space: process %lld %s", record->name,
                           (long long)other.process.pid, other.program);
    else
        text_append_format(error, "node \"%s\" is already in this space", record->name);
    node_record_deinit(&other);
}

/* The name is taken: by a live node, which is an error, or by a dead one, which goes.  Without memory or descriptors it is not
 * known which: by its lock alone a node of this process would look dead. */
static maiko_status clear_name(int space_fd, struct node_record *record, struct text *error)
{
    struct node_record other;
    char ignored[128];
    struct text why;
    maiko_status status;

    text_init_buffer(&why, ignored, sizeof(ignored));
    node_record_init(&other, record->heap);
    status = node_directory_read(space_fd, record->name, &other, &why);
    if (status == MAIKO_OK && other.epoch >= record->epoch)
        record->epoch = other.epoch + 1;
    if (status != MAIKO_ENOMEM && status != MAIKO_ELIMIT)
        status = node_directory_is_alive(space_fd, record->name, other.name[0] == '\0' ? NULL : &other)
                     ? MAIKO_EEXIST
                     : node_directory_reap(space_fd, record->name);
    node_record_deinit(&other);
    if (status == MAIKO_EEXIST)
        name_the_owner(space_fd, record, error);
    else if (status == MAIKO_ENOMEM || status == MAIKO_ELIMIT || status == MAIKO_ESYSTEM)
        text_append_format(error, "node \"%s\": %s", record->name, maiko_strerror(status));
    return status == MAIKO_ENOTFOUND || status == MAIKO_ESTATE ? MAIKO_OK : status; /* somebody else is at it: look again */
}

static maiko_status create_once(int space_fd, struct node_record *record, struct node_directory *directory, bool *ret_is_placed,
                                struct text *error)
{
    char temporary[TEMPORARY_NAME_MAX];
    maiko_status status;

    temporary_name(SPACE_NEW_PREFIX, &record->process, temporary);
    status = make_temporary(space_fd, temporary, record, directory, error);
    if (status != MAIKO_OK)
        return status == MAIKO_EEXIST || status == MAIKO_ENOTFOUND ? MAIKO_OK : status;
    if (renameat2(space_fd, temporary, space_fd, record->name, RENAME_NOREPLACE) == 0) {
        *ret_is_placed = true;
        return MAIKO_OK;
    }
    status = errno == EEXIST || errno == ENOENT ? MAIKO_OK : MAIKO_ESYSTEM;
    if (status != MAIKO_OK)
        text_append_format(error, "node \"%s\": %s", record->name, ERRNO_TEXT(errno));
    discard(space_fd, temporary, directory);
    return status;
}

maiko_status node_directory_create(int space_fd, struct node_record *record, struct node_directory *ret_directory,
                                   struct text *error)
{
    bool is_placed = false;
    maiko_status status = MAIKO_OK;
    int attempt;

    for (attempt = 0; attempt < CREATE_ATTEMPTS && status == MAIKO_OK && !is_placed; attempt++) {
        status = clear_name(space_fd, record, error);
        if (status == MAIKO_OK)
            status = create_once(space_fd, record, ret_directory, &is_placed, error);
    }
    if (status == MAIKO_OK && !is_placed) {
        text_append_format(error, "node \"%s\": its directory is being fought over", record->name);
        status = MAIKO_EEXIST;
    }
    return status;
}

void node_directory_abandon(struct node_directory *directory)
{
    if (directory->life_fd >= 0)
        close(directory->life_fd);
    if (directory->fd >= 0)
        close(directory->fd);
    directory->life_fd = -1;
    directory->fd = -1;
}

/* The caller holds the life lock of the directory, so nobody else renames it. */
static maiko_status rename_away(int space_fd, const char *name, const struct process_identity *self,
                                char ret_dead[TEMPORARY_NAME_MAX])
{
    temporary_name(SPACE_DEAD_PREFIX, self, ret_dead);
    if (renameat2(space_fd, name, space_fd, ret_dead, RENAME_NOREPLACE) == 0)
        return MAIKO_OK;
    return errno == ENOENT ? MAIKO_ENOTFOUND : MAIKO_ESYSTEM;
}

void node_directory_remove(int space_fd, const char *name, struct node_directory *directory)
{
    struct process_identity self = process_identity_self();
    char dead[TEMPORARY_NAME_MAX];

    if (life_lock_is_in_place(directory->life_fd, space_fd, name) && rename_away(space_fd, name, &self, dead) == MAIKO_OK) {
        (void)private_directory_remove_open(space_fd, dead, directory->fd);
        directory->fd = -1;
    }
    node_directory_abandon(directory);
}

maiko_status node_directory_read(int space_fd, const char *name, struct node_record *record, struct text *error)
{
    char *bytes = NULL;
    size_t len = 0;
    maiko_status status;
    int fd;

    status = private_directory_open(space_fd, name, false, &fd, error);
    if (status != MAIKO_OK)
        return status;
    status = private_file_read(fd, SPACE_RECORD_FILE, SPACE_RECORD_MAX, record->heap, &bytes, &len);
    close(fd);
    if (status != MAIKO_OK)
        return status;
    status = node_record_parse(bytes, len, record, error);
    heap_free(record->heap, bytes, len + 1);
    return status;
}

/* Without a descriptor a process does not learn when it began. */
static bool is_own(const struct process_identity *process, const struct process_identity *self)
{
    if (self->start_time == 0)
        return process->pid == self->pid && process->pid_namespace == self->pid_namespace;
    return process_identity_equal(process, self);
}

/* Who we are is looked up for records that may be ours only: it takes longer than all the rest. */
static bool is_ours(const struct node_record *record)
{
    struct process_identity self;

    if (record == NULL || record->process.pid != getpid())
        return false;
    self = process_identity_self();
    return is_own(&record->process, &self);
}

bool node_directory_is_alive(int space_fd, const char *name, const struct node_record *record)
{
    enum life life;
    int fd;

    if (is_ours(record))
        return true;
    fd = openat(space_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno_is_shortage(errno); /* cannot tell: leave it alone */
    life = life_lock_probe(fd);
    close(fd);
    return life == LIFE_HELD;
}

static bool has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* A directory without a life file: its maker died before it made one, or is about to make it (then it is empty, and the maker
 * tries again when it is gone), or its remover died half-way. */
static maiko_status reap_without_life(int space_fd, const char *name)
{
    if (!has_prefix(name, SPACE_NEW_PREFIX))
        return private_directory_remove(space_fd, name);
    return unlinkat(space_fd, name, AT_REMOVEDIR) == 0 ? MAIKO_OK : MAIKO_ESTATE;
}

maiko_status node_directory_bury(int space_fd, const char *name, const struct process_identity *self,
                                 struct node_remains *ret_remains)
{
    int fd = openat(space_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    maiko_status status;

    ret_remains->life_fd = -1;
    if (fd < 0)
        return errno == ENOENT ? MAIKO_ENOTFOUND : errno_is_shortage(errno) ? MAIKO_ELIMIT : MAIKO_ESYSTEM;
    status = life_lock_seize(fd, &ret_remains->life_fd);
    if (status == MAIKO_OK && life_lock_is_in_place(ret_remains->life_fd, space_fd, name)) {
        status = rename_away(space_fd, name, self, ret_remains->name);
        if (status == MAIKO_OK) {
            ret_remains->fd = fd;
            return MAIKO_OK;
        }
        close(ret_remains->life_fd);
        close(fd);
        return status;
    }
    close(fd);
    if (status == MAIKO_ENOTFOUND)
        return reap_without_life(space_fd, name);
    if (status != MAIKO_OK)
        return status;
    close(ret_remains->life_fd); /* between opening and locking somebody else removed it, and a new node took the name */
    return MAIKO_ESTATE;
}

maiko_status node_directory_clear(int space_fd, struct node_remains *remains)
{
    maiko_status status;

    if (remains->life_fd < 0)
        return MAIKO_OK;
    status = private_directory_remove_open(space_fd, remains->name, remains->fd);
    close(remains->life_fd);
    remains->life_fd = -1;
    return status;
}

maiko_status node_directory_reap(int space_fd, const char *name)
{
    struct process_identity self = process_identity_self();
    struct node_remains remains;
    maiko_status status = node_directory_bury(space_fd, name, &self, &remains);

    return status == MAIKO_OK ? node_directory_clear(space_fd, &remains) : status;
}

/* Without memory or descriptors nothing is known of a node; judged by its lock alone, one of this process would look dead, as a
 * process is never held up by its own locks. */
static bool may_judge(maiko_status status)
{
    return status == MAIKO_OK || status == MAIKO_ENOTFOUND || status == MAIKO_EPROTOCOL;
}

static bool is_dead_node(int space_fd, const char *name, struct heap *heap)
{
    struct node_record record;
    char ignored[128];
    struct text why;
    maiko_status status;
    bool is_dead;

    if (!space_name_is_valid(name))
        return false;
    text_init_buffer(&why, ignored, sizeof(ignored));
    node_record_init(&record, heap);
    status = node_directory_read(space_fd, name, &record, &why);
    is_dead = may_judge(status) && !node_directory_is_alive(space_fd, name, status == MAIKO_OK ? &record : NULL);
    node_record_deinit(&record);
    return is_dead;
}

static bool is_leftover(const char *name)
{
    return (has_prefix(name, SPACE_NEW_PREFIX) || has_prefix(name, SPACE_DEAD_PREFIX)) && !temporary_is_own(name);
}

unsigned node_directory_reap_all(int space_fd, struct heap *heap, void (*reaped)(const char *name, void *userdata),
                                 void *userdata)
{
    int fd = openat(space_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    unsigned count = 0;

    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while ((entry = readdir(directory)) != NULL) {
        if (!is_leftover(entry->d_name) && !is_dead_node(space_fd, entry->d_name, heap))
            continue;
        if (node_directory_reap(space_fd, entry->d_name) != MAIKO_OK)
            continue;
        count++;
        if (reaped != NULL && space_name_is_valid(entry->d_name))
            reaped(entry->d_name, userdata);
    }
    closedir(directory);
    return count;
}
