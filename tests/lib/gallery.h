/* Gallery: events that are seen to be whole, small ones and such as lie in a pool, from whoever paints to whoever looks. */
#ifndef TESTS_LIB_GALLERY_H
#define TESTS_LIB_GALLERY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>

#define PICTURE_FIELDS(F) F(UINT32, number) F(TAIL, body, BYTES)
MAIKO_EVENT(picture, "gallery/picture", PICTURE_FIELDS)

enum {
    PICTURE_SMALL = 16,         /* bytes of the body of one that is copied */
    PICTURE_LARGE = 65536,      /* of one that is read in place */
    GALLERY_POOL = 8 * 1048576, /* bytes of a painter's pool */
    GALLERY_KEPT = 7,
    GALLERY_PAINTERS = 2
};

/* Painter 0 and painter 1 number their pictures apart from each other. */
static const uint32_t gallery_second = UINT32_C(1) << 31;

struct gallery {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    maiko_envelope *kept[GALLERY_KEPT]; /* the last ones, so that something is always out */
    _Atomic uint32_t received;
    _Atomic uint32_t wrong; /* not whole, not rising, or not whole any more */
    _Atomic uint32_t last[GALLERY_PAINTERS];
};

/* A node of the space "gallery", linked through shared memory, whose actor looks at all pictures (`overflow`: its policy), or
 * which exports them, and holds its painters for a tenth of a second at most. */
bool gallery_open_reader(struct gallery *gallery, const char *node, maiko_overflow_choice overflow);
bool gallery_open_painter(struct gallery *gallery, const char *node);

/* What it keeps stays until gallery_let_go(). */
void gallery_close(struct gallery *gallery);
void gallery_let_go(struct gallery *gallery);

/* Publishes a picture, made in place. */
maiko_status gallery_paint(struct gallery *painter, uint32_t number, size_t len);

#endif
