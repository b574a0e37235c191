/* Running a supervisor on its own threads: start, join, and both with signals. */
#include "base/patient_poll.h"
#include "runtime/lookout.h"
#include "runtime/signals.h"
#include "runtime/supervisor_internal.h"
#include "runtime/supervisor_stop.h"
#include "runtime/thread.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* --- start --- */

maiko_status supervisor_start_thread(struct shard *shard)
{
    maiko_status status;
    char name[16];

    snprintf(name, sizeof name, "%.10s/%u", shard->sup->name, shard->index);
    status = thread_start(&shard->thread, shard_main, shard, name);
    if (status == MAIKO_OK)
        shard->has_thread = true;
    return status;
}

/* Under the lock, which holds the new threads back (see shard_main): no hook runs unless all threads are there. */
static maiko_status start_threads(struct maiko_supervisor *sup)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    maiko_status status = MAIKO_OK;
    uint32_t i;

    for (i = 0; i < count && status == MAIKO_OK; i++)
        status = supervisor_start_thread(sup->shards[i]);
    if (status == MAIKO_OK)
        status = lookout_start(sup);
    for (i = 0; i < count && status != MAIKO_OK; i++)
        atomic_store_explicit(&sup->shards[i]->must_exit, true, memory_order_release);
    return status;
}

/* Under the lock. */
static maiko_status start(struct maiko_supervisor *sup, bool *ret_lacks_threads, bool *ret_is_refused)
{
    maiko_status status = supervisor_state(sup) != SUP_NEW ? MAIKO_ESTATE : sup->failure;

    *ret_is_refused = status == MAIKO_OK && sup->start_refusal != MAIKO_OK;
    if (*ret_is_refused)
        status = sup->start_refusal;
    if (status == MAIKO_OK && sup->config.mode == MAIKO_THREADS) {
        sup->loads_since_ns = clock_mono_ns(&sup->clock);
        status = start_threads(sup);
        *ret_lacks_threads = status != MAIKO_OK;
    }
    if (status == MAIKO_OK && sup->config.mode == MAIKO_POLLED)
        supervisor_prepare_sleep(sup); /* the outside loop may wait before it polls */
    if (status == MAIKO_OK)            /* release: threads that see it running see everything built before */
        atomic_store_explicit(&sup->state, SUP_RUNNING, memory_order_release);
    return status;
}

maiko_status maiko_supervisor_start(maiko_supervisor *sup)
{
    bool lacks_threads = false;
    bool is_refused = false;
    maiko_status status;

    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    supervisor_enter(sup);
    pthread_mutex_lock(&sup->lock);
    status = start(sup, &lacks_threads, &is_refused);
    pthread_mutex_unlock(&sup->lock);
    if (lacks_threads) { /* it stays as it was before, and this failure sticks */
        supervisor_end_threads(sup, 0);
        supervisor_note_failure(sup, status, NULL, "a thread could not be started");
    }
    if (is_refused)
        supervisor_note_failure(sup, status, NULL, sup->start_refusal_text);
    supervisor_leave(sup);
    return status;
}

/* --- join and run --- */

static bool join_is_over(struct maiko_supervisor *sup)
{
    return atomic_load_explicit(&sup->live_actors, memory_order_acquire) == 0 ||
           atomic_load_explicit(&sup->stop_requested, memory_order_acquire) || maiko_supervisor_status(sup) != MAIKO_OK ||
           supervisor_state(sup) == SUP_STOPPED;
}

/* Waits for the end, or for a signal, which asks for it; NULL: for none. */
static void wait_for_end(struct maiko_supervisor *sup, struct signals *signals)
{
    int signal_fd = signals == NULL ? -1 : signals->fd;

    while (!join_is_over(sup)) {
        struct pollfd fds[2] = {{.fd = sup->join_fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
        uint64_t count;

        if (patient_poll(fds, signal_fd >= 0 ? 2 : 1, -1, NULL) < 0 && errno != EINTR)
            return;
        if (fds[0].revents != 0 && !join_is_over(sup)) {
            (void)!read(sup->join_fd, &count, sizeof count);
            if (join_is_over(sup)) /* what was just read may have been for all that join */
                supervisor_wake_join(sup);
        }
        if (signals != NULL)
            signals_take(signals);
    }
}

static maiko_status check_joinable(struct maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (supervisor_is_inside(sup))
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
    supervisor_enter(sup);
    wait_for_end(sup, NULL);
    status = maiko_supervisor_status(sup);
    supervisor_leave(sup);
    return status;
}

static maiko_status run(struct maiko_supervisor *sup)
{
    struct signals signals;
    struct text error;
    char reason[sizeof sup->failure_text];
    maiko_status status;

    text_init_buffer(&error, reason, sizeof reason);
    status = signals_begin(&signals, sup, &error);
    if (status == MAIKO_ESTATE) { /* it can run when the other one has ended */
        supervisor_log(sup, MAIKO_LOG_ERROR, "%s", text_str(&error));
        return status;
    }
    if (status != MAIKO_OK) {
        supervisor_note_failure(sup, status, NULL, reason);
        return status;
    }
    status = maiko_supervisor_start(sup);
    if (status == MAIKO_OK) {
        wait_for_end(sup, &signals);
        signals_hand_over(&signals);
        status = maiko_supervisor_halt(sup, NULL);
    }
    signals_end(&signals);
    return status;
}

maiko_status maiko_supervisor_run(maiko_supervisor *sup)
{
    maiko_status status;

    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (supervisor_is_inside(sup))
        return MAIKO_ETHREAD;
    if (sup->config.mode != MAIKO_THREADS)
        return MAIKO_ENOTSUP;
    supervisor_enter(sup);
    status = MAIKO_ESTATE;
    if (supervisor_state(sup) == SUP_NEW && !atomic_exchange(&sup->is_run, true)) {
        status = run(sup);
        atomic_store(&sup->is_run, false);
    }
    supervisor_leave(sup);
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
