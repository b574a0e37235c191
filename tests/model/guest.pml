/* Who wakes up for what: the bridge's thread of a node and a shard that may be its guest (bridge/node/guest.c; a label here is the
 * `step:` there), a node that writes into a ring, and the export actor, which hands over.  The wake-up of a ring goes to the shard
 * while that one sleeps, which then is the only one that hears of it, and else to both.  A shard that spins keeps the turn for as
 * long and is as good as the bridge's thread awake; between two looks it may let the turn go for a little work of its own, and be
 * without it when it looks away; it must when a link waits for room.  That little work may last for ever: then what is handed over
 * is taken all the same.  The export actor is on another one; it sends itself when it gets the turn and nothing was handed
 * over before, and leaves what is left to do then to a shard that looks aside.  Who wakes the bridge's thread writes only when
 * nobody has since it looked last.
 *
 * Shown: when nothing moves any more, all that was written has been read and all that was handed over was taken, and a guest
 * works only while the bridge's thread sleeps.  Each step that sees to it is left out by -DWITHOUT_name. */
#define RECORDS 2
#define BATCHES 2

/* The ring: what was written and read, the word that says that the reader sleeps, its socket. */
byte written = 0;
byte have_read = 0;
bool reader_asleep = false;
bool is_signalled = false;  /* something is in the socket; who wakes up empties it, so there is always room */
bool shard_is_told = false; /* the socket is in the shard's list of what is ready */
bool host_is_told = false;  /* and in that of the bridge's thread */

/* The handover. */
byte given = 0;
byte taken = 0;
bool is_at_rest = false;
bool is_woken = false; /* its eventfd */
bool is_waking = false; /* somebody has written it, or is about to */

inline wake()
{
    atomic {
        if
        :: !is_waking -> is_waking = true; is_woken = true
        :: else
        fi
    }
}

bool turn = true; /* held, by the bridge's thread */
bool host_sleeps = false;
bool wants_turn = false; /* the bridge's thread has been woken */
bool shard_waits = false;
bool is_aside = false; /* the shard that spins has let the turn go, and will look again or away */
bool is_stuck = false; /* and will not, because its little work never ends */
bool is_full = false;  /* a link waits for room, of which only the bridge's thread hears */
bool is_owed = false;  /* something that only the bridge's thread does, or who looks */

inline fill_maybe()
{
    if
    :: is_full = true
    :: true
    fi
}

inline try_turn(ret_got)
{
    atomic { ret_got = !turn; turn = true };
    assert(!ret_got || host_sleeps)
}

active proctype writer()
{
    do
    :: written < RECORDS ->
        written++;
        if
        :: reader_asleep ->
            atomic {
                is_signalled = true;
                shard_is_told = true;
                if
                :: shard_waits -> shard_waits = false
                :: else -> host_is_told = true
                fi
            }
        :: else
        fi
    :: else -> break
    od
}

active proctype export_actor()
{
    bool is_told;
    bool has_turn;
    bool is_sent;

    do
    :: given < BATCHES ->
        try_turn(has_turn);
        is_sent = has_turn && taken == given;
        if
        :: has_turn ->
            if
            :: is_sent ->
                atomic { given++; taken++; is_owed = true; fill_maybe() };
                if
                :: is_aside
                :: else ->
#ifndef WITHOUT_wake_behind_sending
wake_behind_sending:
                    wake()
#else
                    skip
#endif
                fi
            :: else
            fi;
            turn = false
        :: else
        fi;
        if
        :: is_sent
        :: else ->
            atomic { given++; is_told = is_at_rest; is_at_rest = false };
#ifndef WITHOUT_look_whether_aside
            is_told = is_told || is_aside;
#endif
            if
            :: is_told ->
#ifndef WITHOUT_wake_instead
wake_instead:
                wake()
#else
                skip
#endif
            :: else
            fi
        fi
    :: else -> break
    od
}

active proctype shard()
{
    byte other_work = 2;
    byte spins = 1;
    byte asides = 1;
    bool is_long;
    bool has_turn;
    bool is_done;

end_shard:
    do
    :: atomic { shard_is_told && is_signalled -> shard_is_told = false; shard_waits = false };
        is_done = false;
        try_turn(has_turn);
        if
        :: has_turn ->
            reader_asleep = false;
            is_signalled = false;
            if
            :: have_read < written -> have_read++ /* a little */
            :: else
            fi;
#ifndef WITHOUT_arm_again
arm_again:
            reader_asleep = true;
#endif
#ifndef WITHOUT_look_after_arming
            is_done = have_read == written;
#else
            is_done = true;
#endif
            turn = false
        :: else
        fi;
        if
        :: is_done
        :: else ->
#ifndef WITHOUT_pass_on
pass_on:
            wake()
#else
            skip
#endif
        fi
    :: atomic { spins > 0 && !shard_waits && host_sleeps && !wants_turn && !turn && !is_full -> spins--; turn = true };
LOOK:
        reader_asleep = false;
        is_at_rest = false;
        is_aside = false;
        do
        :: have_read < written -> have_read++
        :: atomic { taken < given -> taken = given; fill_maybe() }
        :: wants_turn -> goto AWAY
        :: asides > 0 -> asides--; goto ASIDE
        :: break /* the time is up */
        od;
        goto AWAY;
ASIDE:
        is_aside = true;
        turn = false;
#ifndef WITHOUT_wake_aside
        if
        :: taken < given ->
wake_aside:
            wake()
        :: else
        fi;
#endif
        if
        :: is_long = false
        :: is_long = true
        :: is_stuck = true;
end_stuck:
            false
        fi;
        do
        :: atomic { !is_long && host_sleeps && !wants_turn && !turn && !is_full -> turn = true }; goto LOOK
#ifndef WITHOUT_look_away_for_room
        :: !is_long && host_sleeps && !wants_turn && !turn && is_full ->
look_away_for_room:
            break
#endif
        :: is_long -> break
        od;
        is_long = false;
        is_aside = false;
        try_turn(has_turn);
        if
        :: has_turn
        :: else ->
#ifndef WITHOUT_pass_on_aside
pass_on_aside:
            wake();
#endif
            goto end_shard
        fi;
AWAY:
        is_done = true;
        if
        :: is_owed -> is_owed = false; wake() /* the worst case: it is for the bridge's thread */
        :: else
        fi;
#ifndef WITHOUT_rest_after_spinning
rest_after_spinning:
        atomic {
            is_done = taken == given;
            is_at_rest = is_done
        };
#endif
#ifndef WITHOUT_arm_after_spinning
arm_after_spinning:
        reader_asleep = true;
#endif
#ifndef WITHOUT_look_after_spinning
        is_done = is_done && have_read == written;
#endif
        turn = false;
        if
        :: is_done
        :: else ->
#ifndef WITHOUT_pass_on_after_spinning
pass_on_after_spinning:
            wake()
#else
            skip
#endif
        fi
    :: atomic { shard_is_told && !is_signalled -> shard_is_told = false } /* somebody else has read it away */
    :: atomic { !shard_waits && !shard_is_told -> shard_waits = true }
    :: atomic { other_work > 0 && shard_waits -> other_work--; shard_waits = false }
    od
}

active proctype host()
{
end_host:
    do
    :: reader_asleep = true;
        if
        :: have_read < written -> goto end_of_sleep
        :: else
        fi;
        atomic {
            if
            :: taken < given -> goto end_of_sleep
            :: else -> is_at_rest = true
            fi
        };
        host_sleeps = true;
        turn = false;
end_asleep:
        atomic { is_woken || (host_is_told && is_signalled) -> wants_turn = true };
        atomic { !turn -> turn = true; wants_turn = false; host_sleeps = false; host_is_told = false };
        is_at_rest = false;
        if
        :: is_woken ->
            is_woken = false;
#ifndef WITHOUT_listen_again
listen_again:
            is_waking = false
#else
            skip
#endif
        :: else
        fi;
        is_owed = false;
end_of_sleep:
        reader_asleep = false;
        is_signalled = false;
        have_read = written;
        atomic { taken = given; is_full = false }
    od
}

active proctype observer()
{
end_observer:
    timeout;
    assert(taken == given && (is_stuck || (have_read == written && !is_owed)))
}
