#!/bin/sh
# The maiko command on a running space: ps, topic list, topic pub and topic echo, and its exit codes.
. "$(dirname "$0")/../checks/lib.sh"
. "$(dirname "$0")/../lib/tool.sh"

pipeline="$build_dir/tests/integration/test_app --app"
[ -x "$build_dir/tests/integration/test_app" ] || skip "the test pipeline is not built"

expect 0 "$maiko" ps
expect 2 "$maiko"
expect 2 "$maiko" nothing-like-this
expect 2 "$maiko" topic echo weather/#
expect 3 "$maiko" ps --space none
expect 3 "$maiko" topic pub --space none x '{}'

# refuses TEXT CODE ARGUMENT...: with that text on stderr and nothing on stdout.
refuses()
{
    text=$1
    shift
    expect "$1" "$maiko" $(shift; echo "$@")
    shift
    grep -q "^maiko [a-z]*: .*$text" "$scratch/err" || complain "$*: $(cat "$scratch/err")"
    [ ! -s "$scratch/out" ] || complain "$*: $(cat "$scratch/out")"
}
refuses 'no option -x' 2 ps -x
refuses 'no option --spcae' 2 ps --spcae a
refuses 'space needs a value' 2 ps --space
refuses 'json takes no value' 2 ps --json=x
refuses 'what is foo' 2 ps foo
refuses '--runtime-dir here: not an absolute path' 2 ps --runtime-dir here
refuses '--runtime-dir here: not an absolute path' 2 topic list --runtime-dir here
refuses 'nobody is in space none' 3 ps --space none
refuses 'nobody is in any space' 0 ps
refuses 'list, echo or pub' 2 topic
refuses 'list takes no arguments' 2 topic list wx
refuses 'which PATTERN' 2 topic echo -s wx
refuses 'not a topic pattern' 2 topic echo -s wx a#
refuses 'abc: not a number' 2 topic echo -s wx -c abc x
refuses 'nan: not a number' 2 topic pub -s wx -W nan x {}
refuses 'takes a TOPIC' 2 topic pub -s wx x
expect 0 "$maiko" help
expect 0 "$maiko" ps --help
expect 0 "$maiko" topic --help
chmod 777 "$XDG_RUNTIME_DIR/maiko" 2>/dev/null || mkdir -m 777 "$XDG_RUNTIME_DIR/maiko"
chmod 777 "$XDG_RUNTIME_DIR/maiko"
expect 5 "$maiko" ps
chmod 700 "$XDG_RUNTIME_DIR/maiko"

$pipeline --space wx --node logs --actors logger --linger --wait 60 >"$scratch/logs" 2>&1 &
logs=$!
$pipeline --space wx --node rest --actors sensor,alerter,monthly --linger --wait 60 100 >"$scratch/rest" 2>&1 &
rest=$!

links_ready()
{
    "$maiko" ps --space wx --json | grep '"node":"logs"' | grep -q '"transport":"shm","state":"ready"'
}
until_ok links_ready
expect 0 "$maiko" ps --space wx
grep -q '^wx  *logs  *[0-9]*  *live  *logger  *rest(shm,ready)$' "$scratch/out" || complain "ps: $(cat "$scratch/out")"
# every column begins under its head, as far to the left as what is in it allows
awk '{ $0 = $0 " "; print index($0, " logger ") }' "$scratch/out" | grep -qx "$(awk 'NR == 1 { print index($0, " ACTORS ") }' "$scratch/out")" ||
    complain "ps: $(cat "$scratch/out")"
[ "$(awk '{ print $2 }' "$scratch/out" | tr '\n' ' ')" = 'NODE logs rest ' ] || complain "ps is in no order: $(cat "$scratch/out")"
counts_what_it_offers()
{
    "$maiko" ps --space wx --json | grep '"node":"rest"' | grep -q '"peer":"logs".*"offered":[1-9].*"lost":{"window":0,'
}
"$maiko" ps --space wx --json | grep -q '"peer":"logs".*"window":16384,' || complain "ps --json, window: $("$maiko" ps --space wx --json)"
until_ok counts_what_it_offers || complain "ps --json: $("$maiko" ps --space wx --json)"
expect 0 "$maiko" topic list --space wx
grep -q '^wx  *weather/summary  *summary  *rest  *monthly  *[^ ]*  *[^ ]*$' "$scratch/out" || complain "topic list: $(cat "$scratch/out")"

"$maiko" topic echo --space wx --history --count 8 'weather/alert' >"$scratch/echo" 2>&1 || complain "echo: $(cat "$scratch/echo")"
[ "$(grep -c ' weather/alert alerter {"celsius":4[6-9].*,"number":[0-9]*}$' "$scratch/echo")" -eq 8 ] || complain "echo: $(cat "$scratch/echo")"

# no more than was asked for, also when more has come; with --json the ids, too
expect 0 "$maiko" topic echo --space wx --history --count 3 --json weather/alert
[ "$(grep -c '^{"topic":"weather/alert","type":"alert","id":"[0-9a-f-]*",.*"time":"[0-9]*","sender":"alerter",.*"payload":{"celsius":[0-9]*,"number":[0-9]*}}$' "$scratch/out")" -eq 3 ] ||
    complain "echo --json: $(cat "$scratch/out")"
expect 0 "$maiko" topic list --space wx
[ "$(awk '{ print $2 }' "$scratch/out" | tr '\n' ' ')" = 'TOPIC weather/alert weather/reading weather/summary ' ] ||
    complain "topic list is in no order: $(cat "$scratch/out")"
expect 0 "$maiko" topic list --json
grep -q '^{"space":"wx","node":"rest","topic":"weather/summary","type":"summary","publisher":"monthly","queued":[0-9]*,"age_ms":[a-z0-9]*}$' "$scratch/out" ||
    complain "topic list --json: $(cat "$scratch/out")"

# a full disk is an error; a reader that is gone ends the command by SIGPIPE, and it has left the space
if [ -c /dev/full ]; then
    for what in 'ps' 'topic list' 'topic echo --space wx --history weather/alert'; do
        "$maiko" $what >/dev/full 2>"$scratch/err" && complain "$what wrote to a full disk"
        grep -q 'cannot write: ' "$scratch/err" || complain "$what to a full disk: $(cat "$scratch/err")"
    done
fi
mkfifo "$scratch/pipe"
"$maiko" topic echo --space wx --history weather/alert >"$scratch/pipe" 2>"$scratch/err" &
echo=$!
: <"$scratch/pipe"
wait $echo && got=0 || got=$?
[ "$got" -eq 141 ] || complain "echo without a reader: exit $got: $(cat "$scratch/err")"
"$maiko" ps --space wx | grep -q maiko-echo && complain "echo without a reader has left its node behind"

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
expect 0 "$maiko" topic pub --space wx --wait 1 weather/reading '{"station":"S9","celsius":41.5,"number":7}'
expect 4 "$maiko" topic pub --space wx --wait 9 --max-wait 0.05 weather/reading '{"station":"S9","celsius":41.5,"number":7}'
grep -q '^maiko topic: late: 1 of 9 nodes are subscribed to weather/reading at ' "$scratch/err" || complain "$(cat "$scratch/err")"
expect 3 "$maiko" topic pub --space wx --wait 1 unheard/of '{}'
grep -q '^maiko topic: no node exports unheard/of' "$scratch/err" || complain "$(cat "$scratch/err")"
# pub_says TEXT TOPIC JSON [OPTION...]: refused, and why.
pub_says()
{
    said=$1
    at=$2
    json=$3
    shift 3
    expect 1 "$maiko" topic pub --space wx "$@" "$at" "$json"
    grep -q "^maiko topic: .*$said" "$scratch/err" || complain "pub $at $json: $(cat "$scratch/err")"
}
pub_says 'field station: ' weather/reading '{"station":7}'
pub_says 'not JSON: byte ' weather/reading 'no json'
pub_says 'not JSON: byte .*overflow' weather/reading '{"celsius":1e400}'
pub_says 'an event is a JSON object' weather/reading '[]'
pub_says 'unheard/of has no type in [a-z]* yet: name one' unheard/of '{}'
pub_says 'knows no type of that name' weather/reading '{}' --type nobody
pub_says 'without the wildcards' 'weather/#' '{}'
pub_says 'only the library sends on $sys/x' '$sys/x' '{}'

# somebody dies while it is watched
"$maiko" topic echo --space wx weather/alert >"$scratch/echo" 2>&1 &
echo=$!
echo_is_linked()
{
    "$maiko" ps --space wx --json | grep '"program":"maiko-echo"' | grep -q '"peer":"rest","transport":"[a-z]*","state":"ready"'
}
until_ok echo_is_linked
kill -KILL $rest
wait $rest 2>/dev/null || true
until_ok grep -q '^maiko topic: rest is gone: ' "$scratch/echo" || complain "echo: $(cat "$scratch/echo")"
kill -INT $echo
wait $echo || complain "echo after SIGINT: $(cat "$scratch/echo")"

kill -TERM $logs
wait $logs || complain "logs: $(cat "$scratch/logs")"

# a space whose processes were told where it is
mkdir "$scratch/elsewhere"
$pipeline --runtime-dir "$scratch/elsewhere" --space moved --node all --linger --wait 60 100 >"$scratch/all" 2>&1 &
all=$!
has_moved()
{
    "$maiko" topic list --runtime-dir "$scratch/elsewhere" | grep -q '^moved  *weather/summary '
}
until_ok has_moved
expect 0 "$maiko" ps --runtime-dir "$scratch/elsewhere" --space moved
expect 3 "$maiko" ps --space moved
expect 0 "$maiko" topic echo --runtime-dir "$scratch/elsewhere" --space moved --last --count 1 weather/summary

# it lingers when all its actors have ended, and still passes on what is published
has_ended()
{
    "$maiko" ps --runtime-dir "$scratch/elsewhere" --space moved --json | grep -q '"finished":\["sensor","alerter","monthly"\]'
}
until_ok has_ended
"$maiko" topic echo --runtime-dir "$scratch/elsewhere" --space moved --count 1 weather/reading >"$scratch/echo" 2>&1 &
echo=$!
echo_is_there()
{
    "$maiko" ps --runtime-dir "$scratch/elsewhere" --space moved --json | grep '"node":"all"' |
        grep -q '"peer":"maiko-echo[^"]*","transport":"[a-z]*","state":"ready"'
}
until_ok echo_is_there
expect 0 "$maiko" topic pub --runtime-dir "$scratch/elsewhere" --space moved weather/reading '{"station":"S9","celsius":1.5,"number":8}'
wait $echo || complain "echo of an event from outside: $(cat "$scratch/echo")"
grep -q ' weather/reading outside .*"S9"' "$scratch/echo" || complain "echo of an event from outside: $(cat "$scratch/echo")"
kill -TERM $all
wait $all || complain "elsewhere: $(cat "$scratch/all")"

# the last of a space is killed: nobody is left to clear up behind it
$pipeline --space left --node last --actors logger --wait 60 >"$scratch/last" 2>&1 &
last=$!
is_there()
{
    "$maiko" ps --space left | grep -q '^left  *last '
}
until_ok is_there
kill -KILL $last
wait $last 2>/dev/null || true
expect 0 "$maiko" ps --space left
grep -q '^left  *last  *[0-9]*  *stale ' "$scratch/out" || complain "ps of the dead: $(cat "$scratch/out")"
expect 0 "$maiko" ps --space left --json
grep -q '"node":"last".*"state":"stale"' "$scratch/out" || complain "ps --json of the dead: $(cat "$scratch/out")"
expect 0 "$maiko" ps --space wx
verdict
