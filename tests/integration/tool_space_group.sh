#!/bin/sh
# The maiko command on a space that the members of a group share, used by another of them.
. "$(dirname "$0")/../checks/lib.sh"

maiko=$build_dir/tools/maiko
pipeline="$build_dir/tests/integration/test_app --app"
[ -x "$maiko" ] || skip "the maiko command is not built"
[ -x "$build_dir/tests/integration/test_app" ] || skip "the test pipeline is not built"
[ "$(id -u)" -eq 0 ] || skip "needs root to become other users"
command -v setpriv >/dev/null || skip "there is no setpriv"

group=$((1000000000 + $$)) # nobody else's, so that the directory is ours to remove
shared=/tmp/maiko-group-$group
trap 'rm -rf "$scratch" "$shared"' EXIT
chmod 711 "$scratch"

other="setpriv --reuid 4712 --regid 4712 --groups 4712,$group"

# as_other EXIT-STATUS COMMAND...: what another member is told.
as_other()
{
    code=$1
    shift
    $other "$@" >"$scratch/out" 2>"$scratch/err" && got=0 || got=$?
    [ "$got" -eq "$code" ] || complain "exit $got instead of $code: $*: $(cat "$scratch/err")"
}

# until_seen TEXT: the other member's ps shows it, at most some seconds later.
until_seen()
{
    tries=0
    until $other "$maiko" ps --space-group $group | grep -q "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 1000 ] || { complain "ps never shows $1"; return 1; }
        $other "$maiko" topic pub --space-group $group --space none --timeout 0.05 x '{}' 2>/dev/null || true
    done
}

$other "$maiko" help >/dev/null 2>&1 || skip "no other user can run what was built here"
as_other 0 "$maiko" ps --space-group $group
setpriv --reuid 4711 --regid 4711 --groups 4711,$group $pipeline --space wx --space-group $group --node all --linger --wait 60 100 >"$scratch/all" 2>&1 &
all=$!
until_seen '^wx  *all  *[0-9]*  *live '

[ "$(stat -c '%a %g' "$shared" "$shared/wx" "$shared/wx/all" | sort -u)" = "2770 $group" ] || complain "$(stat "$shared" "$shared/wx")"
as_other 0 "$maiko" topic list --space-group $group --space wx
grep -q '^wx  *weather/summary  *summary  *all ' "$scratch/out" || complain "topic list: $(cat "$scratch/out")"
as_other 0 "$maiko" topic echo --space-group $group --space wx --last --count 1 weather/summary
grep -q ' weather/summary monthly {' "$scratch/out" || complain "topic echo: $(cat "$scratch/out" "$scratch/err")"
as_other 0 "$maiko" topic pub --space-group $group --space wx weather/reading '{"station":"S9","celsius":41.5,"number":7}'

# who has not asked for it sees nothing of it; who is no member may not; what is not there
as_other 3 "$maiko" ps --space wx
as_other 5 "$maiko" ps --space-group 4713
grep -q 'user 4712 is no member of group "4713"' "$scratch/err" || complain "$(cat "$scratch/err")"
as_other 3 "$maiko" ps --space-group 'no such group' --space wx
grep -q 'there is no group "no such group"' "$scratch/err" || complain "$(cat "$scratch/err")"
as_other 3 "$maiko" ps --space-group $group --space nowhere

kill -KILL $all
wait $all 2>/dev/null || true
until_seen '^wx  *all  *[0-9]*  *stale '
verdict
