#!/bin/sh
# Every atomic store of the link code stands between two fault points, so that a test can end the process before and after it,
# and every fault point has a name of its own.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

find bridge/shm bridge/link bridge/node -name '*.c' | xargs grep -lE 'shm/shm_' | sort >"$scratch/files"
while read -r file; do
    # One statement per line, without comments.
    sed -e 's|/\*.*\*/||g' "$file" | awk -v file="$file" '
        /\/\*/ { in_comment = 1; sub(/\/\*.*/, "") }
        in_comment && /\*\// { in_comment = 0; sub(/.*\*\//, "") }
        in_comment { next }
        /^[ \t]*$/ { next }
        { text = text " " $0; if (start == 0) start = FNR }
        /[;{}][ \t]*$/ { print start "\t" text; text = ""; start = 0 }' |
        awk -F '\t' -v file="$file" '
            pending && $2 !~ /FAULT_POINT\(/ { print file ":" pending ": no fault point after this store" }
            { pending = 0 }
            $2 ~ /atomic_(store|exchange|fetch|compare|flag|init)/ && (file ~ /^bridge\/(shm\/|node\/pool)/ || $2 ~ /(data|control)->/) {
                if (before !~ /FAULT_POINT\(/) print file ":" $1 ": no fault point before this store"
                pending = $1; stores++
            }
            { before = $2 }
            END { print stores + 0 > "/dev/stderr" }' >>"$scratch/bad" 2>>"$scratch/counts"
done <"$scratch/files"
sed -n 's/^[^#]*FAULT_POINT(\([a-z_]*\)).*/\1/p' $(cat "$scratch/files") | sort | uniq -d |
    sed 's/$/: two fault points have this name/' >>"$scratch/bad"
complain_lines <"$scratch/bad"
stores=$(awk '{ sum += $1 } END { print sum + 0 }' "$scratch/counts")
[ "$stores" -gt 0 ] || complain "no atomic store found in the link code: the script looks for the wrong thing"
printf '%s stores\n' "$stores"
verdict
