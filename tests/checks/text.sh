#!/bin/sh
# What is not left behind in a text: sleeps in tests (wait_until() is the way), unfinished work, tabs and long lines.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

sources=$(find libmaiko bridge tools examples tests \( -name '*.[ch]' -o -name '*.cc' \) ! -path 'tests/fuzz/corpus/*' ! -path '*/build-aux/*')

# report REASON PATTERN FILE...
report()
{
    reason=$1
    pattern=$2
    shift 2
    grep -nE "$pattern" "$@" /dev/null | sed "s|\$|   ($reason)|" >"$scratch/bad" || true
    complain_lines <"$scratch/bad"
}

report "a bare sleep: use wait_until()" '\b(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep) *\(' $(printf '%s\n' $sources | grep -v '^tests/lib/wait\.c$')
report "a bare sleep in a script" '^[^#]*\bsleep +[0-9]' $(find tests -name '*.sh' ! -name text.sh ! -name selftest.sh)
report "unfinished" '\b(TO''DO|FIX''ME|X''XX|HA''CK)\b' $sources $(find . -path ./.git -prune -o \( -name '*.mk' -o -name '*.md' -o -name '*.sh' \) -print | grep -vE '^\./(build|tools/(build-aux|m4))')
report "a tab" "$(printf '\t')" $sources
report "longer than 130 columns" '^.{131,}$' $sources
report "space at the end" ' $' $sources
verdict
