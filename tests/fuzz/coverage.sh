#!/bin/sh
# coverage.sh SRCDIR TARGET...: how much of each decoder the committed corpora reach.  Run by `make coverage-fuzz` in a tree configured
# with --enable-coverage CC=gcc.  The counts of every object are thrown away first, so that nothing but the corpora is counted.  Prints a
# line per decoder of tests/fuzz/decoders.txt; fails when one has less than its 90 % of lines.
set -eu
srcdir=$1
shift
MAIKO_SRCDIR=$srcdir
export MAIKO_SRCDIR
GCOV=${GCOV:-gcov}

find . -name '*.gcda' -exec rm -f {} +
for target; do
    ./"$target" >"$target.log" 2>&1 || {
        cat "$target.log"
        exit 1
    }
done

# lines_of SOURCE: "percent lines", e.g. "93.42 228"; of a source that was compiled for several libraries the object that ran most.
lines_of()
{
    name=$(basename "$1" .c)
    find "$(dirname "$1")" -maxdepth 1 -name "*-$name.gcno" | while read -r notes; do
        LC_ALL=C $GCOV -n "$notes" 2>/dev/null |
            awk -v want="/$1'" 'index($0, "File ") && substr($0, length($0) - length(want) + 1) == want { found = 1; next }
                 found && /^Lines executed/ { split($0, part, /[:% ]/); print part[3], $NF; exit }'
    done | sort -rn | head -n 1
}

status=0
while read -r source; do
    case $source in
    '' | '#'*) continue ;;
    esac
    figure=$(lines_of "$source")
    if [ -z "$figure" ]; then
        echo "$source: not reached by any fuzz target, or not built with --enable-coverage"
        status=1
        continue
    fi
    note=
    if awk -v percent="${figure% *}" 'BEGIN { exit percent >= 90 }'; then
        note="  < 90"
        status=1
    fi
    printf '%6s %% of %4s lines  %s%s\n' "${figure% *}" "${figure#* }" "$source" "$note"
done <"$srcdir/tests/fuzz/decoders.txt"
exit $status
