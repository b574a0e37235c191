/* Memory that another process of the host offers for a link.  First byte: even, memory of the right kind whose ring holds the
 * rest; odd, a file of any kind that begins with the rest (second byte: seals, and whether it is the control memory only; third:
 * pages).  It is refused with a reason, or read without harm. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "link/shm_link.h"
#include "wire/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { LINK = 7, RING = SHM_RING_BYTES_MIN };

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* Everything that can be read, to the last byte; then what a node does between two turns. */
static void read_link(struct shm_link *link)
{
    struct slice frame;
    uint8_t *copy;

    while (shm_link_receive(link, &frame) == MAIKO_OK) {
        require(frame.len > 0 && frame.len <= WIRE_FRAME_MAX);
        copy = malloc(frame.len);
        require(copy != NULL);
        memcpy(copy, frame.data, frame.len);
        (void)!shm_link_send(link, copy, frame.len);
        free(copy);
    }
    (void)!shm_link_flush(link);
    if (shm_link_sleep(link))
        shm_link_awake(link);
    require(shm_link_receive(link, &frame) != MAIKO_OK);
}

static void join(int data_fd, int control_fd)
{
    struct shm_link *link = NULL;
    int fds[SHM_LINK_FDS];
    const char *reason = NULL;
    size_t i;

    require(shm_link_new(heap_default(), LINK, &link) == MAIKO_OK);
    fds[SHM_LINK_DATA] = dup(data_fd);
    fds[SHM_LINK_CONTROL] = dup(control_fd);
    fds[SHM_LINK_WAKE] = eventfd(0, EFD_NONBLOCK);
    if (shm_link_join(link, fds, &reason) == MAIKO_OK)
        read_link(link);
    else
        require(reason != NULL && reason[0] != '\0');
    for (i = 0; i < SHM_LINK_FDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    shm_link_free(link);
}

static void read_ring(const uint8_t *bytes, size_t len)
{
    struct shm_area ring = SHM_AREA_NONE;
    struct shm_area control = SHM_AREA_NONE;
    struct shm_data *shared;

    require(shm_area_create(SHM_AREA_DATA, RING, LINK, &ring, NULL) == MAIKO_OK);
    require(shm_area_create(SHM_AREA_CONTROL, 0, LINK, &control, NULL) == MAIKO_OK);
    shared = shm_area_data(&ring);
    len = len < RING ? len : RING;
    memcpy(shared->ring, bytes, len);
    atomic_store(&shared->head, len & ~(size_t)7);
    join(ring.fd, control.fd);
    shm_area_deinit(&ring);
    shm_area_deinit(&control);
}

static void read_file(unsigned seals, unsigned pages, const uint8_t *bytes, size_t len)
{
    struct shm_area ring = SHM_AREA_NONE;
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    require(fd >= 0 && ftruncate(fd, (off_t)pages * SHM_PAGE) == 0);
    len = len < (size_t)pages * SHM_PAGE ? len : (size_t)pages * SHM_PAGE;
    require(pwrite(fd, bytes, len, 0) == (ssize_t)len);
    (void)fcntl(fd, F_ADD_SEALS, (int)(seals & 0x1f));
    if (seals & 0x20)
        require(shm_area_create(SHM_AREA_DATA, RING, LINK, &ring, NULL) == MAIKO_OK);
    join(ring.fd >= 0 ? ring.fd : fd, fd);
    shm_area_deinit(&ring);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len > 0 && data[0] % 2 == 0)
        read_ring(data + 1, len - 1);
    else if (len >= 3)
        read_file(data[1], data[2] % 17u, data + 3, len - 3);
    return 0;
}
