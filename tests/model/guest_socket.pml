/* Who reads what comes to two ZeroMQ sockets: the bridge's thread of a node, a shard that may be its guest, or an export actor that is
 * its guest and sends over one of them (bridge/node/guest.c, thread.c, bridge/link/zmq_guest.c; a label here is the `step:`
 * there).  A socket's descriptor becomes readable only when something comes after a reader has found nothing, any call on the
 * socket takes that sign away, and it is told to the shard while that one sleeps, else to both.  Whenever it is awake the bridge's
 * thread may take the descriptors off the shard's list and keep them, or put them back.
 *
 * Shown: when nothing moves any more, all that came has been read, and a guest works only while the bridge's thread sleeps.  Each
 * step that sees to it is left out by -DWITHOUT_name. */
#define SOCKETS 2
#define FRAMES 2 /* to either */
#define SENDS 1

byte frames = 0;
byte came[SOCKETS] = 0;
byte have_read[SOCKETS] = 0;
bool is_dry[SOCKETS] = true;         /* somebody has found nothing */
bool is_signalled[SOCKETS] = false;  /* the descriptor is readable */
bool shard_is_told[SOCKETS] = false; /* it is in the shard's list of what is ready */
bool host_is_told[SOCKETS] = false;  /* and in that of the bridge's thread */
bool shard_has_it[SOCKETS] = true;   /* on its list */
bool host_has_it[SOCKETS] = true;
bool host_keeps_it[SOCKETS] = false; /* polls the descriptor itself */
bool is_touched[SOCKETS] = true;     /* whose holds the turn */

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
inline tell(s)
{
    is_signalled[s] = true;
    shard_is_told[s] = shard_has_it[s];
    if
    :: shard_has_it[s] && shard_waits -> shard_waits = false
    :: else -> host_is_told[s] = host_has_it[s]
    fi
}

inline ask(s, ret_ready)
{
    atomic {
        is_signalled[s] = false;
        ret_ready = have_read[s] < came[s];
        is_dry[s] = !ret_ready
    }
}

inline ask_if_touched(s, ret_settled)
{
    if
    :: ret_settled && is_touched[s] ->
ask_what_was_touched:
        ask(s, is_ready);
        is_touched[s] = false;
#ifndef WITHOUT_keep_touched
        is_touched[s] = is_ready;
#endif
        ret_settled = !is_ready
    :: else
    fi
}

/* However a guest leaves the sockets. */
inline leave_sockets(ret_settled)
{
    ret_settled = true;
#ifndef WITHOUT_ask_what_was_touched
    ask_if_touched(0, ret_settled);
    ask_if_touched(1, ret_settled);
#endif
}

/* On both lists, or on none and polled; who adds to a list is told at once of what has come. */
inline share(s)
{
    atomic { shard_has_it[s] = true; shard_is_told[s] = is_signalled[s]; shard_waits = shard_waits && !is_signalled[s] };
    atomic { host_has_it[s] = true; host_is_told[s] = is_signalled[s]; host_keeps_it[s] = false }
}

inline keep(s)
{
    atomic { shard_has_it[s] = false; shard_is_told[s] = false };
    atomic { host_has_it[s] = false; host_is_told[s] = false };
#ifndef WITHOUT_poll_what_is_kept
poll_what_is_kept:
    host_keeps_it[s] = true
#endif
}

inline come(s)
{
    frames++;
    came[s]++;
    if
    :: is_dry[s] ->
        is_dry[s] = false;
        tell(s)
    :: else
    fi
}

active proctype other_ends()
{
    do
    :: atomic { frames < FRAMES -> come(0) }
    :: atomic { frames < FRAMES -> come(1) }
    :: frames == FRAMES -> break
    od
}

active proctype export_actor()
{
    byte sends = 0;
    byte by;
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
            if
            :: by = 0
            :: by = 1
            fi;
            is_signalled[by] = false; /* sends */
            is_touched[by] = true;
            leave_sockets(is_settled);
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

inline read_a_little(s)
{
    if
    :: host_has_it[s] ->
        is_signalled[s] = false;
        if
        :: have_read[s] < came[s] -> have_read[s]++
        :: else
        fi;
        is_touched[s] = true
    :: else
    fi
}

#define SHARD_CAN_READ(s) (shard_is_told[s] && is_signalled[s])

active proctype shard()
{
    byte other_work = 1;
    bool has_turn;
    bool is_ready;
    bool is_settled;

end_shard:
    do
    :: atomic {
            SHARD_CAN_READ(0) || SHARD_CAN_READ(1) ->
                shard_is_told[0] = false;
                shard_is_told[1] = false;
                shard_waits = false
        };
        is_settled = false;
        try_turn(has_turn);
        if
        :: has_turn ->
            read_a_little(0);
            read_a_little(1);
            leave_sockets(is_settled);
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
    :: atomic { shard_is_told[0] && !is_signalled[0] -> shard_is_told[0] = false } /* somebody else took it away */
    :: atomic { shard_is_told[1] && !is_signalled[1] -> shard_is_told[1] = false }
    :: atomic { !shard_waits && !shard_is_told[0] && !shard_is_told[1] -> shard_waits = true }
    :: atomic { other_work > 0 && shard_waits -> other_work--; shard_waits = false }
    od
}

#define HOST_IS_CALLED(s) ((host_is_told[s] || host_keeps_it[s]) && is_signalled[s])

/* Sleeping is not for who has touched a socket that has something. */
inline ask_before_sleep(s)
{
    is_ready_at[s] = false;
    if
    :: is_touched[s] -> ask(s, is_ready_at[s]); is_touched[s] = false
    :: else
    fi
}

inline ask_behind_sleep(s)
{
    if
    :: host_is_told[s] || is_touched[s] || (host_keeps_it[s] && is_signalled[s]) ->
        host_is_told[s] = false;
        ask(s, is_ready_at[s])
    :: else
    fi
}

inline read_all(s)
{
    if
    :: is_ready_at[s] -> have_read[s] = came[s]; is_touched[s] = true
    :: else
    fi
}

active proctype host()
{
    bool is_ready_at[SOCKETS];

end_host:
    do
    ::
#ifndef WITHOUT_look_again
look_again:
        atomic {
            is_touched[0] = is_touched[0] || (was_missed && host_has_it[0]);
            is_touched[1] = is_touched[1] || (was_missed && host_has_it[1]);
            was_missed = false
        };
#endif
        if
        :: host_has_it[0] -> keep(0); keep(1)
        :: !host_has_it[0] -> share(0); share(1)
        :: true
        fi;
        ask_before_sleep(0);
        ask_before_sleep(1);
        if
        :: is_ready_at[0] || is_ready_at[1]
        :: else ->
            host_sleeps = true;
            turn = false;
end_asleep:
            is_woken || HOST_IS_CALLED(0) || HOST_IS_CALLED(1);
            atomic { !turn -> turn = true };
            host_sleeps = false;
            is_woken = false;
            ask_behind_sleep(0);
            ask_behind_sleep(1)
        fi;
        read_all(0);
        read_all(1)
    od
}

active proctype observer()
{
end_observer:
    timeout;
    assert(have_read[0] == came[0] && have_read[1] == came[1])
}
