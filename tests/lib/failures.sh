#!/bin/sh
# What the failed tests of a run had to say.  Reads the names of .trs files on stdin (`make list-results` prints them); for each
# that reports a failure it prints the last lines of the log beside it, without those of the cases that passed: failed
# assertions, seeds, the stacks of a hung program.
set -eu
lines=${FAILURE_LINES:-150}

tr -s ' ' '\n' | while IFS= read -r results; do
    grep -qE '^:test-result: (FAIL|ERROR|XPASS)' "$results" 2>/dev/null || continue
    log=${results%.trs}.log
    printf '=== %s\n' "$log"
    grep -avE '^(ok [0-9]+ - |PASS: |\[(New LWP|Thread debugging) )' "$log" | tail -n "$lines" || true
done
