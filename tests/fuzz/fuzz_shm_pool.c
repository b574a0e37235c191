/*
 * Memory for large events, between two processes that do not trust each other.  First byte: what the other side is.
 *
 * 0  It has the memory, and we read there what it refers to.  The next four bytes: seals, pages (by sixteens), what is wrong with
 *    the header, how the counts of slots follow (none: they agree with the memory).  Then a script of references.
 * 1  It reads ours.  A script of what the owner does and of what the other side writes into its memory of returns.
 *
 * What is taken is whole and checked, what the other side cannot change stays as it was, a slot that is in use is not given out
 * again, and everything comes back in the end.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/failing_allocator.h"
#include "lib/sample_events.h"
#include "node/node.h"
#include "node/pool.h"
#include "shm/shm_pool.h"
#include "shm/shm_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { LINK = 7, POOL = 4 * 1048576, HELD = 8, BORROWERS = 3 };

struct script {
    const uint8_t *data;
    size_t len;
};

static void require(bool truth)
{
    if (!truth)
        abort();
}

static unsigned take(struct script *script)
{
    if (script->len == 0)
        return 0;
    script->len--;
    return *script->data++;
}

/* ---- what somebody else has ---- */

/* An event that is read here. */
struct loan {
    void *owner; /* NULL: none */
    const void *event;
    size_t len;
    const maiko_event_type *type;
    uint32_t slot;
    unsigned char fixed[64];
};

struct guest {
    struct heap heap;
    struct node_peer peer; /* of a node, what a reference needs */
    struct shm_area returns;
    int fd;
    size_t bytes;
    uint32_t counts[SHM_CLASSES]; /* as they were said */
    struct loan loans[HELD];
};

static const maiko_event_type *const types[] = {MAIKO_TYPE(body), MAIKO_TYPE(path), MAIKO_TYPE(line), MAIKO_TYPE(numbers)};

static size_t count_of(const uint32_t counts[SHM_CLASSES])
{
    size_t bytes = 0;
    uint32_t i;

    for (i = 0; i < SHM_CLASSES; i++)
        bytes += counts[i] * shm_slots_class_size(i);
    return bytes;
}

/* Of the first slots only: the others are holes. */
static void fill_some(const struct guest *guest)
{
    static const unsigned char zeros[2 * SHM_SLOT_SMALLEST];
    size_t contents = guest->bytes - SHM_PAGE;
    size_t len = contents < sizeof(zeros) ? contents : sizeof(zeros);

    require(pwrite(guest->fd, zeros, len, SHM_PAGE) == (ssize_t)len);
}

/* A memory as anybody may make it. */
static void make_memory(struct guest *guest, struct script *script)
{
    unsigned seals = take(script);
    size_t contents = (size_t)take(script) * 16 * SHM_PAGE;
    unsigned wrong = take(script);
    unsigned how = take(script);
    struct shm_pool_header header = {
        .header = {.magic = SHM_POOL_MAGIC, .version = SHM_VERSION, .abi = SHM_ABI, .bytes = SHM_PAGE + contents}};
    uint32_t i;

    if (wrong < sizeof(header.header))
        ((unsigned char *)&header.header)[wrong]++;
    for (i = 0; i < SHM_CLASSES; i++)
        header.counts[i] = how == 0 ? 0 : how & 128 ? UINT32_MAX - take(script) : take(script);
    if (how == 0) /* the smallest ones */
        header.counts[0] = (uint32_t)(contents / SHM_SLOT_SMALLEST);
    else if (how & 64)
        contents = count_of(header.counts) % ((size_t)1 << 40);
    header.header.bytes += how & 64 ? SHM_PAGE + contents - header.header.bytes : 0;
    guest->bytes = SHM_PAGE + contents;
    memcpy(guest->counts, header.counts, sizeof(guest->counts));
    guest->fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    require(guest->fd >= 0 && ftruncate(guest->fd, (off_t)guest->bytes) == 0);
    require(pwrite(guest->fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header));
    fill_some(guest);
    (void)fcntl(guest->fd, F_ADD_SEALS, (int)(seals & 0x1f));
}

/* Only we write the fixed part. */
static void check_loan(const struct loan *loan)
{
    size_t i;
    volatile unsigned sum = 0;

    require(memcmp(loan->event, loan->fixed, loan->type->size) == 0);
    require(maiko_schema_validate(loan->type, loan->event, loan->len, NULL, 0) == MAIKO_OK);
    for (i = 0; i < loan->len; i += i + 1 < loan->len && loan->len - i > SHM_PAGE ? SHM_PAGE : 1)
        sum += ((const unsigned char *)loan->event)[i];
    (void)sum;
}

static void give_back(struct loan *loan)
{
    if (loan->owner == NULL)
        return;
    check_loan(loan);
    shm_view_return(loan->owner);
    loan->owner = NULL;
}

/* Does it lie in one slot, but for what is private of it? */
static bool is_within(const struct guest *guest, const maiko_event_type *type, struct slice payload)
{
    struct payload_reference reference = {.len = 0};
    uint32_t i;

    require(payload_read_reference(payload, &reference));
    for (i = 0; i < SHM_CLASSES && reference.slot >= guest->counts[i]; i++)
        reference.slot -= guest->counts[i];
    return i < SHM_CLASSES && reference.len <= shm_slots_private(type->size) + shm_slots_class_size(i);
}

static void take_event(struct guest *guest, const maiko_event_type *type, struct slice payload, struct loan *loan)
{
    struct payload_plan *plan = NULL;
    char reason[256];
    struct text error;
    void *owner = NULL;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    require(payload_plan_new(heap_default(), type, NULL, &plan, NULL) == MAIKO_OK);
    give_back(loan);
    status = node_pool_take(&guest->peer, plan, payload, &loan->event, &owner, &loan->len, &error);
    require((status == MAIKO_OK) == (error.len == 0));
    if (status == MAIKO_OK) {
        require(type->size <= sizeof(loan->fixed) && payload_can_be_shared(plan) && is_within(guest, type, payload));
        loan->owner = owner;
        loan->type = type;
        memcpy(loan->fixed, loan->event, type->size);
        check_loan(loan);
    }
    payload_plan_free(plan);
}

/* A reference, to any place: what it says of its tail is right, or nearly. */
static void refer(struct guest *guest, struct script *script)
{
    unsigned how = take(script);
    unsigned slot = take(script);
    unsigned far = take(script);
    const maiko_event_type *type = types[how % 4];
    unsigned char head[128];
    struct payload_reference reference = {.slot = slot < 128 ? slot : UINT32_MAX - slot % 8};
    uint64_t count = far < 128 ? far * 8192 : UINT64_MAX - far % 4;
    uint64_t element = type == MAIKO_TYPE(path) ? sizeof(point) : 1;
    struct pack pack;

    memset(head, 0, sizeof(head));
    reference.len = type->size + count * element;
    memcpy(head + type->size - sizeof(count), &count, sizeof(count));
    reference.head = (struct slice){head, shm_slots_private(type->size)};
    if (reference.len < reference.head.len)
        reference.head.len = reference.len;
    if (how & 4)
        head[type->size - 8] ^= 1;
    if (how & 8)
        reference.head.len += how & 16 ? 1 : reference.head.len > 0 ? (size_t)-1 : 0;
    if (how & 32)
        reference.len = take(script);
    pack_init(&pack, heap_default(), 1 << 16);
    payload_write_reference(&pack, &reference);
    take_event(guest, type, pack_slice(&pack), &guest->loans[how / 64 + take(script) % 4]);
    pack_deinit(&pack);
}

static void refer_raw(struct guest *guest, struct script *script)
{
    size_t len = take(script);
    const maiko_event_type *type = types[take(script) % 4];

    if (len > script->len)
        len = script->len;
    take_event(guest, type, (struct slice){script->data, len}, &guest->loans[0]);
    script->data += len;
    script->len -= len;
}

/* They may at any time: through a mapping that was there before the seals, as far as this one knows by the file. */
static void scribble(struct guest *guest, struct script *script)
{
    uint64_t at = (uint64_t)take(script) * 4096 + take(script);
    unsigned char byte = (unsigned char)take(script);

    if (at < guest->bytes)
        (void)!pwrite(guest->fd, &byte, 1, (off_t)at);
}

static void play_guest(struct script *script)
{
    struct failing_allocator allocator;
    struct guest guest = {.returns = SHM_AREA_NONE, .fd = -1};
    struct shm_budget *budget = NULL;
    const char *reason = NULL;
    uint64_t played = 0;
    unsigned i;

    failing_allocator_init(&allocator);
    heap_init(&guest.heap, &allocator.allocator, 0);
    guest.peer.has_told_copies = true; /* there is nobody to tell */
    make_memory(&guest, script);
    require(shm_area_create(SHM_AREA_RETURNS, 0, LINK, &guest.returns, NULL) == MAIKO_OK);
    require(shm_budget_new(&guest.heap, HELD, &budget) == MAIKO_OK);
    if (shm_view_new(&guest.heap, budget, guest.fd, guest.returns.fd, LINK, &guest.peer.view, &reason) != MAIKO_OK)
        require(reason != NULL && reason[0] != '\0' && guest.peer.view == NULL);
    shm_budget_unref(budget);
    for (; script->len > 0; played++)
        switch (take(script) % 5) {
        case 0:
            refer(&guest, script);
            break;
        case 1:
            refer_raw(&guest, script);
            break;
        case 2:
            give_back(&guest.loans[take(script) % HELD]);
            break;
        case 3:
            node_pool_pass(&guest.peer, take(script) * 5);
            break;
        default:
            scribble(&guest, script);
        }
    require(guest.peer.view == NULL || shm_view_copied(guest.peer.view) <= played);
    shm_view_close(guest.peer.view); /* what is read stays */
    for (i = 0; i < HELD; i++)
        give_back(&guest.loans[i]);
    shm_area_deinit(&guest.returns);
    close(guest.fd);
    require(failing_allocator_is_balanced(&allocator));
}

/* ---- what is ours ---- */

struct borrower {
    struct shm_claims *claims;
    struct shm_area returns; /* as it has them */
    bool is_honest;
    uint32_t lent[SHM_SLOTS_MAX];
};

struct event {
    void *slot;
    uint32_t number;
};

struct host {
    struct heap heap;
    struct shm_pool *pool;
    struct event events[HELD];
    struct borrower borrowers[BORROWERS];
    struct borrower left; /* has no claims any more, and reads on */
};

/* Is it with somebody who may not be robbed? */
static bool is_in_use(const struct host *host, uint32_t number)
{
    unsigned i;

    for (i = 0; i < HELD; i++)
        if (host->events[i].slot != NULL && host->events[i].number == number)
            return true;
    for (i = 0; i < BORROWERS; i++)
        if (host->borrowers[i].claims != NULL && host->borrowers[i].is_honest && host->borrowers[i].lent[number] > 0)
            return true;
    return host->left.is_honest && host->left.lent[number] > 0;
}

static void make_event(struct host *host, struct script *script)
{
    unsigned how = take(script);
    struct event *event = &host->events[how % HELD];
    size_t len = 8 + ((size_t)1 << how / HELD % 32);
    void *slot = NULL;
    unsigned char *bytes;
    uint32_t number;

    if (event->slot != NULL)
        shm_pool_release(event->slot);
    event->slot = NULL;
    bytes = shm_pool_take(host->pool, 8, len, &slot);
    if (bytes == NULL)
        return;
    number = shm_pool_find(host->pool, bytes);
    require(number < SHM_SLOTS_MAX && !is_in_use(host, number));
    bytes[0] = bytes[len - 1] = (unsigned char)how;
    *event = (struct event){slot, number};
}

static void lend(struct host *host, struct script *script)
{
    unsigned how = take(script);
    const struct event *event = &host->events[how % HELD];
    struct borrower *borrower = &host->borrowers[how / HELD % BORROWERS];

    if (event->slot == NULL)
        return;
    if (borrower->claims == NULL) {
        const char *reason = NULL;

        *borrower = (struct borrower){.is_honest = true};
        if (shm_claims_new(host->pool, LINK, &borrower->claims) != MAIKO_OK)
            return;
        require(shm_area_attach(SHM_AREA_RETURNS, shm_claims_fd(borrower->claims), LINK, &borrower->returns, &reason) ==
                MAIKO_OK);
    }
    if (shm_claims_fault(borrower->claims) == NULL) {
        shm_claims_lend(borrower->claims, event->number);
        borrower->lent[event->number]++;
    }
}

static void return_once(struct borrower *borrower, uint32_t number)
{
    struct shm_returns *returns = borrower->returns.base;

    if (borrower->lent[number] == 0)
        return;
    borrower->lent[number]--;
    atomic_fetch_add(&returns->returned[number], 1);
}

/* One that has left, and has said what it keeps. */
static void let_go(struct borrower *left, uint32_t number)
{
    struct shm_returns *returns = left->returns.base;

    if (left->lent[number] == 0 || returns == NULL)
        return;
    left->lent[number] = 0;
    atomic_fetch_and(&returns->kept[number / SHM_KEPT_BITS], ~((uint64_t)1 << number % SHM_KEPT_BITS));
}

/* Truly, or any nonsense. */
static void close_books(struct borrower *left, bool is_honest, uint64_t nonsense)
{
    struct shm_returns *returns = left->returns.base;
    uint32_t number;

    left->is_honest = left->is_honest && is_honest;
    for (number = 0; number < SHM_SLOTS_MAX; number++) {
        uint64_t bit = (uint64_t)1 << number % SHM_KEPT_BITS;

        if (is_honest ? left->lent[number] > 0 : (nonsense & bit) != 0)
            atomic_fetch_or(&returns->kept[number / SHM_KEPT_BITS], bit);
    }
    atomic_store(&returns->is_closed, is_honest ? 1 : (uint32_t)nonsense);
}

/* Some times too often, or any number of times. */
static void return_falsely(struct borrower *borrower, uint32_t number, unsigned how)
{
    struct shm_returns *returns = borrower->returns.base;

    borrower->is_honest = false;
    atomic_fetch_add(&returns->returned[number], how & 64 ? how % 64 : how * UINT32_C(0x01010101));
}

static void come_back(struct host *host, struct script *script)
{
    unsigned how = take(script);
    unsigned number = take(script);
    struct borrower *borrower = &host->borrowers[how % BORROWERS];

    if (borrower->claims == NULL) {
        let_go(&host->left, number);
        return;
    }
    if (how < 128)
        return_once(borrower, number);
    else
        return_falsely(borrower, number, how);
}

/* What the owner does now and then: everybody who has left may be asked about, and some are. */
static void tidy(struct host *host)
{
    struct shm_claims *claims;

    shm_pool_tidy(host->pool);
    while ((claims = shm_pool_ask_next(host->pool)) != NULL)
        shm_claims_answer(claims, shm_claims_ask(claims));
}

static void leave(struct host *host, struct script *script)
{
    unsigned how = take(script);
    struct borrower *borrower = &host->borrowers[how % BORROWERS];

    if (borrower->claims == NULL)
        return;
    if (how & 32)
        close_books(borrower, how < 128, how * UINT64_C(0x9e3779b97f4a7c15));
    shm_claims_leave(borrower->claims);
    borrower->claims = NULL;
    if (how & 64) {
        shm_area_deinit(&host->left.returns);
        host->left = *borrower;
    } else {
        shm_area_deinit(&borrower->returns);
    }
}

/* Meanwhile something else happens, as the lock is not held. */
static void ask_once(struct host *host, struct script *script)
{
    struct shm_claims *claims = shm_pool_ask_next(host->pool);
    bool is_forsaken = claims != NULL && shm_claims_ask(claims);

    make_event(host, script);
    if (claims != NULL)
        shm_claims_answer(claims, is_forsaken);
}

static void look(struct host *host)
{
    uint32_t used = shm_pool_used(host->pool);
    unsigned i;

    for (i = 0; i < HELD; i++)
        require(host->events[i].slot == NULL || used > 0);
    for (i = 0; i < BORROWERS; i++)
        require(host->borrowers[i].claims == NULL || !host->borrowers[i].is_honest ||
                shm_claims_fault(host->borrowers[i].claims) == NULL);
    (void)shm_pool_is_scarce(host->pool);
    (void)shm_pool_starved(host->pool);
}

static void step(struct host *host, struct script *script)
{
    switch (take(script) % 7) {
    case 0:
        make_event(host, script);
        break;
    case 1:
        lend(host, script);
        break;
    case 2:
        come_back(host, script);
        break;
    case 3:
        leave(host, script);
        break;
    case 4:
        tidy(host);
        break;
    case 5:
        ask_once(host, script);
        break;
    default:
        look(host);
    }
}

static void play_host(struct script *script)
{
    static struct host host;
    struct failing_allocator allocator;
    unsigned i;

    memset(&host, 0, sizeof(host));
    host.left.returns.fd = -1;
    failing_allocator_init(&allocator);
    heap_init(&host.heap, &allocator.allocator, 0);
    require(shm_pool_new(&host.heap, POOL, &host.pool) == MAIKO_OK);
    while (script->len > 0)
        step(&host, script);
    for (i = 0; i < BORROWERS; i++)
        leave(&host, &(struct script){(const uint8_t[]){(uint8_t)i}, 1});
    for (i = 0; i < HELD; i++)
        if (host.events[i].slot != NULL)
            shm_pool_release(host.events[i].slot);
    shm_area_deinit(&host.left.returns);
    for (i = 0; i < 64 && shm_pool_used(host.pool) > 0; i++) /* who stayed long is seldom asked about */
        tidy(&host);
    require(shm_pool_used(host.pool) == 0);
    shm_pool_close(host.pool);
    require(failing_allocator_is_balanced(&allocator));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct script script = {data, len};

    if (take(&script) % 2 == 0)
        play_guest(&script);
    else
        play_host(&script);
    return 0;
}
