# Sourced behind tests/checks/lib.sh by the scripts that use the maiko command: a runtime directory of their own, and how they wait.

maiko=$build_dir/tools/maiko
[ -x "$maiko" ] || skip "the maiko command is not built"
XDG_RUNTIME_DIR=$scratch/run
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR"

# until_ok COMMAND...: the command succeeds, at most some seconds later.  Its output is in tried.
until_ok()
{
    tries=0
    until "$@" >"$scratch/tried" 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 1000 ] || { complain "never succeeded: $*: $(cat "$scratch/tried")"; return 1; }
        "$maiko" topic pub --space none --timeout 0.05 x '{}' 2>/dev/null || true
    done
}

# expect CODE COMMAND...: its output is in out and err.
expect()
{
    code=$1
    shift
    "$@" >"$scratch/out" 2>"$scratch/err" && got=0 || got=$?
    [ "$got" -eq "$code" ] || complain "exit $got instead of $code: $*: $(cat "$scratch/err")"
}
