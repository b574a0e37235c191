/* Gallery: see gallery.h. */
#include "lib/gallery.h"

#include <string.h>

static unsigned char color(uint32_t number)
{
    return (unsigned char)(number % 251 + 1);
}

static bool is_whole(const picture *event)
{
    size_t i = 0;

    while (i < event->body_count && event->body[i] == color(event->number))
        i++;
    return i == event->body_count && (i == PICTURE_SMALL || i == PICTURE_LARGE);
}

static maiko_status look(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const picture *event = maiko_event_as(envelope, picture);
    struct gallery *gallery = self;
    maiko_envelope **place = &gallery->kept[gallery->received % GALLERY_KEPT];
    _Atomic uint32_t *last;

    (void)ctx;
    if (event == NULL)
        return MAIKO_OK;
    last = &gallery->last[event->number >= gallery_second];
    gallery->wrong += !is_whole(event) || event->number <= *last;
    gallery->wrong += *place != NULL && !is_whole(maiko_event_as(*place, picture)); /* still */
    *place = maiko_envelope_unref(*place);
    gallery->wrong += maiko_envelope_keep(envelope, place) != MAIKO_OK;
    gallery->received++;
    *last = event->number;
    return MAIKO_OK;
}

static void make(struct gallery *gallery, const char *node, uint64_t deadline_ns)
{
    maiko_bridge_config config = {.transport = MAIKO_TRANSPORT_SHM,
                                  .space = "gallery",
                                  .node = node,
                                  .pool_bytes = GALLERY_POOL,
                                  .log_bytes = 1,
                                  .deadline_ns = deadline_ns};

    memset(gallery, 0, sizeof(*gallery));
    gallery->sup = maiko_supervisor_new(&(maiko_config){.name = node});
    gallery->bridge = maiko_bridge_new(gallery->sup, &config);
}

static bool start(struct gallery *gallery)
{
    return maiko_bridge_start(gallery->bridge) == MAIKO_OK && maiko_supervisor_start(gallery->sup) == MAIKO_OK;
}

bool gallery_open_reader(struct gallery *gallery, const char *node, maiko_overflow_choice overflow)
{
    static const maiko_actor_ops ops = {.handle = look};
    const maiko_bridge_pattern pattern = {.pattern = "gallery/#", .overflow = overflow};

    make(gallery, node, 0);
    return maiko_bridge_import(gallery->bridge, &pattern) == MAIKO_OK &&
           maiko_supervisor_add(gallery->sup, &(maiko_actor_spec){.name = "reader",
                                                                  .ops = &ops,
                                                                  .self = gallery,
                                                                  .subscribe = MAIKO_TOPICS("gallery/#"),
                                                                  .types = MAIKO_TYPES(MAIKO_TYPE(picture))}) == MAIKO_OK &&
           start(gallery);
}

bool gallery_open_painter(struct gallery *gallery, const char *node)
{
    make(gallery, node, MAIKO_MS(100));
    return maiko_bridge_export(gallery->bridge, &(maiko_bridge_pattern){.pattern = "gallery/#"}) == MAIKO_OK && start(gallery);
}

void gallery_close(struct gallery *gallery)
{
    (void)maiko_supervisor_halt(gallery->sup, NULL);
    (void)maiko_bridge_stop(&gallery->bridge);
    (void)maiko_supervisor_stop(&gallery->sup, NULL);
}

void gallery_let_go(struct gallery *gallery)
{
    size_t i;

    for (i = 0; i < GALLERY_KEPT; i++)
        gallery->kept[i] = maiko_envelope_unref(gallery->kept[i]);
}

maiko_status gallery_paint(struct gallery *painter, uint32_t number, size_t len)
{
    maiko_context *ctx = maiko_supervisor_context(painter->sup);
    picture *event = maiko_reserve(ctx, picture, len);

    if (event == NULL)
        return MAIKO_ENOMEM;
    event->number = number;
    memset(event->body, color(number), len);
    return maiko_commit(ctx, event);
}
