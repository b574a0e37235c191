/* Envelope on the wire: one self-contained event as plain listeners get it and plain publishers send it (PROTOCOL.md 8 and 9). */
#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include "wire/payload.h"

/* Everything but the payload's value.  Texts are borrowed and not NUL-terminated; empty: not given. */
struct wire_envelope {
    struct slice topic;
    struct slice type;
    struct slice sender;
    struct slice node;
    maiko_id id;
    maiko_id parent;
    maiko_id correlation; /* nil: not given; equal to id when the event begins a chain */
    maiko_id origin;
    uint64_t time_ns;
    uint64_t seq;
    uint64_t schema;
    uint64_t hops;
    uint64_t number;      /* publish only: comes back in the answer */
    uint64_t subscribers; /* publish only: not before so many nodes are subscribed */
    uint64_t wait_ns;     /* publish only: and not later */
    struct slice payload; /* read: one value in the codec of the frame */
    /* Texts that are written otherwise in the frame (JSON escapes): do not copy an envelope that was read. */
    size_t scratch_len;
    uint8_t scratch[6 * 256];
};

static inline struct slice slice_of(const char *text)
{
    return (struct slice){.data = (const uint8_t *)text, .len = text != NULL ? strlen(text) : 0};
}

/* What became of a `publish` frame; `status` is a word of PROTOCOL.md 9. */
struct wire_published {
    uint64_t number;
    const char *status;
    const char *text; /* "" or NULL: none */
};

/*
 * One way to write envelopes.  A codec is one file and one line in codec.c.  Reading checks everything itself (the bytes come
 * from
 * anybody); `error` is filled with the reason on failure.
 */
struct codec {
    const char *name;

    /* Do these bytes look like a frame of this codec?  Two codecs never say yes to the same bytes. */
    bool (*is_frame)(const uint8_t *bytes, size_t len);

    /* A publication: what goes behind the topic on XPUB.  Appends to the pack. */
    void (*write_publication)(struct pack *pack, const struct wire_envelope *envelope, const struct payload_plan *plan,
                              const void *event, size_t len);

    /* A publication or `publish` frame.  `ret_kind`: "publish", or "" for a publication.
     * MAIKO_OK, MAIKO_ETOOLONG, MAIKO_EPROTOCOL. */
    maiko_status (*read)(const uint8_t *bytes, size_t len, struct wire_envelope *ret_envelope, struct slice *ret_kind,
                         struct text *error);

    /* The payload of an envelope this codec has read; see payload_len() and payload_read(). */
    maiko_status (*payload_len)(const struct payload_plan *plan, struct slice payload, size_t *ret_len, struct text *error);
    maiko_status (*read_payload)(const struct payload_plan *plan, struct slice payload, void *event, size_t len,
                                 struct text *error);

    /* The answer to a `publish`. */
    void (*write_published)(struct pack *pack, const struct wire_published *answer);
};

/* NULL when there is none of this name, or none that knows the bytes. */
const struct codec *codec_by_name(const char *name);
const struct codec *codec_of_frame(const uint8_t *bytes, size_t len);

/* Numbered from 0; NULL past the last. */
const struct codec *codec_at(size_t index);

extern const struct codec codec_msgpack;
extern const struct codec codec_json;

#endif
