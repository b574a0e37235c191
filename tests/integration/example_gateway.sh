#!/bin/sh
# gateway: what a device says comes through; the hook that waits for more hears of the stop, and the device's end is an end of all.
. "$(dirname "$0")/../lib/example.sh"

{
    echo 'reading: 21.5 degrees'
    echo 'reading: 21.7 degrees'
    echo 'reading: stop'
    echo 'gateway: closed'
} >"$scratch/expected"
run gateway
same "the output of gateway"
grep -v stop "$scratch/expected" | sort >"$scratch/ended"
run gateway hang-up
sort "$scratch/actual" >"$scratch/sorted" # who ends first is not said
mv "$scratch/ended" "$scratch/expected"
mv "$scratch/sorted" "$scratch/actual"
same "the output of gateway hang-up"
