/* Counters file: opening, closing, and the rows of actors, topics and shards. */
#include "runtime/counters_file.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/counters_drops.h"
#include "runtime/counters_header.h"
#include "runtime/counters_image.h"
#include "runtime/counters_place.h"
#include "runtime/counters_rows.h"

#define NAME_LEN_MAX 255

struct counters_file {
    struct heap *heap;
    int fd;     /* -1: private */
    char *path; /* NULL: none */
    bool keep;
    pthread_mutex_t mutex; /* for everything below */
    struct counters_rows rows;
    struct counters_drops drops;
    maiko_status status;
    struct text why; /* why the rows are not in a file, into `reason` */
    char reason[256];
};

static maiko_status open_place(struct counters_file *file, const struct counters_options *options)
{
    if (options->path != NULL)
        return counters_place_claim(file->heap, options->path, &file->fd, &file->path, &file->why);
    return counters_place_create(file->heap, options->name, &file->fd, &file->path, &file->why);
}

static void leave_place(struct counters_file *file)
{
    if (file->fd < 0)
        return;
    counters_place_remove(file->path, file->fd);
    close(file->fd);
    file->fd = -1;
    heap_strfree(file->heap, file->path);
    file->path = NULL;
}

/* In a file when that is wanted and works, else in private memory. */
static maiko_status open_rows(struct counters_file *file, const struct counters_options *options)
{
    if (!options->no_file)
        file->status = open_place(file, options);
    if (file->fd >= 0) {
        file->status = counters_rows_init(&file->rows, file->heap, file->fd, &file->why);
        if (file->status == MAIKO_OK)
            return MAIKO_OK;
        counters_rows_deinit(&file->rows);
        leave_place(file);
    }
    if (file->status == MAIKO_ENOMEM)
        return MAIKO_ENOMEM;
    return counters_rows_init(&file->rows, file->heap, -1, &file->why);
}

/* Row k for kind k: the totals of ended rows, found there by readers.  Kinds without totals get a row all the same. */
static maiko_status add_totals(struct counters_file *file)
{
    unsigned kind;

    for (kind = 1; kind < COUNTERS_ROW_KINDS; kind++) {
        struct counters_row *row = counters_rows_take(&file->rows, &file->why);

        if (row == NULL)
            return MAIKO_ENOMEM;
        row->label.kind = (uint8_t)kind;
        row->label.state = COUNTERS_TOTAL;
    }
    return counters_drops_init(&file->drops, file->heap, &file->rows, &file->why);
}

static maiko_status build(struct counters_file *file, const struct counters_options *options)
{
    maiko_status status = open_rows(file, options);
    uint32_t flags = options->keep ? COUNTERS_KEEP : 0;

    if (status != MAIKO_OK)
        return status;
    if (file->fd < 0)
        flags |= COUNTERS_PRIVATE;
    counters_header_init(file->rows.header, options->name, flags);
    status = add_totals(file);
    if (status == MAIKO_OK)
        counters_header_publish(file->rows.header);
    return status;
}

static void destroy(struct counters_file *file)
{
    counters_drops_deinit(&file->drops);
    counters_rows_deinit(&file->rows);
    if (file->fd >= 0)
        close(file->fd);
    heap_strfree(file->heap, file->path);
    pthread_mutex_destroy(&file->mutex);
    heap_free(file->heap, file, sizeof(*file));
}

maiko_status counters_file_open(struct heap *heap, const struct counters_options *options, struct counters_file **ret_file)
{
    struct counters_file *file;
    maiko_status status;

    if (options->name == NULL || strlen(options->name) > NAME_LEN_MAX)
        return MAIKO_EINVAL;
    file = heap_alloc_zeroed(heap, 1, sizeof(*file));
    if (file == NULL)
        return MAIKO_ENOMEM;
    file->heap = heap;
    file->rows.heap = heap;
    file->drops.heap = heap;
    file->fd = -1;
    file->keep = options->keep;
    pthread_mutex_init(&file->mutex, NULL);
    text_init_buffer(&file->why, file->reason, sizeof(file->reason));
    status = build(file, options);
    if (status != MAIKO_OK) {
        leave_place(file);
        destroy(file);
        return status;
    }
    *ret_file = file;
    return MAIKO_OK;
}

void counters_file_close(struct counters_file *file, bool clean, uint64_t unfinished)
{
    struct counters_header *header;
    struct timespec now;

    if (file == NULL || !clean)
        return;
    header = file->rows.header;
    clock_gettime(CLOCK_REALTIME, &now);
    atomic_store_explicit(&header->unfinished, unfinished, memory_order_relaxed);
    atomic_store_explicit(&header->stopped_ns, (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec,
                          memory_order_relaxed);
    /* Release: who sees the flag sees the final numbers. */
    atomic_fetch_or_explicit(&header->flags, COUNTERS_CLEAN, memory_order_release);
    if (!file->keep)
        leave_place(file);
    destroy(file);
}

const char *counters_file_path(const struct counters_file *file)
{
    return file->path == NULL ? "" : file->path;
}

maiko_status counters_file_status(struct counters_file *file, const char **ret_text)
{
    maiko_status status;

    pthread_mutex_lock(&file->mutex);
    status = file->rows.is_full ? MAIKO_ESYSTEM : file->status;
    pthread_mutex_unlock(&file->mutex);
    if (ret_text != NULL)
        *ret_text = status == MAIKO_OK ? "" : file->reason;
    return status;
}

maiko_status counters_file_image(struct counters_file *file, struct heap *heap, void **ret_bytes, size_t *ret_len)
{
    maiko_status status;

    pthread_mutex_lock(&file->mutex);
    status = counters_image_make(&file->rows, heap, ret_bytes, ret_len);
    pthread_mutex_unlock(&file->mutex);
    return status;
}

/* A row that is about to be LIVE: everything but its state is set. */
static struct counters_row *take_row(struct counters_file *file, enum counters_row_kind kind, uint64_t id, uint16_t shard,
                                     uint32_t number, const char *name)
{
    struct counters_row *row = counters_rows_take(&file->rows, &file->why);

    if (row == NULL)
        return NULL;
    row->label.id = id;
    row->label.kind = (uint8_t)kind;
    row->label.shard = shard;
    row->label.number = number;
    if (name == NULL || counters_rows_set_name(&file->rows, row, name, strlen(name), &file->why))
        return row;
    counters_rows_vacate(&file->rows, row);
    return NULL;
}

static struct counters_row *add_row(struct counters_file *file, enum counters_row_kind kind, uint64_t id, uint16_t shard,
                                    uint32_t number, const char *name)
{
    struct counters_row *row;

    pthread_mutex_lock(&file->mutex);
    row = take_row(file, kind, id, shard, number, name);
    if (row != NULL)
        atomic_store_explicit(&row->label.state, COUNTERS_LIVE, memory_order_release); /* the label is complete */
    pthread_mutex_unlock(&file->mutex);
    return row;
}

static void end_row(struct counters_file *file, struct counters_row *row)
{
    counters_rows_fold(&file->rows, row, counters_rows_at(&file->rows, row->label.kind));
}

struct counters_actor *counters_actor_add(struct counters_file *file, uint64_t id, const char *name, uint32_t capacity,
                                          uint16_t shard)
{
    return (struct counters_actor *)add_row(file, COUNTERS_ROW_ACTOR, id, shard, capacity, name);
}

/* What it has received by a streak of its shard that has not ended, see struct counters_streak; 0: there is none, or it changed
 * meanwhile.  As copy_streak() in counters_image.c. */
static uint64_t received_in_streak(const struct counters_streak *streak, uint32_t index)
{
    const uint64_t number = atomic_load_explicit(&streak->number, memory_order_acquire);
    const uint64_t received = COUNTED(streak, from[COUNTERS_RECEIVER]) + COUNTED(streak, next);
    const uint32_t row = COUNTED(streak, rows[COUNTERS_RECEIVER]);

    atomic_thread_fence(memory_order_acquire); /* of this streak, if the number still is */
    if (number == 0 || row != index || atomic_load_explicit(&streak->number, memory_order_acquire) != number)
        return 0;
    return received;
}

/* Received, and neither handled nor dropped: of an actor whose shard may be counting meanwhile. */
static uint64_t unhandled_by(struct counters_file *file, const struct counters_actor *line, uint32_t index, uint32_t shard)
{
    const uint64_t done = COUNTED(line, handled) + COUNTED(line, dropped);
    uint64_t in_streak;
    uint64_t received;

    atomic_thread_fence(memory_order_acquire); /* what is done was received before */
    in_streak = received_in_streak(counters_streak(file, shard), index);
    received = COUNTED(line, received); /* behind the streak: if that has ended, this has it */
    received = in_streak > received ? in_streak : received;
    return received > done ? received - done : 0;
}

void counters_actors_unhandled(struct counters_file *file, uint64_t shards,
                               void (*visit)(uint64_t id, const char *name, uint64_t events, void *userdata), void *userdata)
{
    char name[COUNTERS_NAME_SIZE];
    uint32_t i;

    pthread_mutex_lock(&file->mutex);
    for (i = COUNTERS_FIRST_ROW; i < file->rows.fresh; i++) {
        const struct counters_row *row = counters_rows_at(&file->rows, i);
        uint32_t shard = row == NULL ? 0 : COUNTED(&row->label, shard);
        uint64_t events;

        if (row == NULL || row->label.kind != COUNTERS_ROW_ACTOR || COUNTED(&row->label, state) != COUNTERS_LIVE ||
            shard >= COUNTERS_STREAKS || !(shards >> shard & 1))
            continue;
        events = unhandled_by(file, (const struct counters_actor *)row, i, shard);
        counters_rows_name(&file->rows, row, name);
        if (events > 0)
            visit(COUNTED(&row->label, id), name, events, userdata);
    }
    pthread_mutex_unlock(&file->mutex);
}

uint64_t counters_shards_in_flight(struct counters_file *file)
{
    uint64_t routed = 0;
    uint64_t done = 0;
    uint32_t i;

    pthread_mutex_lock(&file->mutex);
    for (i = 1; i < file->rows.fresh; i++) { /* with those of shards that have ended, which are a sum */
        const struct counters_row *row = counters_rows_at(&file->rows, i);
        const struct counters_shard *line = (const struct counters_shard *)row;

        if (row == NULL || row->label.kind != COUNTERS_ROW_SHARD ||
            (COUNTED(&row->label, state) != COUNTERS_LIVE && COUNTED(&row->label, state) != COUNTERS_TOTAL))
            continue;
        routed += COUNTED(line, routed);
        done += COUNTED(line, dispatched) + COUNTED(line, ring_dropped);
    }
    pthread_mutex_unlock(&file->mutex);
    return routed > done ? routed - done : 0;
}

struct counters_times *counters_actor_times(struct counters_file *file, struct counters_actor *line)
{
    struct counters_row *actor = (struct counters_row *)line;
    struct counters_row *times;

    pthread_mutex_lock(&file->mutex);
    times = actor->label.extra != 0 ? counters_rows_at(&file->rows, actor->label.extra)
                                    : take_row(file, COUNTERS_ROW_TIMES, actor->label.id, 0, 0, NULL);
    if (times != NULL && actor->label.extra == 0) {
        times->label.number = counters_rows_index(&file->rows, actor);
        atomic_store_explicit(&times->label.state, COUNTERS_LIVE, memory_order_release); /* the label is complete */
        actor->label.extra = counters_rows_index(&file->rows, times);
    }
    pthread_mutex_unlock(&file->mutex);
    return (struct counters_times *)times;
}

void counters_actor_remove(struct counters_file *file, struct counters_actor *line)
{
    struct counters_row *actor = (struct counters_row *)line;
    struct counters_row *times;
    uint64_t id;

    if (line == NULL)
        return;
    pthread_mutex_lock(&file->mutex);
    id = actor->label.id;
    times = actor->label.extra == 0 ? NULL : counters_rows_at(&file->rows, actor->label.extra);
    end_row(file, actor);
    if (times != NULL)
        end_row(file, times);
    counters_drops_end(&file->drops, id);
    pthread_mutex_unlock(&file->mutex);
}

struct counters_topic *counters_topic_add(struct counters_file *file, uint16_t shard, const char *topic)
{
    return (struct counters_topic *)add_row(file, COUNTERS_ROW_TOPIC, 0, shard, 0, topic);
}

void counters_topic_remove(struct counters_file *file, struct counters_topic *line)
{
    if (line == NULL)
        return;
    pthread_mutex_lock(&file->mutex);
    end_row(file, (struct counters_row *)line);
    pthread_mutex_unlock(&file->mutex);
}

void counters_topic_sent_unnamed(struct counters_file *file)
{
    pthread_mutex_lock(&file->mutex);
    COUNT_SHARED((struct counters_topic *)counters_rows_at(&file->rows, COUNTERS_ROW_TOPIC), sent, 1);
    pthread_mutex_unlock(&file->mutex);
}

struct counters_export *counters_export_add(struct counters_file *file, const char *topic)
{
    return (struct counters_export *)add_row(file, COUNTERS_ROW_EXPORT, 0, 0, 0, topic);
}

struct counters_shard *counters_shard_add(struct counters_file *file, uint16_t shard, const char *name)
{
    return (struct counters_shard *)add_row(file, COUNTERS_ROW_SHARD, 0, shard, 0, name);
}

void counters_shard_remove(struct counters_file *file, struct counters_shard *line)
{
    struct counters_row *row = (struct counters_row *)line;
    uint16_t shard;

    if (line == NULL)
        return;
    pthread_mutex_lock(&file->mutex);
    shard = row->label.shard;
    end_row(file, row);
    counters_drops_end(&file->drops, counters_shard_owner(shard));
    pthread_mutex_unlock(&file->mutex);
}

struct counters_streak *counters_streak(struct counters_file *file, uint32_t shard)
{
    return &file->rows.header->streaks[shard].streak;
}

struct counters_link *counters_link_add(struct counters_file *file, const char *peer, uint32_t window,
                                        struct counters_inflow **ret_inflow)
{
    struct counters_row *link;
    struct counters_row *inflow;

    pthread_mutex_lock(&file->mutex);
    link = take_row(file, COUNTERS_ROW_LINK, 0, 0, window, peer);
    inflow = link == NULL ? NULL : take_row(file, COUNTERS_ROW_INFLOW, 0, 0, 0, NULL);
    if (inflow != NULL) {
        atomic_store_explicit(&inflow->label.state, COUNTERS_LIVE, memory_order_release); /* the label is complete */
        link->label.extra = counters_rows_index(&file->rows, inflow);
        atomic_store_explicit(&link->label.state, COUNTERS_LIVE, memory_order_release); /* the same */
    } else if (link != NULL) {
        counters_rows_vacate(&file->rows, link);
    }
    pthread_mutex_unlock(&file->mutex);
    *ret_inflow = (struct counters_inflow *)inflow;
    return inflow == NULL ? NULL : (struct counters_link *)link;
}

static uint64_t owner_of(struct counters_file *file, struct counters_link *line)
{
    return COUNTERS_OF_LINK | counters_rows_index(&file->rows, (struct counters_row *)line);
}

struct counters_drop *counters_link_drop(struct counters_file *file, struct counters_link *line, const char *topic,
                                         maiko_drop_reason reason)
{
    struct counters_row *found;

    pthread_mutex_lock(&file->mutex);
    found = counters_drops_find(&file->drops, owner_of(file, line), 0, topic, reason, &file->why);
    if (found == file->drops.shared[reason])
        found = NULL;
    pthread_mutex_unlock(&file->mutex);
    return (struct counters_drop *)found;
}

void counters_link_remove(struct counters_file *file, struct counters_link *line)
{
    struct counters_row *link = (struct counters_row *)line;
    struct counters_row *inflow;

    pthread_mutex_lock(&file->mutex);
    inflow = counters_rows_at(&file->rows, link->label.extra);
    counters_rows_at(&file->rows, COUNTERS_ROW_LINK)->label.number = 1; /* there are totals to be shown */
    counters_drops_end(&file->drops, owner_of(file, line));
    end_row(file, link);
    end_row(file, inflow);
    pthread_mutex_unlock(&file->mutex);
}

struct counters_drop *counters_drop(struct counters_file *file, struct counters_actor *actor, uint16_t shard, const char *topic,
                                    maiko_drop_reason reason)
{
    struct counters_row *row = (struct counters_row *)actor;
    struct counters_row *found;

    pthread_mutex_lock(&file->mutex);
    found = counters_drops_find(&file->drops, row != NULL ? row->label.id : counters_shard_owner(shard), shard, topic, reason,
                                &file->why);
    pthread_mutex_unlock(&file->mutex);
    return (struct counters_drop *)found;
}
