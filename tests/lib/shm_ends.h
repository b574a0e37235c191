/* Shm ends: the two ends of a link through shared memory, in one process, and frames that are known by their numbers. */
#ifndef TESTS_LIB_SHM_ENDS_H
#define TESTS_LIB_SHM_ENDS_H

#include "lib/failing_allocator.h"
#include "link/shm_link.h"
#include "wire/limits.h"

enum { ENDS_ID = 4711, ENDS_LONGEST = WIRE_FRAME_MAX };

struct ends {
    struct failing_allocator memory;
    struct heap heap;
    struct shm_link *a;
    struct shm_link *b;
};

/* Joined; or the memory alone, without links. */
void ends_init(struct ends *ends);
void ends_init_memory(struct ends *ends);
void ends_deinit(struct ends *ends);
void ends_join(struct shm_link *link, const struct shm_link *other);

/* Descriptors as they come over a control connection: others for the same files. */
void ends_copy_fds(const struct shm_link *link, int ret_fds[SHM_LINK_FDS]);
void ends_close_fds(int fds[SHM_LINK_FDS]);

/* The frame of a number; the last one sent is in ends_bytes. */
extern unsigned char ends_bytes[ENDS_LONGEST];
void ends_fill(unsigned char *frame, size_t len, uint32_t number);
bool ends_is_frame(const struct slice *frame, size_t len, uint32_t number);
maiko_status ends_send(struct shm_link *link, size_t len, uint32_t number);

bool ends_is_woken(const struct shm_link *link);

#endif
