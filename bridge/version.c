/* Version of the loaded bridge library; it is released together with libmaiko. */
#include <maiko/bridge.h>

const char *maiko_bridge_version(void)
{
    return MAIKO_VERSION_STRING;
}
