/* How two nodes agree on shared memory over their control connection, and how either ends it (bridge/node/shm.c; a label here is
 * the `step:` there).  The connection keeps the order and ends with either process, killed at any moment.  Either side may drop
 * the attachment whenever it likes, mapping the other's memory may fail, and who connects tries again.
 *
 * Shown: when nothing is under way any more, both have the same attachment or none has one; nobody waits for an answer for ever,
 * nor keeps what the dead had.  Each step that sees to it is left out by -DWITHOUT_name. */
#define OFFERS 3

mtype = { NONE, OFFERED, JOINED }
mtype = { OFFER, ANSWER, REFUSE, END }

chan to_acceptor = [6] of { mtype, byte };
chan to_connector = [6] of { mtype, byte };

mtype connector = NONE;
mtype acceptor = NONE;
byte connector_id = 0;
byte acceptor_id = 0;
bool connector_dead = false;
bool acceptor_dead = false;

#ifndef WITHOUT_identity_of_the_attachment
#define IS_MINE(number, own) (number == own)
#else
#define IS_MINE(number, own) true
#endif

active proctype connecting()
{
    byte offers = 0;
    byte drops = 1;
    byte id = 0;
    bool may_die = true;
    bool is_done = false;
    bool by_other_means = false; /* ZeroMQ, after a refusal */

end_connecting:
    do
    :: connector == NONE && offers < OFFERS && !by_other_means && !is_done ->
        offers++;
        connector_id = offers;
send_offer:
        atomic { connector = OFFERED; to_acceptor!OFFER, connector_id }
    :: to_connector?ANSWER, id ->
        if
        :: connector == OFFERED && IS_MINE(id, connector_id) ->
            if
            :: true ->
join_answer:
                connector = JOINED
            :: true -> /* its memory cannot be mapped */
                connector = NONE;
                by_other_means = true;
#ifndef WITHOUT_end_of_what_cannot_be_mapped
                to_acceptor!END, connector_id
#else
                skip
#endif
            fi
        :: else
        fi
    :: to_connector?REFUSE, id ->
        if
        :: connector == OFFERED && IS_MINE(id, connector_id) ->
#ifndef WITHOUT_take_refusal
take_refusal:
            connector = NONE;
            by_other_means = true
#else
            skip
#endif
        :: else
        fi
    :: to_connector?END, id ->
        if
        :: connector != NONE && IS_MINE(id, connector_id) -> connector = NONE
        :: else
        fi
    :: connector != NONE && drops > 0 ->
        drops--;
        connector = NONE;
#ifndef WITHOUT_tell_the_end
tell_the_end:
        to_acceptor!END, connector_id;
#endif
        if
        :: true -> by_other_means = true /* it does not come back */
        :: true
        fi
    :: acceptor_dead && !is_done ->
#ifndef WITHOUT_see_the_connection_end
see_the_connection_end:
        connector = NONE;
#endif
        is_done = true
    :: may_die -> may_die = false
    :: may_die -> atomic { connector_dead = true; connector = NONE }; break
    od
}

active proctype accepting()
{
    byte drops = 1;
    byte id = 0;
    bool may_die = true;
    bool is_done = false;

end_accepting:
    do
    :: to_acceptor?OFFER, id ->
#ifdef WITHOUT_tell_the_end
        if
        :: acceptor == JOINED -> acceptor = NONE; to_connector!END, acceptor_id
        :: else
        fi;
#endif
        if
        :: !is_done ->
join_offer:
            acceptor_id = id;
            acceptor = JOINED;
send_answer:
            to_connector!ANSWER, id
        :: true ->
send_refusal:
            to_connector!REFUSE, id
        fi
    :: to_acceptor?END, id ->
        if
        :: acceptor == JOINED && IS_MINE(id, acceptor_id) ->
#ifndef WITHOUT_take_the_end
take_the_end:
            acceptor = NONE
#else
            skip
#endif
        :: else
        fi
    :: acceptor == JOINED && drops > 0 ->
        drops--;
        acceptor = NONE;
        to_connector!END, acceptor_id
    :: connector_dead && !is_done && empty(to_acceptor) -> acceptor = NONE; is_done = true
    :: may_die -> may_die = false
    :: may_die -> atomic { acceptor_dead = true; acceptor = NONE }; break
    od
}

active proctype observer()
{
end_observer:
    timeout;
    assert(connector != OFFERED || acceptor_dead);
    assert(connector_dead || acceptor_dead || (connector == JOINED) == (acceptor == JOINED));
    assert(connector != JOINED || acceptor != JOINED || connector_id == acceptor_id);
    assert(!acceptor_dead || connector == NONE);
    assert(!connector_dead || acceptor == NONE)
}
