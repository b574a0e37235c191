/* Area: sealed memfds, see shm_area.h. */
#include "shm/shm_area.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static uint64_t magic_of(enum shm_area_kind kind)
{
    static const uint64_t magics[] = {SHM_DATA_MAGIC, SHM_CONTROL_MAGIC, SHM_PAYLOAD_MAGIC, SHM_POOL_MAGIC, SHM_RETURNS_MAGIC};

    return magics[kind];
}

/* Memory that the importer writes. */
static bool is_for_reader(enum shm_area_kind kind)
{
    return kind == SHM_AREA_CONTROL || kind == SHM_AREA_RETURNS;
}

static int seals_of(enum shm_area_kind kind)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW;

    if (kind != SHM_AREA_RETURNS)
        seals |= F_SEAL_SEAL;
    return is_for_reader(kind) ? seals : seals | F_SEAL_FUTURE_WRITE;
}

static bool is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static bool is_legal_size(enum shm_area_kind kind, uint64_t contents)
{
    switch (kind) {
    case SHM_AREA_DATA:
        return is_power_of_two(contents) && contents >= SHM_RING_BYTES_MIN && contents <= SHM_RING_BYTES_MAX;
    case SHM_AREA_CONTROL:
    case SHM_AREA_RETURNS:
        return true;
    case SHM_AREA_PAYLOAD:
    case SHM_AREA_POOL:
        return contents >= SHM_PAGE && contents % SHM_PAGE == 0 && contents <= SHM_PAYLOAD_BYTES_MAX;
    }
    return false;
}

static maiko_status status_of(int error)
{
    switch (error) {
    case ENOSPC:
    case ENOMEM:
    case EDQUOT:
    case EFBIG:
        return MAIKO_ENOMEM;
    case EMFILE:
    case ENFILE:
        return MAIKO_ELIMIT;
    case ENOSYS:
    case EPERM:
    case EACCES:
    case EINVAL:
    case EOPNOTSUPP:
        return MAIKO_ENOTSUP;
    default:
        return MAIKO_ESYSTEM;
    }
}

/* The kernel's answer to a file past this limit is a signal that ends the program. */
static bool is_within_file_limit(size_t bytes)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < bytes) {
        errno = EFBIG;
        return false;
    }
    return true;
}

static int new_memfd(void)
{
    int fd = memfd_create("maiko", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) /* Linux < 6.3 does not know the last flag */
        fd = memfd_create("maiko", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

static bool reserve(int fd, size_t from, size_t to)
{
    int result;

    do
        result = fallocate(fd, 0, (off_t)from, (off_t)(to - from));
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static bool map(struct shm_area *area, int fd, bool is_writable)
{
    void *base = mmap(NULL, area->bytes, is_writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED)
        return false;
    area->base = base;
    return madvise(base, area->bytes, MADV_DONTFORK) == 0; /* a forked child has no business here */
}

/* Payload memory is taken as it is used, shm_area_reserve(). */
static size_t reserved_at_first(const struct shm_area *area)
{
    return area->kind == SHM_AREA_PAYLOAD || area->kind == SHM_AREA_POOL ? SHM_PAGE : area->bytes;
}

static bool build_unmapped(struct shm_area *area, uint64_t link)
{
    struct shm_header header = {
        .magic = magic_of(area->kind), .version = SHM_VERSION, .abi = SHM_ABI, .bytes = area->bytes, .link = link};

    if (!is_within_file_limit(area->bytes))
        return false;
    area->fd = new_memfd();
    return area->fd >= 0 && ftruncate(area->fd, (off_t)area->bytes) == 0 && reserve(area->fd, 0, reserved_at_first(area)) &&
           pwrite(area->fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header);
}

/* Sealing comes last: FUTURE_WRITE forbids writable mappings made later, even ours. */
static bool build(struct shm_area *area, uint64_t link)
{
    return build_unmapped(area, link) && map(area, area->fd, !is_for_reader(area->kind)) &&
           fcntl(area->fd, F_ADD_SEALS, seals_of(area->kind)) == 0;
}

static maiko_status create(enum shm_area_kind kind, uint64_t contents, uint64_t link, bool is_mapped, struct shm_area *ret_area,
                           int *error)
{
    struct shm_area area = {.fd = -1, .kind = kind};
    int failure;

    if (!is_legal_size(kind, contents)) {
        if (error != NULL)
            *error = EINVAL;
        return MAIKO_EINVAL;
    }
    area.bytes = shm_area_bytes(kind, contents);
    if (is_mapped ? build(&area, link) : build_unmapped(&area, link)) {
        *ret_area = area;
        return MAIKO_OK;
    }
    failure = errno;
    shm_area_deinit(&area);
    if (error != NULL)
        *error = failure;
    return status_of(failure);
}

maiko_status shm_area_create(enum shm_area_kind kind, uint64_t contents, uint64_t link, struct shm_area *ret_area, int *error)
{
    return create(kind, contents, link, true, ret_area, error);
}

maiko_status shm_area_create_unmapped(enum shm_area_kind kind, uint64_t contents, uint64_t link, struct shm_area *ret_area,
                                      int *error)
{
    return create(kind, contents, link, false, ret_area, error);
}

maiko_status shm_area_seal(const struct shm_area *area)
{
    return fcntl(area->fd, F_ADD_SEALS, seals_of(area->kind)) == 0 ? MAIKO_OK : status_of(errno);
}

static maiko_status refuse(const char **reason, const char *text, maiko_status status)
{
    if (reason != NULL)
        *reason = text;
    return status;
}

/* Without these seals the other side could write, shrink (SIGBUS) or punch what we read. */
static maiko_status check_file(enum shm_area_kind kind, int fd, size_t *ret_bytes, const char **reason)
{
    int required = seals_of(kind);
    int seals = fcntl(fd, F_GET_SEALS);
    struct statfs system;
    struct stat file;

    if (seals < 0)
        return refuse(reason, "not a memfd", MAIKO_EPROTOCOL);
    if ((seals & required) != required)
        return refuse(reason, "a seal is missing", MAIKO_EPROTOCOL);
    if (fstat(fd, &file) != 0 || fstatfs(fd, &system) != 0)
        return refuse(reason, "it cannot be looked at", MAIKO_ESYSTEM);
    if (!S_ISREG(file.st_mode) || system.f_type != TMPFS_MAGIC)
        return refuse(reason, "not ordinary memory", MAIKO_EPROTOCOL);
    if (file.st_size < SHM_PAGE || !is_legal_size(kind, (uint64_t)file.st_size - SHM_PAGE) ||
        (is_for_reader(kind) && file.st_size != SHM_PAGE))
        return refuse(reason, "a size nobody would choose", MAIKO_EPROTOCOL);
    *ret_bytes = (size_t)file.st_size;
    return MAIKO_OK;
}

/* Copied out by a system call: the mapping is not there yet, and need not be for a header that does not fit. */
static maiko_status check_header(enum shm_area_kind kind, int fd, size_t bytes, uint64_t link, const char **reason)
{
    struct shm_header header;

    if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return refuse(reason, "it cannot be read", MAIKO_ESYSTEM);
    if (header.magic != magic_of(kind))
        return refuse(reason, "another kind of memory", MAIKO_EPROTOCOL);
    if (header.version != SHM_VERSION)
        return refuse(reason, "another version", MAIKO_ENOTSUP);
    if (header.abi != SHM_ABI)
        return refuse(reason, "another byte order or pointer size", MAIKO_ENOTSUP);
    if (header.bytes != bytes)
        return refuse(reason, "the size it tells is not its size", MAIKO_EPROTOCOL);
    if (header.link != link)
        return refuse(reason, "the memory of another link", MAIKO_EPROTOCOL);
    return MAIKO_OK;
}

maiko_status shm_area_check(enum shm_area_kind kind, int fd, uint64_t link, size_t *ret_bytes, const char **reason)
{
    maiko_status status = check_file(kind, fd, ret_bytes, reason);

    return status == MAIKO_OK ? check_header(kind, fd, *ret_bytes, link, reason) : status;
}

maiko_status shm_area_attach(enum shm_area_kind kind, int fd, uint64_t link, struct shm_area *ret_area, const char **reason)
{
    struct shm_area area = {.fd = -1, .kind = kind};
    maiko_status status = shm_area_check(kind, fd, link, &area.bytes, reason);

    if (status != MAIKO_OK)
        return status;
    if (!map(&area, fd, is_for_reader(kind))) {
        status = status_of(errno);
        shm_area_deinit(&area);
        return refuse(reason, "it cannot be mapped", status);
    }
    *ret_area = area;
    return MAIKO_OK;
}

maiko_status shm_area_reserve(const struct shm_area *area, size_t reserved, size_t end)
{
    if (end <= reserved)
        return MAIKO_OK;
    return reserve(area->fd, reserved, end) ? MAIKO_OK : MAIKO_ENOMEM;
}

maiko_status shm_area_back(const struct shm_area *area, size_t offset, size_t len)
{
    return reserve(area->fd, offset, offset + len) ? MAIKO_OK : MAIKO_ENOMEM;
}

/* The kernel grants this seal when nobody has the memory mapped to write it, and lets nobody do so later. */
bool shm_area_is_forsaken(const struct shm_area *area)
{
    return fcntl(area->fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 || errno != EBUSY;
}

void shm_area_unmap(struct shm_area *area)
{
    if (area->base != NULL)
        munmap(area->base, area->bytes);
    area->base = NULL;
}

void shm_area_unmap_some(struct shm_area *area, size_t most)
{
    size_t rest = area->bytes > most ? area->bytes - most : 0;

    if (rest == 0) {
        shm_area_unmap(area);
        return;
    }
    munmap((char *)area->base + rest, most);
    area->bytes = rest;
}

maiko_status shm_area_map_again(struct shm_area *area)
{
    return map(area, area->fd, !is_for_reader(area->kind)) ? MAIKO_OK : MAIKO_ENOMEM;
}

void shm_area_deinit(struct shm_area *area)
{
    shm_area_unmap(area);
    if (area->fd >= 0)
        close(area->fd);
    area->fd = -1;
}
