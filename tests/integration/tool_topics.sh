#!/bin/sh
# Nodes with more topics than they name: `maiko topic list` and `maiko ps --json` say how many are missing.
. "$(dirname "$0")/../checks/lib.sh"
. "$(dirname "$0")/../lib/tool.sh"

node="$build_dir/tests/integration/test_echo --many"
[ -x "$build_dir/tests/integration/test_echo" ] || skip "the node is not built"

$node --space wx --node full --linger --wait no >"$scratch/full" 2>&1 &
full=$!
names_enough()
{
    "$maiko" ps --space wx --json | grep -q '"topics_left_out":76,'
}
until_ok names_enough || complain "ps --json: $("$maiko" ps --space wx --json | cut -c 1-2000)"
expect 0 "$maiko" topic list --space wx
[ "$(grep -c '^wx  *many/[0-9][0-9][0-9][0-9]  *odd  *full  *many  *[^ ]*  *[^ ]*$' "$scratch/out")" -eq 1024 ] || complain "topic list: $(head "$scratch/out")"
grep -qx 'maiko topic: 76 more topics are not listed: a process names its first 1024 at most' "$scratch/err" ||
    complain "topic list says: $(cat "$scratch/err")"
expect 0 "$maiko" topic list --space wx --json
[ "$(grep -c '"topic":"many/' "$scratch/out")" -eq 1024 ] || complain "topic list --json: $(head "$scratch/out")"
grep -qx '{"space":"wx","node":"full","topic":null,"left_out":76}' "$scratch/out" ||
    complain "topic list --json says nothing of the rest: $(tail -n 3 "$scratch/out")"
kill -TERM $full
wait $full || complain "full: $(cat "$scratch/full")"
verdict
