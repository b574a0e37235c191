/* A scene for a pool: see pool_scene.h. */
#include "lib/pool_scene.h"

#include <string.h>

#include "lib/suite.h"

struct shm_view *pool_scene_look_with(struct pool_scene *scene, struct shm_budget *budget)
{
    struct shm_view *view = NULL;
    const char *reason = "";

    CU_ASSERT_EQUAL_FATAL(shm_view_new(&scene->heap, budget, shm_pool_fd(scene->pool), shm_claims_fd(scene->claims),
                                       POOL_SCENE_LINK, &view, &reason),
                          MAIKO_OK);
    return view;
}

struct shm_view *pool_scene_look(struct pool_scene *scene)
{
    struct shm_budget *budget = NULL;
    struct shm_view *view;

    CU_ASSERT_EQUAL_FATAL(shm_budget_new(&scene->heap, POOL_SCENE_SLOTS, &budget), MAIKO_OK);
    view = pool_scene_look_with(scene, budget);
    shm_budget_unref(budget);
    return view;
}

void pool_scene_init(struct pool_scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    failing_allocator_init(&scene->memory);
    heap_init(&scene->heap, &scene->memory.allocator, 0);
    CU_ASSERT_EQUAL_FATAL(shm_pool_new(&scene->heap, POOL_SCENE_BYTES, &scene->pool), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_claims_new(scene->pool, POOL_SCENE_LINK, &scene->claims), MAIKO_OK);
    scene->view = pool_scene_look(scene);
}

/* As the owner does it. */
void pool_scene_ask(struct pool_scene *scene)
{
    struct shm_claims *claims;

    while ((claims = shm_pool_ask_next(scene->pool)) != NULL)
        shm_claims_answer(claims, shm_claims_ask(claims));
}

void pool_scene_tidy(struct pool_scene *scene)
{
    shm_pool_tidy(scene->pool);
    pool_scene_ask(scene);
}

/* The link is over; its claims may be gone. */
void pool_scene_leave(struct pool_scene *scene)
{
    shm_claims_leave(scene->claims);
    scene->claims = NULL;
    pool_scene_ask(scene);
}

void pool_scene_deinit(struct pool_scene *scene)
{
    shm_view_close(scene->view);
    shm_claims_leave(scene->claims);
    if (scene->pool != NULL)
        shm_pool_close(scene->pool);
    CU_ASSERT(failing_allocator_is_balanced(&scene->memory));
}

void parcel_fill(void *event, size_t len, unsigned char seed)
{
    memset(event, seed, len);
}

bool parcel_is_filled(const void *event, size_t len, unsigned char seed)
{
    const unsigned char *at = event;

    while (len > 0 && *at == seed) {
        at++;
        len--;
    }
    return len == 0;
}

struct parcel parcel_make(struct pool_scene *scene, unsigned char seed)
{
    struct parcel parcel = {.made = NULL};

    parcel.made = shm_pool_take(scene->pool, PARCEL_SIZE, PARCEL_LEN, &parcel.held);
    CU_ASSERT_PTR_NOT_NULL_FATAL(parcel.made);
    parcel_fill(parcel.made, PARCEL_LEN, seed);
    parcel.slot = shm_pool_find(scene->pool, parcel.made);
    return parcel;
}

void parcel_deliver(struct pool_scene *scene, struct parcel *parcel)
{
    shm_claims_lend(scene->claims, parcel->slot);
    CU_ASSERT_TRUE_FATAL(shm_view_has(scene->view, parcel->slot, PARCEL_SIZE, PARCEL_LEN));
    parcel->seen = shm_view_take(scene->view, parcel->slot, PARCEL_SIZE, PARCEL_LEN, parcel->made, &parcel->loan);
    CU_ASSERT_PTR_NOT_NULL_FATAL(parcel->seen);
}
