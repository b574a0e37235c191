/* Data head: how a data frame begins when we write it.  Many have few records, so its form is fixed: numbers of nine bytes, keys
 * in this order.  Who reads one knows it by three comparisons; any other form of the same map is read as every frame is. */
#ifndef WIRE_DATA_HEAD_H
#define WIRE_DATA_HEAD_H

#include <stdint.h>

/* Where the numbers are, and where the array of records begins. */
enum { DATA_HEAD_SESSION = 20, DATA_HEAD_FIRST = 35, DATA_HEAD_BYTES = 51, DATA_HEAD_NUMBER = 8 };

#define DATA_HEAD                                                                                                                \
    "\x84"                                                                                                                       \
    "\xa4kind\xa4"                                                                                                               \
    "data\xa7session\xcf\0\0\0\0\0\0\0\0"                                                                                        \
    "\xa5"                                                                                                                       \
    "first\xcf\0\0\0\0\0\0\0\0"                                                                                                  \
    "\xa7"                                                                                                                       \
    "records"

_Static_assert(sizeof(DATA_HEAD) - 1 == DATA_HEAD_BYTES, "the head is as long as that");

#endif
