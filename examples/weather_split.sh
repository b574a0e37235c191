#!/bin/sh
# The weather pipeline in one process, in three of a space (shared memory), over ipc:// and over tcp://127.0.0.1: what every actor
# makes the logger print must agree, in the same order, and whatever left a process must have arrived.  Prints a line for each; 1
# when one differs.
#
# usage: weather_split.sh PROGRAM FILE.csv [PROGRAM-OF-THE-OTHERS]      (weather or weather_cxx; the second runs all but the sensor)
set -eu
export LC_ALL=C
sensor=$1
file=$2
others=${3:-$1}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/maiko-weather.XXXXXX")
children=
trap 'kill $children 2>/dev/null || :; rm -rf "$scratch"' EXIT
mkdir -m 700 "$scratch/run"
export XDG_RUNTIME_DIR="$scratch/run"
unset MAIKO_COUNTERS_DIR
seconds=$((120 * ${MAIKO_TEST_SLOWDOWN:-1}))

fail()
{
    printf '%s\n' "$*"
    exit 1
}

# process NAME PROGRAM OPTION...: in the background; output and the figures of its links (--stats) in files of that name.
process()
{
    name=$1
    shift
    timeout $seconds "$@" >"$scratch/$name.out" 2>"$scratch/$name.err" &
    children="$children $!"
}

wait_for_all()
{
    for child in $children; do
        wait "$child" || fail "$1: a process failed: $(cat "$scratch"/*.err)"
    done
    children=
}

# figure NAME: the sum over all processes.
figure()
{
    cat "$scratch/sensor.err" "$scratch/rest.err" "$scratch/logger.err" | grep '^{' | tr ',{}' '\n' |
        awk -F: -v key="\"$1\"" '$1 == key { sum += $2 } END { printf "%d", sum }'
}

lines()
{
    grep -c "^$1" "$scratch/$2.out" || :
}

# The readings go to two processes, alerts and summaries to one; what was sent is what arrived.
check_links()
{
    sent=$(figure acknowledged)
    arrived=$(figure imported)
    lost=$(($(figure lost) + $(figure lost_for_us) + $(figure export_refused) + $(figure import_refused)))
    expected=$((2 * $(awk '/readings/ { print $1 }' "$scratch/one.out") + $(lines alert one) + $(lines summary one)))
    [ "$sent" -eq "$expected" ] && [ "$arrived" -eq "$expected" ] && [ "$lost" -eq 0 ] ||
        fail "$1: $expected events to carry, $sent confirmed, $arrived arrived, $lost lost"
}

# alert: of the alerter; summary: of the monthly; the digits: of the logger itself.
check_output()
{
    for kind in alert summary '[0-9]'; do
        grep "^$kind" "$scratch/one.out" >"$scratch/expected"
        grep "^$kind" "$scratch/logger.out" >"$scratch/actual" || :
        cmp -s "$scratch/expected" "$scratch/actual" || fail "$1: lines '$kind' differ:" \
            "$(diff "$scratch/expected" "$scratch/actual" | head -n 10)"
    done
}

# split TITLE OPTIONS-OF-REST OPTIONS-OF-LOGGER OPTIONS-OF-SENSOR
split()
{
    process rest "$others" --stats --actors alerter,monthly $2
    process logger "$others" --stats --actors logger $3
    process sensor "$sensor" --stats --actors sensor $4 "$file"
    wait_for_all "$1"
    check_output "$1"
    check_links "$1"
    printf '%-38s %6d alerts, %d summaries: the same; %d events carried, %d lost\n' "$1" "$(lines alert logger)" \
        "$(lines summary logger)" "$arrived" "$lost"
}

# Two neighbouring ports that nobody listens at.
ports()
{
    port=$((10000 + $$ * 2 % 10000))
    while grep -qi ":\($(printf '%04X' $port)\|$(printf '%04X' $((port + 1)))\) " /proc/net/tcp; do
        port=$((port + 2))
    done
    first=tcp://127.0.0.1:$port
    second=tcp://127.0.0.1:$((port + 1))
}

timeout $seconds "$sensor" "$file" >"$scratch/one.out"
printf '%-38s %6d alerts, %d summaries of %s readings\n' "one process" "$(lines alert one)" "$(lines summary one)" \
    "$(awk '/readings/ { print $1 }' "$scratch/one.out")"
split "three processes in one space" "--space ws" "--space ws" "--space ws"
split "three processes over ipc://" "--space wx --transport zmq" "--space wx --transport zmq" "--space wx --transport zmq"
ports
split "three processes over tcp://127.0.0.1" "--listen $first" "--listen $second --connect $first" \
    "--connect $first --connect $second"
