/* Supervisor: making, failing, freeing.  Adding, running, polling and stopping have files of their own. */
#include "runtime/supervisor_internal.h"

#include "runtime/config.h"
#include "runtime/interest.h"
#include "runtime/send.h"
#include "runtime/supervisor_stop.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
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

const char *supervisor_status_text(maiko_status status, char *buffer, size_t size)
{
    struct text text;

    if (strcmp(maiko_status_name(status), maiko_status_name((maiko_status)INT_MIN)) != 0)
        return maiko_strerror(status);
    text_init_buffer(&text, buffer, size);
    text_append_format(&text, "%s %d", maiko_strerror(status), (int)status);
    return buffer;
}

void supervisor_note_failure(struct maiko_supervisor *sup, maiko_status status, const char *actor, const char *reason)
{
    char unknown[64];
    struct text text;
    bool is_first;

    if (reason == NULL)
        reason = supervisor_status_text(status, unknown, sizeof unknown);
    pthread_mutex_lock(&sup->lock);
    is_first = sup->failure == MAIKO_OK;
    if (is_first) {
        sup->failure = status;
        text_init_buffer(&text, sup->failure_text, sizeof sup->failure_text);
        if (actor != NULL)
            text_append_format(&text, "actor '%s': ", actor);
        text_append(&text, reason);
    }
    pthread_mutex_unlock(&sup->lock);
    supervisor_log(sup, MAIKO_LOG_ERROR, "%s%s%s%s", actor == NULL ? "" : "actor '", actor == NULL ? "" : actor,
                   actor == NULL ? "" : "': ", reason);
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
    if (supervisor_is_forked(sup)) /* the lock may have been somebody's at the fork */
        return MAIKO_EFORKED;
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&sup->lock);
    status = sup->failure;
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&sup->lock);
    return status;
}

/* Why the last call of this thread was refused: another thread's is not in its way, and needs no lock to be read. */
static __thread struct {
    const struct maiko_supervisor *sup;
    char text[256];
} refusal_of_this_thread;

void supervisor_note_refusal(struct maiko_supervisor *sup, const char *reason)
{
    struct text text;

    refusal_of_this_thread.sup = sup;
    text_init_buffer(&text, refusal_of_this_thread.text, sizeof refusal_of_this_thread.text);
    text_append(&text, reason);
}

const char *supervisor_refusal_text(const struct maiko_supervisor *sup)
{
    return refusal_of_this_thread.sup == sup ? refusal_of_this_thread.text : "";
}

static void forget_refusal(const struct maiko_supervisor *sup)
{
    if (refusal_of_this_thread.sup == sup)
        refusal_of_this_thread.sup = NULL;
}

/* The text is written once, before the failure can be seen. */
const char *supervisor_failure_text(const struct maiko_supervisor *sup)
{
    return maiko_supervisor_status(sup) == MAIKO_OK ? "" : sup->failure_text;
}

const char *maiko_supervisor_error_text(const maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup))
        return "no supervisor";
    if (supervisor_is_forked(sup))
        return maiko_strerror(MAIKO_EFORKED);
    if (refusal_of_this_thread.sup == sup)
        return refusal_of_this_thread.text;
    return supervisor_failure_text(sup);
}

/* --- outside threads --- */

void supervisor_enter(struct maiko_supervisor *sup)
{
    forget_refusal(sup);
    pthread_mutex_lock(&sup->lock);
    sup->visitors++;
    pthread_mutex_unlock(&sup->lock);
}

void supervisor_leave(struct maiko_supervisor *sup)
{
    pthread_mutex_lock(&sup->lock);
    if (--sup->visitors == 0)
        pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
}

bool supervisor_wait_changed(struct maiko_supervisor *sup, uint64_t deadline_ns)
{
    struct timespec at = {.tv_sec = (time_t)(deadline_ns / 1000000000u), .tv_nsec = (long)(deadline_ns % 1000000000u)};

    if (deadline_ns > (uint64_t)INT64_MAX) {
        pthread_cond_wait(&sup->changed, &sup->lock);
        return true;
    }
    return pthread_cond_timedwait(&sup->changed, &sup->lock, &at) == 0;
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

static void init_locks(struct maiko_supervisor *sup)
{
    pthread_mutexattr_t recursive;
    pthread_condattr_t monotonic;

    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE); /* what a stopped world takes in may lock as well */
    pthread_mutex_init(&sup->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sup->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
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

maiko_status supervisor_new_shard(struct maiko_supervisor *sup, struct shard **ret_shard)
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
        supervisor_free_shard(shard);
        return status;
    }
    *ret_shard = shard;
    return MAIKO_OK;
}

void supervisor_free_shard(struct shard *shard)
{
    struct heap *heap;

    if (shard == NULL)
        return;
    heap = shard->heap;
    counters_shard_remove(shard->sup->counters, shard->counters);
    shard_deinit(shard);
    heap_free(heap, shard->block, sizeof *shard + 128);
}

void supervisor_publish_shard(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;

    sup->shards[shard->index] = shard;
    /* release: whoever sees the new count sees the shard */
    atomic_store_explicit(&sup->shard_count, shard->index + 1, memory_order_release);
}

static maiko_status make_shards(struct maiko_supervisor *sup)
{
    struct shard *shard;
    maiko_status status = MAIKO_OK;
    uint32_t i;
    uint32_t j;

    for (i = 0; i < sup->config.shards && status == MAIKO_OK; i++) {
        status = supervisor_new_shard(sup, &shard);
        if (status != MAIKO_OK)
            break;
        shard->peers = sup->config.shards;
        shard->greeted = sup->config.shards;
        supervisor_publish_shard(shard);
    }
    for (i = 0; i < sup->config.shards && status == MAIKO_OK; i++) {
        for (j = 0; j < sup->config.shards; j++) {
            if (i != j)
                broker_knows_shard(&sup->shards[i]->broker, j);
        }
    }
    return status;
}

void supervisor_free(struct maiko_supervisor *sup)
{
    struct envelope_root *root = sup->root;
    uint32_t i;

    supervisor_discard_all(sup); /* room that this makes is told to gates, which look at their inboxes */
    supervisor_free_inboxes(sup);
    supervisor_free_actors(sup);
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        void *block = sup->shards[i]->block;

        shard_deinit(sup->shards[i]);
        heap_free(&root->heap, block, sizeof(struct shard) + 128);
    }
    supervisor_free_importers(sup);
    send_free_rooms(sup);
    maiko_stop_report_deinit(&sup->report);
    actor_names_deinit(&sup->names);
    actor_table_deinit(&sup->actors);
    text_pool_deinit(&sup->patterns);
    registry_deinit(&sup->registry);
    counters_file_close(sup->counters, true, 0); /* what was left is by now counted as dropped */
    if (sup->join_fd >= 0)
        close(sup->join_fd);
    if (sup->fork_word != NULL)
        munmap((void *)(uintptr_t)sup->fork_word, FORK_PAGE);
    pthread_cond_destroy(&sup->changed);
    pthread_mutex_destroy(&sup->lock);
    sup->magic = 0;
    heap_free(&root->heap, sup, sizeof *sup);
    envelope_root_unref(root);
}

/* Without descriptors it stands all the same and cannot be started: its failure says why. */
static void make_join_fd(struct maiko_supervisor *sup)
{
    sup->join_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sup->join_fd < 0)
        supervisor_note_failure(sup, MAIKO_ESYSTEM, NULL, "no descriptor for those who join");
}

static maiko_status build(struct maiko_supervisor *sup)
{
    maiko_status status;

    init_locks(sup);
    actor_table_init(&sup->actors, &sup->root->heap);
    actor_names_init(&sup->names, &sup->actors);
    text_pool_init(&sup->patterns, &sup->root->heap);
    registry_init(&sup->registry, &sup->root->heap, sup->config.dynamic_topics);
    make_join_fd(sup);
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
    forget_refusal(sup); /* of one that was there before */
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
        supervisor_free(sup);
        return NULL;
    }
    if (config_status != MAIKO_OK)
        supervisor_note_failure(sup, config_status, NULL, text_str(&error));
    return sup;
}

/* --- getters --- */

uint64_t supervisor_handled(const struct maiko_supervisor *sup)
{
    uint64_t handled = 0;
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        handled += __atomic_load_n(&sup->shards[i]->handled, __ATOMIC_RELAXED);
    return handled;
}

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

/* Of several threads that stop and free it one gets to do so, when the others have left; or later whoever is attached to it. */
static bool leave_for_good(struct maiko_supervisor *sup)
{
    bool is_ours;

    pthread_mutex_lock(&sup->lock);
    is_ours = !sup->is_being_freed && !sup->is_abandoned;
    sup->is_being_freed = true;
    if (--sup->visitors == 0)
        pthread_cond_broadcast(&sup->changed);
    while (is_ours && sup->visitors > 0)
        (void)supervisor_wait_changed(sup, UINT64_MAX);
    if (is_ours && sup->attachments > 0) {
        sup->is_given_up = true;
        is_ours = false;
    }
    pthread_mutex_unlock(&sup->lock);
    return is_ours;
}

maiko_status maiko_supervisor_stop(maiko_supervisor **sup, maiko_stop_report *report)
{
    maiko_status status;

    if (sup == NULL || !supervisor_is_valid(*sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(*sup))
        return MAIKO_EFORKED;
    if (supervisor_is_inside(*sup))
        return MAIKO_ETHREAD;
    supervisor_enter(*sup);
    status = maiko_supervisor_halt(*sup, report);
    if (leave_for_good(*sup))
        supervisor_free(*sup);
    *sup = NULL;
    return status;
}
