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

static void make_directories(const struct scratch *scratch, char *path)
{
    char *at = path + strlen(scratch->path);

    while ((at = strchr(at + 1, '/')) != NULL) {
        *at = '\0';
        (void)mkdir(path, 0700); /* what is missing is told by who opens the file */
        *at = '/';
    }
}

bool scratch_put(const struct scratch *scratch, const char *name, const char *text)
{
    char path[1024];
    bool is_written;
    FILE *file;

    (void)scratch_file(scratch, name, path, sizeof(path));
    make_directories(scratch, path);
    file = fopen(path, "we");
    if (file == NULL)
        return false;
    is_written = fputs(text, file) >= 0;
    return fclose(file) == 0 && is_written;
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
