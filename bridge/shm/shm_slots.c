/* Slots: sizes, places and mappings. */
#include "shm/shm_slots.h"

#include <sys/mman.h>

size_t shm_slots_class_size(uint32_t size_class)
{
    return (size_t)SHM_SLOT_SMALLEST << 2 * size_class;
}

struct shm_slots shm_slots_plan(uint64_t bytes)
{
    struct shm_slots slots = {.count = 0};
    uint32_t i;

    for (i = 0; i < SHM_CLASSES; i++) {
        uint64_t count = bytes / SHM_CLASSES / shm_slots_class_size(i);

        slots.counts[i] = count < SHM_CLASS_SLOTS ? (uint32_t)count : SHM_CLASS_SLOTS;
        slots.count += slots.counts[i];
    }
    return slots;
}

size_t shm_slots_contents(const struct shm_slots *slots)
{
    size_t contents = 0;
    uint32_t i;

    for (i = 0; i < SHM_CLASSES; i++)
        contents += slots->counts[i] * shm_slots_class_size(i);
    return contents;
}

bool shm_slots_believe(const uint32_t counts[SHM_CLASSES], size_t contents, struct shm_slots *ret_slots)
{
    struct shm_slots slots = {.count = 0};
    uint32_t i;

    for (i = 0; i < SHM_CLASSES; i++) {
        if (counts[i] > SHM_CLASS_SLOTS)
            return false;
        slots.counts[i] = counts[i];
        slots.count += counts[i];
    }
    *ret_slots = slots;
    return slots.count > 0 && shm_slots_contents(&slots) == contents;
}

/* Which size; *slot becomes the number among those of its size, *ret_offset the bytes of the slots of other sizes before it. */
static uint32_t class_of(const struct shm_slots *slots, uint32_t *slot, size_t *ret_offset)
{
    uint32_t i;

    *ret_offset = 0;
    for (i = 0; i + 1 < SHM_CLASSES && *slot >= slots->counts[i]; i++) {
        *slot -= slots->counts[i];
        *ret_offset += slots->counts[i] * shm_slots_class_size(i);
    }
    return i;
}

uint32_t shm_slots_class(const struct shm_slots *slots, uint32_t slot)
{
    size_t offset;

    return class_of(slots, &slot, &offset);
}

uint32_t shm_slots_class_for(size_t bytes)
{
    uint32_t i = 0;

    while (i < SHM_CLASSES && shm_slots_class_size(i) < bytes)
        i++;
    return i;
}

size_t shm_slots_size(const struct shm_slots *slots, uint32_t slot)
{
    size_t offset;

    return shm_slots_class_size(class_of(slots, &slot, &offset));
}

size_t shm_slots_offset(const struct shm_slots *slots, uint32_t slot)
{
    size_t offset;
    uint32_t size_class = class_of(slots, &slot, &offset);

    return offset + slot * shm_slots_class_size(size_class);
}

size_t shm_slots_place(const struct shm_slots *slots, uint32_t slot)
{
    return shm_slots_offset(slots, slot) + ((size_t)slot + 1) * SHM_PAGE;
}

static size_t span_of(const struct shm_slots *slots)
{
    return shm_slots_contents(slots) + (size_t)slots->count * SHM_PAGE;
}

uint32_t shm_slots_find(const struct shm_slots *slots, size_t place)
{
    uint32_t first = 0;
    uint32_t i;

    for (i = 0; i < SHM_CLASSES; i++) {
        size_t stride = shm_slots_class_size(i) + SHM_PAGE;

        if (place < slots->counts[i] * stride)
            return first + (uint32_t)(place / stride);
        place -= slots->counts[i] * stride;
        first += slots->counts[i];
    }
    return SHM_SLOTS_MAX;
}

maiko_status shm_slots_reserve(const struct shm_slots *slots, unsigned char **ret_base)
{
    unsigned char *base = mmap(NULL, span_of(slots), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED)
        return MAIKO_ENOMEM;
    *ret_base = base;
    return MAIKO_OK;
}

maiko_status shm_slots_put(const struct shm_slots *slots, uint32_t slot, int fd, bool is_writable, unsigned char *base)
{
    int protection = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
    off_t offset = (off_t)(SHM_PAGE + shm_slots_offset(slots, slot));

    return mmap(base + shm_slots_place(slots, slot), shm_slots_size(slots, slot), protection, MAP_SHARED | MAP_FIXED, fd,
                offset) == MAP_FAILED
               ? MAIKO_ENOMEM
               : MAIKO_OK;
}

maiko_status shm_slots_map(const struct shm_slots *slots, int fd, unsigned char **ret_base)
{
    unsigned char *base = NULL;
    maiko_status status = shm_slots_reserve(slots, &base);
    uint32_t i;

    for (i = 0; i < slots->count && status == MAIKO_OK; i++)
        status = shm_slots_put(slots, i, fd, true, base);
    if (status == MAIKO_OK)
        *ret_base = base;
    else
        shm_slots_unmap(slots, base);
    return status;
}

void shm_slots_unmap(const struct shm_slots *slots, unsigned char *base)
{
    if (base != NULL)
        munmap(base, span_of(slots));
}
