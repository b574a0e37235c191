/* A shard that sleeps on a word is asked to watch a descriptor, and from then on sleeps on descriptors (runtime/wakeup.h, wakeup.c,
 * shard.c; a label here is the `step:` there).  Beside whoever asks stands a thread that posts.  Memory is weak as in ring.pml, the
 * lock of what is posted is one step, and the system looks at the word once more before it lets anybody sleep on it.
 *
 * Shown: what was posted is taken in and the descriptor, once it is readable, is read, whichever way the shard sleeps meanwhile;
 * it does not sleep for ever. */
#ifndef POSTS
#define POSTS 2
#endif

/* how it sleeps */
#define AWAKE 0
#define ON_WORD 1
#define ON_DESCRIPTORS 2

/* what everybody can see */
byte posts; /* under the lock */
bool has_posted;
byte asleep;
bool watched;
bool event;    /* the eventfd */
bool is_added; /* the descriptor, to those that the system looks at */
bool readable; /* it is */

/* stores that nobody else sees yet */
bool has_posted_buffered;
bool watched_buffered;
bool asleep_buffered;
byte buffered_asleep;

active proctype memory()
{
end_memory:
    do
    :: atomic { has_posted_buffered -> has_posted = true; has_posted_buffered = false }
    :: atomic { watched_buffered -> watched = true; watched_buffered = false }
    :: atomic { asleep_buffered -> asleep = buffered_asleep; asleep_buffered = false }
    od
}

/* Whoever takes the word back ends the sleep, in the way that stood there. */
inline wake_if_asleep()
{
    if
    :: asleep != AWAKE ->
        atomic { how = asleep; asleep = AWAKE }
        if
        :: how == ON_DESCRIPTORS -> event = true
        :: else
        fi
    :: else
    fi
}

active proctype poster()
{
    byte next = 0;
    byte how;

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

active proctype watcher()
{
    byte how;

    is_added = true;
store_watched:
    watched_buffered = true;
#ifndef WITHOUT_fence_watch
fence_watch:
    (!watched_buffered);
#endif
load_asleep:
    wake_if_asleep();
    readable = true
}

active proctype sleeper()
{
    byte have_taken = 0;
    byte announced;
    bool has_visited = false;
    bool is_idle;

    do
    :: true ->
        if
        :: has_posted -> atomic { has_posted = false; has_posted_buffered = false; have_taken = posts }
        :: else
        fi;
        if
        :: have_taken == POSTS && has_visited -> break
        :: else
        fi;
announce_sleep:
        atomic {
            announced = (watched -> ON_DESCRIPTORS : ON_WORD);
            buffered_asleep = announced;
            asleep_buffered = true
        }
#ifndef WITHOUT_fence_announce
fence_announce:
        (!asleep_buffered);
#endif
        is_idle = true;
#ifndef WITHOUT_second_look
second_look:
        is_idle = !has_posted;
#endif
        if
        :: is_idle && announced == ON_WORD ->
#ifndef WITHOUT_look_at_watched
look_at_watched:
            is_idle = !watched;
#endif
            if
            :: is_idle -> (!asleep_buffered && asleep != ON_WORD)
            :: else
            fi
        :: is_idle && announced == ON_DESCRIPTORS ->
            (event || (is_added && readable));
            atomic { event = false; has_visited = has_visited || readable; readable = false }
        :: else
        fi;
withdraw_sleep:
        atomic { buffered_asleep = AWAKE; asleep_buffered = true }
    od
}
