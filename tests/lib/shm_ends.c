/* Shm ends, see shm_ends.h. */
#include "lib/shm_ends.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/suite.h"

unsigned char ends_bytes[ENDS_LONGEST];

void ends_fill(unsigned char *frame, size_t len, uint32_t number)
{
    size_t i;

    memset(frame, (int)(number * 7 + 1), len);
    for (i = 0; i < len && i < sizeof(number); i++)
        frame[i] = (unsigned char)(number >> (8 * i));
    if (len > 0)
        frame[len - 1] ^= 0x55;
}

bool ends_is_frame(const struct slice *frame, size_t len, uint32_t number)
{
    static unsigned char expected[ENDS_LONGEST];

    ends_fill(expected, len, number);
    return frame->len == len && memcmp(frame->data, expected, len) == 0;
}

maiko_status ends_send(struct shm_link *link, size_t len, uint32_t number)
{
    ends_fill(ends_bytes, len, number);
    return shm_link_send(link, ends_bytes, len);
}

void ends_copy_fds(const struct shm_link *link, int ret_fds[SHM_LINK_FDS])
{
    int i;

    shm_link_fds(link, ret_fds);
    for (i = 0; i < SHM_LINK_FDS; i++)
        ret_fds[i] = fcntl(ret_fds[i], F_DUPFD_CLOEXEC, 0);
}

void ends_close_fds(int fds[SHM_LINK_FDS])
{
    int i;

    for (i = 0; i < SHM_LINK_FDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

void ends_join(struct shm_link *link, const struct shm_link *other)
{
    const char *reason = "";
    int fds[SHM_LINK_FDS];

    ends_copy_fds(other, fds);
    if (shm_link_join(link, fds, &reason) != MAIKO_OK)
        SUITE_FAIL("not joined: %s", reason);
    CU_ASSERT(shm_link_is_joined(link));
    ends_close_fds(fds);
}

void ends_init_memory(struct ends *ends)
{
    memset(ends, 0, sizeof(*ends));
    failing_allocator_init(&ends->memory);
    heap_init(&ends->heap, &ends->memory.allocator, 0);
}

void ends_init(struct ends *ends)
{
    ends_init_memory(ends);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends->heap, ENDS_ID, &ends->a), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_link_new(&ends->heap, ENDS_ID, &ends->b), MAIKO_OK);
    ends_join(ends->a, ends->b);
    ends_join(ends->b, ends->a);
}

void ends_deinit(struct ends *ends)
{
    shm_link_free(ends->a);
    shm_link_free(ends->b);
    CU_ASSERT(failing_allocator_is_balanced(&ends->memory));
}

bool ends_is_woken(const struct shm_link *link)
{
    struct pollfd wake = {.fd = shm_link_wake_fd(link), .events = POLLIN};

    return poll(&wake, 1, 0) == 1;
}
