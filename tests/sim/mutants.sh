#!/bin/sh
# Mutants: the runtime broken on purpose, one mechanism at a time.  The simulation has to fail on each of them.
# A mutant is one file of the runtime with one line changed, linked in front of the library into a simulation of its own.
. "$(dirname "$0")/../checks/lib.sh"
need_plain_build

simulation="$build_dir/tests/sim/test_runtime.o $build_dir/tests/sim/performer.o $build_dir/tests/sim/troupe.o
    $build_dir/tests/sim/troupe_check.o"
library="$build_dir/tests/lib/.libs/libtestkit.a $build_dir/libmaiko/.libs/libmaiko-core.a"
tried=0

build()
{
    ${CC:-cc} -std=gnu11 -O1 -D_GNU_SOURCE -iquote "$source_dir/libmaiko" -I"$source_dir/libmaiko/include" \
        -c -o "$scratch/mutant.o" "$scratch/mutant.c" && \
        ${CC:-cc} -o "$scratch/mutant" $simulation "$scratch/mutant.o" $library -lcunit -lpthread
}

# mutant WHAT FILE FROM TO: a basic regular expression that meets one line, and what is to stand there.
mutant()
{
    tried=$((tried + 1))
    original=$source_dir/libmaiko/runtime/$2
    sed "s~$3~$4~" "$original" >"$scratch/mutant.c"
    if [ "$(diff "$original" "$scratch/mutant.c" | grep -c '^>')" -ne 1 ]; then
        complain "$1: the line to change is not there once"
    elif ! build >"$scratch/output" 2>&1; then
        complain "$1: does not build"
        sed 's/^/    /' "$scratch/output" | head -n 5
    elif (ulimit -t 10 && exec "$scratch/mutant" >"$scratch/output" 2>&1); then
        complain "$1: the simulation does not notice"
    else
        echo "$1: $(sed -n 's/^# .*\(MAIKO_SEED.*\)/\1/p' "$scratch/output" | head -n 1)"
    fi
}

mutant "no dependency vectors" exchange_read.c '^        take_causes(shard, source, batch);' ''
mutant "a newcomer passes a waiter" dispatch.c '^    queue_hold(shard, mailbox, envelope);' \
    'queue_hold(shard, mailbox, envelope); if (tags \& MAILBOX_WAITED \&\& mailbox_waiting(mailbox) > 1) { uintptr_t *a = \&mailbox->slots[(mailbox->head + mailbox->depth - 1) \& mailbox->mask], *b = \&mailbox->slots[(mailbox->head + mailbox->depth - 2) \& mailbox->mask], c = *a; *a = *b; *b = c; }'
mutant "a debt on the same shard is lost" dispatch.c '^        sender->debt++;' '        sender->debt += sender->debt != 2;'
mutant "a debt elsewhere is lost" dispatch.c '^        atomic_fetch_add_explicit(&sender->remote_debt, 1, memory_order_relaxed);' \
    'if (shard->waiting % 16 != 0) atomic_fetch_add_explicit(\&sender->remote_debt, 1, memory_order_relaxed);'
mutant "a payment is forgotten" dispatch.c '^    pay(shard, mailbox_envelope(\*slot));' \
    'if (shard->waiting % 16 != 7) pay(shard, mailbox_envelope(*slot));'
mutant "who waits for bytes is let in one by one" dispatch.c '^    while (mailbox_admit(mailbox))' '    if (mailbox_admit(mailbox))'
mutant "large events are counted by number alone" dispatch.c '^    if (mailbox->is_bounded)' '    if (false)'
mutant "bytes are not looked at" mailbox.c '^    if (bound->bytes >= bound->limit && !bound->is_closed)' '    if (false)'
mutant "bytes are not given back" mailbox.c '^    bound->bytes -= mailbox_weight(entry);' ''
mutant "what leaves a full mailbox is not noticed" mailbox.c '^        \*slot_at(mailbox, i) |= MAILBOX_WEIGHED;' '        ;'
mutant "what goes for a large event need not be enough" mailbox.c \
    '^    return bound->evictable >= bytes || (mailbox_waiting(mailbox) == 0 .*' '    return bound->evictable > 0;'
mutant "an event past the bound has no place anywhere" mailbox.c '^    if (bound->is_closed && bound->bytes >= bound->limit)' \
    '    if (bound->is_closed \&\& mailbox->depth > mailbox->capacity \&\& bound->bytes + mailbox_weight(mailbox_at(mailbox, mailbox->capacity)) >= bound->limit)'
mutant "a sender is not released" dispatch.c '^    if (atomic_fetch_sub_explicit(&actor->remote_debt, 1, memory_order_acq_rel) == 1)' \
    'if (atomic_fetch_sub_explicit(\&actor->remote_debt, 1, memory_order_acq_rel) == 2)'
mutant "cycles over shards are not seen" deadlock.c '(visible >> from->shard->index & 1) && from->is_candidate' \
    'from->shard == actor->shard \&\& from->is_candidate'
mutant "who keeps others waiting is not looked at" dispatch.c '^        shard_note_crowded(shard, actor);' ''
mutant "a cycle is not resolved" deadlock.c '^    actor->is_overdrawn = true;' ''
mutant "what was held back is never too late" exchange_read.c '^    if (shard->depended\[source\] >= since->flush) {' '    if (false) {'
mutant "what a mark kept back is no last value" last_values.c '^    shard->untold_shards |= UINT64_C(1) << target;' ''
mutant "a moment does not know of others before it" exchange_read.c '^        sum += batch->deps\[k\];' ''
mutant "a held sender is never confirmed" exchange_read.c '^        ring_confirm(shard->in\[source\], shard->consumed\[source\]);' ''
mutant "a batch is cut at the end of a segment" ring.c '^    if (record->kind == RING_SEGMENT_END) {' '    if (false) {'
mutant "a stop does not drain" supervisor_stop.c '^    in_time = !sup->is_abandoned && drain_polled(sup, deadline_ns);' \
    '    in_time = deadline_ns != 0;'
mutant "a drop is not counted" dispatch.c '^    COUNT(subscriber->counters, dropped, 1);' ''
mutant "last values come in no order" last_values.c '^    if (is_before(a->newest, a->newest_at, b->newest, b->newest_at))' \
    '    if (is_before(b->newest, b->newest_at, a->newest, a->newest_at))'
mutant "a last value comes once per pattern" last_values.c 'if (last == NULL || had_last_value(giving->subscription, route))' \
    'if (last == NULL)'
mutant "a hold does not hold" import.c '^    atomic_fetch_add_explicit(&actor->remote_debt, 1, memory_order_relaxed);' \
    '    atomic_fetch_add_explicit(\&actor->remote_debt, 0, memory_order_relaxed);'
mutant "who is held from outside gets out of a cycle" deadlock.c '^    if (visible != supervisor_all_shards(sup))' '    if (true)'
mutant "an overdraft begins again" deadlock.c '^    if (!actor->has_overdraft)' '    if (true)'
mutant "an overdraft has no end" send.c '^    if (actor->is_overdrawn && actor->overdraft == 0 && may_block(shard, sending))' '    if (false)'
mutant "the outbox limit is not looked at" send.c '^        (actor->debt >= shard->sup->config.outbox_limit_events ||' '        (false ||'
mutant "time goes back with the clock" ../base/clock.c '^    return clock_clamp(clock_wall_ns(clock), last);' \
    '    return last == NULL ? 0 : clock_wall_ns(clock);'
mutant "a foreign id is lost" inbox.c '^    record->id = maiko_id_is_nil(event->id) ?' '    record->id = true ?'
mutant "a polled stop does not wait for a retry" supervisor_stop.c '(sup->config.mode == MAIKO_POLLED && supervisor_poll_wait' \
    '(sup->config.mode == MAIKO_DETERMINISTIC \&\& supervisor_poll_wait'
mutant "a late shard does not learn who subscribed" dedicated.c '^    maiko_status status = interest_teach(other, newcomer);' '    maiko_status status = MAIKO_OK;'
mutant "a late shard is told nothing" dedicated.c '^    other->peers = newcomer->index + 1;' ''
mutant "a late shard does not learn who publishes" dedicated.c \
    '^        status = streams_teach(&other->streams, &newcomer->streams);' '        status = MAIKO_OK;'

# Those of the ends of streams, which a simulation of its own compares with their definition.
simulation="-Wl,--wrap=world_end_cycles,--wrap=actor_check_end $build_dir/tests/sim/test_ends.o"
mutant "what an actor subscribes to is no reason to look for cycles" install.c '^    shard->has_new_ends = true;$' ''
mutant "a finish is no reason to look for cycles" actor.c '^    actor->shard->has_new_ends = true;$' ''
mutant "nor is a step that stops going on" world.c '^        actor->rare->step_went_on = true;' '        ;'
mutant "nor is what was under way" world.c '^        actor->shard->has_new_ends = true;' '        ;'
mutant "who subscribes late is not asked" install.c '^    if (shard->has_late_listeners)' '    if (false)'
mutant "who may end is not asked" install.c '^        (void)topic_overlap_index(.*' '        ;'
mutant "an outsider is not heard over others" world.c '^    while ((actor = search->dropped) != NULL) {' '    while (false) {'
mutant "nobody is remembered who has finished" ../routing/streams.c '^    if (publication->all.total > 0) {' '    if (false) {'
echo "$tried mutants"
verdict
