/* Shortage: what fails for lack of descriptors or memory says nothing about what was asked, and is tried again. */
#ifndef SPACE_SHORTAGE_H
#define SPACE_SHORTAGE_H

#include <errno.h>
#include <stdbool.h>

static inline bool errno_is_shortage(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOMEM || number == ENOBUFS;
}

#endif
