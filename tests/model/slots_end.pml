/* Slots of a pool behind the end of their link: the reader says which it keeps, and closes; a thread of its may return one meanwhile
 * (bridge/shm/shm_view.c, shm_pool.c; a label here is the `step:` there).  Memory is as weak as in ring.pml.  The slot was lent twice:
 * one time it is read, the other never arrives, so that counting what is returned would not bring it back.
 *
 * Shown: it is not written while it is read, and in the end it is back. */
mtype = { none, out, kept_on };

mtype loan = out;
bool kept;     /* the bit in the memory of returns */
bool closed;
byte slot = 1; /* contents, as everybody sees them */

/* of the reader: what was not performed yet */
bool load_under_way = true;
bool set_buffered;
bool clear_buffered;

active proctype memory()
{
end_memory:
    do
    :: atomic { load_under_way -> assert(slot == 1); load_under_way = false }
    :: atomic { set_buffered -> kept = true; set_buffered = false }
    :: atomic { clear_buffered -> kept = false; clear_buffered = false }
    od
}

/* Any thread of the reader, which reads the event and returns it. */
active proctype returner()
{
loan_ends:
    if
#ifdef WITHOUT_acquire_loan_ends
    :: kept = false; /* what is performed behind it, before it */
        (loan == kept_on)
#endif
    :: atomic {
#ifdef WITHOUT_release_loan_ends
        loan == out -> loan = none
#else
        loan == out && !load_under_way -> loan = none
#endif
       }
    :: loan == kept_on ->
#ifndef WITHOUT_release_clear_kept
        (!load_under_way);
#endif
clear_kept:
        clear_buffered = true
    fi
}

/* The reader's bridge: the link is over. */
active proctype closer()
{
    if
    :: loan == out ->
#ifdef WITHOUT_release_store_closed
        if
        :: closed = true /* performed before all that comes behind the last acquire */
        :: skip
        fi;
#endif
set_kept:
        set_buffered = true;
#ifndef WITHOUT_release_keep_loan
        (!set_buffered);
#endif
keep_loan:
        if
        :: atomic { loan == out -> loan = kept_on }
        :: loan == none ->
            (!set_buffered);
clear_kept:
            clear_buffered = true;
        fi
    :: loan == none
    fi;
    (!set_buffered);
store_closed:
    closed = true
}

active proctype owner()
{
    bool is_kept = false;
#ifdef WITHOUT_acquire_load_closed
    is_kept = kept; /* loaded before */
#endif
load_closed:
    (closed);
    do
    ::
#ifdef WITHOUT_acquire_load_kept
        if
        :: slot = 2 /* what is written behind the load, before it */
        :: skip
        fi;
#endif
load_kept:
#ifndef WITHOUT_acquire_load_closed
        is_kept = kept;
#endif
        if
        :: !is_kept -> break
#ifdef WITHOUT_acquire_load_kept
        :: is_kept && slot == 1 -> (!kept)
#else
        :: is_kept -> (!kept); is_kept = false
#endif
        fi
    od;
    slot = 2
}
