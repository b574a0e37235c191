#!/bin/sh
# A space in a directory that is full, or closed to this process: an error that says so, nothing half-made is left, and with room it
# works.  Without capabilities, because to root nothing is closed.
. "$(dirname "$0")/../checks/lib.sh"

pipeline=$build_dir/tests/integration/test_app
program=$build_dir/tests/integration/test_space
[ -x "$pipeline" ] && [ -x "$program" ] || skip "the tests are not built"
command -v setpriv >/dev/null || skip "setpriv is not installed"
without="setpriv --bounding-set -all --inh-caps=-all --no-new-privs"
$without true 2>/dev/null || without="setpriv --inh-caps=-all --no-new-privs" # of nobody's who is not root

for case in a_directory_that_others_can_reach_is_refused leftovers_of_the_dead_go_with_the_next_start \
    a_dead_nodes_name_is_taken_over_with_a_greater_epoch a_live_socket_is_never_stolen_and_a_stale_one_replaced; do
    $without "$program" $case >"$scratch/out" 2>&1 || complain "$case without capabilities: $(cat "$scratch/out")"
done

# start DIRECTORY: one node with all actors, which ends by itself.
cat >"$scratch/start" <<END
XDG_RUNTIME_DIR=\$1 exec "$pipeline" --app --space wx --node all --wait 60 10
END

mkdir -m 700 "$scratch/closed"
chmod 500 "$scratch/closed"
$without sh "$scratch/start" "$scratch/closed" >"$scratch/out" 2>&1 && complain "a closed directory is taken"
grep -q 'maiko: Permission denied' "$scratch/out" || complain "a closed directory: $(cat "$scratch/out")"

unshare -Urm mount -t tmpfs none /mnt >/dev/null 2>&1 || { [ "$complaints" -eq 0 ] && skip "no mounts in a user namespace here"; verdict; }
cat >"$scratch/full" <<'END'
mount -t tmpfs -o size=16k none /mnt || exit 3
mkdir -m 700 /mnt/run
dd if=/dev/zero of=/mnt/full bs=4k count=64 2>/dev/null
sh "$1" /mnt/run && { echo "works without room"; exit 1; }
[ -z "$(ls -A /mnt/run/maiko/wx)" ] || { echo "left behind:"; ls -AR /mnt/run; exit 2; }
rm /mnt/full
sh "$1" /mnt/run || { echo "does not work with room"; exit 1; }
END
unshare -Urm sh "$scratch/full" "$scratch/start" >"$scratch/out" 2>&1 || complain "in a tmpfs of 16 KiB: $(cat "$scratch/out")"
grep -q 'No space left on device' "$scratch/out" || complain "in a tmpfs of 16 KiB: $(cat "$scratch/out")"
verdict
