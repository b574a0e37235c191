/* Shelf: lists of blocks by size, each linked through its first bytes. */
#include "base/shelf.h"

#include "base/poison.h"

struct shelf_block {
    struct shelf_block *next;
};

void shelf_init(struct shelf *shelf)
{
    *shelf = (struct shelf){.is_taken = ATOMIC_FLAG_INIT};
}

/* An eighth of the power of two below. */
static size_t step_of(size_t size)
{
    return (size_t)1 << (60 - __builtin_clzll((unsigned long long)size));
}

size_t shelf_round(size_t size)
{
    size_t step = step_of(size);

    return (size + step - 1) & ~(step - 1);
}

/* 0 for SHELF_SMALLEST, and one more for each step. */
static unsigned class_of(size_t rounded)
{
    unsigned power = 63 - (unsigned)__builtin_clzll((unsigned long long)rounded);

    return (power - 15) * 8 + (unsigned)(rounded / step_of(rounded)) - 8;
}

static size_t size_of(unsigned size_class)
{
    return (size_t)(8 + size_class % 8) << (12 + size_class / 8);
}

static bool begin(struct shelf *shelf)
{
    return !atomic_flag_test_and_set_explicit(&shelf->is_taken, memory_order_acquire);
}

static void end(struct shelf *shelf)
{
    atomic_flag_clear_explicit(&shelf->is_taken, memory_order_release);
}

static struct shelf_block *pop(struct shelf *shelf, unsigned size_class)
{
    struct shelf_block *block = shelf->blocks[size_class];

    if (block == NULL)
        return NULL;
    shelf->blocks[size_class] = block->next;
    shelf->bytes -= size_of(size_class);
    memory_unpoison(block, size_of(size_class));
    return block;
}

void *shelf_take(struct shelf *shelf, size_t size)
{
    struct shelf_block *block;

    if (!begin(shelf))
        return NULL;
    block = pop(shelf, class_of(shelf_round(size)));
    end(shelf);
    return block;
}

bool shelf_put(struct shelf *shelf, void *memory, size_t size)
{
    size_t rounded = shelf_round(size);
    unsigned size_class = class_of(rounded);
    struct shelf_block *block = memory;
    bool is_kept;

    if (!begin(shelf))
        return false;
    is_kept = shelf->bytes + rounded <= SHELF_BYTES;
    if (is_kept) {
        block->next = shelf->blocks[size_class];
        shelf->blocks[size_class] = block;
        shelf->bytes += rounded;
        memory_poison(block + 1, rounded - sizeof(*block)); /* the link stays readable */
    }
    end(shelf);
    return is_kept;
}

void *shelf_empty(struct shelf *shelf, size_t *ret_size)
{
    unsigned i;

    for (i = 0; i < SHELF_CLASSES; i++) {
        struct shelf_block *block = pop(shelf, i);

        *ret_size = size_of(i);
        if (block != NULL)
            return block;
    }
    return NULL;
}
