/* Codec table: a codec is one file and one line here.  The first is the one for who names none. */
#include "wire/envelope.h"

static const struct codec *const codecs[] = {&codec_msgpack, &codec_json};

const struct codec *codec_at(size_t index)
{
    return index < sizeof(codecs) / sizeof(codecs[0]) ? codecs[index] : NULL;
}

const struct codec *codec_by_name(const char *name)
{
    size_t i;

    for (i = 0; codec_at(i) != NULL; i++)
        if (strcmp(codec_at(i)->name, name) == 0)
            return codec_at(i);
    return NULL;
}

const struct codec *codec_of_frame(const uint8_t *bytes, size_t len)
{
    size_t i;

    for (i = 0; codec_at(i) != NULL; i++)
        if (codec_at(i)->is_frame(bytes, len))
            return codec_at(i);
    return NULL;
}
