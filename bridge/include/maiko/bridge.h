/* The bridge library as a whole; its nouns have headers of their own. */
#ifndef MAIKO_BRIDGE_H
#define MAIKO_BRIDGE_H

#include <maiko/base.h>

MAIKO_BEGIN_DECLS

/**
 * Version of the bridge library that is loaded; equal to maiko_version() in a sound installation.
 *
 * @return a constant such as "0.1.0".
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API const char *maiko_bridge_version(void);

MAIKO_END_DECLS

#endif
