#!/bin/sh
# weather as three processes, over the space's ipc:// and over tcp://, on the real record: what each actor makes the logger print is
# what one process prints, in the same order.
. "$(dirname "$0")/../lib/example.sh"

data=$source_dir/examples/data/seattle-weather.csv
XDG_RUNTIME_DIR=$scratch/run
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR"

run weather "$data"
mv "$scratch/actual" "$scratch/one"
weather=$build_dir/examples/weather

# compare HOW: $scratch/three against $scratch/one, the lines of every sender apart.
compare()
{
    for kind in alert summary '[0-9]'; do
        grep "^$kind" "$scratch/one" >"$scratch/expected"
        grep "^$kind" "$scratch/three" >"$scratch/actual" || true
        same "$1, lines that begin with $kind"
    done
}

# split HOW OPTIONS-OF-REST OPTIONS-OF-LOGGER OPTIONS-OF-SENSOR
split()
{
    "$weather" --actors alerter,monthly $2 >"$scratch/rest" 2>&1 &
    rest=$!
    "$weather" --actors logger $3 >"$scratch/three" 2>"$scratch/errors" &
    logger=$!
    "$weather" --actors sensor $4 "$data" >"$scratch/sensor" 2>&1 || { cat "$scratch/sensor"; exit 1; }
    wait $rest || { cat "$scratch/rest"; exit 1; }
    wait $logger || { cat "$scratch/errors"; exit 1; }
    compare "$1"
}

split "over ipc" "--space wx" "--space wx" "--space wx"
port=$((20000 + $$ % 20000))
first=tcp://127.0.0.1:$port
second=tcp://127.0.0.1:$((port + 1))
split "over tcp" "--listen $first" "--listen $second --connect $first" "--connect $first --connect $second"
