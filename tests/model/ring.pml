/* The ring of a shared-memory link: publication, reuse of room, and sleeping and waking on both sides (bridge/shm/shm_writer.c and
 * shm_reader.c; a label here is the `step:` there).
 *
 * Memory is weak: a store waits in the buffer of its process until memory(), in any order, makes it visible; a load of a record may be
 * performed later than it stands in the program; and where acquire is left out, earlier.  A release and a fence wait for what
 * they order.  Each is left out by -DWITHOUT_name (models.sh tries them all).
 *
 * Shown: every record is read once, in order and whole, and nobody sleeps for ever. */
#ifndef RECORDS
#define RECORDS 3
#endif
#define SLOTS 2

/* what everybody can see */
byte record[SLOTS];
byte head;
byte consumed;
byte writer_asleep;
byte reader_asleep;
bool writer_event; /* eventfds */
bool reader_event;

/* stores of the writer that nobody sees yet */
bool record_buffered[SLOTS];
byte buffered_record[SLOTS];
bool head_buffered;
byte buffered_head;
bool writer_asleep_buffered;
byte buffered_writer_asleep;

/* stores and loads of the reader */
bool consumed_buffered;
byte buffered_consumed;
bool reader_asleep_buffered;
byte buffered_reader_asleep;
bool load_under_way;
byte load_slot_number;
byte load_expected;

#define WRITER_STORED (!record_buffered[0] && !record_buffered[1] && !head_buffered && !writer_asleep_buffered)
#define RECORDS_STORED (!record_buffered[0] && !record_buffered[1])
#define READER_STORED (!consumed_buffered && !reader_asleep_buffered && !load_under_way)

active proctype memory()
{
end_memory:
    do
    :: atomic { record_buffered[0] -> record[0] = buffered_record[0]; record_buffered[0] = false }
    :: atomic { record_buffered[1] -> record[1] = buffered_record[1]; record_buffered[1] = false }
    :: atomic { head_buffered -> head = buffered_head; head_buffered = false }
    :: atomic { writer_asleep_buffered -> writer_asleep = buffered_writer_asleep; writer_asleep_buffered = false }
    :: atomic { consumed_buffered -> consumed = buffered_consumed; consumed_buffered = false }
    :: atomic { reader_asleep_buffered -> reader_asleep = buffered_reader_asleep; reader_asleep_buffered = false }
    :: atomic { load_under_way -> assert(record[load_slot_number] == load_expected); load_under_way = false }
    od
}

active proctype writer()
{
    byte next = 0; /* records written */
    byte published = 0;
    byte seen = 0; /* consumed, as told */
    byte before;
    byte sleeps = 0;
    byte woken = 0;
    byte asleep;
    bool is_full = false;

    do
    :: next < RECORDS && next - seen < SLOTS ->
        atomic { buffered_record[next % SLOTS] = next + 1; record_buffered[next % SLOTS] = true; next++ }
    :: next < RECORDS && next - seen == SLOTS && !is_full ->
#ifdef WITHOUT_acquire_load_consumed
        /* the next record is stored before the load that allows it; where it would not allow it, this never happens */
        atomic { buffered_record[next % SLOTS] = next + 1; record_buffered[next % SLOTS] = true }
        (RECORDS_STORED);
#endif
load_consumed:
        seen = consumed;
#ifdef WITHOUT_acquire_load_consumed
        if
        :: next - seen == SLOTS -> goto end_never
        :: else -> next++
        fi;
#endif
        assert(seen <= published);
        is_full = (next - seen == SLOTS)
    :: next != published ->
#ifndef WITHOUT_release_publish_head
        (RECORDS_STORED);
#endif
publish_head:
        atomic { buffered_head = next; head_buffered = true; published = next }
#ifndef WITHOUT_fence_publish
fence_publish:
        (WRITER_STORED);
#endif
load_reader_asleep:
        asleep = reader_asleep;
        if
        :: asleep != 0 && asleep != woken -> atomic { woken = asleep; reader_event = true }
        :: else
        fi
    :: is_full && next == published ->
        before = seen;
        sleeps++;
store_writer_asleep:
        atomic { buffered_writer_asleep = sleeps; writer_asleep_buffered = true }
#ifndef WITHOUT_fence_writer_sleep
fence_writer_sleep:
        (WRITER_STORED);
#endif
#ifndef WITHOUT_second_look_of_the_writer
        seen = consumed;
#endif
        if
        :: seen == before -> atomic { writer_event -> writer_event = false }
        :: else
        fi;
store_writer_awake:
        atomic { buffered_writer_asleep = 0; writer_asleep_buffered = true }
        is_full = false
    :: next == RECORDS && published == RECORDS -> break
    od;
end_never:
    skip
}

active proctype reader()
{
    byte next = 0; /* records read */
    byte confirmed = 0;
    byte seen = 0; /* head, as told */
    byte sleeps = 0;
    byte woken = 0;
    byte asleep;
    bool is_empty = false;
    byte early;
    bool is_early = false;

    do
    :: next < seen ->
        (!load_under_way);
load_record:
        if
        :: is_early -> assert(early == next + 1)
        :: else -> atomic { load_slot_number = next % SLOTS; load_expected = next + 1; load_under_way = true }
        fi;
        is_early = false;
        next++
    :: next == seen && next < RECORDS && !is_empty ->
#ifdef WITHOUT_acquire_load_head
        early = record[next % SLOTS];
        is_early = true;
#endif
load_head:
        seen = head;
        assert(seen >= next && seen - confirmed <= SLOTS);
        is_empty = (seen == next)
    :: next != confirmed ->
#ifndef WITHOUT_release_store_consumed
        (!load_under_way);
#endif
store_consumed:
        atomic { buffered_consumed = next; consumed_buffered = true; confirmed = next }
#ifndef WITHOUT_fence_confirm
fence_confirm:
        (READER_STORED);
#endif
load_writer_asleep:
        asleep = writer_asleep;
        if
        :: asleep != 0 && asleep != woken -> atomic { woken = asleep; writer_event = true }
        :: else
        fi
    :: is_empty && next == confirmed ->
        sleeps++;
store_reader_asleep:
        atomic { buffered_reader_asleep = sleeps; reader_asleep_buffered = true }
#ifndef WITHOUT_fence_reader_sleep
fence_reader_sleep:
        (READER_STORED);
#endif
#ifndef WITHOUT_second_look_of_the_reader
        if
        :: head == next -> atomic { reader_event -> reader_event = false }
        :: else
        fi;
#else
        atomic { reader_event -> reader_event = false }
#endif
store_reader_awake:
        atomic { buffered_reader_asleep = 0; reader_asleep_buffered = true }
        is_empty = false
    :: next == RECORDS && confirmed == RECORDS -> break
    od
}
