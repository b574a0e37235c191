/* Listing spaces and their nodes without being one of them; see space.h. */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "space/node_directory.h"
#include "space/path.h"
#include "space/place.h"
#include "space/space.h"

static void visit_node(int space_fd, const char *name, struct heap *heap,
                       void (*visit)(const struct node_record *node, bool is_alive, void *userdata), void *userdata)
{
    struct node_record record;
    char ignored[128];
    struct text why;

    text_init_buffer(&why, ignored, sizeof(ignored));
    node_record_init(&record, heap);
    if (node_directory_read(space_fd, name, &record, &why) == MAIKO_OK)
        visit(&record, node_directory_is_alive(space_fd, name, &record), userdata);
    node_record_deinit(&record);
}

maiko_status space_list(struct heap *heap, const char *runtime_dir, gid_t group, const char *space,
                        void (*visit)(const struct node_record *node, bool is_alive, void *userdata), void *userdata,
                        struct text *error)
{
    struct dirent *entry;
    struct place place;
    maiko_status status;
    DIR *directory;
    int fd;

    status = place_open(runtime_dir, group, space, false, &place, error);
    if (status != MAIKO_OK)
        return status;
    fd = openat(place.space_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    directory = fd < 0 ? NULL : fdopendir(fd);
    while (directory != NULL && (entry = readdir(directory)) != NULL)
        if (space_name_is_valid(entry->d_name))
            visit_node(place.space_fd, entry->d_name, heap, visit, userdata);
    if (directory != NULL)
        closedir(directory);
    else if (fd >= 0)
        close(fd);
    place_close(&place);
    return directory != NULL ? MAIKO_OK : MAIKO_ESYSTEM;
}

maiko_status space_list_spaces(const char *runtime_dir, gid_t group, void (*visit)(const char *space, void *userdata),
                               void *userdata, struct text *error)
{
    char path[SPACE_PATH_MAX];
    struct dirent *entry;
    maiko_status status;
    DIR *directory;
    int fd;

    status = place_open_base(runtime_dir, group, false, path, &fd, error);
    if (status != MAIKO_OK)
        return status == MAIKO_ENOTFOUND ? MAIKO_OK : status;
    directory = fdopendir(fd);
    if (directory == NULL) {
        close(fd);
        return MAIKO_ESYSTEM;
    }
    while ((entry = readdir(directory)) != NULL)
        if (space_name_is_valid(entry->d_name) && !space_name_is_reserved(entry->d_name) && entry->d_type == DT_DIR)
            visit(entry->d_name, userdata);
    closedir(directory);
    return MAIKO_OK;
}
