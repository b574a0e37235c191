/* Public calls that look at spaces from outside, see <maiko/space.h>. */
#include <maiko/space.h>

#include <stdlib.h>
#include <string.h>

#include "space/group.h"
#include "space/space.h"

struct looking {
    struct heap *heap;
    const char *runtime_dir;
    gid_t group;
    const char *space;
    void (*visit)(const maiko_node_info *node, void *userdata);
    void *userdata;
    struct text *error;
    maiko_status status;
};

/* A NULL-terminated list that borrows the texts. */
static const char **list_of(struct looking *looking, const struct text_list *list)
{
    const char **copy = heap_alloc_zeroed(looking->heap, list->count + 1, sizeof(*copy));

    if (copy == NULL)
        looking->status = MAIKO_ENOMEM;
    else if (list->count > 0)
        memcpy(copy, list->items, list->count * sizeof(*copy));
    return copy;
}

static void free_list(struct looking *looking, const char *const *list, const struct text_list *of)
{
    heap_free(looking->heap, (void *)(uintptr_t)list, (of->count + 1) * sizeof(*list));
}

static void fill_lists(struct looking *looking, const struct node_record *record, maiko_node_info *info)
{
    info->endpoints = list_of(looking, &record->endpoints);
    info->publishers = list_of(looking, &record->publishers);
    info->actors = list_of(looking, &record->actors);
    info->finished = list_of(looking, &record->finished);
    info->exports = list_of(looking, &record->exports);
    info->imports = list_of(looking, &record->imports);
}

static void free_lists(struct looking *looking, const struct node_record *record, const maiko_node_info *info)
{
    free_list(looking, info->endpoints, &record->endpoints);
    free_list(looking, info->publishers, &record->publishers);
    free_list(looking, info->actors, &record->actors);
    free_list(looking, info->finished, &record->finished);
    free_list(looking, info->exports, &record->exports);
    free_list(looking, info->imports, &record->imports);
}

_Static_assert(sizeof(maiko_topic_info) == 3 * sizeof(char *), "three texts in a row are a topic");
_Static_assert(sizeof(maiko_link_info) == sizeof(struct link_record), "a link record is shown as it is");

static void visit_record(const struct node_record *record, bool is_alive, void *userdata)
{
    struct looking *looking = userdata;
    maiko_node_info info = {.space = looking->space,
                            .name = record->name,
                            .program = record->program == NULL ? "" : record->program,
                            .pid = record->process.pid,
                            .epoch = record->epoch,
                            .started_ns = record->started_ns,
                            .is_alive = is_alive,
                            .is_ready = record->is_ready,
                            .counters_path = record->counters_path == NULL ? "" : record->counters_path,
                            .topics_left_out = record->topics_left_out,
                            .links = (const maiko_link_info *)record->links,
                            .link_count = record->link_count};
    const char **topics;

    topics = list_of(looking, &record->topics);
    info.topics = (const maiko_topic_info *)(const void *)topics;
    info.topic_count = record->topics.count / 3;
    fill_lists(looking, record, &info);
    if (looking->status == MAIKO_OK)
        looking->visit(&info, looking->userdata);
    free_lists(looking, record, &info);
    free_list(looking, topics, &record->topics);
}

static void visit_space(const char *space, void *userdata)
{
    struct looking *looking = userdata;
    maiko_status status;

    looking->space = space;
    status = space_list(looking->heap, looking->runtime_dir, looking->group, space, visit_record, looking, looking->error);
    if (looking->status == MAIKO_OK && status != MAIKO_ENOTFOUND) /* a space may go while we look */
        looking->status = status;
}

/* Each member of a group has an XDG_RUNTIME_DIR of its own. */
static maiko_status choose_place(struct looking *looking, const char *runtime_dir, const char *group)
{
    looking->runtime_dir = runtime_dir != NULL || group != NULL ? runtime_dir : getenv("XDG_RUNTIME_DIR");
    looking->group = SPACE_NO_GROUP;
    if (runtime_dir != NULL && runtime_dir[0] != '/') {
        text_append_format(looking->error, "runtime_dir \"%s\" is no absolute path", runtime_dir);
        return MAIKO_EINVAL;
    }
    return group == NULL ? MAIKO_OK : group_find(group, &looking->group, looking->error);
}

maiko_status maiko_space_list_shared(const char *runtime_dir, const char *group, const char *space,
                                     void (*visit)(const maiko_node_info *node, void *userdata), void *userdata, char *error,
                                     size_t error_size)
{
    struct looking looking = {.heap = heap_default(), .visit = visit, .userdata = userdata, .space = space};
    char own[8];
    struct text why;
    maiko_status status;

    if (visit == NULL)
        return MAIKO_EINVAL;
    if (error != NULL && error_size > 0)
        text_init_buffer(&why, error, error_size);
    else
        text_init_buffer(&why, own, sizeof(own));
    looking.error = &why;
    status = choose_place(&looking, runtime_dir, group);
    if (status != MAIKO_OK)
        return status;
    if (space == NULL)
        status = space_list_spaces(looking.runtime_dir, looking.group, visit_space, &looking, &why);
    else
        status = space_list(looking.heap, looking.runtime_dir, looking.group, space, visit_record, &looking, &why);
    return status == MAIKO_OK ? looking.status : status;
}

maiko_status maiko_space_list(const char *runtime_dir, const char *space,
                              void (*visit)(const maiko_node_info *node, void *userdata), void *userdata, char *error,
                              size_t error_size)
{
    return maiko_space_list_shared(runtime_dir, NULL, space, visit, userdata, error, error_size);
}
