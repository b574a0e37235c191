/* Who reads what comes to a ZeroMQ socket: the bridge's thread of a node, a shard that may be its guest, or an export actor that is
 * its guest and sends over the same socket (bridge/node/guest.c, thread.c, bridge/link/zmq_guest.c; a label here is the `step:`
 * there).  The socket's descriptor becomes readable only when something comes after a reader has found nothing, any call on the
 * socket takes that sign away, and it is told to the shard while that one sleeps, else to both.  Whenever it is awake the bridge's
 * thread may take the descriptor off the shard's list and keep it, or put it back.
 *
 * Shown: when nothing moves any more, all that came has been read, and a guest works only while the bridge's thread sleeps.  Each
 * step that sees to it is left out by -DWITHOUT_name. */
#define FRAMES 3
#define SENDS 2

byte came = 0;
byte have_read = 0;
bool is_dry = true;         /* somebody has found nothing */
bool is_signalled = false;  /* the descriptor is readable */
bool shard_is_told = false; /* it is in the shard's list of what is ready */
bool host_is_told = false;  /* and in that of the bridge's thread */
bool shard_has_it = true;   /* on its list */
bool host_has_it = true;
bool host_keeps_it = false; /* polls the descriptor itself */
bool is_touched = true;     /* whose holds the turn */

bool is_woken = false; /* the eventfd of the handover */
bool was_missed = false;

bool turn = true; /* held, by the bridge's thread */
bool host_sleeps = false;
bool shard_waits = false;

inline try_turn(ret_got)
{
    atomic { ret_got = !turn; turn = true };
    assert(!ret_got || host_sleeps)
}

/* To one that sleeps before all others on the list. */
inline tell()
{
    is_signalled = true;
    shard_is_told = shard_has_it;
    if
    :: shard_has_it && shard_waits -> shard_waits = false
    :: else -> host_is_told = host_has_it
    fi
}

inline ask(ret_ready)
{
    atomic {
        is_signalled = false;
        ret_ready = have_read < came;
        is_dry = !ret_ready
    }
}

/* However a guest leaves the socket. */
inline leave_socket(ret_settled)
{
    ret_settled = true;
#ifndef WITHOUT_ask_what_was_touched
    if
    :: is_touched ->
ask_what_was_touched:
        ask(is_ready);
        is_touched = false;
#ifndef WITHOUT_keep_touched
        is_touched = is_ready;
#endif
        ret_settled = !is_ready
    :: else
    fi
#endif
}

/* On both lists, or on none and polled; who adds to a list is told at once of what has come. */
inline share()
{
    atomic { shard_has_it = true; shard_is_told = is_signalled; shard_waits = shard_waits && !is_signalled };
    atomic { host_has_it = true; host_is_told = is_signalled; host_keeps_it = false }
}

inline keep()
{
    atomic { shard_has_it = false; shard_is_told = false };
    atomic { host_has_it = false; host_is_told = false };
#ifndef WITHOUT_poll_what_is_kept
poll_what_is_kept:
    host_keeps_it = true
#endif
}

active proctype other_end()
{
    do
    :: came < FRAMES ->
        atomic {
            came++;
            if
            :: is_dry ->
                is_dry = false;
                tell()
            :: else
            fi
        }
    :: else -> break
    od
}

active proctype export_actor()
{
    byte sends = 0;
    bool has_turn;
    bool is_ready;
    bool is_settled;

    do
    :: sends < SENDS ->
        sends++;
        try_turn(has_turn);
        is_settled = false;
        if
        :: has_turn ->
            is_signalled = false; /* sends */
            is_touched = true;
            leave_socket(is_settled);
            turn = false
        :: else
        fi;
        if
        :: is_settled
        :: else -> is_woken = true
        fi
    :: else -> break
    od
}

active proctype shard()
{
    byte other_work = 2;
    bool has_turn;
    bool is_ready;
    bool is_settled;

end_shard:
    do
    :: atomic { shard_is_told && is_signalled -> shard_is_told = false; shard_waits = false };
        is_settled = false;
        try_turn(has_turn);
        if
        :: has_turn ->
            if
            :: host_has_it ->
                is_signalled = false;
                if
                :: have_read < came -> have_read++ /* a little */
                :: else
                fi;
                is_touched = true
            :: else
            fi;
            leave_socket(is_settled);
            turn = false
        :: else ->
#ifndef WITHOUT_say_it_was_missed
say_it_was_missed:
            was_missed = true
#else
            skip
#endif
        fi;
        if
        :: is_settled
        :: else ->
#ifndef WITHOUT_pass_on
pass_on:
            is_woken = true
#else
            skip
#endif
        fi
    :: atomic { shard_is_told && !is_signalled -> shard_is_told = false } /* somebody else took it away */
    :: atomic { !shard_waits && !shard_is_told -> shard_waits = true }
    :: atomic { other_work > 0 && shard_waits -> other_work--; shard_waits = false }
    od
}

active proctype host()
{
    bool is_ready;

end_host:
    do
    ::
#ifndef WITHOUT_look_again
look_again:
        atomic {
            is_touched = is_touched || (was_missed && host_has_it);
            was_missed = false
        };
#endif
        if
        :: host_has_it -> keep()
        :: !host_has_it -> share()
        :: true
        fi;
        is_ready = false;
        if
        :: is_touched -> ask(is_ready); is_touched = false
        :: else
        fi;
        if
        :: is_ready
        :: else ->
            host_sleeps = true;
            turn = false;
end_asleep:
            is_woken || ((host_is_told || host_keeps_it) && is_signalled);
            atomic { !turn -> turn = true };
            host_sleeps = false;
            is_woken = false;
            if
            :: host_is_told || is_touched || (host_keeps_it && is_signalled) -> host_is_told = false; ask(is_ready)
            :: else
            fi
        fi;
        if
        :: is_ready -> have_read = came; is_touched = true
        :: else
        fi
    od
}

active proctype observer()
{
end_observer:
    timeout;
    assert(have_read == came)
}
