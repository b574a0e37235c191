/* Retire: a grace period per shard.
 *
 * Pooled envelopes carry the epoch they were made in; an epoch can only be entered again when nothing of its last turn
 * is left.  A shard that hears of a stopped actor has all its events already (the word travels in order with them), so
 * after POOL_EPOCHS more epochs none of them is alive.  Heap envelopes carry their own copy of the names. */
#include "runtime/retire.h"

#include "runtime/deadlock.h"
#include "runtime/interest.h"
#include "runtime/supervisor_internal.h"

/* Shared by the shards that one retirement asks. */
struct grace {
    struct command command; /* to the actor's shard, when another one is the last */
    struct actor *actor;
    uint32_t shards_left; /* atomic */
    bool is_incomplete;   /* some shard could not be asked: the record is not reused */
};

struct retirement {
    struct command command;
    struct fifo_link link; /* in the shard's list */
    uint32_t epochs_left;
    struct grace *grace;
};

/* Under the lock: who reads names of busy actors from outside reads them under it. */
static void forget(struct shard *shard, struct actor *actor)
{
    actor_free_block(actor);
    if (actor->rare != NULL)
        heap_free(shard->heap, actor->rare, sizeof *actor->rare);
    heap_free(shard->heap, actor->outbox, sizeof *actor->outbox);
    actor->rare = NULL;
    actor->outbox = NULL;
    actor_table_give(&shard->sup->actors, actor);
}

/* On the actor's own shard, under the lock: a hold on the sender of a heap event is made under it, too.  False when somebody
 * who ends a debt, perhaps this actor's, is not through with it. */
static bool try_to_forget(struct shard *shard, struct actor *actor)
{
    if (!actor_has_paid(actor))
        return true; /* in debt for ever: the record goes with its table */
    if (atomic_load_explicit(&shard->sup->payments, memory_order_acquire) != 0)
        return false;
    (void)shard_take_wake_stack(shard); /* who paid may have put it there */
    if (actor->is_load)
        load_list_forget_stopped(&shard->loads);
    if (actor->is_crowded)
        deadlock_forget_crowded(shard);
    forget(shard, actor);
    return true;
}

static void end_grace(struct shard *shard, struct command *command)
{
    struct grace *grace = CONTAINER_OF(command, struct grace, command);
    bool is_done = grace->is_incomplete;

    if (!is_done) {
        pthread_mutex_lock(&shard->sup->lock);
        is_done = try_to_forget(shard, grace->actor);
        pthread_mutex_unlock(&shard->sup->lock);
    }
    if (!is_done && shard_post(shard, command))
        return; /* asked again in the next turn */
    heap_free(shard->heap, grace, sizeof *grace);
}

/* Acquire and release: whoever is last sees that the others are through. */
static void leave(struct shard *shard, struct grace *grace, uint32_t count)
{
    if (__atomic_sub_fetch(&grace->shards_left, count, __ATOMIC_ACQ_REL) != 0)
        return;
    grace->command.run = end_grace;
    grace->command.size = sizeof *grace;
    if (grace->is_incomplete || grace->actor->shard == shard) {
        end_grace(shard, &grace->command);
        return;
    }
    if (shard_post(grace->actor->shard, &grace->command))
        return;
    grace->is_incomplete = true; /* that shard has ended: the record goes with its table */
    end_grace(shard, &grace->command);
}

static void done(struct shard *shard, struct retirement *retirement)
{
    leave(shard, retirement->grace, 1);
    heap_free(shard->heap, retirement, sizeof *retirement);
}

static void run_retirement(struct shard *shard, struct command *command)
{
    struct retirement *retirement = CONTAINER_OF(command, struct retirement, command);

    retirement->epochs_left = POOL_EPOCHS;
    fifo_push(&shard->retiring, &retirement->link);
}

static bool ask(struct shard *shard, uint32_t target, struct grace *grace)
{
    struct retirement *retirement = heap_alloc_zeroed(shard->heap, 1, sizeof *retirement);

    if (retirement == NULL)
        return false;
    retirement->command.run = run_retirement;
    retirement->command.size = sizeof *retirement;
    retirement->grace = grace;
    if (target == shard->index) {
        run_retirement(shard, &retirement->command);
        return true;
    }
    if (shard_tell(shard, target, &retirement->command) == MAIKO_OK)
        return true;
    heap_free(shard->heap, retirement, sizeof *retirement);
    return false;
}

void retire_begin(struct shard *shard, struct actor *actor)
{
    uint32_t count = atomic_load_explicit(&shard->sup->shard_count, memory_order_acquire);
    struct grace *grace = heap_alloc(shard->heap, sizeof *grace);
    uint32_t target;

    if (grace == NULL)
        return;
    grace->actor = actor;
    grace->is_incomplete = false;
    grace->shards_left = count + 1; /* one for us until all are asked */
    for (target = 0; target < count && ask(shard, target, grace); target++)
        ;
    if (target < count)
        grace->is_incomplete = true;
    leave(shard, grace, count - target + 1);
}

void retire_advance(struct shard *shard)
{
    uint32_t advanced = 0;
    struct fifo rest = {NULL, NULL};
    struct fifo_link *link;

    while (advanced < POOL_EPOCHS && pool_advance_epoch(&shard->pool))
        advanced++;
    if (advanced == 0)
        return;
    while ((link = fifo_pop(&shard->retiring)) != NULL) {
        struct retirement *retirement = CONTAINER_OF(link, struct retirement, link);

        retirement->epochs_left -= advanced < retirement->epochs_left ? advanced : retirement->epochs_left;
        if (retirement->epochs_left == 0)
            done(shard, retirement);
        else
            fifo_push(&rest, link);
    }
    shard->retiring = rest;
}

void retire_deinit(struct shard *shard)
{
    struct fifo_link *link;

    while ((link = fifo_pop(&shard->retiring)) != NULL) {
        struct retirement *retirement = CONTAINER_OF(link, struct retirement, link);

        retirement->grace->is_incomplete = true;
        done(shard, retirement);
    }
}
