/* Config: the caller's settings with every default filled in. */
#ifndef RUNTIME_CONFIG_H
#define RUNTIME_CONFIG_H

#include "base/text.h"
#include <maiko/supervisor.h>

/* Copies what the caller's struct (of `size` bytes, maybe older and shorter than ours) says and fills in the defaults.
 * A bad value gets its default too; the first one is reported by MAIKO_EINVAL and a sentence in `error`. */
maiko_status config_resolve(const maiko_config *given, size_t size, maiko_config *ret_config, struct text *error);

#endif
