/* Wake-up: how a shard sleeps without missing anything.  One epoll descriptor holds an eventfd (other shards, outside
 * threads) and a timer; an outside loop may watch the same descriptor. */
#ifndef RUNTIME_WAKEUP_H
#define RUNTIME_WAKEUP_H

#include <maiko/status.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct maiko_visit;

struct wakeup {
    /* set at creation */
    int epoll_fd;
    int event_fd;
    int timer_fd;
    /* owner */
    uint64_t armed_ns;          /* what the timer is set to; 0: not set */
    struct maiko_visit *visits; /* whose descriptors ended the last sleep */
    /* any thread puts one in front, nobody takes one out.  Release there, acquire here: whoever sees one sees what is in it */
    _Atomic(struct maiko_visit *) to_look;
    /* any thread: on a line of its own.  Owner: store true, fence, look for work again, sleep.  Others: make work
     * visible, fence, load; whoever takes it back to false writes the eventfd. */
    _Alignas(128) _Atomic bool asleep;
    char pad[127];
};

/* MAIKO_OK or MAIKO_ESYSTEM (descriptors exhausted). */
MAIKO_MUST_CHECK maiko_status wakeup_init(struct wakeup *wakeup);
void wakeup_deinit(struct wakeup *wakeup);

/* Owner: from now on others wake us.  The caller looks for work once more before it sleeps. */
static inline void wakeup_announce(struct wakeup *wakeup)
{
    atomic_store_explicit(&wakeup->asleep, true, memory_order_relaxed); /* step: announce_sleep */
    /* Dekker: our announcement is ordered before our last look at everybody's published words */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_announce */
}

/* Owner: there was work after all. */
static inline void wakeup_withdraw(struct wakeup *wakeup)
{
    atomic_store_explicit(&wakeup->asleep, false, memory_order_relaxed); /* step: withdraw_sleep */
}

/* Owner: sleeps until woken or until the deadline (monotonic ns; UINT64_MAX: none). */
void wakeup_sleep(struct wakeup *wakeup, uint64_t deadline_ns);

/* Owner: lets those work whose descriptors ended the sleep. */
static inline bool wakeup_has_visits(const struct wakeup *wakeup)
{
    return wakeup->visits != NULL;
}

void wakeup_run_visits(struct wakeup *wakeup);

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

/* Any thread and signal handlers: wakes the owner, or makes its next sleep end at once. */
void wakeup_signal(struct wakeup *wakeup);

/* Any thread, after a seq_cst fence behind the store that made the work visible. */
static inline void wakeup_if_asleep(struct wakeup *wakeup)
{
    if (atomic_load_explicit(&wakeup->asleep, memory_order_relaxed) && /* step: load_asleep */
        atomic_exchange_explicit(&wakeup->asleep, false, memory_order_relaxed))
        wakeup_signal(wakeup);
}

#endif
