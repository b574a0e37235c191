#!/bin/sh
# The simulation is worth something only if it notices: links with one mistake each must fail it.
. "$(dirname "$0")/../checks/lib.sh"
need_plain_build
[ -e "$build_dir/bridge/.libs/libmaiko-bridge-core.a" ] || skip "no bridge in this build"
cd "$source_dir"

flags="-std=gnu11 -O1 -D_GNU_SOURCE -iquote $scratch -iquote libmaiko -iquote bridge -iquote tests -Ilibmaiko/include -Ibridge/include"
archives="$build_dir/tests/lib/.libs/libtestkit.a $build_dir/bridge/.libs/libmaiko-bridge-core.a"
archives="$archives $build_dir/libmaiko/.libs/libmaiko-core.a"

compile()
{
    ${CC:-cc} $flags -c "$1" -o "$2"
}

links="$build_dir/tests/sim/test_links.o $build_dir/tests/sim/world.o $build_dir/tests/sim/promises.o $build_dir/tests/sim/network.o"
relays="$build_dir/tests/sim/test_relays.o $build_dir/tests/sim/mesh.o $build_dir/tests/sim/network.o"
simulation=$links

# run OBJECT...: the simulation with these objects instead of those in the archive.  It takes 4 s of CPU time; a mutant that
# goes round in circles is noticed when it has had five times that.
run()
{
    ${CC:-cc} "$@" $simulation $archives -ljansson -lcunit -lpthread -lm \
        -o "$scratch/sim"
    (ulimit -t 20 && exec "$scratch/sim" >"$scratch/out" 2>&1)
}

# mutant WHAT FILE SED [SOURCE]: must be noticed.  A header is changed for the one source that is named.
mutant()
{
    rm -rf "$scratch/link"
    mkdir "$scratch/link"
    changed=$scratch/link/$(basename "$2")
    sed "$3" "$2" >"$changed"
    if cmp -s "$2" "$changed"; then
        complain "mutant '$1': its place in $2 is gone"
        return
    fi
    compile "${4:-$changed}" "$scratch/mutant.o"
    if run "$scratch/mutant.o"; then
        complain "mutant '$1' passes"
    else
        printf '%s: noticed: %s\n' "$1" "$(grep -m 1 -o 'MAIKO_SEED.*' "$scratch/out" || echo 'the sums, or it died')"
    fi
}

mutant 'no duplicate suppression' bridge/link/peer_records.c 's/if (position < peer->inflow.next) {/if (0) {/'
mutant 'acknowledged before delivered' bridge/link/inflow.c 's/return inflow_waits(inflow) ?.*/return inflow->next;/'
mutant 'honest senders are cut one record early' bridge/link/peer_window.c 's/open < peer->config.window_events ?/open + 1 < peer->config.window_events ?/'
mutant 'a gap is not noticed' bridge/link/peer_records.c 's/if (frame->first > peer->inflow.next) {/if (0) {/'
mutant 'heartbeats repair nothing' bridge/link/peer.c 's/frame->next > peer->inflow.next)/0)/'
mutant 'a loss is not told' bridge/link/stream_loss.c 's/^        same->lost++;/        same->lost += 0;/'
mutant 'nobody is held' bridge/link/stream.c 's/record->entry->topic->holding += .*/(void)record;/'
mutant 'everybody is held' bridge/link/exporter.c 's/return known != NULL .*known->holding > 0;/return known != NULL;/'
mutant 'what waits leaves with the log' bridge/link/stream_loss.c 's/if (stream->is_connected || !stream->is_lossy ||/if (/;s/TRIM_AT_LEAST = 256/TRIM_AT_LEAST = 1/'
mutant 'the window has no end' bridge/link/stream.c 's/return stream->admitted < stream->window_events .*/return true;/'
mutant 'the deadline never comes' bridge/link/peer_export.c 's/now_ns - stream->stuck_since < peer->config.deadline_ns)/true)/'
mutant 'a late refusal is not told' bridge/link/peer_import.c 's/^    if (stream == peer->inflow.stream)$/    if (0)/'
mutant 'refusals of a new stream go on' bridge/link/refusals.c 's/if (count > 0 \&\& refusals->stream != stream)/if (0)/'
mutant 'a late hello makes a wish older' bridge/link/peer_import.c 's/has_our_clock(peer) ?/false ?/'
mutant 'a late hello is not said again' bridge/link/peer_interest.c 's/return peer->doubted_ns == 0 ||.*/return false;/'
mutant 'what is heard again is as old as before' bridge/link/peer_import.c 's/^    peer->met_ns = now_ns;/    (void)now_ns;/'
mutant 'nobody is older by another clock' bridge/link/peer_import.c 's/return wish->made_at_ns <= peer->met_ns \&\&/return false \&\&/'
mutant 'a new life goes on in the old stream' bridge/link/peer_session.c 's/^    if (is_same_life)$/    if (true)/'
mutant 'nothing is sent again' bridge/link/stream.c 's/^    stream->sent = (size_t)(next - stream->base);/    (void)next;/'
simulation=$relays
mutant 'what came by another way is new' bridge/link/origins.h 's/return !origin->has_ways;/return true;/' bridge/link/peer_records.c
mutant 'own events are taken back' bridge/link/peer_records.c 's/if (maiko_id_equal(told->origin, peer->config.identity.node))/if (0)/'
mutant 'hops have no end' bridge/link/peer_records.c 's/else if (told->hops > peer->config.hop_limit)/else if (0)/'
mutant 'the origin is forgotten' bridge/link/origins.c 's/return known == NULL ? (maiko_id){0, 0} : known->node;/return (maiko_id){0, 0};/'
verdict
