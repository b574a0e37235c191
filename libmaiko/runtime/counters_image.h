/* Counters image: the bytes of a counters file as they would be read now, rows in private memory included. */
#ifndef RUNTIME_COUNTERS_IMAGE_H
#define RUNTIME_COUNTERS_IMAGE_H

#include "runtime/counters_rows.h"

/* Under the mutex of the file; owners of rows may be counting meanwhile.  Freed with heap_free(heap, bytes, len).
 * MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status counters_image_make(const struct counters_rows *rows, struct heap *heap, void **ret_bytes,
                                                  size_t *ret_len);

#endif
