/* Overflow at a link: what the exporter decides when there is no room (bridge/link/stream.c; a label here is the `step:` there).
 * One sender offers events under any policy, the peer takes records from the window and may stop, for a while or for ever.  All
 * of it is one thread's, so one process: what happens next is open.
 *
 * Shown: every event is delivered once, in order, or counted in a loss in its place; under BLOCK none is lost before the deadline
 * has passed; nobody is held for ever by a peer that stopped; the queue is bounded; a link that caught up is as good as new.
 * Each decision is left out by -DWITHOUT_name. */
#ifndef EVENTS
#define EVENTS 5
#endif
#define WINDOW 3 /* bytes: an event has 1 or 2, a loss 1; who begins inside of it fits */
#define TAIL 1
#define STOPS 1
#define MOST 9 /* records: window, one held, tail, losses between them; more than there may be */

mtype = { BLOCK, DROP_NEWEST, DROP_OLDEST, FAIL }

/* the queue: the window and then what waits */
byte number[MOST]; /* 0: a loss of so many */
byte lost[MOST];
byte size[MOST];
bool is_holding[MOST];
bool is_droppable[MOST];
byte count = 0;
byte admitted = 0;
byte admitted_bytes = 0;
byte holding = 0;
byte droppable = 0;
bool is_lossy = false;
bool is_ended = false; /* the subscription, under FAIL */

inline push(event, bytes)
{
    assert(count < MOST - 1);
    number[count] = event;
    size[count] = bytes;
    count++
}

/* Losses side by side are one record. */
inline push_loss()
{
#ifndef WITHOUT_note_of_a_loss
    if
    :: count > 0 && lost[count - 1] > 0 -> lost[count - 1]++
    :: else ->
        push(0, 1);
        lost[count - 1] = 1
    fi
#else
    skip
#endif
}

inline remove(place)
{
    i = place;
    do
    :: i + 1 < count ->
        number[i] = number[i + 1];
        lost[i] = lost[i + 1];
        size[i] = size[i + 1];
        is_holding[i] = is_holding[i + 1];
        is_droppable[i] = is_droppable[i + 1];
        i++
    :: else -> break
    od;
    count--;
    number[count] = 0;
    lost[count] = 0;
    size[count] = 0;
    is_holding[count] = false;
    is_droppable[count] = false;
    i = 0
}

#define HAS_ROOM (admitted_bytes < WINDOW)

inline admit_waiting()
{
    do
    :: admitted < count && HAS_ROOM ->
        holding = holding - (is_holding[admitted] -> 1 : 0);
        droppable = droppable - (is_droppable[admitted] -> 1 : 0);
        is_holding[admitted] = false;
        is_droppable[admitted] = false;
        admitted_bytes = admitted_bytes + size[admitted];
        admitted++
    :: else -> break
    od
}

/* Else they would fill the memory, one for every loss, as long as the peer is stopped. */
inline see_that_losses_are_merged()
{
    i = 0;
    do
    :: i + 1 < count -> assert(lost[i] == 0 || lost[i + 1] == 0); i++
    :: else -> break
    od;
    i = 0
}

/* Where there is room nobody waits, so none is overtaken. */
inline put_into_window()
{
    assert(admitted == count);
    push(offered, bytes)
}

active proctype link()
{
    byte offered = 0;
    byte last = 0; /* event that was delivered or told as lost */
    byte told = 0; /* lost before the next one */
    byte stops = 0;
    bool is_stopped = false;
    bool is_gone = false; /* stopped for ever */
    bool has_given_up = false;
    byte i = 0;
    byte j = 0;
    byte bytes = 0;
    mtype policy = BLOCK;

    do
    /* the sender, unless it is held */
    :: d_step { offered < EVENTS && holding == 0 && !is_ended -> offered++ }
        if
        :: policy = BLOCK
        :: policy = DROP_NEWEST
        :: policy = DROP_OLDEST
        :: policy = FAIL
        fi;
        if
        :: bytes = 1
        :: bytes = 2
        fi;
        if
        :: HAS_ROOM -> put_into_window()
        :: !HAS_ROOM && policy == DROP_NEWEST ->
drop_newest:
            push_loss()
        :: !HAS_ROOM && policy == DROP_OLDEST ->
            push(offered, bytes);
            is_droppable[count - 1] = true;
            droppable++;
            if
            :: droppable > TAIL ->
                j = admitted;
                do
                :: is_droppable[j] -> break
                :: !is_droppable[j] -> j++
                od;
evict_oldest:
                droppable--;
#ifndef WITHOUT_note_of_an_eviction
                number[j] = 0;
                lost[j] = 1;
                size[j] = 1;
                is_droppable[j] = false;
#ifndef WITHOUT_merging_of_losses
                if
                :: j + 1 < count && lost[j + 1] > 0 -> lost[j] = lost[j] + lost[j + 1]; remove(j + 1)
                :: else
                fi;
                if
                :: j > 0 && lost[j - 1] > 0 ->
                    lost[j - 1] = lost[j - 1] + lost[j];
                    remove(j)
                :: else
                fi
#else
                skip
#endif
#else
                remove(j)
#endif
            :: else
            fi;
            j = 0
        :: !HAS_ROOM && policy == FAIL ->
fail_subscription:
            push_loss();
            is_ended = true
        :: !HAS_ROOM && policy == BLOCK && is_lossy ->
            assert(has_given_up);
lose_by_deadline:
            push_loss()
        :: !HAS_ROOM && policy == BLOCK && !is_lossy ->
            push(offered, bytes);
hold:
            is_holding[count - 1] = true;
            holding++
        fi;
        admit_waiting();
        see_that_losses_are_merged()
    /* the peer */
    :: admitted > 0 && !is_stopped ->
        if
        :: number[0] > 0 -> assert(number[0] == last + told + 1); last = number[0]; told = 0
        :: number[0] == 0 -> told = told + lost[0]
        fi;
acknowledge:
        admitted--;
        admitted_bytes = admitted_bytes - size[0];
        remove(0);
        admit_waiting();
        if
        :: is_lossy && admitted == count ->
#ifndef WITHOUT_recover
recover:
            is_lossy = false
#else
            skip
#endif
        :: else
        fi
    :: !is_stopped && stops < STOPS -> is_stopped = true; stops++
    :: is_stopped && !is_gone -> is_stopped = false
    :: is_stopped && !is_gone -> is_gone = true
    /* the deadline */
#ifndef WITHOUT_give_up
    :: is_stopped && holding > 0 ->
give_up:
        d_step {
            is_lossy = true;
            has_given_up = true;
            holding = 0;
            i = admitted;
            do
            :: i < count -> is_holding[i] = false; i++
            :: else -> break
            od;
            i = 0
        }
#endif
    :: (offered == EVENTS || is_ended) && holding == 0 && (count == 0 || is_gone) -> break
    od;
    assert(is_gone || last + told == offered);
    assert(is_gone || is_ended || !is_lossy)
}
