/* A scene for a pool: one pool, one reader with its claims and its view, in this process, and events that go from one to the
 * other. */
#ifndef TESTS_LIB_POOL_SCENE_H
#define TESTS_LIB_POOL_SCENE_H

#include "lib/failing_allocator.h"
#include "shm/shm_pool.h"
#include "shm/shm_view.h"

enum {
    POOL_SCENE_LINK = 4711,
    POOL_SCENE_BYTES = 4 * 1048576, /* 16 slots of 64 KiB, 4 of 256 KiB, 1 of 1 MiB */
    POOL_SCENE_SMALL = 16,
    POOL_SCENE_SLOTS = 21,
    PARCEL_SIZE = 24, /* of the fixed part of the events here */
    PARCEL_HEAD = 32,
    PARCEL_LEN = PARCEL_SIZE + 40000
};

struct pool_scene {
    struct failing_allocator memory;
    struct heap heap;
    struct shm_pool *pool;
    struct shm_claims *claims;
    struct shm_view *view;
};

void pool_scene_init(struct pool_scene *scene);

/* Whatever is left of it is closed, and no memory may be. */
void pool_scene_deinit(struct pool_scene *scene);

/* Another view of the same pool, with a budget for all of it, or with this one. */
struct shm_view *pool_scene_look(struct pool_scene *scene);
struct shm_view *pool_scene_look_with(struct pool_scene *scene, struct shm_budget *budget);

/* As the owner does it: questions to the kernel that are due; that, and a look at everything. */
void pool_scene_ask(struct pool_scene *scene);
void pool_scene_tidy(struct pool_scene *scene);

/* The link is over; its claims may be gone. */
void pool_scene_leave(struct pool_scene *scene);

/* An event of the writer, lent to the reader. */
struct parcel {
    void *made;
    void *held;
    uint32_t slot;
    void *seen;
    void *loan;
};

struct parcel parcel_make(struct pool_scene *scene, unsigned char seed);
void parcel_deliver(struct pool_scene *scene, struct parcel *parcel);

void parcel_fill(void *event, size_t len, unsigned char seed);
bool parcel_is_filled(const void *event, size_t len, unsigned char seed);

#endif
