#!/bin/sh
# backpressure: producer and consumer agree on the checksum of all blocks; reports may be missing, never out of order.
. "$(dirname "$0")/../lib/example.sh"

run backpressure
cp "$scratch/actual" "$scratch/all"
sed -n 's/^Producer checksum: \([0-9a-f]\{16\}\)$/\1 (1000 blocks)/p' "$scratch/all" >"$scratch/expected"
sed -n 's/^Consumer checksum: //p' "$scratch/all" >"$scratch/actual"
[ -s "$scratch/expected" ] || { echo "the producer printed no checksum"; exit 1; }
same "the checksum"

sed -n 's/^Transferred \([0-9]*\) bytes so far$/\1/p' "$scratch/all" >"$scratch/actual"
sort -n -u "$scratch/actual" >"$scratch/expected"
same "the order of the reports"
awk '$1 % 51200 != 0 || $1 > 1024000 { print "no such report: " $1; bad = 1 } END { exit bad }' "$scratch/actual"
