#!/bin/sh
# Instructions per event, counted by callgrind, against the committed figures of instructions.txt: a regression that a noisy machine
# hides in the time shows here.  Start-up is taken out by counting two runs of different length; what differs in it from run to
# run, because threads meet differently (3 million instructions in W7), is spread over so many events that it does not matter.
# `actors-actors_uncounted` as program stands for the difference of the two: what counting costs.
#   instructions.sh PROGRAMS_DIR SOURCES_DIR           checks; exit status 1 when a row left its tolerance, 77 when it cannot count
#   instructions.sh --update PROGRAMS_DIR SOURCES_DIR  writes the figures of this build
set -eu

update=no
if [ "${1:-}" = --update ]; then
    update=yes
    shift
fi
programs=${1:?folder of the built programs}
sources=${2:?folder of the sources}
table=$sources/instructions.txt
short=20000
long=420000
long_links=120000

skip() {
    echo "SKIP: $1"
    exit 77
}

command -v "${VALGRIND:-valgrind}" >/dev/null 2>&1 || skip "valgrind is not installed"
# Turns and samples are measured by the clock: with one that moves by its readings the counts do not depend on the machine's speed.
clock=$programs/.libs/slow_clock.so
[ -e "$clock" ] || skip "$clock is not built"

# total PROGRAM ROW EVENTS ARGUMENTS…: all its processes together
total() {
    program=$1 row=$2 events=$3
    shift 3
    case $program in
    links) preload= ;; # its processes wait for each other by deadlines of their own
    *) preload=$clock ;;
    esac
    LD_PRELOAD=$preload "${VALGRIND:-valgrind}" --tool=callgrind --callgrind-out-file=/dev/null "$programs/$program" "$row" events="$events" "$@" 2>&1 >/dev/null |
        awk '/Collected :/ { sum += $NF } END { if (sum > 0) printf "%d\n", sum }'
}

# per_event PROGRAM ROW ARGUMENTS…
per_event() {
    program=$1 row=$2
    shift 2
    case $program in
    *-*)
        with=$(per_event "${program%-*}" "$row" "$@")
        without=$(per_event "${program#*-}" "$row" "$@")
        [ "$with" -gt 0 ] && [ "$without" -gt 0 ] || { echo 0; return; }
        [ "$with" -gt "$without" ] || with=$((without + 1)) # what costs nothing counts as 1: 0 says that it did not run
        echo $((with - without))
        return
        ;;
    esac
    most=$long
    [ "$program" != links ] || most=$long_links
    few=$(total "$program" "$row" $short "$@")
    many=$(total "$program" "$row" $most "$@")
    [ -n "$few" ] && [ -n "$many" ] || { echo 0; return; }
    echo $(((many - few) / (most - short)))
}

failed=0
new=$(mktemp)
trap 'rm -f "$new"' EXIT
while read -r row program committed tolerance arguments; do
    case $row in
    '' | '#'*)
        echo "$row${program:+ $program}${committed:+ $committed}${tolerance:+ $tolerance}${arguments:+ $arguments}" >>"$new"
        continue
        ;;
    esac
    # shellcheck disable=SC2086 # arguments are words
    counted=$(per_event "$program" "$row" $arguments)
    # Threads that meet a busy machine wait and wake more often; a regression is there in each of three counts.
    for again in 2 3; do
        [ $((counted * 100)) -gt $((committed * (100 + tolerance))) ] || break
        # shellcheck disable=SC2086
        recount=$(per_event "$program" "$row" $arguments)
        echo "# $row $program: count $again: $recount after $counted"
        [ "$recount" -eq 0 ] || [ "$recount" -gt "$counted" ] || counted=$recount
    done
    echo "$row $program $counted $tolerance $arguments" >>"$new"
    if [ "$counted" -eq 0 ]; then
        echo "not ok - $row: $program did not run"
        failed=1
    elif [ $((counted * 100)) -gt $((committed * (100 + tolerance))) ]; then
        echo "not ok - $row $program $arguments: $counted instructions per event, committed are $committed (at most $tolerance % more)"
        failed=1
    elif [ $((counted * 100)) -lt $((committed * (100 - tolerance))) ]; then
        echo "ok - $row $program $arguments: $counted instructions per event, well below the committed $committed: update instructions.txt"
    else
        echo "ok - $row $program $arguments: $counted instructions per event, committed are $committed"
    fi
done <"$table"
if [ $update = yes ]; then
    cp "$new" "$table"
    exit 0
fi
exit $failed
