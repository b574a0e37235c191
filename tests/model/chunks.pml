/* Chunks of a shared-memory link: lent by a record, read in place, given back in any order through the return ring
 * (bridge/shm/shm_chunks.c, shm_reader.c; a label here is the `step:` there).  Memory is as weak as in ring.pml; the ring of records,
 * shown there, is a channel here.
 *
 * Shown: no chunk is written while it is read, only chunks that are out come back, each once, and in the end all are back. */
#define EVENTS 5
#define CHUNKS 2 /* so many slots, too */
#define NONE 255

byte chunk[CHUNKS];     /* contents, as everybody sees them */
byte slots[CHUNKS];     /* the return ring */
byte returned;
chan ring = [CHUNKS] of { byte, byte }; /* slot, contents */

/* stores and loads of the reader that were not performed yet */
bool slot_buffered[CHUNKS];
byte buffered_slot[CHUNKS];
bool returned_buffered;
byte buffered_returned;
bool load_under_way[CHUNKS]; /* of a chunk */
byte load_expected[CHUNKS];
bool reader_has[CHUNKS];

active proctype memory()
{
end_memory:
    do
    :: atomic { slot_buffered[0] -> slots[0] = buffered_slot[0]; slot_buffered[0] = false }
    :: atomic { slot_buffered[1] -> slots[1] = buffered_slot[1]; slot_buffered[1] = false }
    :: atomic { returned_buffered -> returned = buffered_returned; returned_buffered = false }
    :: atomic { load_under_way[0] -> assert(chunk[0] == load_expected[0]); load_under_way[0] = false }
    :: atomic { load_under_way[1] -> assert(chunk[1] == load_expected[1]); load_under_way[1] = false }
    od
}

active proctype writer()
{
    byte next = 0; /* events written */
    byte collected = 0;
    byte seen = 0; /* returned, as told */
    byte count = 0;
    bool lent[CHUNKS];
    byte free;
    byte slot;
    byte early = NONE;

    do
    :: next < EVENTS && count < CHUNKS ->
        atomic { free = (lent[0] -> 1 : 0); lent[free] = true; count++; next++ }
        chunk[free] = next;
        ring!free, next
    :: collected != EVENTS && count > 0 && seen == collected ->
#ifdef WITHOUT_acquire_load_returned
        early = slots[collected % CHUNKS];
#endif
load_returned:
        seen = returned;
        assert(seen - collected <= count)
    :: collected != seen ->
load_slot:
        if
        :: early != NONE -> slot = early
        :: else -> slot = slots[collected % CHUNKS]
        fi;
        atomic {
            early = NONE;
            assert(slot < CHUNKS && lent[slot]);
            lent[slot] = false;
            slot = 0;
            count--;
            collected++
        }
    :: collected == EVENTS -> break
    od
}

active proctype reader()
{
    byte next = 0;
    byte given = 0; /* chunks given back */
    byte slot;
    byte contents;

    do
    :: ring?slot, contents ->
        atomic {
            assert(!reader_has[slot]);
            reader_has[slot] = true;
            load_under_way[slot] = true;
            load_expected[slot] = contents;
            next++
        }
    :: given < EVENTS && (reader_has[0] || reader_has[1]) ->
        if
        :: reader_has[0] -> slot = 0
        :: reader_has[1] -> slot = 1
        fi;
        reader_has[slot] = false;
store_slot:
        atomic { !slot_buffered[given % CHUNKS] -> buffered_slot[given % CHUNKS] = slot; slot_buffered[given % CHUNKS] = true; given++ }
#ifndef WITHOUT_release_store_returned
        (!slot_buffered[0] && !slot_buffered[1] && !load_under_way[slot]);
#endif
store_returned:
        atomic { buffered_returned = given; returned_buffered = true; slot = 0 }
    :: given == EVENTS -> break
    od
}
