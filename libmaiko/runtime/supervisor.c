/* Supervisor: making, failing, starting, joining, polling, freeing.  Adding is in supervisor_add.c, stopping in
 * supervisor_stop.c. */
#include "runtime/supervisor_internal.h"

#include "runtime/config.h"
#include "runtime/deadlock.h"
#include "runtime/interest.h"
#include "runtime/supervisor_stop.h"
#include "runtime/world.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define FORK_PAGE ((size_t)4096)

/* --- failures and log --- */

void supervisor_log(struct maiko_supervisor *sup, maiko_log_level level, const char *format, ...)
{
    char buffer[768];
    struct text text;
    va_list args;

    if (sup->config.log == NULL)
        return;
    text_init_buffer(&text, buffer, sizeof buffer);
    va_start(args, format);
    text_append_vformat(&text, format, args);
    va_end(args);
    sup->config.log(level, text_str(&text), sup->config.log_userdata);
}

void supervisor_wake_join(struct maiko_supervisor *sup)
{
    const uint64_t one = 1;
    int saved_errno = errno;

    while (write(sup->join_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}

void supervisor_note_failure(struct maiko_supervisor *sup, maiko_status status, const char *actor, const char *reason)
{
    struct text text;
    bool is_first;

    pthread_mutex_lock(&sup->lock);
    is_first = sup->failure == MAIKO_OK;
    if (is_first) {
        sup->failure = status;
        text_init_buffer(&text, sup->failure_text, sizeof sup->failure_text);
        if (actor != NULL)
            text_append_format(&text, "actor '%s': ", actor);
        text_append(&text, reason != NULL ? reason : maiko_strerror(status));
    }
    pthread_mutex_unlock(&sup->lock);
    supervisor_log(sup, MAIKO_LOG_ERROR, "%s%s%s%s", actor == NULL ? "" : "actor '", actor == NULL ? "" : actor,
                   actor == NULL ? "" : "': ", reason != NULL ? reason : maiko_strerror(status));
    if (is_first)
        supervisor_wake_join(sup);
}

void supervisor_memory_failed(struct shard *shard, const char *what)
{
    char reason[128];
    struct text text;

    text_init_buffer(&text, reason, sizeof reason);
    text_append_format(&text, "out of memory: %s", what);
    supervisor_note_failure(shard->sup, MAIKO_ENOMEM, NULL, reason);
}

maiko_status maiko_supervisor_status(const maiko_supervisor *sup)
{
    maiko_status status;

    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&sup->lock);
    status = sup->failure;
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&sup->lock);
    return status;
}

/* The text is written once, before the failure can be seen. */
const char *maiko_supervisor_error_text(const maiko_supervisor *sup)
{
    return maiko_supervisor_status(sup) == MAIKO_OK ? "" : supervisor_is_valid(sup) ? sup->failure_text : "no supervisor";
}

/* --- making and freeing --- */

/* A page that a forked child sees as zeros. */
static maiko_status make_fork_word(struct maiko_supervisor *sup)
{
    void *page = mmap(NULL, FORK_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return MAIKO_ENOMEM;
    (void)madvise(page, FORK_PAGE, MADV_WIPEONFORK);
    sup->fork_word = page;
    *sup->fork_word = 1;
    return MAIKO_OK;
}

static maiko_status init_locks(struct maiko_supervisor *sup)
{
    pthread_mutexattr_t recursive;
    pthread_condattr_t monotonic;

    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE); /* what a stopped world takes in may lock as well */
    pthread_mutex_init(&sup->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_mutex_init(&sup->add_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sup->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sup->join_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return sup->join_fd < 0 ? MAIKO_ESYSTEM : MAIKO_OK;
}

static const char *name_key(const void *value)
{
    return ((const struct actor *)value)->sender.name;
}

static maiko_status open_counters(struct maiko_supervisor *sup)
{
    struct counters_options options = {.name = sup->name,
                                       .path = sup->config.counters_path,
                                       .no_file = sup->config.no_counters_file,
                                       .keep = sup->config.keep_counters};
    maiko_status status = counters_file_open(&sup->root->heap, &options, &sup->counters);
    const char *why;

    if (status == MAIKO_OK && counters_file_status(sup->counters, &why) != MAIKO_OK)
        supervisor_log(sup, MAIKO_LOG_WARNING, "counters are in private memory: %s", why);
    return status;
}

maiko_status supervisor_add_shard(struct maiko_supervisor *sup, struct shard **ret_shard)
{
    uint32_t index = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    struct shard *shard;
    maiko_status status;
    void *block;

    if (index >= SHARD_MAX)
        return MAIKO_ELIMIT;
    block = heap_alloc(&sup->root->heap, sizeof *shard + 128);
    if (block == NULL)
        return MAIKO_ENOMEM;
    shard = (struct shard *)(void *)(((uintptr_t)block + 127) & ~(uintptr_t)127);
    status = shard_init(shard, sup, index);
    shard->block = block;
    if (status != MAIKO_OK) {
        shard_deinit(shard);
        heap_free(&sup->root->heap, block, sizeof *shard + 128);
        return status;
    }
    sup->shards[index] = shard;
    /* release: whoever sees the new count sees the shard */
    atomic_store_explicit(&sup->shard_count, index + 1, memory_order_release);
    *ret_shard = shard;
    return MAIKO_OK;
}

static maiko_status make_shards(struct maiko_supervisor *sup)
{
    struct shard *shard;
    maiko_status status = MAIKO_OK;
    uint32_t i;
    uint32_t j;

    for (i = 0; i < sup->config.shards && status == MAIKO_OK; i++)
        status = supervisor_add_shard(sup, &shard);
    for (i = 0; i < sup->config.shards && status == MAIKO_OK; i++) {
        for (j = 0; j < sup->config.shards; j++) {
            if (i != j)
                broker_knows_shard(&sup->shards[i]->broker, j);
        }
    }
    return status;
}

static void free_supervisor(struct maiko_supervisor *sup)
{
    struct envelope_root *root = sup->root;
    uint32_t i;

    supervisor_free_inboxes(sup);
    supervisor_free_actors(sup);
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        void *block = sup->shards[i]->block;

        shard_deinit(sup->shards[i]);
        heap_free(&root->heap, block, sizeof(struct shard) + 128);
    }
    supervisor_free_importers(sup);
    hash_table_deinit(&sup->names);
    actor_table_deinit(&sup->actors);
    registry_deinit(&sup->registry);
    counters_file_close(sup->counters, true, sup->unfinished);
    if (sup->join_fd >= 0)
        close(sup->join_fd);
    if (sup->fork_word != NULL)
        munmap((void *)(uintptr_t)sup->fork_word, FORK_PAGE);
    pthread_cond_destroy(&sup->changed);
    pthread_mutex_destroy(&sup->lock);
    pthread_mutex_destroy(&sup->add_lock);
    sup->magic = 0;
    heap_free(&root->heap, sup, sizeof *sup);
    envelope_root_unref(root);
}

static maiko_status build(struct maiko_supervisor *sup)
{
    maiko_status status = init_locks(sup);

    hash_table_init(&sup->names, &sup->root->heap, name_key);
    actor_table_init(&sup->actors, &sup->root->heap);
    registry_init(&sup->registry, &sup->root->heap, sup->config.dynamic_topics);
    if (status == MAIKO_OK)
        status = make_fork_word(sup);
    if (status == MAIKO_OK)
        status = open_counters(sup);
    if (status == MAIKO_OK)
        status = make_shards(sup);
    if (status == MAIKO_OK)
        status = supervisor_make_gate(sup, "supervisor", &sup->inbox);
    return status;
}

maiko_supervisor *maiko_supervisor_new_sized(const maiko_config *config, size_t config_size)
{
    const maiko_allocator *allocator =
        config != NULL && MAIKO_HAS_FIELD(maiko_config, config_size, allocator) ? config->allocator : NULL;
    char error_buffer[256];
    struct text error;
    struct envelope_root *root;
    maiko_config resolved;
    maiko_status config_status;
    struct maiko_supervisor *sup;

    text_init_buffer(&error, error_buffer, sizeof error_buffer);
    config_status = config_resolve(config, config_size, &resolved, &error);
    root = envelope_root_new(allocator, resolved.memory_cap_bytes);
    if (root == NULL)
        return NULL;
    sup = heap_alloc_zeroed(&root->heap, 1, sizeof *sup);
    if (sup == NULL) {
        envelope_root_unref(root);
        return NULL;
    }
    sup->magic = SUPERVISOR_MAGIC;
    sup->root = root;
    sup->config = resolved;
    memcpy(sup->name, resolved.name, strlen(resolved.name) + 1);
    sup->config.name = sup->name;
    sup->may_balance = resolved.placement == MAIKO_PLACEMENT_AUTO && resolved.mode == MAIKO_THREADS && resolved.shards > 1;
    sup->join_fd = -1;
    sup->ring_mark_events = RING_MARK_EVENTS;
    sup->ring_segment_bytes = RING_SEGMENT_BYTES;
    sup->poll_random = resolved.seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    if (resolved.mode == MAIKO_DETERMINISTIC)
        clock_init_virtual(&sup->clock, MAIKO_SECONDS(1), MAIKO_SECONDS(UINT64_C(1700000000)));
    else
        clock_init(&sup->clock);
    if (build(sup) != MAIKO_OK) {
        free_supervisor(sup);
        return NULL;
    }
    if (config_status != MAIKO_OK)
        supervisor_note_failure(sup, config_status, NULL, text_str(&error));
    return sup;
}

/* --- start --- */

maiko_status supervisor_start_thread(struct shard *shard)
{
    sigset_t all;
    sigset_t before;
    char name[16];
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&shard->thread, NULL, shard_main, shard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0)
        return MAIKO_ESYSTEM;
    shard->has_thread = true;
    snprintf(name, sizeof name, "%.10s/%u", shard->sup->name, shard->index);
    (void)pthread_setname_np(shard->thread, name);
    return MAIKO_OK;
}

static maiko_status start_threads(struct maiko_supervisor *sup)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    maiko_status status = MAIKO_OK;
    uint32_t i;

    for (i = 0; i < count && status == MAIKO_OK; i++)
        status = supervisor_start_thread(sup->shards[i]);
    if (status != MAIKO_OK)
        supervisor_end_threads(sup, 0);
    return status;
}

static maiko_status check_startable(struct maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (supervisor_state(sup) != SUP_NEW)
        return MAIKO_ESTATE;
    return maiko_supervisor_status(sup);
}

maiko_status maiko_supervisor_start(maiko_supervisor *sup)
{
    maiko_status status = check_startable(sup);

    if (status != MAIKO_OK)
        return status;
    /* release: threads that see it running see everything built before */
    atomic_store_explicit(&sup->state, SUP_RUNNING, memory_order_release);
    if (sup->config.mode != MAIKO_THREADS)
        return MAIKO_OK;
    status = start_threads(sup);
    if (status != MAIKO_OK) {
        atomic_store_explicit(&sup->state, SUP_STOPPED, memory_order_release);
        supervisor_note_failure(sup, status, NULL, "a thread could not be started");
    }
    return status;
}

/* --- join and run --- */

static bool join_is_over(struct maiko_supervisor *sup)
{
    return atomic_load_explicit(&sup->live_actors, memory_order_acquire) == 0 ||
           atomic_load_explicit(&sup->stop_requested, memory_order_acquire) || maiko_supervisor_status(sup) != MAIKO_OK ||
           supervisor_state(sup) == SUP_STOPPED;
}

/* Waits for the end, or for a signal when there is a descriptor for them. */
static void wait_for_end(struct maiko_supervisor *sup, int signal_fd)
{
    while (!join_is_over(sup)) {
        struct pollfd fds[2] = {{.fd = sup->join_fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
        uint64_t count;

        if (poll(fds, signal_fd >= 0 ? 2 : 1, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents != 0 && !join_is_over(sup))
            (void)!read(sup->join_fd, &count, sizeof count);
        if (signal_fd >= 0 && fds[1].revents != 0) {
            struct signalfd_siginfo info;

            (void)!read(signal_fd, &info, sizeof info);
            (void)maiko_supervisor_request_stop(sup);
        }
    }
}

static bool on_own_shard(const struct maiko_supervisor *sup)
{
    return shard_of_this_thread != NULL && shard_of_this_thread->sup == sup;
}

static maiko_status check_joinable(struct maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (on_own_shard(sup))
        return MAIKO_ETHREAD;
    if (sup->config.mode != MAIKO_THREADS)
        return MAIKO_ENOTSUP;
    return supervisor_state(sup) == SUP_NEW ? MAIKO_ESTATE : MAIKO_OK;
}

maiko_status maiko_supervisor_join(maiko_supervisor *sup)
{
    maiko_status status = check_joinable(sup);

    if (status != MAIKO_OK)
        return status;
    wait_for_end(sup, -1);
    return maiko_supervisor_status(sup);
}

maiko_status maiko_supervisor_run(maiko_supervisor *sup)
{
    sigset_t handled;
    sigset_t before;
    int signal_fd = -1;
    maiko_status status;

    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (sup->config.mode != MAIKO_THREADS)
        return MAIKO_ENOTSUP;
    sigemptyset(&handled);
    if (!sup->config.handle_no_signals) {
        sigaddset(&handled, SIGINT);
        sigaddset(&handled, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &handled, &before);
        signal_fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    status = maiko_supervisor_start(sup);
    if (status == MAIKO_OK) {
        wait_for_end(sup, signal_fd);
        status = maiko_supervisor_halt(sup, NULL);
    }
    if (!sup->config.handle_no_signals) {
        if (signal_fd >= 0)
            close(signal_fd);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return status;
}

maiko_status maiko_supervisor_request_stop(maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    atomic_store_explicit(&sup->stop_requested, true, memory_order_release);
    supervisor_wake_join(sup);
    return MAIKO_OK;
}

/* --- polled modes --- */

static uint64_t next_random(struct maiko_supervisor *sup)
{
    uint64_t x = sup->poll_random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    sup->poll_random = x;
    return x;
}

static bool turn_as_thread(struct shard *shard, uint64_t budget)
{
    struct shard *before = shard_of_this_thread;
    bool any;

    shard_of_this_thread = shard;
    any = shard_turn(shard, budget);
    shard_of_this_thread = before;
    return any;
}

/* One turn of a shard drawn by the seed, with a budget drawn by the seed; false when no shard has anything to do. */
static bool turn_of_somebody(struct maiko_supervisor *sup)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    uint32_t first = (uint32_t)(next_random(sup) % count);
    uint64_t budget = 1 + next_random(sup) % 8;
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (turn_as_thread(sup->shards[(first + i) % count], budget))
            return true;
    }
    return false;
}

static bool advance_to_timer(struct maiko_supervisor *sup)
{
    uint64_t next = TIMER_NEVER;
    uint64_t now = clock_mono_ns(&sup->clock);
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        uint64_t deadline = timer_heap_next_deadline(&sup->shards[i]->timers);

        next = deadline < next ? deadline : next;
    }
    if (next == TIMER_NEVER)
        return false;
    if (next > now)
        clock_advance(&sup->clock, next - now);
    return true;
}

static bool end_cycles(struct maiko_supervisor *sup)
{
    bool any;

    if (supervisor_state(sup) != SUP_RUNNING)
        return false;
    pthread_mutex_lock(&sup->lock);
    any = world_end_cycles(sup);
    pthread_mutex_unlock(&sup->lock);
    return any;
}

bool supervisor_poll_once(struct maiko_supervisor *sup, bool may_advance)
{
    if (sup->config.mode == MAIKO_POLLED) {
        struct shard *shard = sup->shards[0];

        return turn_as_thread(shard, sup->config.turn_budget_events) || (shard->waiting > 0 && deadlock_search(shard)) ||
               end_cycles(sup);
    }
    return turn_of_somebody(sup) || deadlock_search(sup->shards[0]) || end_cycles(sup) || (may_advance && advance_to_timer(sup));
}

static uint64_t handled_so_far(const struct maiko_supervisor *sup)
{
    uint64_t handled = 0;
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        handled += sup->shards[i]->handled;
    return handled;
}

static maiko_status check_pollable(struct maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (sup->config.mode == MAIKO_THREADS)
        return MAIKO_ENOTSUP;
    if (on_own_shard(sup))
        return MAIKO_ETHREAD;
    return supervisor_state(sup) == SUP_RUNNING ? MAIKO_OK : supervisor_state(sup) == SUP_NEW ? MAIKO_ESTATE : MAIKO_ECLOSED;
}

int64_t maiko_supervisor_poll(maiko_supervisor *sup, uint32_t budget_events)
{
    maiko_status status = check_pollable(sup);
    uint64_t before;

    if (status != MAIKO_OK)
        return status;
    before = handled_so_far(sup);
    if (sup->config.mode == MAIKO_POLLED) {
        wakeup_clear(&sup->shards[0]->wakeup);
        wakeup_withdraw(&sup->shards[0]->wakeup);
    }
    while (supervisor_poll_once(sup, true)) {
        if (budget_events != 0 && handled_so_far(sup) - before >= budget_events)
            break;
    }
    if (sup->config.mode == MAIKO_POLLED)
        supervisor_prepare_sleep(sup);
    return (int64_t)(handled_so_far(sup) - before);
}

/* The outside loop is about to sleep on our descriptor: arm the timer, and make it readable if work is left. */
void supervisor_prepare_sleep(struct maiko_supervisor *sup)
{
    struct shard *shard = sup->shards[0];

    wakeup_arm(&shard->wakeup, timer_heap_next_deadline(&shard->timers));
    wakeup_announce(&shard->wakeup);
    if (!shard_is_idle(shard))
        wakeup_signal(&shard->wakeup);
}

int maiko_supervisor_fd(maiko_supervisor *sup)
{
    return supervisor_is_valid(sup) && sup->config.mode == MAIKO_POLLED ? sup->shards[0]->wakeup.epoll_fd : -1;
}

/* --- getters --- */

size_t maiko_supervisor_actor_count(maiko_supervisor *sup)
{
    return supervisor_is_valid(sup) ? atomic_load_explicit(&sup->live_actors, memory_order_acquire) : 0;
}

const char *maiko_supervisor_counters_path(const maiko_supervisor *sup)
{
    return supervisor_is_valid(sup) ? counters_file_path(sup->counters) : "";
}

maiko_context *maiko_supervisor_context(maiko_supervisor *sup)
{
    return supervisor_is_valid(sup) ? actor_context(sup->inbox->gate) : NULL;
}

maiko_status maiko_supervisor_stop(maiko_supervisor **sup, maiko_stop_report *report)
{
    maiko_status status;

    if (sup == NULL || !supervisor_is_valid(*sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(*sup))
        return MAIKO_EFORKED;
    if (on_own_shard(*sup))
        return MAIKO_ETHREAD;
    status = maiko_supervisor_halt(*sup, report);
    if (!(*sup)->is_abandoned)
        free_supervisor(*sup);
    *sup = NULL;
    return status;
}
