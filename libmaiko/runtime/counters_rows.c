/* Counters rows: extents, free rows and folding. */
#include "runtime/counters_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "runtime/counters_header.h"

/* Extents are whole pages also where pages are 64 KiB. */
#define FILE_EXTENT_MIN ((size_t)64 << 10)
#define PRIVATE_EXTENT_MIN ((size_t)8 << 10)
#define EXTENT_MAX ((size_t)16 << 20)
#define EXTENTS_MIN 8
#define AHEAD ((size_t)64 << 10)

static size_t file_len(const struct counters_rows *rows)
{
    return rows->capacity == 0 ? 0 : COUNTERS_HEADER_SIZE + (size_t)rows->capacity * COUNTERS_ROW_SIZE;
}

/* An eighth of what is there, so that a million actors need a few dozen extents and ten need little memory. */
static size_t next_extent_len(const struct counters_rows *rows, size_t smallest)
{
    const size_t wanted = file_len(rows) / 8 / smallest * smallest;

    return wanted < smallest ? smallest : wanted > EXTENT_MAX ? EXTENT_MAX : wanted;
}

static bool reserve_extent_slot(struct counters_rows *rows)
{
    const uint32_t size = rows->extent_size == 0 ? EXTENTS_MIN : rows->extent_size * 2;
    struct counters_extent *moved;

    if (rows->extent_count < rows->extent_size)
        return true;
    moved = heap_resize(rows->heap, rows->extents, rows->extent_size * sizeof(*moved), size * sizeof(*moved));
    if (moved == NULL)
        return false;
    rows->extents = moved;
    rows->extent_size = size;
    return true;
}

/* Past the limit the kernel would send SIGXFSZ, which ends a program that did nothing wrong. */
static bool is_below_file_limit(size_t len)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || len <= limit.rlim_cur;
}

/* Every page is allocated before it is mapped: a store to a hole of a full tmpfs would be a SIGBUS. */
static bool extend_file(int fd, size_t old_len, size_t len, struct text *why)
{
    int failed;

    if (old_len + len > COUNTERS_FILE_MAX || !is_below_file_limit(old_len + len)) {
        text_append_format(why, "counters file: at its size limit with %zu bytes", old_len);
        return false;
    }
    do
        failed = fallocate(fd, 0, (off_t)old_len, (off_t)len);
    while (failed != 0 && errno == EINTR);
    if (failed == 0)
        return true;
    text_append_format(why, "counters file: reserving %zu bytes: %s", len, ERRNO_TEXT(errno));
    if (ftruncate(fd, (off_t)old_len) != 0) /* what it may have reserved; a longer file than said is no harm */
        return false;
    return false;
}

static void *map_file(int fd, size_t offset, size_t len, struct text *why)
{
    void *base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

    if (base != MAP_FAILED && madvise(base, len, MADV_DONTFORK) == 0)
        return base;
    text_append_format(why, "counters file: mapping %zu bytes: %s", len, ERRNO_TEXT(errno));
    if (base != MAP_FAILED)
        munmap(base, len);
    return NULL;
}

static bool map_extent(struct counters_rows *rows, struct counters_extent *extent, struct text *why)
{
    const size_t offset = file_len(rows);

    extent->len = next_extent_len(rows, FILE_EXTENT_MIN);
    if (!extend_file(rows->fd, offset, extent->len, why))
        return false;
    extent->base = map_file(rows->fd, offset, extent->len, why);
    extent->rows = extent->base;
    extent->is_mapped = true;
    return extent->base != NULL;
}

static bool allocate_extent(struct counters_rows *rows, struct counters_extent *extent)
{
    const size_t header_len = rows->capacity == 0 ? COUNTERS_HEADER_SIZE : 0;
    uintptr_t at;

    extent->len = header_len + next_extent_len(rows, PRIVATE_EXTENT_MIN) + COUNTERS_ROW_SIZE;
    extent->base = heap_alloc_zeroed(rows->heap, 1, extent->len);
    if (extent->base == NULL)
        return false;
    at = ((uintptr_t)extent->base + COUNTERS_ROW_SIZE - 1) & ~(uintptr_t)(COUNTERS_ROW_SIZE - 1);
    extent->rows = (struct counters_row *)at;
    extent->is_mapped = false;
    return true;
}

/* Counts the rows of a new extent; the first one begins with the header. */
static void add_extent(struct counters_rows *rows, struct counters_extent extent)
{
    size_t usable = extent.is_mapped ? extent.len : extent.len - COUNTERS_ROW_SIZE;

    if (rows->capacity == 0) {
        rows->header = (struct counters_header *)extent.rows;
        extent.rows += COUNTERS_HEADER_SIZE / COUNTERS_ROW_SIZE;
        usable -= COUNTERS_HEADER_SIZE;
    }
    extent.first = rows->capacity;
    extent.count = (uint32_t)(usable / COUNTERS_ROW_SIZE);
    rows->capacity += extent.count;
    rows->extents[rows->extent_count++] = extent;
    if (extent.is_mapped)
        atomic_store_explicit(&rows->header->rows_in_file, rows->capacity, memory_order_relaxed);
}

maiko_status counters_rows_init(struct counters_rows *rows, struct heap *heap, int fd, struct text *why)
{
    struct counters_extent extent = {.base = NULL};

    *rows = (struct counters_rows){.heap = heap, .fd = fd, .fresh = 1};
    if (!reserve_extent_slot(rows))
        return MAIKO_ENOMEM;
    if (fd < 0 ? !allocate_extent(rows, &extent) : !map_extent(rows, &extent, why))
        return fd < 0 ? MAIKO_ENOMEM : MAIKO_ESYSTEM;
    add_extent(rows, extent);
    return MAIKO_OK;
}

void counters_rows_deinit(struct counters_rows *rows)
{
    uint32_t i;

    for (i = 0; i < rows->extent_count; i++)
        if (rows->extents[i].is_mapped)
            munmap(rows->extents[i].base, rows->extents[i].len);
        else
            heap_free(rows->heap, rows->extents[i].base, rows->extents[i].len);
    heap_free(rows->heap, rows->extents, rows->extent_size * sizeof(*rows->extents));
    *rows = (struct counters_rows){.heap = rows->heap, .fd = -1};
}

static bool grow(struct counters_rows *rows, struct text *why)
{
    struct counters_extent extent = {.base = NULL};

    /* twice as many rows as a file may have: past that an index would not be an actor any more but a leak */
    if (rows->capacity >= UINT32_MAX / 2 || !reserve_extent_slot(rows))
        return false;
    if (rows->fd >= 0 && !rows->is_full)
        rows->is_full = !map_extent(rows, &extent, why);
    if (extent.base == NULL && !allocate_extent(rows, &extent))
        return false;
    add_extent(rows, extent);
    return true;
}

struct counters_row *counters_rows_at(const struct counters_rows *rows, uint32_t index)
{
    uint32_t low = 0;
    uint32_t high = rows->extent_count;

    if (index >= rows->capacity)
        return NULL;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;

        if (rows->extents[middle].first <= index)
            low = middle;
        else
            high = middle;
    }
    return &rows->extents[low].rows[index - rows->extents[low].first];
}

/* Newest first: the later extents are the large ones. */
uint32_t counters_rows_index(const struct counters_rows *rows, const struct counters_row *row)
{
    uint32_t i;

    for (i = rows->extent_count; i-- > 0;) {
        const struct counters_extent *extent = &rows->extents[i];
        const uintptr_t distance = (uintptr_t)row - (uintptr_t)extent->rows;

        if (distance < (uintptr_t)extent->count * COUNTERS_ROW_SIZE)
            return extent->first + (uint32_t)(distance / COUNTERS_ROW_SIZE);
    }
    return 0;
}

static void queue_push(struct counters_rows *rows, struct counters_queue *queue, struct counters_row *row)
{
    const uint32_t index = counters_rows_index(rows, row);
    struct counters_row *last = queue->count == 0 ? NULL : counters_rows_at(rows, queue->last);

    row->label.extra = 0;
    if (last != NULL)
        last->label.extra = index;
    else
        queue->first = index;
    queue->last = index;
    queue->count++;
}

static struct counters_row *queue_pop(struct counters_rows *rows, struct counters_queue *queue)
{
    struct counters_row *row = queue->count == 0 ? NULL : counters_rows_at(rows, queue->first);

    if (row == NULL)
        return NULL;
    queue->first = row->label.extra;
    queue->count--;
    row->label.extra = 0;
    return row;
}

static void clear(struct counters_row *row)
{
    int i;

    atomic_store_explicit(&row->label.state, COUNTERS_FREE, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* a reader that finds half of the rest gone finds the state gone too */
    for (i = 0; i < COUNTERS_WORDS; i++)
        atomic_store_explicit(&row->words[i], 0, memory_order_relaxed);
    memset(&row->label, 0, sizeof(row->label));
}

static void drop_name(struct counters_rows *rows, struct counters_row *row)
{
    struct counters_row *text = row->label.more == 0 ? NULL : counters_rows_at(rows, row->label.more);
    int n;

    row->label.more = 0;
    row->label.name_len = 0;
    for (n = 0; text != NULL && n < COUNTERS_TEXT_ROWS_MAX; n++) {
        const uint32_t more = text->label.more;

        clear(text);
        queue_push(rows, &rows->vacant, text);
        text = more == 0 ? NULL : counters_rows_at(rows, more);
    }
}

static struct counters_row *take_ended(struct counters_rows *rows)
{
    struct counters_row *row = queue_pop(rows, &rows->ended);

    if (row == NULL)
        return NULL;
    drop_name(rows, row);
    clear(row);
    return row;
}

/* Maps the pages of the rows that come next with one call instead of a fault each; without effect on older kernels. */
static void map_ahead(const struct counters_extent *extent, const struct counters_row *row)
{
#ifdef MADV_POPULATE_WRITE
    const size_t at = (size_t)((const char *)row - (const char *)extent->base);

    if (extent->is_mapped && at % AHEAD == 0 && at + AHEAD <= extent->len)
        (void)madvise((char *)extent->base + at, AHEAD, MADV_POPULATE_WRITE);
#else
    (void)extent;
    (void)row;
#endif
}

static struct counters_row *take_fresh(struct counters_rows *rows, struct text *why)
{
    const struct counters_extent *last;
    struct counters_row *row;

    if (rows->fresh == rows->capacity && !grow(rows, why))
        return NULL;
    last = &rows->extents[rows->extent_count - 1];
    row = &last->rows[rows->fresh++ - last->first];
    map_ahead(last, row);
    /* Release: pairs with the reader's acquire, which then finds zeros or more, never bytes of nobody. */
    atomic_store_explicit(&rows->header->rows, rows->fresh, memory_order_release);
    return row;
}

struct counters_row *counters_rows_take(struct counters_rows *rows, struct text *why)
{
    struct counters_row *row = queue_pop(rows, &rows->vacant);

    if (row == NULL && rows->ended.count > COUNTERS_ENDED_KEPT)
        row = take_ended(rows);
    if (row == NULL)
        row = take_fresh(rows, why);
    if (row == NULL)
        row = take_ended(rows);
    if (row != NULL)
        row->label.row = counters_rows_index(rows, row);
    return row;
}

void counters_rows_vacate(struct counters_rows *rows, struct counters_row *row)
{
    drop_name(rows, row);
    clear(row);
    queue_push(rows, &rows->vacant, row);
}

static void copy_row(const struct counters_row *from, struct counters_row *to)
{
    const _Atomic uint64_t *source = (const _Atomic uint64_t *)from;
    uint64_t *target = (uint64_t *)to;
    size_t i;

    for (i = 0; i < COUNTERS_ROW_SIZE / sizeof(*target); i++)
        target[i] = atomic_load_explicit(&source[i], memory_order_relaxed);
}

void counters_rows_copy(const struct counters_rows *rows, struct counters_row *copy, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        copy_row(counters_rows_at(rows, i), &copy[i]);
}

static void save(struct counters_rows *rows, uint32_t at, const struct counters_row *row)
{
    rows->header->undo.rows[at] = counters_rows_index(rows, row);
    copy_row(row, &rows->header->undo.saved[at]);
}

static void add_words(const struct counters_row *from, struct counters_row *into)
{
    int i;

    for (i = 0; i < COUNTERS_WORDS; i++) {
        const uint64_t value = atomic_load_explicit(&from->words[i], memory_order_relaxed);
        const uint64_t sum = atomic_load_explicit(&into->words[i], memory_order_relaxed);

        switch (counters_word_kind(from->label.kind, i)) {
        case COUNTERS_COUNTER:
            atomic_store_explicit(&into->words[i], sum + value, memory_order_relaxed);
            break;
        case COUNTERS_MAX:
            atomic_store_explicit(&into->words[i], sum > value ? sum : value, memory_order_relaxed);
            break;
        case COUNTERS_GAUGE:
            break;
        }
    }
}

void counters_rows_fold(struct counters_rows *rows, struct counters_row *from, struct counters_row *into)
{
    struct counters_undo *undo = &rows->header->undo;

    save(rows, 0, from);
    save(rows, 1, into);
    /* Release and the fence keep the order of the program: saved, announced, changed, withdrawn.  The partner is a reader
     * of the file after this process was killed between any two of them. */
    atomic_store_explicit(&undo->count, 2, memory_order_release);
    atomic_thread_fence(memory_order_release);
    add_words(from, into);
    atomic_store_explicit(&from->label.state, COUNTERS_ENDED, memory_order_relaxed);
    atomic_store_explicit(&undo->count, 0, memory_order_release);
    queue_push(rows, &rows->ended, from);
}

/* The next `len` bytes of a name go into a text row; how many it took. */
static size_t fill_text(struct counters_row *row, const char *name, size_t len)
{
    const size_t in_words = len < sizeof(row->words) ? len : sizeof(row->words);
    const size_t rest = len - in_words;
    const size_t in_label = rest < COUNTERS_LABEL_NAME ? rest : COUNTERS_LABEL_NAME;

    row->label.kind = COUNTERS_ROW_TEXT;
    memcpy((char *)row, name, in_words);
    memcpy(row->label.name, name + in_words, in_label);
    atomic_store_explicit(&row->label.state, COUNTERS_LIVE, memory_order_release);
    return in_words + in_label;
}

bool counters_rows_set_name(struct counters_rows *rows, struct counters_row *row, const char *name, size_t len, struct text *why)
{
    size_t done = len < COUNTERS_LABEL_NAME ? len : COUNTERS_LABEL_NAME;
    struct counters_row *last = row;

    memcpy(row->label.name, name, done);
    row->label.name_len = (uint8_t)len;
    while (done < len) {
        struct counters_row *text = counters_rows_take(rows, why);

        if (text == NULL) {
            drop_name(rows, row);
            return false;
        }
        done += fill_text(text, name + done, len - done);
        last->label.more = counters_rows_index(rows, text);
        last = text;
    }
    return true;
}

/* Are the next bytes of the name those of this text row?  Moves on behind them. */
static bool text_matches(const struct counters_row *row, const char **name, size_t *len)
{
    const size_t in_words = *len < sizeof(row->words) ? *len : sizeof(row->words);
    const size_t rest = *len - in_words;
    const size_t in_label = rest < COUNTERS_LABEL_NAME ? rest : COUNTERS_LABEL_NAME;
    const bool matches =
        memcmp((const char *)row, *name, in_words) == 0 && memcmp(row->label.name, *name + in_words, in_label) == 0;

    *name += in_words + in_label;
    *len -= in_words + in_label;
    return matches;
}

static size_t copy_part(char *to, const void *from, size_t len, size_t most)
{
    len = len < most ? len : most;
    memcpy(to, from, len);
    return len;
}

void counters_rows_name(const struct counters_rows *rows, const struct counters_row *row, char ret_name[COUNTERS_NAME_SIZE])
{
    const size_t len = row->label.name_len;
    size_t at = copy_part(ret_name, row->label.name, len, COUNTERS_LABEL_NAME);

    while (at < len && (row = counters_rows_at(rows, row->label.more)) != NULL) {
        at += copy_part(ret_name + at, (const char *)row, len - at, sizeof(row->words));
        at += copy_part(ret_name + at, row->label.name, len - at, COUNTERS_LABEL_NAME);
    }
    ret_name[at] = '\0';
}

bool counters_rows_name_is(const struct counters_rows *rows, const struct counters_row *row, const char *name, size_t len)
{
    const size_t in_label = len < COUNTERS_LABEL_NAME ? len : COUNTERS_LABEL_NAME;
    bool matches = row->label.name_len == len && memcmp(row->label.name, name, in_label) == 0;

    name += in_label;
    len -= in_label;
    while (matches && len > 0) {
        row = counters_rows_at(rows, row->label.more);
        matches = row != NULL && text_matches(row, &name, &len);
    }
    return matches;
}
