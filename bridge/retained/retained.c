/* Retained log: a ring of pointers to entries, whose bytes lie many to a block. */
#include "retained/retained.h"

#include <string.h>

enum { RING_FIRST_CAPACITY = 64 /* more than events of an entry */, TOPICS_FIRST_CAPACITY = 16, SLAB_ENTRIES = 84, AHEAD = 64 };

/* Entries are made and freed all the time: in slabs of a page, which stay. */
struct retained_slab {
    struct retained_slab *next;
    struct retained_entry entries[SLAB_ENTRIES];
};
_Static_assert(sizeof(struct retained_slab) <= 4096 - 2 * sizeof(void *), "a slab and what an allocator adds fit a page");
_Static_assert(RETAINED_SHARED_EVENTS < 1 << RETAINED_COUNT_BITS, "an entry can count its events");

/* What one of its events counts in the log. */
static size_t event_size(const struct retained_entry *entry)
{
    return sizeof(*entry) + entry->len;
}

/* What it takes when it has left the log. */
static size_t kept_size(const struct retained_entry *entry)
{
    return sizeof(*entry) + (size_t)entry->count * entry->len;
}

static const char *topic_name(const void *topic)
{
    return ((const struct retained_topic *)topic)->name;
}

void retained_init(struct retained *retained, struct heap *heap, size_t max_bytes)
{
    *retained = (struct retained){.heap = heap, .max_bytes = max_bytes};
    hash_table_init(&retained->topics, heap, topic_name);
}

/* ---- Blocks and entries ---- */

struct retained_block *retained_block_new(struct heap *heap, uint8_t *data, size_t size)
{
    struct retained_block *block = heap_alloc(heap, sizeof(*block));

    if (block != NULL)
        *block = (struct retained_block){.heap = heap, .data = data, .size = size, .refs = 1};
    return block;
}

void retained_block_unref(struct retained_block *block)
{
    if (--block->refs > 0)
        return;
    if (block->let_go != NULL)
        block->let_go(block->owner);
    heap_free(block->heap, block->data, block->size);
    heap_free(block->heap, block, sizeof(*block));
}

static bool add_slab(struct retained *retained)
{
    struct retained_slab *slab = heap_alloc(retained->heap, sizeof(*slab));
    size_t i;

    if (slab == NULL)
        return false;
    slab->next = retained->slabs;
    retained->slabs = slab;
    for (i = 0; i < SLAB_ENTRIES; i++) {
        slab->entries[i].topic = (void *)retained->free_entries;
        retained->free_entries = &slab->entries[i];
    }
    return true;
}

static struct retained_entry *new_entry(struct retained *retained)
{
    struct retained_entry *entry = retained->free_entries;

    if (entry == NULL && !add_slab(retained))
        return NULL;
    entry = retained->free_entries;
    retained->free_entries = (void *)entry->topic;
    return entry;
}

void retained_release(struct retained *retained, struct retained_entry *entry)
{
    entry->channel->refs--;
    retained_block_unref(entry->block);
    entry->topic = (void *)retained->free_entries;
    retained->free_entries = entry;
}

/* A block of such bytes.  NULL: no memory. */
static struct retained_block *copy_bytes(struct heap *heap, const uint8_t *bytes, size_t size)
{
    uint8_t *data = heap_alloc(heap, size);
    struct retained_block *block = data != NULL ? retained_block_new(heap, data, size) : NULL;

    if (block != NULL)
        memcpy(data, bytes, size);
    else
        heap_free(heap, data, size);
    return block;
}

/* An entry that outlives the log does not keep its neighbours' memory.  Without memory it does. */
static void move_out(struct retained *retained, struct retained_entry *entry)
{
    size_t size = (size_t)entry->count * entry->len;
    struct retained_block *block;

    if (entry->block->rest != NULL || entry->block->size <= 2 * size)
        return;
    block = copy_bytes(retained->heap, entry->bytes, size);
    if (block == NULL)
        return;
    retained_block_unref(entry->block);
    entry->block = block;
    entry->bytes = block->data;
}

struct retained_entry *retained_part(struct retained *retained, const struct retained_entry *entry, uint8_t index, uint32_t count)
{
    struct retained_entry *part = new_entry(retained);
    struct retained_block *block;

    if (part == NULL)
        return NULL;
    block = copy_bytes(retained->heap, retained_bytes(entry, index), (size_t)count * entry->len);
    if (block == NULL) {
        part->topic = (void *)retained->free_entries;
        retained->free_entries = part;
        return NULL;
    }
    *part = *entry;
    part->position += index;
    part->block = block;
    part->bytes = block->data;
    part->count = part->refs = count & RETAINED_COUNT_MAX;
    part->channel->refs++;
    return part;
}

/* Of events that shared an entry in the log, which still refers to `count` of them, a last value keeps only its own: nothing else
 * can be asked for, and it would be given up for their room.  Without memory it keeps what streams refer to. */
static void narrow_last(struct retained *retained, struct retained_entry *entry, uint32_t count)
{
    struct retained_entry *last;

    if (entry->count == 1)
        return;
    if (entry->refs == count + 1) {
        entry->bytes += (size_t)(entry->count - 1U) * entry->len;
        entry->position += entry->count - 1U;
        entry->count = 1;
        return;
    }
    last = retained_part(retained, entry, (uint8_t)(entry->count - 1), 1);
    if (last == NULL)
        return;
    entry->refs--;
    entry->topic->last = last;
}

static struct retained_entry **slot(const struct retained *retained, uint64_t position)
{
    return &retained->entries[position & (retained->capacity - 1)];
}

struct retained_entry *retained_at(const struct retained *retained, uint64_t position)
{
    if (position < retained->first || position >= retained->next)
        return NULL;
    return *slot(retained, position);
}

void retained_deinit(struct retained *retained)
{
    uint32_t i;

    for (; retained->first < retained->next; retained->first++)
        retained_unref(retained, *slot(retained, retained->first));
    for (i = 0; i < retained->topic_count; i++) {
        struct retained_topic *topic = retained->topic_list[i];

        if (topic->last != NULL)
            retained_unref(retained, topic->last);
        heap_free(retained->heap, topic, sizeof(*topic) + strlen(topic->name) + 1);
    }
    hash_table_deinit(&retained->topics);
    while (retained->slabs != NULL) {
        struct retained_slab *slab = retained->slabs;

        retained->slabs = slab->next;
        heap_free(retained->heap, slab, sizeof(*slab));
    }
    heap_free(retained->heap, retained->topic_list, retained->topic_capacity * sizeof(struct retained_topic *));
    heap_free(retained->heap, retained->entries, retained->capacity * sizeof(struct retained_entry *));
}

struct retained_topic *retained_find_topic(const struct retained *retained, const char *name)
{
    return hash_table_find(&retained->topics, name);
}

static maiko_status grow_topics(struct retained *retained)
{
    uint32_t capacity = retained->topic_capacity > 0 ? 2 * retained->topic_capacity : TOPICS_FIRST_CAPACITY;
    void *list;

    if (retained->topic_count < retained->topic_capacity)
        return MAIKO_OK;
    list = heap_resize(retained->heap, retained->topic_list, retained->topic_capacity * sizeof(struct retained_topic *),
                       capacity * sizeof(struct retained_topic *));
    if (list == NULL)
        return MAIKO_ENOMEM;
    retained->topic_list = list;
    retained->topic_capacity = capacity;
    return MAIKO_OK;
}

maiko_status retained_topic(struct retained *retained, const char *name, maiko_overflow overflow,
                            struct retained_topic **ret_topic)
{
    struct retained_topic *topic = hash_table_find(&retained->topics, name);
    size_t size = sizeof(*topic) + strlen(name) + 1;

    if (topic == NULL) {
        if (grow_topics(retained) != MAIKO_OK)
            return MAIKO_ENOMEM;
        topic = heap_alloc_zeroed(retained->heap, 1, size);
        if (topic == NULL)
            return MAIKO_ENOMEM;
        topic->index = retained->topic_count;
        topic->overflow = overflow;
        memcpy(topic->name, name, strlen(name) + 1);
        if (hash_table_insert(&retained->topics, topic) != MAIKO_OK) {
            heap_free(retained->heap, topic, size);
            return MAIKO_ENOMEM;
        }
        retained->topic_list[retained->topic_count++] = topic;
    }
    *ret_topic = topic;
    return MAIKO_OK;
}

static maiko_status double_ring(struct retained *retained)
{
    size_t capacity = retained->capacity > 0 ? 2 * retained->capacity : RING_FIRST_CAPACITY;
    struct retained_entry **entries;
    uint64_t position;

    entries = heap_alloc_zeroed(retained->heap, capacity, sizeof(struct retained_entry *));
    if (entries == NULL)
        return MAIKO_ENOMEM;
    for (position = retained->first; position < retained->next; position++)
        entries[position & (capacity - 1)] = *slot(retained, position);
    heap_free(retained->heap, retained->entries, retained->capacity * sizeof(struct retained_entry *));
    retained->entries = entries;
    retained->capacity = capacity;
    return MAIKO_OK;
}

/* Places for so many more, which are less than it has at first; without memory as many as are free. */
static inline size_t grow_ring(struct retained *retained, size_t count)
{
    size_t places = retained->capacity - (size_t)(retained->next - retained->first);

    return count <= places || double_ring(retained) == MAIKO_OK ? count : places;
}

/* ---- Last values that have left the log: a queue of topics, so that the oldest can be given up ---- */

static void unkeep(struct retained *retained, struct retained_topic *topic)
{
    if (!topic->is_kept)
        return;
    topic->is_kept = false;
    retained->kept_bytes -= kept_size(topic->last);
    *(topic->older_kept != NULL ? &topic->older_kept->newer_kept : &retained->oldest_kept) = topic->newer_kept;
    *(topic->newer_kept != NULL ? &topic->newer_kept->older_kept : &retained->newest_kept) = topic->older_kept;
    topic->older_kept = topic->newer_kept = NULL;
}

static void set_last(struct retained *retained, struct retained_topic *topic, struct retained_entry *entry)
{
    unkeep(retained, topic);
    if (topic->last != NULL)
        retained_unref(retained, topic->last);
    topic->last = entry != NULL ? retained_ref(entry) : NULL;
}

static void keep(struct retained *retained, struct retained_topic *topic)
{
    topic->is_kept = true;
    topic->older_kept = retained->newest_kept;
    *(topic->older_kept != NULL ? &topic->older_kept->newer_kept : &retained->oldest_kept) = topic;
    retained->newest_kept = topic;
    retained->kept_bytes += kept_size(topic->last);
    while (retained->kept_bytes > retained->max_bytes && retained->oldest_kept != NULL) {
        retained->forgotten++;
        set_last(retained, retained->oldest_kept, NULL);
    }
}

/* How many events of a run share an entry. */
static size_t share_of(const struct retained_run *run, size_t left)
{
    size_t fitting = RETAINED_SHARED_BYTES / run->len;
    size_t most = fitting < RETAINED_SHARED_EVENTS ? fitting : RETAINED_SHARED_EVENTS;

    most = most > 0 ? most : 1;
    return left < most ? left : most;
}

/* The next places of the ring are those of an entry. */
static void fill_slots(const struct retained *retained, struct retained_entry *entry, size_t count)
{
    struct retained_entry **entries = retained->entries;
    size_t mask = retained->capacity - 1;
    size_t first = (size_t)retained->next;
    size_t i;

    for (i = 0; i < count; i++)
        entries[(first + i) & mask] = entry;
}

/* The entry of some events of a run from number `from` on. */
static bool add_entry(struct retained *retained, const struct retained_run *run, size_t from, size_t count)
{
    struct retained_entry *entry = new_entry(retained);

    if (entry == NULL)
        return false;
    *entry = (struct retained_entry){.position = retained->next,
                                     .topic = run->topic,
                                     .channel = run->channel,
                                     .block = run->block,
                                     .bytes = run->bytes + from * run->len,
                                     .len = (uint32_t)run->len,
                                     .is_native = run->is_native,
                                     .count = (uint32_t)count & RETAINED_COUNT_MAX,
                                     .refs = (uint32_t)count & RETAINED_REFS_MAX};
    fill_slots(retained, entry, count);
    retained->next += count;
    run->block->refs++;
    run->channel->refs++;
    return true;
}

/* Entries, and nothing else yet; returns how many events there was memory for. */
static size_t add_entries(struct retained *retained, const struct retained_run *run)
{
    size_t done = 0;

    while (done < run->count) {
        size_t count = grow_ring(retained, share_of(run, run->count - done));

        if (count == 0 || !add_entry(retained, run, done, count))
            break;
        done += count;
    }
    return done;
}

maiko_status retained_append_run(struct retained *retained, const struct retained_run *run, size_t *ret_count)
{
    size_t count = run->len > 0 && run->len <= UINT32_MAX ? add_entries(retained, run) : 0;

    *ret_count = count;
    if (count > 0) {
        struct retained_entry *last = *slot(retained, retained->next - 1);

        run->topic->count += count;
        retained->bytes += count * event_size(last);
        set_last(retained, run->topic, last);
    }
    if (count == run->count)
        return MAIKO_OK;
    return run->len <= UINT32_MAX ? MAIKO_ENOMEM : MAIKO_ETOOLONG;
}

maiko_status retained_append(struct retained *retained, struct retained_topic *topic, struct retained_channel *channel,
                             struct retained_block *block, const uint8_t *bytes, size_t len, struct retained_entry **ret_entry)
{
    struct retained_run run = {.topic = topic, .channel = channel, .block = block, .bytes = bytes, .len = len, .count = 1};
    size_t count;
    maiko_status status = retained_append_run(retained, &run, &count);

    if (status == MAIKO_OK)
        *ret_entry = *slot(retained, retained->next - 1);
    return status;
}

/* The oldest events, at most `most`, those of one entry.  With the last of them it leaves the log. */
static void drop_oldest(struct retained *retained, uint64_t most)
{
    struct retained_entry *entry = *slot(retained, retained->first);
    uint64_t left = entry->position + entry->count - retained->first;
    uint32_t count = (uint32_t)(left < most ? left : most);

    if (retained->next - retained->first > AHEAD) /* nobody has looked at it for as long as it took to fill the log */
        __builtin_prefetch(*slot(retained, retained->first + AHEAD));
    retained->first += count;
    retained->bytes -= count * event_size(entry);
    if (count == left) {
        if (entry->topic->last == entry) {
            narrow_last(retained, entry, count);
            keep(retained, entry->topic);
        }
        if (entry->refs > count)
            move_out(retained, entry);
    }
    retained_unref_some(retained, entry, count);
}

bool retained_give_up(struct retained *retained)
{
    if (retained->first < retained->next) {
        drop_oldest(retained, 1);
        return true;
    }
    if (retained->oldest_kept == NULL)
        return false;
    retained->forgotten++;
    set_last(retained, retained->oldest_kept, NULL);
    return true;
}

void retained_evict(struct retained *retained)
{
    while (retained->bytes > retained->max_bytes && retained->next - retained->first > 1) {
        size_t size = event_size(*slot(retained, retained->first));
        uint64_t needed = (retained->bytes - retained->max_bytes + size - 1) / size;
        uint64_t others = retained->next - retained->first - 1;

        drop_oldest(retained, needed < others ? needed : others);
    }
}
