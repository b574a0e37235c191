#!/bin/sh
# Same run: processes differ in the seed of their hash tables (hash_seed.h), and a run of one seed of the simulation does not.
. "$(dirname "$0")/../checks/lib.sh"
need_plain_build

# same NAME COMMAND...: twice, its output compared
same()
{
    name=$1
    shift
    "$@" >"$scratch/one" 2>&1 || complain "$name: fails"
    "$@" >"$scratch/other" 2>&1 || complain "$name: fails the second time"
    [ "$(wc -l <"$scratch/one")" -gt 3 ] || complain "$name: says nothing"
    cmp -s "$scratch/one" "$scratch/other" || complain "$name: differs from process to process"
}

for seed in 3 71 113 297 746 1201; do
    same "runtime, seed $seed" env MAIKO_SEED=$seed "$build_dir/tests/sim/test_runtime"
done
for seed in 8 78 125 192; do
    same "ends, seed $seed" env MAIKO_SEED=$seed "$build_dir/tests/sim/test_ends"
done
[ ! -x "$build_dir/tests/sim/test_links" ] || for seed in 5 17; do
    same "links, seed $seed" env MAIKO_SEED=$seed MAIKO_TRACE=1 "$build_dir/tests/sim/test_links"
done
verdict
