/* Wake-up: how a shard sleeps without missing anything.  As long as nothing but its other side can wake it, it sleeps on a word
 * (a futex): a wake-up is one system call on each side.  With descriptors to watch it sleeps on an epoll descriptor that holds
 * them, an eventfd (other shards, outside threads) and a timer; an outside loop may watch the same descriptor. */
#ifndef RUNTIME_WAKEUP_H
#define RUNTIME_WAKEUP_H

#include <maiko/status.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct maiko_visit;

enum wakeup_sleep {
    WAKEUP_AWAKE = 0,
    WAKEUP_ON_WORD,        /* on `asleep` itself */
    WAKEUP_ON_DESCRIPTORS, /* on epoll_fd */
};

struct wakeup {
    /* set at creation */
    bool is_outside; /* an outside loop sleeps on epoll_fd */
    int epoll_fd;
    int event_fd;
    int timer_fd;
    /* owner */
    enum wakeup_sleep announced;
    uint64_t armed_ns;          /* what the timer is set to; 0: not set */
    struct maiko_visit *visits; /* whose descriptors ended the last sleep */
    /* any thread puts one in front, nobody takes one out.  Release there, acquire here: whoever sees one sees what is in it */
    _Atomic(struct maiko_visit *) to_look;
    _Atomic uint32_t watched; /* descriptors of others; any thread, see wakeup_watch() */
    /* any thread: on a line of its own.  An enum wakeup_sleep.  Owner: store how it sleeps, fence, look for work again, sleep.
     * Others: make work visible, fence, load; whoever takes it back to WAKEUP_AWAKE ends that sleep. */
    _Alignas(128) _Atomic uint32_t asleep;
    char pad[124];
};

/* `is_outside`: an outside loop sleeps for the owner.  MAIKO_OK or MAIKO_ESYSTEM (descriptors exhausted). */
MAIKO_MUST_CHECK maiko_status wakeup_init(struct wakeup *wakeup, bool is_outside);
void wakeup_deinit(struct wakeup *wakeup);

/* Relaxed: where it matters a fence stands before it, see wakeup_announce() and wakeup_sleep(). */
static inline bool wakeup_is_by_word(const struct wakeup *wakeup)
{
    return !wakeup->is_outside && atomic_load_explicit(&wakeup->watched, memory_order_relaxed) == 0;
}

/* Owner: from now on others wake us.  The caller looks for work once more before it sleeps. */
static inline void wakeup_announce(struct wakeup *wakeup)
{
    wakeup->announced = wakeup_is_by_word(wakeup) ? WAKEUP_ON_WORD : WAKEUP_ON_DESCRIPTORS;
    atomic_store_explicit(&wakeup->asleep, wakeup->announced, memory_order_relaxed); /* step: announce_sleep */
    /* Dekker: our announcement is ordered before our last look at everybody's published words, and at what is watched */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_announce */
}

/* Owner: there was work after all. */
static inline void wakeup_withdraw(struct wakeup *wakeup)
{
    atomic_store_explicit(&wakeup->asleep, WAKEUP_AWAKE, memory_order_relaxed); /* step: withdraw_sleep */
}

/* Owner: sleeps until woken or until the deadline (monotonic ns; UINT64_MAX: none), or returns for no reason. */
void wakeup_sleep(struct wakeup *wakeup, uint64_t deadline_ns);

/* Owner: lets those work whose descriptors ended the sleep. */
static inline bool wakeup_has_visits(const struct wakeup *wakeup)
{
    return wakeup->visits != NULL;
}

void wakeup_run_visits(struct wakeup *wakeup);

/* Relaxed: whether there is one, not what is in it. */
static inline bool wakeup_is_anybody_to_look(const struct wakeup *wakeup)
{
    return atomic_load_explicit(&wakeup->to_look, memory_order_relaxed) != NULL;
}

/* Owner, which spins: lets those look who have something to look at; before a little work between two looks; and at the end. */
void wakeup_look(struct wakeup *wakeup);
void wakeup_look_aside(struct wakeup *wakeup);
void wakeup_look_away(struct wakeup *wakeup);

/* Any thread: one more descriptor to sleep on, see visit.h.  MAIKO_OK or MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status wakeup_watch(struct wakeup *wakeup, int fd, struct maiko_visit *visit);
void wakeup_unwatch(struct wakeup *wakeup, int fd);

/* Owner: sets the timer for an outside loop that sleeps on the descriptor instead. */
void wakeup_arm(struct wakeup *wakeup, uint64_t deadline_ns);

/* Owner: forgets the wake-ups so far. */
void wakeup_clear(struct wakeup *wakeup);

/* Ends the sleep of the owner, who sleeps in this way.  For wakeup_if_asleep(). */
void wakeup_end_sleep(struct wakeup *wakeup, enum wakeup_sleep how);

/* Any thread, after a seq_cst fence behind the store that made the work visible, or in a stopped world.  The owner that has
 * announced its sleep: then it ends at once. */
static inline void wakeup_if_asleep(struct wakeup *wakeup)
{
    uint32_t how;

    if (atomic_load_explicit(&wakeup->asleep, memory_order_relaxed) == WAKEUP_AWAKE) /* step: load_asleep */
        return;
    how = atomic_exchange_explicit(&wakeup->asleep, WAKEUP_AWAKE, memory_order_relaxed);
    if (how != WAKEUP_AWAKE)
        wakeup_end_sleep(wakeup, (enum wakeup_sleep)how);
}

#endif
