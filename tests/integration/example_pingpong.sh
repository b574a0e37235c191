#!/bin/sh
# pingpong: ten events, strictly in turn, then the count.
. "$(dirname "$0")/../lib/example.sh"

{
    for _ in 1 2 3 4 5; do
        echo 'Event: Ping received by Pong actor'
        echo 'Event: Pong received by Ping actor'
    done
    echo 'Total events processed: 10'
    echo 'Done'
} >"$scratch/expected"
run pingpong
same "the output of pingpong"
