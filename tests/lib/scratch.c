/* Scratch: made and removed. */
#include "lib/scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool scratch_init(struct scratch *scratch)
{
    const char *parent = getenv("TMPDIR");

    snprintf(scratch->path, sizeof(scratch->path), "%s/maiko-test-XXXXXX", parent != NULL && parent[0] == '/' ? parent : "/tmp");
    return mkdtemp(scratch->path) != NULL;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *position)
{
    (void)info;
    (void)type;
    (void)position;
    return remove(path);
}

void scratch_deinit(struct scratch *scratch)
{
    (void)nftw(scratch->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_file(const struct scratch *scratch, const char *name, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s/%s", scratch->path, name);
    return buffer;
}

int scratch_count(const struct scratch *scratch, const char *name)
{
    char path[1024];
    struct dirent *entry;
    DIR *directory = opendir(scratch_file(scratch, name, path, sizeof(path)));
    int count = 0;

    if (directory == NULL)
        return -1;
    while ((entry = readdir(directory)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}
