#!/bin/sh
# The maiko command on a running space: ps, topic list, topic pub and topic echo, and its exit codes.
. "$(dirname "$0")/../checks/lib.sh"

maiko=$build_dir/tools/maiko
pipeline="$build_dir/tests/integration/test_app --app"
[ -x "$maiko" ] || skip "the maiko command is not built"
[ -x "$build_dir/tests/integration/test_app" ] || skip "the test pipeline is not built"
XDG_RUNTIME_DIR=$scratch/run
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR"

# until_ok COMMAND...: the command succeeds, at most some seconds later.
until_ok()
{
    tries=0
    until "$@" >"$scratch/out" 2>"$scratch/err"; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { complain "never succeeded: $*: $(cat "$scratch/err")"; return 1; }
        "$maiko" topic pub --space none --timeout 0.05 x '{}' 2>/dev/null || true
    done
}

expect()
{
    code=$1
    shift
    "$@" >"$scratch/out" 2>"$scratch/err" && got=0 || got=$?
    [ "$got" -eq "$code" ] || complain "exit $got instead of $code: $*: $(cat "$scratch/err")"
}

expect 0 "$maiko" ps
expect 2 "$maiko"
expect 2 "$maiko" nothing-like-this
expect 2 "$maiko" topic echo weather/#
expect 3 "$maiko" ps --space none
expect 3 "$maiko" topic pub --space none x '{}'

$pipeline --space wx --node logs --actors logger --linger --wait 20 >"$scratch/logs" 2>&1 &
logs=$!
$pipeline --space wx --node rest --actors sensor,alerter,monthly --linger --wait 20 100 >"$scratch/rest" 2>&1 &
rest=$!

links_ready()
{
    "$maiko" ps --space wx --json | grep '"node":"logs"' | grep -q '"transport":"shm","state":"ready"'
}
until_ok links_ready
expect 0 "$maiko" ps --space wx
grep -q '^wx  *logs  *[0-9]*  *live  *logger  *rest(shm,ready)$' "$scratch/out" || complain "ps: $(cat "$scratch/out")"
"$maiko" ps --space wx --json >"$scratch/out"
grep '"node":"rest"' "$scratch/out" | grep -q '"peer":"logs".*"offered":[1-9].*"lost":{"window":0,' || complain "ps --json: $(cat "$scratch/out")"
expect 0 "$maiko" topic list --space wx
grep -q '^wx  *rest  *weather/summary  *summary  *monthly$' "$scratch/out" || complain "topic list: $(cat "$scratch/out")"

"$maiko" topic echo --space wx --history --count 8 'weather/alert' >"$scratch/echo" 2>&1 || complain "echo: $(cat "$scratch/echo")"
[ "$(grep -c ' weather/alert alerter {"celsius":4[6-9].*,"number":[0-9]*}$' "$scratch/echo")" -eq 8 ] || complain "echo: $(cat "$scratch/echo")"

# echo_says TEXT PATTERN [SPACE]: on stderr, while it waits.
echo_says()
{
    "$maiko" topic echo --space "${3:-wx}" "$2" >"$scratch/echo" 2>&1 &
    echo=$!
    until_ok grep -q "$1" "$scratch/echo" || complain "echo $2: $(cat "$scratch/echo")"
    kill -TERM $echo
    wait $echo || true
}
echo_says 'no node exports such a topic yet' other/topic
echo_says 'nobody is in space nowhere yet' other/topic nowhere

expect 0 "$maiko" topic pub --space wx weather/reading '{"station":"S9","celsius":41.5,"number":7}'
expect 1 "$maiko" topic pub --space wx weather/reading '{"station":7}'
expect 1 "$maiko" topic pub --space wx weather/reading 'no json'
expect 1 "$maiko" topic pub --space wx unheard/of '{}'

kill -TERM $logs $rest
wait $logs || complain "logs: $(cat "$scratch/logs")"
wait $rest || complain "rest: $(cat "$scratch/rest")"
expect 0 "$maiko" ps --space wx
verdict
