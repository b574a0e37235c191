/* Status texts and library version: everything about MAIKO_STATUS_MAP and MAIKO_VERSION that is code. */
#include <maiko/status.h>

#include <stdlib.h>

const char *maiko_strerror(maiko_status status)
{
    switch (status) {
#define STATUS_TEXT(name, number, text)                                                                                          \
    case name:                                                                                                                   \
        return text;
        MAIKO_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

const char *maiko_status_name(maiko_status status)
{
    switch (status) {
#define STATUS_NAME(name, number, text)                                                                                          \
    case name:                                                                                                                   \
        return #name;
        MAIKO_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
    }
    return "MAIKO_E?";
}

int maiko_exit_code(maiko_status status)
{
    return status == MAIKO_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

const char *maiko_version(void)
{
    return MAIKO_VERSION_STRING;
}

uint32_t maiko_version_number(void)
{
    return MAIKO_VERSION_NUMBER;
}
