#!/bin/sh
# maiko topic echo: every form, and every way its output can go away.
. "$(dirname "$0")/../checks/lib.sh"
. "$(dirname "$0")/../lib/tool.sh"

limited='timeout 60' # of what waits for events that might not come
node="$build_dir/tests/integration/test_echo --app"
[ -x "$build_dir/tests/integration/test_echo" ] || skip "the test node is not built"

# echo_in FORM COUNT TOPIC: the first events that were sent on it.
echo_in()
{
    expect 0 $limited "$maiko" topic echo --space wx --history --count "$2" --format "$1" "$3"
}

# shows PATTERN: the output has such a line.
shows()
{
    grep -qE "$1" "$scratch/out" || complain "no $1: $(cat "$scratch/out" "$scratch/err")"
}

$node --space wx --node all >"$scratch/all" 2>&1 &
all=$!
has_sent_all()
{
    $limited "$maiko" topic echo --space wx --history --count 100 load/reading
}
until_ok has_sent_all

# ---- forms ----

time='[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z'
id='[0-9a-f]{8}-[0-9a-f-]{27}'
sender='жук'
echo_in text 1 load/reading
shows "^$time load/reading $sender \{\"station\":\"S1\",\"celsius\":0,\"number\":0\}\$"
for form in '--format json' '-f json' --json; do
    expect 0 $limited "$maiko" topic echo --space wx --history --count 2 $form load/reading
    [ "$(grep -cE "^\{\"topic\":\"load/reading\",\"type\":\"reading\",\"id\":\"$id\",\"time\":\"[0-9]{19}\",\"sender\":\"жук\",\"schema\":\"[0-9]+\",\"payload\":\{\"station\":\"S1\",\"celsius\":0(\.5)?,\"number\":[01]\}\}\$" "$scratch/out")" -eq 2 ] ||
        complain "$form: $(cat "$scratch/out")"
done
echo_in pretty 1 odd/bytes
cat >"$scratch/expected" <<END
  type         odd
  sender       жук
  payload      {
    "name": {"\$bin":"0JbQ"},
    "number": 2,
    "key": {"\$bin":"AP8K"},
    "list": [1,2],
    "path": [
      {
        "x": 3,
        "y": 4
      },
      {
        "x": 0,
        "y": 0
      }
    ]
  }

END
shows "^$time odd/bytes\$"
shows "^  id           $id\$"
sed '1d;/^  id /d' "$scratch/out" | diff "$scratch/expected" - >"$scratch/err" || complain "pretty: $(cat "$scratch/err")"
echo_in hex 1 image
shows "^$time image $sender image 28 bytes\$"
shows '^00000000  14 00 00 00 00 00 00 00  89 50 4e 47 0d 0a 1a 0a  \|\.{9}PNG\.{4}\|$'
shows '^00000010  2c 20 61 6e 64 20 73 6f  20 6f 6e 00              \|, and so on\.\|$'
[ "$(wc -l <"$scratch/out")" -eq 3 ] || complain "hex: $(cat "$scratch/out")"
echo_in raw 3 load/reading
[ "$(od -An -v -t u8 -w40 "$scratch/out" | awk '{ print $NF }' | tr '\n' ' ')" = '0 1 2 ' ] || complain "raw: $(od -An -t x1 "$scratch/out")"
echo_in raw 1 image
[ "$(tail -c +9 "$scratch/out" | od -An -t x1 -N 8 | tr -d ' ')" = 89504e470d0a1a0a ] || complain "raw: $(od -An -t x1 "$scratch/out")"
echo_in msgpack 3 'odd/#'
if python3 -c 'import msgpack' 2>/dev/null; then
    python3 -c '
import msgpack, sys
events = list(msgpack.Unpacker(open(sys.argv[1], "rb"), raw=False, unicode_errors="surrogateescape"))
assert [event["topic"] for event in events] == ["odd/ж/中/😀", "odd/controls", "odd/bytes"], events
assert [event["payload"]["name"] for event in events] == ["Étienne 😀", "\u009b2J\033[2J", b"\xd0\x96\xd0"], events
assert [event["payload"]["number"] for event in events] == [2**64 - 1, 1, 2], events
for event in events:
    assert event["payload"]["key"] == b"\x00\xff\n" and event["payload"]["path"] == [{"x": 3, "y": 4}, {"x": 0, "y": 0}], event
    assert event["sender"] == "жук" and len(event["id"]) == 16 and event["time"] > 1e18, event
    assert "node" not in event and "seq" not in event and "parent" not in event, event
' "$scratch/out" 2>"$scratch/err" || complain "msgpack: $(cat "$scratch/err")"
fi
refused="$("$maiko" topic echo --space wx --format yaml x 2>&1)" && complain "there is no yaml"
[ "$refused" = 'maiko topic: yaml: not a format: text, json, pretty, hex, raw or msgpack' ] || complain "$refused"

# text beyond ASCII stays as it is, in the C locale as well; numbers keep their digits; binary is not lost
for locale in C C.UTF-8; do
    LC_ALL=$locale $limited "$maiko" topic echo --space wx --history --count 1 'odd/+/+/+' >"$scratch/out" 2>"$scratch/err"
    shows " odd/ж/中/😀 $sender \{\"name\":\"Étienne 😀\",\"number\":\"18446744073709551615\",\"key\":\{\"\\\$bin\":\"AP8K\"\},"
done
# what a terminal would obey is escaped in every form that is for people
for form in text json pretty; do
    echo_in $form 1 odd/controls
    LC_ALL=C grep -q "$(printf '\302\233\\|\033')" "$scratch/out" && complain "$form hands a control character through"
    shows '\\u009b2J\\u001b\[2J'
done

# ---- a terminal ----

if command -v script >/dev/null; then
    for form in raw msgpack; do
        script -qec "$limited '$maiko' topic echo --space wx --history --count 1 -f $form load/reading" /dev/null >"$scratch/out" </dev/null && got=0 || got=$?
        [ "$got" -eq 2 ] || complain "$form to a terminal: exit $got"
        shows 'not to a terminal'
    done
    script -qec "$limited '$maiko' topic echo --space wx --history --count 1 load/reading" /dev/null >"$scratch/out" </dev/null || complain "no text for a terminal"
    shows ' load/reading жук'
fi

# ---- output that goes away ----

# a full disk
if [ -c /dev/full ]; then
    for form in text raw; do
        $limited "$maiko" topic echo --space wx --history -f $form load/reading >/dev/full 2>"$scratch/err" && got=0 || got=$?
        [ "$got" -eq 1 ] || complain "$form to a full disk: exit $got"
        grep -q 'cannot write: No space left' "$scratch/err" || complain "$form to a full disk: $(cat "$scratch/err")"
    done
fi

has_echo()
{
    "$maiko" ps --space wx | grep -q maiko-echo
}

# nobody reads any more: it ends by SIGPIPE, also while nothing comes, and has left the space
mkfifo "$scratch/pipe"
for topic in load/reading quiet/topic; do
    "$maiko" topic echo --space wx --history $topic >"$scratch/pipe" 2>"$scratch/err" &
    echo=$!
    : <"$scratch/pipe"
    wait $echo && got=0 || got=$?
    [ "$got" -eq 141 ] || complain "$topic without a reader: exit $got: $(cat "$scratch/err")"
    has_echo && complain "echo without a reader has left its node behind"
done

# somebody holds the pipe open and reads nothing: it still ends when it is told to
exec 9<>"$scratch/pipe"
head -c 65536 /dev/zero >&9 # as much as a pipe takes
"$maiko" topic echo --space wx --history '#' >"$scratch/pipe" 2>"$scratch/err" 9<&- &
echo=$!
is_linked()
{
    "$maiko" ps --space wx --json | grep '"program":"maiko-echo"' | grep -q '"peer":"all","transport":"[a-z]*","state":"ready"'
}
until_ok is_linked
kill -TERM $echo
wait $echo && got=0 || got=$?
exec 9<&-
[ "$got" -eq 1 ] || complain "echo without a reading reader: exit $got"
grep -q 'cannot write: nobody reads' "$scratch/err" || complain "echo without a reading reader: $(cat "$scratch/err")"
has_echo && complain "echo without a reading reader has left its node behind"

# what has come is there before more comes, in a pipe as well, and a signal loses none of it
"$maiko" topic echo --space wx --history load/reading >"$scratch/pipe" 2>"$scratch/err" &
echo=$!
exec 9<"$scratch/pipe"
for number in 0 1 2; do
    read -r line <&9
    case $line in
    *'"number":'$number'}') ;;
    *) complain "a pipe: $line instead of number $number" ;;
    esac
done
kill -INT $echo
wait $echo || complain "echo after SIGINT: $(cat "$scratch/err")"
[ "$(wc -l <&9)" -eq 97 ] || complain "a signal lost events"
exec 9<&-

# ---- its time ----

expect 0 $limited "$maiko" topic echo --space wx --history --count 2 --timeout 60 load/reading
expect 4 $limited "$maiko" topic echo --space wx --timeout 0.3 nobody/sends
grep -q 'time is up after 0 events' "$scratch/err" || complain "no word of the time: $(cat "$scratch/err")"
expect 0 $limited "$maiko" topic echo --space wx --history --timeout 3 load/reading
[ "$(wc -l <"$scratch/out")" -eq 100 ] || complain "time was up after $(wc -l <"$scratch/out") of 100"
expect 4 $limited "$maiko" topic echo --space wx --history --count 101 -W 3 load/reading
grep -q 'time is up after 100 events' "$scratch/err" || complain "no word of the time: $(cat "$scratch/err")"
expect 2 "$maiko" topic echo --space wx --timeout 0 load/reading

kill -TERM $all
wait $all || complain "the node: $(cat "$scratch/all")"
verdict
