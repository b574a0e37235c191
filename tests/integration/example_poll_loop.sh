#!/bin/sh
# poll_loop: lines of the host's own loop come out shouted; what is no UTF-8 or too long is refused, not cut.
. "$(dirname "$0")/../lib/example.sh"

{
    echo 'hello from the loop'
    echo
    printf 'no \377 text\n'
    head -c 300 /dev/zero | tr '\0' x
    echo
    echo 'the end'
} >"$scratch/input"
{
    echo 'HELLO FROM THE LOOP'
    echo
    echo 'refused: not valid UTF-8'
    echo 'refused: too long'
    echo 'THE END'
} >"$scratch/expected"
run poll_loop <"$scratch/input"
same "the output of poll_loop"
