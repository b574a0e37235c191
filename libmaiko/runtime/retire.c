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

/* --- in place of a shard whose thread is in a hook --- */

/* Its epochs do not pass while events wait for that hook to end, or for the next one.  So they are looked through. */
struct search {
    struct retirement *asked[64]; /* by the address of the actor */
    bool found[64];
    uint32_t count;
    uint64_t seen;  /* pooled events */
    bool is_shared; /* one of them has more references than this one */
};

static void ask_for(struct search *search, struct retirement *retirement)
{
    uint32_t at = search->count++;

    for (; at > 0 && (uintptr_t)search->asked[at - 1]->grace->actor > (uintptr_t)retirement->grace->actor; at--)
        search->asked[at] = search->asked[at - 1];
    search->asked[at] = retirement;
}

static void look_at(struct search *search, const struct envelope *envelope)
{
    uint32_t low = 0;
    uint32_t high = search->count;

    if (envelope == NULL || envelope->home != HOME_POOL)
        return;
    search->seen++;
    search->is_shared |= envelope->refs != 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if ((uintptr_t)search->asked[middle]->grace->actor < (uintptr_t)envelope->origin)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < search->count && search->asked[low]->grace->actor == envelope->origin)
        search->found[low] = true;
}

static void look_into(struct search *search, const struct mailbox *mailbox)
{
    uint32_t i;

    for (i = 0; i < mailbox->depth; i++)
        look_at(search, mailbox_envelope(mailbox_at(mailbox, i)));
}

/* Reserved by the hook, and of its own actor. */
static void look_into_rooms(struct search *search, const struct envelope *first)
{
    const struct envelope *envelope = first;

    if (first == NULL)
        return;
    do {
        look_at(search, envelope);
        envelope = envelope->room.next;
    } while (envelope != first);
}

static void look_through(struct search *search, const struct shard *shard)
{
    const struct list *link;

    look_at(search, shard->current_envelope);
    look_into_rooms(search, shard->reserved);
    LIST_FOR_EACH (link, &shard->actors) {
        const struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

        look_into(search, &actor->mailbox);
        if (actor->rare == NULL)
            continue;
        look_into(search, &actor->rare->control);
        look_at(search, actor->rare->retry_envelope);
    }
}

/* All that are alive were seen, as many as there are and none twice, so that what was not seen is not there. */
static bool has_seen_all(const struct search *search, const struct shard *shard)
{
    uint64_t live = 0;
    uint32_t i;

    for (i = 0; i < POOL_EPOCHS; i++)
        live += shard->pool.live[i];
    return !search->is_shared && search->seen == live;
}

/* Up to 64 of them at once; whose events are still here goes to the rest. */
static void end_unseen(struct shard *shard, struct fifo *rest)
{
    struct search search = {.count = 0};
    struct fifo_link *link;
    bool is_complete;
    uint32_t i;

    while (search.count < sizeof search.asked / sizeof search.asked[0] && (link = fifo_pop(&shard->retiring)) != NULL)
        ask_for(&search, CONTAINER_OF(link, struct retirement, link));
    look_through(&search, shard);
    is_complete = has_seen_all(&search, shard);
    for (i = 0; i < search.count; i++) {
        if (is_complete && !search.found[i])
            done(shard, search.asked[i]);
        else
            fifo_push(rest, &search.asked[i]->link);
    }
}

void retire_unseen(struct shard *shard)
{
    struct fifo rest = {NULL, NULL};

    retire_advance(shard);
    while (!fifo_is_empty(&shard->retiring))
        end_unseen(shard, &rest);
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
