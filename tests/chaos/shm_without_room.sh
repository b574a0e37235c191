#!/bin/sh
# Shared memory needs no capability, no file system and no room in /dev/shm, and leaves nothing there.
. "$(dirname "$0")/../checks/lib.sh"
programs="tests/unit/test_shm_area tests/unit/test_shm_ring tests/chaos/test_shm_deaths"
command -v setpriv >/dev/null 2>&1 || skip "setpriv is not installed"
[ -x "$build_dir/tests/unit/test_shm_area" ] || skip "the tests are not built"

# In a tmpfs of 64 KiB that is full; nothing but the filling may be there afterwards.
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

# try WHAT COMMAND...: each of the programs under this command.
try()
{
    what=$1
    shift
    for program in $programs; do
        "$@" "$build_dir/$program" >"$scratch/output" 2>&1 ||
            { complain "$program: fails $what ($?)"; grep -vE '^ok' "$scratch/output" | head -n 20; }
    done
}

try "without capabilities" setpriv --bounding-set -all --inh-caps=-all --no-new-privs
[ "$complaints" -eq 0 ] || verdict
unshare -Urm mount -t tmpfs none /dev/shm >/dev/null 2>&1 || skip "no mounts in a user namespace here"
try "where /dev/shm is full" unshare -Urm sh "$scratch/full"
verdict
