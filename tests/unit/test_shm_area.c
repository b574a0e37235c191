/* Shared memory: what its owner alone may do, what is refused on attaching, and every system call failing in turn. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/shm_pair.h"
#include "lib/suite.h"

enum { RING = SHM_RING_BYTES_MIN, LINK = SHM_PAIR_LINK };

/* ---- system calls that fail on request: this program is linked with --wrap ---- */

static int until_failure = -1; /* calls that still succeed; negative: none fails */
static int failure;            /* errno of the one that does not */

static bool stays_failed; /* every later one fails, too */

static bool fails_now(void)
{
    if (until_failure < 0 || until_failure-- > 0)
        return false;
    if (stays_failed)
        until_failure = 0;
    errno = failure;
    return true;
}

/* All of them in a row of their own: the linker gives these names. */
int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __real_ftruncate(int fd, off_t bytes);
int __wrap_ftruncate(int fd, off_t bytes);
int __real_fallocate(int fd, int mode, off_t offset, off_t bytes);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset);
void *__real_mmap(void *place, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *place, size_t len, int protection, int flags, int fd, off_t offset);
int __real_madvise(void *place, size_t len, int advice);
int __wrap_madvise(void *place, size_t len, int advice);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);

int __wrap_memfd_create(const char *name, unsigned flags)
{
    return fails_now() ? -1 : __real_memfd_create(name, flags);
}

int __wrap_ftruncate(int fd, off_t bytes)
{
    return fails_now() ? -1 : __real_ftruncate(fd, bytes);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes)
{
    return fails_now() ? -1 : __real_fallocate(fd, mode, offset, bytes);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return fails_now() ? -1 : __real_pwrite(fd, bytes, len, offset);
}

void *__wrap_mmap(void *place, size_t len, int protection, int flags, int fd, off_t offset)
{
    return fails_now() ? MAP_FAILED : __real_mmap(place, len, protection, flags, fd, offset);
}

int __wrap_madvise(void *place, size_t len, int advice)
{
    return fails_now() ? -1 : __real_madvise(place, len, advice);
}

int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;
    int argument;

    va_start(arguments, command);
    argument = va_arg(arguments, int);
    va_end(arguments);
    return fails_now() ? -1 : __real_fcntl(fd, command, argument);
}

/* What creation says when its nth call fails, and that nothing is left (the kit looks for descriptors). */
static maiko_status create_with_failure(enum shm_area_kind kind, int nth, int with, int *ret_error)
{
    struct shm_area area = SHM_AREA_NONE;
    maiko_status status;

    until_failure = nth;
    failure = with;
    status = shm_area_create(kind, RING, LINK, &area, ret_error);
    until_failure = -1;
    if (status == MAIKO_OK)
        shm_area_deinit(&area);
    return status;
}

static void every_failing_call_is_reported_and_leaves_nothing(void)
{
    static const struct {
        int error;
        maiko_status status;
    } failures[] = {{ENOSPC, MAIKO_ENOMEM}, {ENOMEM, MAIKO_ENOMEM},  {EMFILE, MAIKO_ELIMIT},
                    {EPERM, MAIKO_ENOTSUP}, {ENOSYS, MAIKO_ENOTSUP}, {EIO, MAIKO_ESYSTEM}};
    enum shm_area_kind kind;
    size_t i;
    int nth;

    for (kind = SHM_AREA_DATA; kind <= SHM_AREA_PAYLOAD; kind++)
        for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
            for (nth = 0;; nth++) {
                int error = 0;
                maiko_status status = create_with_failure(kind, nth, failures[i].error, &error);

                if (status == MAIKO_OK) {
                    CU_ASSERT_EQUAL(nth, 7); /* so many calls there are */
                    break;
                }
                CU_ASSERT_EQUAL(status, failures[i].status);
                CU_ASSERT_EQUAL(error, failures[i].error);
            }
}

static void an_interrupted_reservation_goes_on(void)
{
    CU_ASSERT_EQUAL(create_with_failure(SHM_AREA_DATA, 2, EINTR, NULL), MAIKO_OK);
}

static void a_kernel_without_the_newest_flag_will_do(void)
{
    CU_ASSERT_EQUAL(create_with_failure(SHM_AREA_DATA, 0, EINVAL, NULL), MAIKO_OK);
}

static void a_failing_attachment_leaves_nothing(void)
{
    struct shm_area area;
    struct shm_area seen = SHM_AREA_NONE;
    const char *reason = NULL;
    int nth;

    CU_ASSERT_EQUAL_FATAL(shm_area_create(SHM_AREA_DATA, RING, LINK, &area, NULL), MAIKO_OK);
    for (nth = 0; nth < 3; nth++) { /* F_GET_SEALS, mmap, madvise */
        until_failure = nth;
        failure = ENOMEM;
        CU_ASSERT_NOT_EQUAL(shm_area_attach(SHM_AREA_DATA, area.fd, LINK, &seen, &reason), MAIKO_OK);
        CU_ASSERT_PTR_NOT_NULL(reason);
        until_failure = -1;
    }
    CU_ASSERT_EQUAL(shm_area_attach(SHM_AREA_DATA, area.fd, LINK, &seen, &reason), MAIKO_OK);
    shm_area_deinit(&seen);
    shm_area_deinit(&area);
}

static void a_payload_area_without_memory_takes_no_chunk(void)
{
    struct shm_pair pair;
    struct shm_chunk *chunk = NULL;

    shm_pair_init(&pair, RING, 0);
    failure = ENOSPC;
    stays_failed = true;
    until_failure = 0;
    CU_ASSERT_EQUAL(shm_chunks_take(&pair.chunks, 5000, &chunk), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL(pair.chunks.pages_out, 0);
    stays_failed = false;
    until_failure = 0;
    CU_ASSERT_EQUAL(shm_chunks_take(&pair.chunks, 5000, &chunk), MAIKO_OK); /* the generous step failed, the small one not */
    shm_chunk_unref(&pair.chunks, chunk);
    CU_ASSERT(pair.chunks.reserved < pair.chunks.area.bytes);
    until_failure = -1;
    shm_pair_deinit(&pair);
}

static void no_memory_for_chunks_is_no_crash(void)
{
    struct failing_allocator memory;
    struct shm_chunks chunks;
    struct heap heap;

    failing_allocator_init(&memory);
    heap_init(&heap, &memory.allocator, 0);
    failing_allocator_fail_nth(&memory, 0);
    CU_ASSERT_EQUAL(shm_chunks_init(&chunks, &heap, SHM_PAYLOAD_BYTES, LINK, NULL), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL(shm_chunks_init(&chunks, &heap, SHM_PAYLOAD_BYTES, LINK, NULL), MAIKO_OK);
    failing_allocator_fail_nth(&memory, 0);
    CU_ASSERT_EQUAL(shm_chunks_take(&chunks, 1, &(struct shm_chunk *){NULL}), MAIKO_ENOMEM);
    CU_ASSERT_EQUAL(chunks.pages_out, 0);
    shm_chunks_deinit(&chunks);
    CU_ASSERT(failing_allocator_is_balanced(&memory));
}

/* ---- limits ---- */

static int create_past_the_file_limit(void *userdata)
{
    struct rlimit limit = {.rlim_cur = SHM_PAGE, .rlim_max = SHM_PAGE};
    struct shm_area area;
    int error = 0;

    (void)userdata;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    return shm_area_create(SHM_AREA_DATA, RING, LINK, &area, &error) == MAIKO_ENOMEM && error == EFBIG ? 0 : 1;
}

static void a_file_limit_is_an_error_and_no_signal(void)
{
    CU_ASSERT_EQUAL(child_run(create_past_the_file_limit, NULL, 60000), 0);
}

static void sizes_nobody_would_choose_are_refused(void)
{
    struct shm_area area;

    CU_ASSERT_EQUAL(shm_area_create(SHM_AREA_DATA, 0, LINK, &area, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(shm_area_create(SHM_AREA_DATA, RING / 2, LINK, &area, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(shm_area_create(SHM_AREA_DATA, RING + SHM_PAGE, LINK, &area, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(shm_area_create(SHM_AREA_DATA, UINT64_C(1) << 40, LINK, &area, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(shm_area_create(SHM_AREA_PAYLOAD, SHM_PAGE + 1, LINK, &area, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(shm_area_create(SHM_AREA_PAYLOAD, UINT64_C(1) << 50, LINK, &area, NULL), MAIKO_EINVAL);
}

/* ---- who may do what ---- */

static void nobody_else_can_write_resize_or_punch_data(void)
{
    static const enum shm_area_kind kinds[] = {SHM_AREA_DATA, SHM_AREA_PAYLOAD};
    size_t i;

    for (i = 0; i < 2; i++) {
        struct shm_area area;
        char path[64];
        int fd;

        CU_ASSERT_EQUAL_FATAL(shm_area_create(kinds[i], RING, LINK, &area, NULL), MAIKO_OK);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", area.fd);
        fd = open(path, O_RDWR | O_CLOEXEC); /* as whoever it was sent to could */
        CU_ASSERT_FATAL(fd >= 0);
        CU_ASSERT_EQUAL(write(fd, "x", 1), -1);
        CU_ASSERT_EQUAL(ftruncate(fd, 0), -1);
        CU_ASSERT_EQUAL(ftruncate(fd, (off_t)area.bytes * 2), -1);
        CU_ASSERT_EQUAL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SHM_PAGE), -1);
        CU_ASSERT_EQUAL(mmap(NULL, SHM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
        CU_ASSERT_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
        ((unsigned char *)area.base)[area.bytes - 1] = 1; /* we can */
        close(fd);
        shm_area_deinit(&area);
    }
}

static int write_control(void *userdata)
{
    struct shm_area area;

    (void)userdata;
    signal(SIGSEGV, SIG_DFL);
    if (shm_area_create(SHM_AREA_CONTROL, 0, LINK, &area, NULL) != MAIKO_OK)
        return 1;
    *(volatile unsigned char *)area.base = 1;
    return 0;
}

static void the_exporter_cannot_write_the_control_page(void)
{
    CU_ASSERT_EQUAL(child_run(write_control, NULL, 60000), 128 + SIGSEGV);
}

static int look_at_mappings(void *userdata)
{
    const struct shm_pair *pair = userdata;
    unsigned char resident[1];
    const struct shm_area *areas[] = {&pair->data,        &pair->control,   &pair->chunks.area,
                                      &pair->own_control, &pair->seen_data, &pair->seen_payload};
    size_t i;

    for (i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
        if (mincore(areas[i]->base, SHM_PAGE, resident) == 0 || errno != ENOMEM)
            return 1;
    return 0;
}

static void a_forked_child_has_none_of_it(void)
{
    struct shm_pair pair;

    shm_pair_init(&pair, RING, 0);
    CU_ASSERT_EQUAL(child_run(look_at_mappings, &pair, 60000), 0);
    shm_pair_deinit(&pair);
}

static void nothing_has_a_name(void)
{
    struct shm_pair pair;
    struct stat file;

    shm_pair_init(&pair, RING, 0);
    CU_ASSERT_EQUAL(fstat(pair.data.fd, &file), 0);
    CU_ASSERT_EQUAL(file.st_nlink, 0);
    CU_ASSERT_EQUAL(file.st_mode & 0111, 0); /* nobody executes it, where the kernel can promise that */
    shm_pair_deinit(&pair);
}

/* ---- what is refused on attaching ---- */

enum { ALL = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | 0x10 };

/* Attaches what the arguments describe; the reason of the refusal. */
static const char *attach_forged(enum shm_area_kind kind, off_t bytes, struct shm_header header, int seals, maiko_status expected)
{
    struct shm_area area = SHM_AREA_NONE;
    const char *reason = "accepted";
    int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CU_ASSERT_FATAL(fd >= 0 && ftruncate(fd, bytes) == 0);
    CU_ASSERT(bytes < (off_t)sizeof(header) || pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header));
    CU_ASSERT_EQUAL_FATAL(fcntl(fd, F_ADD_SEALS, seals), 0);
    CU_ASSERT_EQUAL(shm_area_attach(kind, fd, LINK, &area, &reason), expected);
    shm_area_deinit(&area);
    close(fd);
    return reason;
}

static struct shm_header good_header(uint64_t magic, uint64_t bytes)
{
    return (struct shm_header){.magic = magic, .version = SHM_VERSION, .abi = SHM_ABI, .bytes = bytes, .link = LINK};
}

static void what_lacks_a_seal_is_not_mapped(void)
{
    static const int each[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL, 0x10};
    struct shm_header header = good_header(SHM_DATA_MAGIC, RING + SHM_PAGE);
    size_t i;

    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, RING + SHM_PAGE, header, ALL, MAIKO_OK), "accepted");
    for (i = 0; i < 4; i++)
        CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, RING + SHM_PAGE, header, ALL & ~each[i], MAIKO_EPROTOCOL),
                               "a seal is missing");
}

static void what_has_another_size_is_not_mapped(void)
{
    struct shm_header header = good_header(SHM_DATA_MAGIC, RING + SHM_PAGE);
    struct shm_header control = good_header(SHM_CONTROL_MAGIC, 2 * SHM_PAGE);
    const char *nobody = "a size nobody would choose";

    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, 0, header, ALL, MAIKO_EPROTOCOL), nobody);
    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, RING, header, ALL, MAIKO_EPROTOCOL), nobody);
    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, RING + SHM_PAGE + 1, header, ALL, MAIKO_EPROTOCOL), nobody);
    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, (off_t)1 << 41, header, ALL, MAIKO_EPROTOCOL), nobody);
    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_CONTROL, 2 * SHM_PAGE, control, ALL & ~0x10, MAIKO_EPROTOCOL), nobody);
    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, 2 * RING + SHM_PAGE, header, ALL, MAIKO_EPROTOCOL),
                           "the size it tells is not its size");
}

static void what_is_of_another_kind_or_link_is_not_mapped(void)
{
    struct shm_header header = good_header(SHM_DATA_MAGIC, RING + SHM_PAGE);
    struct shm_header other = header;

    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_PAYLOAD, RING + SHM_PAGE, header, ALL, MAIKO_EPROTOCOL),
                           "another kind of memory");
    other.version++;
    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, RING + SHM_PAGE, other, ALL, MAIKO_ENOTSUP), "another version");
    other = header;
    other.abi = 0x08030201;
    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, RING + SHM_PAGE, other, ALL, MAIKO_ENOTSUP),
                           "another byte order or pointer size");
    other = header;
    other.link++;
    CU_ASSERT_STRING_EQUAL(attach_forged(SHM_AREA_DATA, RING + SHM_PAGE, other, ALL, MAIKO_EPROTOCOL),
                           "the memory of another link");
}

static void what_is_no_memfd_is_not_mapped(void)
{
    struct shm_area area = SHM_AREA_NONE;
    const char *reason = NULL;
    int fds[2];
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    CU_ASSERT_EQUAL(shm_area_attach(SHM_AREA_DATA, fd, LINK, &area, &reason), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(shm_area_attach(SHM_AREA_DATA, -1, LINK, &area, &reason), MAIKO_EPROTOCOL);
    close(fd);
    CU_ASSERT_EQUAL(pipe2(fds, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL(shm_area_attach(SHM_AREA_DATA, fds[0], LINK, &area, &reason), MAIKO_EPROTOCOL);
    CU_ASSERT_STRING_EQUAL(reason, "not a memfd");
    close(fds[0]);
    close(fds[1]);
}

static const struct test_case cases[] = {
    TEST_CASE(every_failing_call_is_reported_and_leaves_nothing),
    TEST_CASE(an_interrupted_reservation_goes_on),
    TEST_CASE(a_kernel_without_the_newest_flag_will_do),
    TEST_CASE(a_failing_attachment_leaves_nothing),
    TEST_CASE(a_payload_area_without_memory_takes_no_chunk),
    TEST_CASE(no_memory_for_chunks_is_no_crash),
    TEST_CASE(a_file_limit_is_an_error_and_no_signal),
    TEST_CASE(sizes_nobody_would_choose_are_refused),
    TEST_CASE(nobody_else_can_write_resize_or_punch_data),
    TEST_CASE(the_exporter_cannot_write_the_control_page),
    TEST_CASE(a_forked_child_has_none_of_it),
    TEST_CASE(nothing_has_a_name),
    TEST_CASE(what_lacks_a_seal_is_not_mapped),
    TEST_CASE(what_has_another_size_is_not_mapped),
    TEST_CASE(what_is_of_another_kind_or_link_is_not_mapped),
    TEST_CASE(what_is_no_memfd_is_not_mapped),
};

SUITE_MAIN("shm_area", cases)
