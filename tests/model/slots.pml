/* Slots of a pool: lent by a record as often as it is sent, read in place, returned by the thread whose reader was the last
 * (bridge/shm/shm_pool.c, shm_view.c; a label here is the `step:` there).  Memory is as weak as in ring.pml; the ring of records,
 * shown there, is a channel here.
 *
 * Shown: no slot is written while it is read, no reader is believed to have returned more than it had, and in the end all are back. */
#define EVENTS 3
#define AGAIN 1 /* times an event is sent once more */
#define SLOTS 2

byte slot[SLOTS];     /* contents, as everybody sees them */
byte returned[SLOTS]; /* the memory of returns */
chan ring = [SLOTS + AGAIN] of { byte, byte }; /* slot, contents */

/* loads and additions of the reader that were not performed yet */
bool load_under_way[SLOTS];
byte load_expected[SLOTS];
byte additions[SLOTS];
bool reader_has[SLOTS];

active proctype memory()
{
end_memory:
    do
    :: atomic { load_under_way[0] -> assert(slot[0] == load_expected[0]); load_under_way[0] = false }
    :: atomic { load_under_way[1] -> assert(slot[1] == load_expected[1]); load_under_way[1] = false }
    :: atomic { additions[0] > 0 -> additions[0]--; returned[0]++ }
    :: atomic { additions[1] > 0 -> additions[1]--; returned[1]++ }
    od
}

active proctype writer()
{
    byte next = 0; /* events written */
    byte again = 0;
    byte lent[SLOTS];
    byte seen[SLOTS];
    byte told;
    byte n;
    bool early = false;

    do
    :: next < EVENTS && (lent[0] == seen[0] || lent[1] == seen[1]) ->
        atomic {
            if
            :: lent[0] == seen[0] -> n = 0
            :: lent[1] == seen[1] -> n = 1
            fi;
            next++
        }
        slot[n] = next;
        lent[n]++;
        ring!n, next
    :: again < AGAIN && (lent[0] != seen[0] || lent[1] != seen[1]) ->
        atomic {
            if
            :: lent[0] != seen[0] -> n = 0
            :: lent[1] != seen[1] -> n = 1
            fi;
            again++
        }
        lent[n]++;
        ring!n, slot[n]
    :: lent[0] != seen[0] || lent[1] != seen[1] ->
        atomic {
            if
            :: lent[0] != seen[0] -> n = 0
            :: lent[1] != seen[1] -> n = 1
            fi
        }
#ifdef WITHOUT_acquire_load_slot_returned
        if
        :: next < EVENTS -> early = true; slot[n] = next + 1 /* what is written behind the load, before it */
        :: skip
        fi;
#endif
load_slot_returned:
        told = returned[n];
        assert(told - seen[n] <= lent[n] - seen[n]);
        seen[n] = told;
#ifdef WITHOUT_acquire_load_slot_returned
        if
        :: early -> (told == lent[n]); early = false; next++; lent[n]++; ring!n, next
        :: else
        fi;
#endif
        told = 0
    :: next == EVENTS && again == AGAIN && lent[0] == seen[0] && lent[1] == seen[1] -> break
    :: next == EVENTS && again < AGAIN && lent[0] == seen[0] && lent[1] == seen[1] -> again = AGAIN
    od
}

active proctype reader()
{
    byte n;
    byte contents;

end_reader:
    do
    :: ring?n, contents ->
        if
        :: atomic { !reader_has[n] && !load_under_way[n] ->
            reader_has[n] = true;
            load_under_way[n] = true;
            load_expected[n] = contents
           }
        :: reader_has[n] -> additions[n]++ /* copied: it is being read */
        fi
    :: reader_has[0] || reader_has[1] ->
        atomic {
            if
            :: reader_has[0] -> n = 0
            :: reader_has[1] -> n = 1
            fi
        }
#ifndef WITHOUT_release_store_slot_returned
        (!load_under_way[n]);
#endif
store_slot_returned:
        atomic { reader_has[n] = false; additions[n]++ }
    od
}
