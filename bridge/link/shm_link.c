/* Frames over two rings, see shm_link.h.  The `channel` of a piece is the number of bytes of its frame that follow it. */
#include "link/shm_link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "wire/limits.h"

enum {
    PIECE = SHM_BODY_MAX,
    BUFFER_STEP = 64 * 1024,   /* the buffer for frames grows by as much at least */
    KEPT_BYTES = 256 * 1024,   /* of that buffer */
    KEPT_FRAMES = 64,          /* after so many frames that needed no more */
    CONFIRM_BYTES = 64 * 1024, /* the writer is told of room at least this often */
    UNMAPPED_AT_ONCE = 256 * 1024,
    BELLS_AT_MOST = 4,              /* wake-ups taken back at once: more than two sleeps bring */
    OUTBOX_MAX = 4 * WIRE_FRAME_MAX /* far above any window: only a broken machine gets there */
};

/* A frame, or the rest of one, that waits for room. */
struct waiting_frame {
    struct fifo_link link;
    size_t len;
    size_t written; /* of these bytes */
    uint8_t bytes[];
};

struct shm_link {
    struct heap *heap;
    uint64_t id;
    struct shm_area out_data;
    struct shm_area out_control;
    struct shm_area in_data;
    struct shm_area in_control;
    struct shm_writer writer;
    struct shm_reader reader;
    bool is_joined;
    bool is_asleep;
    int wake_fd;  /* wakes us: what the other side sends into bell_fd arrives here */
    int bell_fd;  /* what it is given; ours stays open, too */
    int their_fd; /* its bell */
    struct fifo outbox;
    size_t waiting;
    uint64_t told; /* the reader's tail as the writer over there knows it */
    uint8_t *frame;
    size_t frame_size;
    unsigned short_frames; /* in a row */
    size_t frame_len;      /* of the frame that is being put together; 0: none */
    size_t frame_have;     /* bytes of it */
    const char *fault;
};

/* ---- making and joining ---- */

/*
 * How one side wakes the other: a pair of datagram sockets, of which the other side gets one.  An eventfd would be cheaper, but
 * both sides would share its open file with its flags, and who clears O_NONBLOCK and fills the counter stops the other one's
 * write for ever (a flag per write exists for reads of an eventfd only, an open file of one's own does not).  A send with
 * MSG_DONTWAIT never blocks, whatever the other side does to the socket, and the end we read from never leaves this process.
 * Datagrams, because no shutdown, end or out-of-band byte of the other side reaches us through them.
 */
static maiko_status make_bell(struct shm_link *link)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return errno == EMFILE || errno == ENFILE ? MAIKO_ELIMIT : MAIKO_ESYSTEM;
    link->wake_fd = pair[0];
    link->bell_fd = pair[1];
    return MAIKO_OK;
}

static maiko_status make_areas(struct shm_link *link)
{
    maiko_status status = shm_area_create(SHM_AREA_DATA, SHM_RING_BYTES, link->id, &link->out_data, NULL);

    if (status == MAIKO_OK)
        status = shm_area_create(SHM_AREA_CONTROL, 0, link->id, &link->out_control, NULL);
    return status == MAIKO_OK ? make_bell(link) : status;
}

maiko_status shm_link_new(struct heap *heap, uint64_t id, struct shm_link **ret_link)
{
    static const struct shm_area none = SHM_AREA_NONE;
    struct shm_link *link = heap_alloc_zeroed(heap, 1, sizeof(*link));
    maiko_status status;

    if (link == NULL)
        return MAIKO_ENOMEM;
    link->heap = heap;
    link->id = id;
    link->out_data = link->out_control = link->in_data = link->in_control = none;
    link->wake_fd = link->bell_fd = link->their_fd = -1;
    status = make_areas(link);
    if (status != MAIKO_OK) {
        shm_link_free(link);
        return status;
    }
    *ret_link = link;
    return MAIKO_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void free_outbox(struct shm_link *link)
{
    struct fifo_link *first;

    while ((first = fifo_pop(&link->outbox)) != NULL) {
        struct waiting_frame *frame = CONTAINER_OF(first, struct waiting_frame, link);

        heap_free(link->heap, frame, sizeof(*frame) + frame->len);
    }
}

/* Who is the last to have a ring frees its pages, which takes a fifth of a millisecond, as does unmapping it. */
static bool end_area(struct shm_area *area)
{
    bool was_there = area->base != NULL || area->fd >= 0;

    if (area->base != NULL)
        shm_area_unmap_some(area, UNMAPPED_AT_ONCE);
    else if (was_there)
        shm_area_deinit(area);
    return was_there;
}

bool shm_link_take_apart(struct shm_link *link)
{
    if (end_area(&link->in_data) || end_area(&link->out_data) || end_area(&link->in_control) || end_area(&link->out_control))
        return true;
    close_fd(&link->wake_fd);
    close_fd(&link->bell_fd);
    close_fd(&link->their_fd);
    free_outbox(link);
    heap_free(link->heap, link->frame, link->frame_size);
    heap_free(link->heap, link, sizeof(*link));
    return false;
}

struct shm_link *shm_link_free(struct shm_link *link)
{
    while (link != NULL && shm_link_take_apart(link))
        continue;
    return NULL;
}

void shm_link_fds(const struct shm_link *link, int ret_fds[SHM_LINK_FDS])
{
    ret_fds[SHM_LINK_DATA] = link->out_data.fd;
    ret_fds[SHM_LINK_CONTROL] = link->out_control.fd;
    ret_fds[SHM_LINK_WAKE] = link->bell_fd;
}

static bool has_option(int fd, int name, int expected)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 && value == expected;
}

static bool is_bell(int fd)
{
    return has_option(fd, SO_DOMAIN, AF_UNIX) && has_option(fd, SO_TYPE, SOCK_DGRAM);
}

maiko_status shm_link_join(struct shm_link *link, int fds[SHM_LINK_FDS], const char **ret_reason)
{
    maiko_status status = MAIKO_EPROTOCOL;

    *ret_reason = "its wake-up is none";
    if (is_bell(fds[SHM_LINK_WAKE]))
        status = shm_area_attach(SHM_AREA_DATA, fds[SHM_LINK_DATA], link->id, &link->in_data, ret_reason);
    if (status == MAIKO_OK)
        status = shm_area_attach(SHM_AREA_CONTROL, fds[SHM_LINK_CONTROL], link->id, &link->in_control, ret_reason);
    if (status != MAIKO_OK) {
        shm_area_deinit(&link->in_data);
        return status;
    }
    link->their_fd = fds[SHM_LINK_WAKE];
    fds[SHM_LINK_WAKE] = -1;
    close_fd(&fds[SHM_LINK_DATA]); /* the mappings are enough */
    close_fd(&fds[SHM_LINK_CONTROL]);
    shm_writer_init(&link->writer, &link->out_data, &link->out_control, 0);
    shm_reader_init(&link->reader, &link->in_data, &link->in_control, NULL, 0);
    link->is_joined = true;
    return MAIKO_OK;
}

bool shm_link_is_joined(const struct shm_link *link)
{
    return link->is_joined;
}

int shm_link_wake_fd(const struct shm_link *link)
{
    return link->wake_fd;
}

const char *shm_link_fault(const struct shm_link *link)
{
    if (link->fault != NULL)
        return link->fault;
    return link->reader.broken != NULL ? link->reader.broken : link->writer.broken;
}

/* Without room in the socket it has been told; without memory in the kernel it looks at its next heartbeat. */
static void wake_other(const struct shm_link *link)
{
    (void)!send(link->their_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- sending ---- */

/* What of a frame is still to be written: `left` bytes, the first one is number `offset` of `part`. */
struct rest {
    const struct slice *part;
    size_t offset;
    size_t left;
};

/* Its next bytes, as many as there are. */
static void copy_next(struct rest *rest, uint8_t *to, size_t len)
{
    rest->left -= len;
    while (len > 0) {
        size_t there = rest->part->len - rest->offset;
        size_t some = len < there ? len : there;

        memcpy(to, rest->part->data + rest->offset, some);
        to += some;
        len -= some;
        rest->offset += some;
        if (some == there) {
            rest->part++;
            rest->offset = 0;
        }
    }
}

/* MAIKO_OK, MAIKO_EFULL, MAIKO_EPROTOCOL. */
static maiko_status write_piece(struct shm_link *link, struct rest *rest, size_t len)
{
    struct shm_event event = {
        .kind = SHM_RECORD_FRAME, .is_msgpack = true, .channel = (uint32_t)(rest->left - len), .len = (uint32_t)len};
    maiko_status status;
    void *place;

    status = shm_writer_reserve(&link->writer, &event, &place);
    if (status != MAIKO_OK)
        return status;
    copy_next(rest, place, len);
    (void)shm_writer_commit(&link->writer);
    return MAIKO_OK;
}

/* As much of it as there is room for. */
static maiko_status write_pieces(struct shm_link *link, struct rest *rest)
{
    maiko_status status = MAIKO_OK;

    while (rest->left > 0 && status == MAIKO_OK)
        status = write_piece(link, rest, rest->left < PIECE ? rest->left : PIECE);
    return status;
}

static void publish(struct shm_link *link)
{
    if (shm_writer_publish(&link->writer))
        wake_other(link);
    shm_writer_fetch_room(&link->writer);
}

static maiko_status let_wait(struct shm_link *link, struct rest *rest)
{
    size_t len = rest->left;
    struct waiting_frame *frame = link->waiting + len <= OUTBOX_MAX ? heap_alloc(link->heap, sizeof(*frame) + len) : NULL;

    if (frame == NULL)
        return MAIKO_ENOMEM;
    memset(frame, 0, sizeof(*frame));
    copy_next(rest, frame->bytes, len);
    frame->len = len;
    fifo_push(&link->outbox, &frame->link);
    link->waiting += len;
    return MAIKO_OK;
}

maiko_status shm_link_send(struct shm_link *link, const void *bytes, size_t len)
{
    const struct slice whole = {.data = bytes, .len = len};

    return shm_link_send_parts(link, &whole, len > 0 ? 1 : 0);
}

static size_t len_of_all(const struct slice *parts, size_t count)
{
    size_t len = 0;
    size_t i;

    for (i = 0; i < count; i++)
        len += parts[i].len;
    return len;
}

maiko_status shm_link_send_parts(struct shm_link *link, const struct slice *parts, size_t count)
{
    const size_t len = len_of_all(parts, count);
    struct rest rest = {.part = parts, .left = len};
    maiko_status status = MAIKO_EFULL;

    if (link->fault != NULL)
        return MAIKO_EPROTOCOL;
    if (len == 0 || len > WIRE_FRAME_MAX)
        return MAIKO_ETOOLONG;
    if (fifo_is_empty(&link->outbox)) {
        status = write_pieces(link, &rest);
        publish(link);
    }
    if (status != MAIKO_EFULL)
        return status;
    status = let_wait(link, &rest);
    if (status != MAIKO_OK && rest.left < len)
        link->fault = "half a frame was sent, and there was no memory for the rest"; /* nothing may follow it */
    return status;
}

maiko_status shm_link_flush(struct shm_link *link)
{
    maiko_status status = link->fault == NULL ? MAIKO_OK : MAIKO_EPROTOCOL;

    while (status == MAIKO_OK && !fifo_is_empty(&link->outbox)) {
        struct waiting_frame *frame = CONTAINER_OF(link->outbox.first, struct waiting_frame, link);
        const struct slice whole = {.data = frame->bytes, .len = frame->len};
        struct rest rest = {.part = &whole, .offset = frame->written, .left = frame->len - frame->written};

        status = write_pieces(link, &rest);
        link->waiting -= frame->len - frame->written - rest.left;
        frame->written = frame->len - rest.left;
        if (status != MAIKO_OK)
            break;
        fifo_pop(&link->outbox);
        heap_free(link->heap, frame, sizeof(*frame) + frame->len);
    }
    publish(link);
    return status == MAIKO_EFULL ? MAIKO_OK : status;
}

size_t shm_link_waiting(const struct shm_link *link)
{
    return link->waiting;
}

/* ---- receiving ---- */

static maiko_status broken(struct shm_link *link, const char *what)
{
    link->fault = what;
    return MAIKO_EPROTOCOL;
}

/* Room for a frame of `len` bytes.  A buffer that long ones have left is given back when none came for a while: long and short
 * ones may come by turns. */
static maiko_status make_buffer(struct shm_link *link, size_t len)
{
    size_t size = len > 4096 ? (len + BUFFER_STEP - 1) / BUFFER_STEP * BUFFER_STEP : 4096;
    uint8_t *frame;

    link->short_frames = len > KEPT_BYTES ? 0 : link->short_frames + 1;
    if (link->frame_size >= len && (link->frame_size <= KEPT_BYTES || link->short_frames < KEPT_FRAMES))
        return MAIKO_OK;
    frame = heap_alloc(link->heap, size);
    if (frame == NULL)
        return MAIKO_ENOMEM;
    heap_free(link->heap, link->frame, link->frame_size);
    link->frame = frame;
    link->frame_size = size;
    return MAIKO_OK;
}

/* One piece belongs to the frame under way or begins one. */
static maiko_status take_piece(struct shm_link *link, const struct shm_record *record)
{
    size_t whole = (size_t)record->len + record->channel;
    maiko_status status;

    if (record->kind != SHM_RECORD_FRAME || record->len == 0 || record->loss.count != 0 || record->is_chunk)
        return broken(link, "a record that is no frame");
    if (link->frame_len == 0) {
        if (whole > WIRE_FRAME_MAX)
            return broken(link, "a frame that is too long");
        status = make_buffer(link, whole);
        if (status != MAIKO_OK)
            return status;
        link->frame_len = whole;
        link->frame_have = 0;
    }
    if (whole != link->frame_len - link->frame_have)
        return broken(link, "a piece of another frame");
    memcpy(link->frame + link->frame_have, record->payload, record->len);
    link->frame_have += record->len;
    return MAIKO_OK;
}

static void confirm(struct shm_link *link)
{
    if (link->reader.tail == link->told)
        return;
    link->told = link->reader.tail;
    if (shm_reader_confirm(&link->reader, 0))
        wake_other(link);
}

/* A small part of the ring, so that whoever waits for room has it without this. */
static uint64_t confirm_bytes(const struct shm_link *link)
{
    uint64_t quarter = link->reader.ring_bytes / 4;

    return quarter < CONFIRM_BYTES ? quarter : CONFIRM_BYTES;
}

maiko_status shm_link_receive(struct shm_link *link, struct slice *ret_frame)
{
    struct shm_record record;
    maiko_status status = link->fault == NULL ? MAIKO_OK : MAIKO_EPROTOCOL;

    while (status == MAIKO_OK) {
        status = shm_reader_peek(&link->reader, &record);
        if (status == MAIKO_OK)
            status = take_piece(link, &record);
        if (status != MAIKO_OK)
            break;
        shm_reader_next(&link->reader);
        if (link->reader.tail - link->told >= confirm_bytes(link))
            confirm(link);
        if (link->frame_have == link->frame_len) {
            *ret_frame = (struct slice){.data = link->frame, .len = link->frame_len};
            link->frame_len = 0;
            return MAIKO_OK;
        }
    }
    return status; /* what is read and not confirmed is little, and confirmed before we sleep */
}

/* ---- waiting ---- */

bool shm_link_sleep(struct shm_link *link)
{
    if (shm_link_fault(link) != NULL)
        return true; /* nothing will be done for it any more */
    confirm(link);
    if (!fifo_is_empty(&link->outbox) && !shm_writer_sleep(&link->writer))
        return false;
    link->is_asleep = true;
    if (shm_reader_sleep(&link->reader))
        return true;
    shm_link_awake(link);
    return false;
}

/* All there are: who is told of each one as it comes, not that there are some, hears of none that finds the socket full.  A sleep
 * brings two at most, so an end that sends for ever is not listened to for ever. */
static void empty_bell(const struct shm_link *link)
{
    char byte;
    int left = BELLS_AT_MOST;

    while (left-- > 0 && recv(link->wake_fd, &byte, 1, MSG_DONTWAIT) >= 0)
        continue;
}

void shm_link_watch(struct shm_link *link)
{
    if (!link->is_asleep)
        return;
    link->is_asleep = false;
    shm_reader_awake(&link->reader);
    if (!fifo_is_empty(&link->outbox))
        shm_writer_awake(&link->writer);
}

void shm_link_awake(struct shm_link *link)
{
    if (!link->is_asleep)
        return;
    shm_link_watch(link);
    empty_bell(link);
}

bool shm_link_has_news(const struct shm_link *link)
{
    if (link->fault != NULL || link->reader.broken != NULL || !shm_reader_has_more(&link->reader))
        return false;
    shm_reader_fetch(&link->reader);
    return true;
}
