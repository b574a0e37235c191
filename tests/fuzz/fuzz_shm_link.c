/* Memory that another process of the host offers for a link.  First byte: even, memory of the right kind whose ring holds the
 * rest; odd, a file of any kind that begins with the rest (second byte: seals, and whether it is the control memory only; third:
 * pages).  It is refused with a reason, or read without harm.  255: two sound ends, and a script of what they do (second byte:
 * which allocation fails); what is sent arrives, whole and in order.  254: memory for payloads, of that size (second byte:
 * where the system sets limits). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/failing_allocator.h"
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
    fds[SHM_LINK_WAKE] = socket(AF_UNIX, SOCK_DGRAM, 0);
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
    if (seals & 0x80) { /* no memory at all */
        close(fd);
        fd = eventfd(0, EFD_NONBLOCK);
        require(fd >= 0);
    }
    if (seals & 0x20)
        require(shm_area_create(SHM_AREA_DATA, RING, LINK, &ring, NULL) == MAIKO_OK);
    join(ring.fd >= 0 ? ring.fd : fd, fd);
    shm_area_deinit(&ring);
    close(fd);
}

/* ---- two ends ---- */

struct end {
    struct shm_link *link;
    size_t sent; /* frames; each says its number in every byte, and its length by it */
    size_t received;
    bool is_broken;
};

static size_t length_of(size_t number)
{
    return number % 5 == 4 ? 300000 + number : 1 + number * 977 % 9000;
}

static void send_one(struct end *end)
{
    size_t len = length_of(end->sent);
    uint8_t *frame = malloc(len);

    require(frame != NULL);
    memset(frame, (int)(end->sent % 251), len);
    if (shm_link_send(end->link, frame, len) == MAIKO_OK)
        end->sent++;
    else
        end->is_broken = end->is_broken || shm_link_fault(end->link) != NULL;
    free(frame);
}

static void receive(struct end *from, struct end *to, size_t most)
{
    struct slice frame;

    for (; most > 0 && shm_link_receive(to->link, &frame) == MAIKO_OK; most--) {
        require(to->received < from->sent && frame.len == length_of(to->received));
        require(frame.data[0] == to->received % 251 && frame.data[frame.len - 1] == frame.data[0]);
        to->received++;
    }
}

static void step(struct end *one, struct end *other, unsigned what)
{
    switch (what) {
    case 0:
        send_one(one);
        break;
    case 1:
        receive(other, one, 1);
        break;
    case 2:
        receive(other, one, 100);
        break;
    case 3:
        (void)!shm_link_flush(one->link);
        break;
    case 4:
        (void)!shm_link_sleep(one->link);
        break;
    case 5:
        shm_link_awake(one->link);
        break;
    default:
        require(shm_link_is_joined(one->link) && shm_link_wake_fd(one->link) >= 0);
        require(shm_link_waiting(one->link) == 0 || shm_link_fault(one->link) == NULL || one->is_broken);
        require(!shm_link_has_news(one->link) || one->received < other->sent || other->is_broken);
    }
}

static maiko_status open_ends(struct heap *heap, struct end ends[2])
{
    int fds[2][SHM_LINK_FDS];
    const char *reason;
    maiko_status status = MAIKO_OK;
    unsigned i, k;

    for (i = 0; i < 2 && status == MAIKO_OK; i++)
        status = shm_link_new(heap, LINK, &ends[i].link);
    for (i = 0; i < 2 && status == MAIKO_OK; i++) {
        shm_link_fds(ends[i].link, fds[i]);
        for (k = 0; k < SHM_LINK_FDS; k++)
            fds[i][k] = dup(fds[i][k]); /* as they arrive */
    }
    for (i = 0; i < 2 && status == MAIKO_OK; i++)
        require(shm_link_join(ends[i].link, fds[1 - i], &reason) == MAIKO_OK);
    return status;
}

static void play(const uint8_t *script, size_t len)
{
    struct failing_allocator allocator;
    struct end ends[2] = {{.link = NULL}, {.link = NULL}};
    struct heap heap;

    failing_allocator_init(&allocator);
    heap_init(&heap, &allocator.allocator, 0);
    if (len > 0 && script[0] > 0)
        failing_allocator_fail_nth(&allocator, script[0] - 1);
    if (open_ends(&heap, ends) == MAIKO_OK)
        for (; len > 1; len--, script++)
            step(&ends[script[1] % 2], &ends[1 - script[1] % 2], script[1] / 2 % 8);
    shm_link_free(ends[0].link);
    shm_link_free(ends[1].link);
    require(failing_allocator_is_balanced(&allocator));
}

enum { MORE = 1, NO_DESCRIPTORS = 2, SMALL_FILES = 4 };

/* The soft limit that was there before. */
static rlim_t set_limit(int resource, rlim_t soft)
{
    struct rlimit limit;
    rlim_t before;

    require(getrlimit(resource, &limit) == 0);
    before = limit.rlim_cur;
    limit.rlim_cur = soft;
    require(setrlimit(resource, &limit) == 0);
    return before;
}

static maiko_status create_within(unsigned limits, uint64_t contents, struct shm_area *area, int *error)
{
    rlim_t descriptors = 0;
    rlim_t bytes = 0;
    maiko_status status;

    if (limits & NO_DESCRIPTORS)
        descriptors = set_limit(RLIMIT_NOFILE, 0);
    if (limits & SMALL_FILES)
        bytes = set_limit(RLIMIT_FSIZE, SHM_PAGE);
    status = shm_area_create(SHM_AREA_PAYLOAD, contents, LINK, area, error);
    if (limits & SMALL_FILES)
        (void)set_limit(RLIMIT_FSIZE, bytes);
    if (limits & NO_DESCRIPTORS)
        (void)set_limit(RLIMIT_NOFILE, descriptors);
    return status;
}

/* What only other callers ask of the memory itself. */
static void reserve_payload(const uint8_t *bytes, size_t len)
{
    struct shm_area area = SHM_AREA_NONE;
    int error = 0;

    if (create_within(bytes[0], len * 512, &area, &error) != MAIKO_OK) {
        require(error != 0);
        return;
    }
    require((bytes[0] & (NO_DESCRIPTORS | SMALL_FILES)) == 0);
    require(shm_area_reserve(&area, SHM_PAGE, SHM_PAGE + (size_t)(bytes[0] & MORE) * SHM_PAGE) == MAIKO_OK);
    shm_area_deinit(&area);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len > 1 && data[0] == 255) {
        play(data + 1, len - 1);
        return 0;
    }
    if (len > 1 && data[0] == 254) {
        reserve_payload(data + 1, len - 1);
        return 0;
    }
    if (len > 0 && data[0] % 2 == 0)
        read_ring(data + 1, len - 1);
    else if (len >= 3)
        read_file(data[1], data[2] % 17u, data + 3, len - 3);
    return 0;
}
