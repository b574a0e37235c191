/* How a shard sleeps without missing anything (runtime/wakeup.h, shard.c, exchange.c, exchange_read.c; a label here is the `step:`
 * there).  Three others give it work: a shard that publishes batches, a thread that posts, with the actors that others put on its
 * wake stack as one more such thread, and a shard that confirms how far it has read, for which only a sleeper that holds actors
 * back asks to be woken.  It sleeps on the word `asleep` itself, at which the system looks once more before it lets anybody sleep;
 * watch.pml has the other way.  Memory is weak as in ring.pml; the lock of what is posted is one step.
 *
 * Shown: whatever was published, posted and confirmed is taken in, whole, and the shard does not sleep for ever. */
#define BATCHES 2
#ifndef POSTS
#define POSTS 1
#endif
#define READ 1 /* batches that the other shard reads and confirms */

/* what everybody can see */
byte record[BATCHES];
byte published;
byte posts; /* under the lock */
bool has_posted;
byte debt;
byte confirmed;
bool asleep;
bool wants_confirm;

/* stores that nobody else sees yet */
bool record_buffered[BATCHES];
byte buffered_record[BATCHES];
bool published_buffered;
byte buffered_published;
bool has_posted_buffered;
bool debt_buffered;
bool confirmed_buffered;
byte buffered_confirmed;
bool asleep_buffered;
bool buffered_asleep;
bool wants_confirm_buffered;
bool buffered_wants_confirm;

#define RECORDS_STORED (!record_buffered[0] && !record_buffered[1])
#define SLEEPER_STORED (!asleep_buffered && !wants_confirm_buffered)

active proctype memory()
{
end_memory:
    do
    :: atomic { record_buffered[0] -> record[0] = buffered_record[0]; record_buffered[0] = false }
    :: atomic { record_buffered[1] -> record[1] = buffered_record[1]; record_buffered[1] = false }
    :: atomic { published_buffered -> published = buffered_published; published_buffered = false }
    :: atomic { has_posted_buffered -> has_posted = true; has_posted_buffered = false }
    :: atomic { debt_buffered -> debt++; debt_buffered = false }
    :: atomic { confirmed_buffered -> confirmed = buffered_confirmed; confirmed_buffered = false }
    :: atomic { asleep_buffered -> asleep = buffered_asleep; asleep_buffered = false }
    :: atomic { wants_confirm_buffered -> wants_confirm = buffered_wants_confirm; wants_confirm_buffered = false }
    od
}

/* Taking the word back ends the sleep. */
inline wake_if_asleep()
{
    if
    :: asleep -> asleep = false
    :: else
    fi
}

active proctype publisher()
{
    byte next = 0;

    do
    :: next < BATCHES ->
        atomic { buffered_record[next] = next + 1; record_buffered[next] = true; next++ }
#ifndef WITHOUT_release_publish_flush
        (RECORDS_STORED);
#endif
publish_flush:
        atomic { buffered_published = next; published_buffered = true }
#ifndef WITHOUT_fence_flush
fence_flush:
        (RECORDS_STORED && !published_buffered);
#endif
load_asleep:
        wake_if_asleep()
    :: else -> break
    od
}

active proctype poster()
{
    byte next = 0;

    do
    :: next < POSTS ->
        next++;
store_has_posted:
        atomic { posts++; has_posted_buffered = true }
#ifndef WITHOUT_fence_post
fence_post:
        (!has_posted_buffered);
#endif
load_asleep:
        wake_if_asleep()
    :: else -> break
    od
}

active proctype confirmer()
{
    byte next = 0;

    do
    :: next < READ ->
        atomic { debt_buffered = true; next++ }
#ifndef WITHOUT_release_store_confirmed
        (!debt_buffered);
#endif
store_confirmed:
        atomic { buffered_confirmed = next; confirmed_buffered = true }
#ifndef WITHOUT_fence_tell
fence_tell:
        (!debt_buffered && !confirmed_buffered);
#endif
load_wants_confirm:
        if
        :: wants_confirm ->
load_asleep:
            wake_if_asleep()
        :: else
        fi
    :: else -> break
    od
}

active proctype sleeper()
{
    byte have_read = 0;
    byte have_taken = 0;
    byte told = 0; /* confirmed, as seen */
    byte seen;
    byte early;
    bool is_early;
    bool is_idle;

    do
    :: true ->
#ifdef WITHOUT_acquire_load_published
        atomic { is_early = have_read < BATCHES; if :: is_early -> early = record[have_read] :: else fi }
#endif
load_published:
        seen = published;
        do
        :: have_read < seen ->
            if
            :: is_early -> assert(early == have_read + 1)
            :: else -> assert(record[have_read] == have_read + 1)
            fi;
            is_early = false;
            have_read++
        :: else -> break
        od;
        if
        :: has_posted ->
            atomic { has_posted = false; has_posted_buffered = false; have_taken = posts }
        :: else
        fi;
#ifdef WITHOUT_acquire_load_confirmed
        atomic { is_early = told < READ; if :: is_early -> early = debt :: else fi }
#endif
load_confirmed:
        seen = confirmed;
        do
        :: told < seen ->
            if
            :: is_early -> assert(early >= seen)
            :: else -> assert(debt >= seen)
            fi;
            told = seen
        :: else -> break
        od;
        is_early = false;
        if
        :: have_read == BATCHES && have_taken == POSTS && told == READ -> break
        :: else
        fi;
#ifndef WITHOUT_store_wants_confirm
store_wants_confirm:
        atomic { buffered_wants_confirm = told < READ; wants_confirm_buffered = true }
#endif
announce_sleep:
        atomic { buffered_asleep = true; asleep_buffered = true }
#ifndef WITHOUT_fence_announce
fence_announce:
        (SLEEPER_STORED);
#endif
        is_idle = true;
#ifndef WITHOUT_second_look
second_look:
        is_idle = have_read == published;
        is_idle = is_idle && !has_posted;
        is_idle = is_idle && told == confirmed;
#endif
        if
        :: is_idle -> (!asleep_buffered && !asleep)
        :: else
        fi;
withdraw_sleep:
        atomic { buffered_asleep = false; asleep_buffered = true }
    od
}
