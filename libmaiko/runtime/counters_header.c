/* Counters header: descriptions from the tables of the layout, and the identity of the writing process. */
#include "runtime/counters_header.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Reads a short file of /proc; "" when it cannot. */
static void read_proc(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = -1;

    if (fd >= 0) {
        len = read(fd, text, size - 1);
        close(fd);
    }
    text[len > 0 ? len : 0] = '\0';
}

struct process_stat {
    bool exists;
    char state;
    uint64_t start_ticks;
};

/* Field 2, the name, is in brackets and may contain anything, brackets too: look from the last one on. */
static struct process_stat process_stat(uint64_t pid)
{
    struct process_stat result = {.exists = false};
    char path[40];
    char line[1024];
    char *at;
    int field;

    snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
    read_proc(path, line, sizeof(line));
    at = strrchr(line, ')');
    if (at == NULL || at[1] != ' ')
        return result;
    result.exists = true;
    result.state = at[2];
    for (field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        result.start_ticks = strtoull(at, NULL, 10);
    return result;
}

static uint64_t own_pid_space(void)
{
    struct stat info;

    return stat("/proc/self/ns/pid", &info) == 0 ? (uint64_t)info.st_ino : 0;
}

static void read_boot(char boot[40])
{
    read_proc("/proc/sys/kernel/random/boot_id", boot, 40);
    boot[strcspn(boot, "\n")] = '\0';
}

enum counters_owner counters_header_owner(const struct counters_header *header)
{
    struct process_stat found;
    char boot[sizeof(header->boot)];

    read_boot(boot);
    if (memcmp(boot, header->boot, strlen(boot) + 1) != 0)
        return COUNTERS_OWNER_DEAD;
    if (header->pid_space != own_pid_space() || header->pid_space == 0)
        return COUNTERS_OWNER_ELSEWHERE;
    found = process_stat(header->pid);
    /* A killed process whose parent has not waited for it yet is still listed, as Z. */
    if (!found.exists || found.start_ticks != header->start_ticks || found.state == 'Z' || found.state == 'X')
        return COUNTERS_OWNER_DEAD;
    return COUNTERS_OWNER_ALIVE;
}

enum counters_kind counters_word_kind(unsigned row_kind, int word)
{
#define WORD_KIND(name, unit, kind, text) COUNTERS_##kind,
#define ROW_WORD_KINDS(name, number, type, map) [COUNTERS_ROW_##name] = {map(WORD_KIND)},
    static const uint8_t kinds[COUNTERS_ROW_KINDS][COUNTERS_WORDS] = {COUNTERS_ROW_MAP(ROW_WORD_KINDS)};
#undef ROW_WORD_KINDS
#undef WORD_KIND

    return row_kind < COUNTERS_ROW_KINDS ? kinds[row_kind][word] : COUNTERS_GAUGE;
}

struct described {
    const char *name;
    const char *unit;
    const char *text;
    size_t offset;
    uint8_t row_kind;
    uint8_t kind;
};

static const struct described described[] = {
#define WORD(type, name_, unit_, kind_, text_, row)                                                                              \
    {.name = #type "." #name_,                                                                                                   \
     .unit = unit_,                                                                                                              \
     .text = text_,                                                                                                              \
     .offset = offsetof(struct counters_##type, name_),                                                                          \
     .row_kind = row,                                                                                                            \
     .kind = COUNTERS_##kind_},
#define ACTOR_WORD(name, unit, kind, text) WORD(actor, name, unit, kind, text, COUNTERS_ROW_ACTOR)
#define TIMES_WORD(name, unit, kind, text) WORD(times, name, unit, kind, text, COUNTERS_ROW_TIMES)
#define TOPIC_WORD(name, unit, kind, text) WORD(topic, name, unit, kind, text, COUNTERS_ROW_TOPIC)
#define SHARD_WORD(name, unit, kind, text) WORD(shard, name, unit, kind, text, COUNTERS_ROW_SHARD)
#define DROP_WORD(name, unit, kind, text) WORD(drop, name, unit, kind, text, COUNTERS_ROW_DROP)
#define LINK_WORD(name, unit, kind, text) WORD(link, name, unit, kind, text, COUNTERS_ROW_LINK)
#define INFLOW_WORD(name, unit, kind, text) WORD(inflow, name, unit, kind, text, COUNTERS_ROW_INFLOW)
#define EXPORT_WORD(name, unit, kind, text) WORD(export, name, unit, kind, text, COUNTERS_ROW_EXPORT)
    COUNTERS_ACTOR_MAP(ACTOR_WORD) COUNTERS_TIMES_MAP(TIMES_WORD) COUNTERS_TOPIC_MAP(TOPIC_WORD) COUNTERS_SHARD_MAP(SHARD_WORD)
        COUNTERS_DROP_MAP(DROP_WORD) COUNTERS_LINK_MAP(LINK_WORD) COUNTERS_INFLOW_MAP(INFLOW_WORD)
            COUNTERS_EXPORT_MAP(EXPORT_WORD)};
#define DESCRIBED_COUNT (sizeof(described) / sizeof(described[0]))
static_assert(DESCRIBED_COUNT <= COUNTERS_FIELDS_MAX, "the header has room for all descriptions");

static void describe(struct counters_field *fields)
{
    size_t i;

    for (i = 0; i < DESCRIBED_COUNT; i++) {
        fields[i].row_kind = described[i].row_kind;
        fields[i].word = (uint8_t)(described[i].offset / sizeof(uint64_t));
        fields[i].kind = described[i].kind;
        snprintf(fields[i].name, sizeof(fields[i].name), "%s", described[i].name);
        snprintf(fields[i].unit, sizeof(fields[i].unit), "%s", described[i].unit);
        snprintf(fields[i].text, sizeof(fields[i].text), "%s", described[i].text);
    }
}

void counters_header_init(struct counters_header *header, const char *name, uint32_t flags)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    header->version = COUNTERS_VERSION;
    header->header_size = COUNTERS_HEADER_SIZE;
    header->row_size = COUNTERS_ROW_SIZE;
    header->label_offset = offsetof(struct counters_row, label);
    header->field_offset = offsetof(struct counters_header, fields);
    header->field_size = sizeof(struct counters_field);
    header->field_count = DESCRIBED_COUNT;
    header->uid = geteuid();
    header->pid = (uint64_t)getpid();
    header->pid_space = own_pid_space();
    header->start_ticks = process_stat(header->pid).start_ticks;
    header->started_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    read_boot(header->boot);
    snprintf(header->name, sizeof(header->name), "%s", name);
    atomic_store_explicit(&header->flags, flags, memory_order_relaxed);
    describe(header->fields);
}

void counters_header_publish(struct counters_header *header)
{
    /* Release: whoever reads the magic reads the rest of the header and the first rows as well. */
    atomic_store_explicit(&header->magic, COUNTERS_MAGIC, memory_order_release);
}
