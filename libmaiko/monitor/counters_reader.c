/* Counters reader: from bytes to a snapshot. */
#include "monitor/counters_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/counters_header.h"
#include "runtime/counters_place.h"

/* Reading and not mapping: a mapping of a file that is cut off would be a SIGBUS. */
size_t counters_source_read(const struct counters_source *source, uint64_t offset, void *buffer, size_t len)
{
    size_t done = 0;
    ssize_t got = 1;

    if (source->fd < 0) {
        if (offset >= source->len)
            return 0;
        done = len < source->len - offset ? len : source->len - (size_t)offset;
        memcpy(buffer, source->bytes + offset, done);
        return done;
    }
    while (done < len && got > 0) {
        got = pread(source->fd, (char *)buffer + done, len - done, (off_t)(offset + done));
        if (got > 0)
            done += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    return done;
}

static uint64_t size_of(const struct counters_source *source)
{
    struct stat info;

    if (source->fd < 0)
        return source->len;
    return fstat(source->fd, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
}

/* Known words, sizes within bounds, strings that end. */
static maiko_status check_header(struct counters_header *header)
{
    uint32_t i;

    if (header->magic == __builtin_bswap64(COUNTERS_MAGIC))
        return MAIKO_ENOTSUP;
    if (header->magic != COUNTERS_MAGIC)
        return MAIKO_EPROTOCOL;
    if (header->version != COUNTERS_VERSION)
        return MAIKO_ENOTSUP;
    if (header->header_size < sizeof(*header) || header->header_size > (1u << 20) || header->row_size != COUNTERS_ROW_SIZE ||
        header->label_offset != offsetof(struct counters_row, label) ||
        header->field_offset != offsetof(struct counters_header, fields) || header->field_size != sizeof(struct counters_field) ||
        header->field_count > COUNTERS_FIELDS_MAX || header->rows < COUNTERS_FIRST_ROW)
        return MAIKO_EPROTOCOL;
    header->name[sizeof(header->name) - 1] = '\0';
    for (i = 0; i < header->field_count; i++) {
        header->fields[i].name[sizeof(header->fields[i].name) - 1] = '\0';
        header->fields[i].unit[sizeof(header->fields[i].unit) - 1] = '\0';
        header->fields[i].text[sizeof(header->fields[i].text) - 1] = '\0';
    }
    return MAIKO_OK;
}

static maiko_status read_header(struct counters_snapshot *snapshot, const struct counters_source *source)
{
    if (counters_source_read(source, 0, snapshot->header, sizeof(*snapshot->header)) != sizeof(*snapshot->header))
        return MAIKO_EPROTOCOL;
    return check_header(snapshot->header);
}

/* Before the rows are read: a process found dead now has written the last of them. */
static maiko_counters_state state_of(const struct counters_header *header, const struct counters_source *source)
{
    if ((header->flags & COUNTERS_CLEAN) != 0)
        return MAIKO_COUNTERS_STOPPED;
    switch (counters_header_owner(header)) {
    case COUNTERS_OWNER_ALIVE:
        return MAIKO_COUNTERS_LIVE;
    case COUNTERS_OWNER_ELSEWHERE:
        return source->fd < 0 || counters_place_is_locked(source->fd) ? MAIKO_COUNTERS_LIVE : MAIKO_COUNTERS_DEAD;
    case COUNTERS_OWNER_DEAD:
        break;
    }
    return MAIKO_COUNTERS_DEAD;
}

/* Read again once it is found ended: between the header and the look at the process it may have begun a streak, whose rows stand
 * still, or have stopped in order. */
static maiko_status take_header(struct counters_snapshot *snapshot, struct heap *heap, const struct counters_source *source)
{
    maiko_status status;

    snapshot->header = heap_alloc(heap, sizeof(*snapshot->header));
    if (snapshot->header == NULL)
        return MAIKO_ENOMEM;
    status = read_header(snapshot, source);
    if (status != MAIKO_OK)
        return status;
    snapshot->state = state_of(snapshot->header, source);
    if (snapshot->state == MAIKO_COUNTERS_LIVE)
        return MAIKO_OK;
    status = read_header(snapshot, source);
    if (status == MAIKO_OK)
        snapshot->state = state_of(snapshot->header, source);
    return status;
}

/* Rows that were being folded into each other are put back as they were. */
static void undo(struct counters_snapshot *snapshot)
{
    const struct counters_undo *log = &snapshot->header->undo;
    uint32_t i;

    for (i = 0; i < log->count && i < COUNTERS_UNDO_ROWS; i++)
        if (log->rows[i] < snapshot->row_count)
            memcpy(&snapshot->rows[log->rows[i]], &log->saved[i], sizeof(log->saved[i]));
}

static maiko_status read_rows(struct counters_snapshot *snapshot, struct heap *heap, const struct counters_source *source)
{
    const struct counters_header *header = snapshot->header;
    const uint64_t size = size_of(source);
    uint64_t count = size < header->header_size ? 0 : (size - header->header_size) / COUNTERS_ROW_SIZE;
    size_t got;

    if (count > header->rows_in_file)
        count = header->rows_in_file;
    if (count > header->rows)
        count = header->rows;
    if (count > COUNTERS_FILE_MAX / COUNTERS_ROW_SIZE)
        count = COUNTERS_FILE_MAX / COUNTERS_ROW_SIZE;
    if (count < COUNTERS_FIRST_ROW)
        return MAIKO_EPROTOCOL;
    snapshot->row_count = (uint32_t)count;
    snapshot->rows = heap_alloc_zeroed(heap, count, COUNTERS_ROW_SIZE);
    if (snapshot->rows == NULL)
        return MAIKO_ENOMEM;
    got = counters_source_read(source, header->header_size, snapshot->rows, count * COUNTERS_ROW_SIZE);
    snapshot->is_complete = count == header->rows && got == count * COUNTERS_ROW_SIZE;
    undo(snapshot);
    counters_streaks_apply(snapshot, source);
    return MAIKO_OK;
}

/* Is this row shown to the user?  An ended actor is, other ended rows are not. */
static bool is_shown(const struct counters_row *row)
{
    switch (row->label.kind) {
    case COUNTERS_ROW_ACTOR:
        return row->label.state == COUNTERS_LIVE || row->label.state == COUNTERS_ENDED;
    case COUNTERS_ROW_TOPIC:
    case COUNTERS_ROW_SHARD:
    case COUNTERS_ROW_EXPORT:
        return row->label.state == COUNTERS_LIVE;
    case COUNTERS_ROW_DROP:
        return (row->label.state == COUNTERS_LIVE || row->label.state == COUNTERS_TOTAL) && COUNTERS_AS(drop, row)->events > 0;
    case COUNTERS_ROW_LINK: /* their totals when there are any */
        return row->label.state == COUNTERS_LIVE || row->label.state == COUNTERS_ENDED ||
               (row->label.state == COUNTERS_TOTAL && row->label.number > 0);
    default:
        return false;
    }
}

/* The first `room` bytes of a name, whatever the chain of text rows looks like; what is missing becomes "?". */
static void copy_name(const struct counters_snapshot *snapshot, const struct counters_row *row, char *to, size_t room)
{
    size_t part = room < COUNTERS_LABEL_NAME ? room : COUNTERS_LABEL_NAME;
    uint32_t more = row->label.more;
    int hops;

    memcpy(to, row->label.name, part);
    for (hops = 0; part < room && hops < COUNTERS_TEXT_ROWS_MAX; hops++) {
        const size_t rest = room - part < COUNTERS_TEXT_BYTES ? room - part : COUNTERS_TEXT_BYTES;
        const size_t in_words = rest < sizeof(row->words) ? rest : sizeof(row->words);

        if (more == 0 || more >= snapshot->row_count || snapshot->rows[more].label.kind != COUNTERS_ROW_TEXT)
            break;
        memcpy(to + part, &snapshot->rows[more], in_words);
        memcpy(to + part + in_words, snapshot->rows[more].label.name, rest - in_words);
        part += rest;
        more = snapshot->rows[more].label.more;
    }
    memset(to + part, '?', room - part);
}

static maiko_status collect_names(struct counters_snapshot *snapshot, struct heap *heap)
{
    size_t at = 1; /* 0: the empty name */
    uint32_t i;

    for (i = COUNTERS_FIRST_ROW; i < snapshot->row_count; i++)
        at += is_shown(&snapshot->rows[i]) ? snapshot->rows[i].label.name_len + 1u : 0;
    snapshot->names_size = at;
    snapshot->names = heap_alloc_zeroed(heap, 1, at);
    snapshot->name_at = heap_alloc_zeroed(heap, snapshot->row_count, sizeof(*snapshot->name_at));
    if (snapshot->names == NULL || snapshot->name_at == NULL)
        return MAIKO_ENOMEM;
    at = 1;
    for (i = COUNTERS_FIRST_ROW; i < snapshot->row_count; i++) {
        const struct counters_row *row = &snapshot->rows[i];

        if (!is_shown(row))
            continue;
        copy_name(snapshot, row, snapshot->names + at, row->label.name_len);
        snapshot->name_at[i] = (uint32_t)at;
        at += row->label.name_len + 1u;
    }
    return MAIKO_OK;
}

static uint32_t *counter_of(struct counters_snapshot *snapshot, const struct counters_row *row)
{
    switch (row->label.kind) {
    case COUNTERS_ROW_ACTOR:
        return &snapshot->actor_count;
    case COUNTERS_ROW_SHARD:
        return &snapshot->shard_count;
    case COUNTERS_ROW_DROP:
        return &snapshot->drop_count;
    case COUNTERS_ROW_LINK:
        return &snapshot->link_count;
    case COUNTERS_ROW_EXPORT:
        return &snapshot->export_count;
    default:
        return &snapshot->topic_rows;
    }
}

static maiko_status collect_lists(struct counters_snapshot *snapshot, struct heap *heap)
{
    uint32_t *next[COUNTERS_ROW_KINDS] = {NULL};
    uint32_t i;

    for (i = COUNTERS_FIRST_ROW; i < snapshot->row_count; i++)
        if (is_shown(&snapshot->rows[i]))
            (*counter_of(snapshot, &snapshot->rows[i]))++;
    snapshot->list_size =
        snapshot->actor_count + snapshot->shard_count + snapshot->drop_count + snapshot->link_count + snapshot->export_count;
    snapshot->lists = heap_alloc_zeroed(heap, snapshot->list_size, sizeof(*snapshot->lists));
    if (snapshot->lists == NULL)
        return MAIKO_ENOMEM;
    next[COUNTERS_ROW_ACTOR] = snapshot->lists;
    next[COUNTERS_ROW_SHARD] = snapshot->lists + snapshot->actor_count;
    next[COUNTERS_ROW_DROP] = snapshot->lists + snapshot->actor_count + snapshot->shard_count;
    next[COUNTERS_ROW_LINK] = next[COUNTERS_ROW_DROP] + snapshot->drop_count;
    next[COUNTERS_ROW_EXPORT] = next[COUNTERS_ROW_LINK] + snapshot->link_count;
    for (i = COUNTERS_FIRST_ROW; i < snapshot->row_count; i++)
        if (is_shown(&snapshot->rows[i]) && snapshot->rows[i].label.kind != COUNTERS_ROW_TOPIC)
            *next[snapshot->rows[i].label.kind]++ = i;
    return MAIKO_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const maiko_counters_topic *)a)->name, ((const maiko_counters_topic *)b)->name);
}

/* One entry per name: rows of several shards become one. */
static void merge_topics(struct counters_snapshot *snapshot)
{
    uint32_t i;

    qsort(snapshot->topics, snapshot->topic_rows, sizeof(*snapshot->topics), by_name);
    for (i = 0; i < snapshot->topic_rows; i++) {
        const maiko_counters_topic *from = &snapshot->topics[i];
        maiko_counters_topic *last = snapshot->topic_count == 0 ? NULL : &snapshot->topics[snapshot->topic_count - 1];

        if (last == NULL || strcmp(last->name, from->name) != 0) {
            snapshot->topics[snapshot->topic_count++] = *from;
            continue;
        }
        last->sent += from->sent;
        last->unrouted += from->unrouted;
        last->routed += from->routed;
    }
}

static maiko_status collect_topics(struct counters_snapshot *snapshot, struct heap *heap)
{
    maiko_counters_topic *next;
    uint32_t i;

    snapshot->topics = heap_alloc_zeroed(heap, snapshot->topic_rows, sizeof(*snapshot->topics));
    if (snapshot->topics == NULL)
        return MAIKO_ENOMEM;
    next = snapshot->topics;
    for (i = COUNTERS_FIRST_ROW; i < snapshot->row_count; i++) {
        const struct counters_row *row = &snapshot->rows[i];

        if (row->label.kind != COUNTERS_ROW_TOPIC || !is_shown(row))
            continue;
        next->name = counters_name(snapshot, i);
        next->sent = COUNTERS_AS(topic, row)->sent;
        next->unrouted = COUNTERS_AS(topic, row)->unrouted;
        next->routed = COUNTERS_AS(topic, row)->routed;
        next++;
    }
    merge_topics(snapshot);
    return MAIKO_OK;
}

/* Live actors before ended ones of the same id; ids that occur twice all the same (hostile) keep the first. */
static maiko_status collect_ids(struct counters_snapshot *snapshot, struct heap *heap)
{
    uint32_t i;

    hash_table_init_u64(&snapshot->actors_by_id, heap);
    for (i = 0; snapshot->drop_count > 0 && i < snapshot->actor_count; i++) {
        struct counters_row *row = &snapshot->rows[snapshot->lists[i]];

        if (hash_table_insert_u64(&snapshot->actors_by_id, row->label.id, row) == MAIKO_ENOMEM)
            return MAIKO_ENOMEM;
    }
    return MAIKO_OK;
}

static void snapshot_deinit(struct counters_snapshot *snapshot, struct heap *heap)
{
    if (snapshot->actors_by_id.heap != NULL)
        hash_table_deinit(&snapshot->actors_by_id);
    heap_free(heap, snapshot->topics, snapshot->topic_rows * sizeof(*snapshot->topics));
    heap_free(heap, snapshot->lists, snapshot->list_size * sizeof(*snapshot->lists));
    heap_free(heap, snapshot->name_at, snapshot->row_count * sizeof(*snapshot->name_at));
    heap_free(heap, snapshot->names, snapshot->names_size);
    heap_free(heap, snapshot->rows, (size_t)snapshot->row_count * COUNTERS_ROW_SIZE);
    heap_free(heap, snapshot->header, sizeof(*snapshot->header));
}

static maiko_status snapshot_take(struct counters_snapshot *snapshot, struct heap *heap, const struct counters_source *source)
{
    maiko_status status;

    *snapshot = (struct counters_snapshot){.header = NULL};
    status = take_header(snapshot, heap, source);
    if (status == MAIKO_OK) {
        counters_streaks_look(snapshot->header, source);
        status = read_rows(snapshot, heap, source);
    }
    if (status == MAIKO_OK)
        status = collect_names(snapshot, heap);
    if (status == MAIKO_OK)
        status = collect_lists(snapshot, heap);
    if (status == MAIKO_OK)
        status = collect_topics(snapshot, heap);
    if (status == MAIKO_OK)
        status = collect_ids(snapshot, heap);
    if (status != MAIKO_OK)
        snapshot_deinit(snapshot, heap);
    return status;
}

/* Takes the descriptor, on success only. */
static maiko_status read_source(struct heap *heap, const struct counters_source *source, const char *path,
                                maiko_counters **ret_counters)
{
    maiko_counters *counters = heap_alloc_zeroed(heap, 1, sizeof(*counters));
    maiko_status status = MAIKO_ENOMEM;

    if (counters == NULL)
        return MAIKO_ENOMEM;
    counters->heap = heap;
    counters->fd = source->fd;
    counters->path = heap_strdup(heap, path);
    if (counters->path != NULL)
        status = snapshot_take(&counters->now, heap, source);
    if (status != MAIKO_OK) {
        heap_strfree(heap, counters->path);
        heap_free(heap, counters, sizeof(*counters));
        return status;
    }
    *ret_counters = counters;
    return MAIKO_OK;
}

maiko_status counters_read_image(struct heap *heap, const void *bytes, size_t len, maiko_counters **ret_counters)
{
    return read_source(heap, &(struct counters_source){.fd = -1, .bytes = bytes, .len = len}, "", ret_counters);
}

maiko_status counters_read_own(struct heap *heap, struct counters_file *file, maiko_counters **ret_counters)
{
    void *bytes;
    size_t len;
    maiko_status status = counters_file_image(file, heap, &bytes, &len);

    if (status != MAIKO_OK)
        return status;
    status = counters_read_image(heap, bytes, len, ret_counters);
    heap_free(heap, bytes, len);
    return status;
}

/* Not blocking: a FIFO of that name must not hold us up. */
static maiko_status open_file(const char *path, int *ret_fd)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? MAIKO_ENOTFOUND
               : errno == EACCES || errno == EPERM ? MAIKO_EPERM
                                                   : MAIKO_ESYSTEM;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (info.st_uid == geteuid() || geteuid() == 0)) {
        *ret_fd = fd;
        return MAIKO_OK;
    }
    close(fd);
    return S_ISREG(info.st_mode) ? MAIKO_EPERM : MAIKO_EPROTOCOL;
}

maiko_status counters_read_file(struct heap *heap, const char *path, maiko_counters **ret_counters)
{
    struct counters_source source = {.fd = -1};
    maiko_status status = open_file(path, &source.fd);

    if (status != MAIKO_OK)
        return status;
    status = read_source(heap, &source, path, ret_counters);
    if (status != MAIKO_OK)
        close(source.fd);
    return status;
}

maiko_status maiko_counters_open(const char *path, maiko_counters **ret_counters)
{
    if (path == NULL || ret_counters == NULL)
        return MAIKO_EINVAL;
    return counters_read_file(heap_default(), path, ret_counters);
}

maiko_status maiko_counters_refresh(maiko_counters *counters)
{
    struct counters_snapshot fresh;
    maiko_status status;

    if (counters == NULL)
        return MAIKO_EINVAL;
    if (counters->fd < 0)
        return MAIKO_ESTATE;
    status = snapshot_take(&fresh, counters->heap, &(struct counters_source){.fd = counters->fd});
    if (status != MAIKO_OK)
        return status;
    snapshot_deinit(&counters->now, counters->heap);
    counters->now = fresh;
    return MAIKO_OK;
}

maiko_counters *maiko_counters_free(maiko_counters *counters)
{
    if (counters == NULL)
        return NULL;
    snapshot_deinit(&counters->now, counters->heap);
    if (counters->fd >= 0)
        close(counters->fd);
    heap_strfree(counters->heap, counters->path);
    heap_free(counters->heap, counters, sizeof(*counters));
    return NULL;
}

const struct counters_times *counters_times_of(const struct counters_snapshot *snapshot, const struct counters_row *actor)
{
    const struct counters_row *times;

    if (actor->label.state != COUNTERS_LIVE || actor->label.extra == 0 || actor->label.extra >= snapshot->row_count)
        return NULL;
    times = &snapshot->rows[actor->label.extra];
    return counters_is(times, COUNTERS_ROW_TIMES, COUNTERS_LIVE) && times->label.id == actor->label.id ? COUNTERS_AS(times, times)
                                                                                                       : NULL;
}

uint32_t counters_link_of_drop(const struct counters_snapshot *snapshot, const struct counters_row *drop)
{
    const uint64_t id = drop->label.id;
    const uint32_t at = (uint32_t)id;

    if (drop->label.state != COUNTERS_LIVE || (id & ~(uint64_t)UINT32_MAX) != COUNTERS_OF_LINK || at >= snapshot->row_count ||
        !counters_is(&snapshot->rows[at], COUNTERS_ROW_LINK, COUNTERS_LIVE))
        return 0;
    return at;
}

const struct counters_inflow *counters_inflow_of(const struct counters_snapshot *snapshot, const struct counters_row *link)
{
    const uint32_t at = link->label.state == COUNTERS_TOTAL ? COUNTERS_ROW_INFLOW : link->label.extra;

    if (link->label.state == COUNTERS_ENDED || at == 0 || at >= snapshot->row_count ||
        !counters_is(&snapshot->rows[at], COUNTERS_ROW_INFLOW, link->label.state))
        return NULL;
    return COUNTERS_AS(inflow, &snapshot->rows[at]);
}

const struct counters_row *counters_actor_of_id(const struct counters_snapshot *snapshot, uint64_t id)
{
    return hash_table_find_u64(&snapshot->actors_by_id, id);
}
