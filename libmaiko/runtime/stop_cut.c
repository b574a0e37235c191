/* Stop cut: holding who runs, and letting go. */
#include "runtime/stop_cut.h"

#include "runtime/inbox.h"
#include "runtime/supervisor_internal.h"

static void let_go(struct shard *shard)
{
    struct actor *held = shard->cut_off;

    shard->cut_off = NULL;
    if (held != NULL)
        shard_pay_from_outside(held);
}

/* Under the lock, without which no record is given up.  Who ran a moment ago may have left already, and another begun. */
static void hold_who_runs(struct shard *shard)
{
    struct actor *busy;

    atomic_store_explicit(&shard->is_cut, true, memory_order_relaxed);
    while ((busy = __atomic_load_n(&shard->current, __ATOMIC_RELAXED)) != NULL && busy != shard->cut_off && !busy->is_gate) {
        let_go(shard);
        atomic_fetch_add_explicit(&busy->remote_debt, 1, memory_order_relaxed);
        shard->cut_off = busy;
    }
}

void stop_cut(struct maiko_supervisor *sup)
{
    uint32_t i;

    pthread_mutex_lock(&sup->lock);
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        hold_who_runs(sup->shards[i]);
    pthread_mutex_unlock(&sup->lock);
}

void stop_cut_end(struct shard *shard)
{
    struct inbox *inbox;

    pthread_mutex_lock(&shard->sup->lock);
    atomic_store_explicit(&shard->is_cut, false, memory_order_relaxed);
    let_go(shard);
    pthread_mutex_unlock(&shard->sup->lock);
    (void)shard_take_wake_stack(shard);
    shard_unready_all(shard);
    for (inbox = shard->gates; inbox != NULL; inbox = inbox->next_on_shard)
        shard_ready(shard, inbox->gate);
}
