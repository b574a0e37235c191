#!/bin/sh
# Processes of several PID namespaces over one runtime directory, as of containers that share it.  All of them are process 1, so
# numbers mean nothing: shared memory connects them all the same, the death of one is seen by the others, and its name is free.
. "$(dirname "$0")/../checks/lib.sh"
. "$(dirname "$0")/../lib/tool.sh"

weather=$build_dir/examples/weather
record=$source_dir/examples/data/seattle-weather.csv
[ -x "$weather" ] || skip "the example is not built"
unshare -Urpf true 2>/dev/null || skip "no PID namespaces here"
started=
trap 'kill -9 $started 2>/dev/null || :; rm -rf "$scratch"' EXIT

# inside NODE OPTION...: in the background, process 1 of a namespace of its own, which dies with $node.
inside()
{
    name=$1
    shift
    unshare -Urpf --kill-child "$weather" --space wx --transport shm --wait 120 --node "$name" "$@" >"$scratch/$name" 2>&1 &
    node=$!
    started="$started $node"
}

# ps_says NODE WORD...: one line of the node has all of them.  What it says, and what the nodes said, is shown.
ps_says()
{
    "$maiko" ps --space wx >"$scratch/ps" || true
    cat "$scratch/ps" "$scratch/rest" "$scratch/logs"
    grep " $1 " "$scratch/ps" >"$scratch/line" || return 1
    shift
    for word; do grep -q "$word" "$scratch/line" || return 1; done
}

"$weather" "$record" >"$scratch/one" || complain "weather alone: $(cat "$scratch/one")"
inside rest --actors alerter,monthly --linger
rest=$node
inside logs --actors logger
logs=$node
until_ok ps_says logs live 'rest(shm,ready)'
until_ok ps_says rest live 'logs(shm,ready)'

inside rest --actors monthly
wait $node && complain "a live node's name was taken"
grep -q 'node "rest" is already in this space' "$scratch/rest" || complain "a live node's name: $(cat "$scratch/rest")"

kill -9 $rest
is_gone() { ! "$maiko" ps --space wx --json | grep '"node":"logs"' | grep -q '"peer":"rest"[^}]*"state":"ready"'; }
until_ok is_gone
inside rest --actors alerter,monthly
inside start --actors sensor "$record"
wait $node || complain "sensor: $(cat "$scratch/start")"
wait $logs || complain "logger: $(cat "$scratch/logs")"
for kind in alert summary '[0-9]'; do # of each sender
    grep "^$kind" "$scratch/one" >"$scratch/expected"
    grep "^$kind" "$scratch/logs" | cmp -s "$scratch/expected" - || complain "lines '$kind' differ: $(cat "$scratch/logs")"
done
verdict
