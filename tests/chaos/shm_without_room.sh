#!/bin/sh
# Shared memory needs no file system: it works where /dev/shm is full and for a process without any
# capability, and it leaves nothing in /dev/shm.
. "$(dirname "$0")/../checks/lib.sh"
command -v unshare >/dev/null 2>&1 || skip "unshare is not installed"
command -v setpriv >/dev/null 2>&1 || skip "setpriv is not installed"
unshare -Urm true 2>/dev/null || skip "no user namespaces here"
[ -x "$build_dir/tests/unit/test_shm_area" ] || skip "the tests are not built"
[ -d /dev/shm ] || skip "there is no /dev/shm"

# fill, then run the program given; nothing but the filling may be there afterwards.
cat >"$scratch/full" <<'END'
mount -t tmpfs -o size=64k none /dev/shm || exit 3
dd if=/dev/zero of=/dev/shm/full bs=4k count=64 2>/dev/null
if echo more >/dev/shm/more 2>/dev/null && [ -s /dev/shm/more ]; then
    echo "/dev/shm is not full"
    exit 3
fi
rm -f /dev/shm/more
"$@" || exit 1
[ "$(ls /dev/shm)" = full ] || { ls -l /dev/shm; exit 2; }
END

for program in tests/unit/test_shm_area tests/unit/test_shm_ring tests/chaos/test_shm_deaths; do
    unshare -Urm sh "$scratch/full" "$build_dir/$program" >"$scratch/output" 2>&1 ||
        { complain "$program: fails where /dev/shm is full ($?)"; grep -vE '^ok' "$scratch/output" | head -n 20; }
    setpriv --bounding-set -all --inh-caps=-all --no-new-privs "$build_dir/$program" >"$scratch/output" 2>&1 ||
        { complain "$program: fails without capabilities ($?)"; grep -vE '^ok' "$scratch/output" | head -n 20; }
done
verdict
