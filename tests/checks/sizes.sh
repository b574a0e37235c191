#!/bin/sh
# Sizes: a function past 60 lines (100 in tests) or a file past 1000 hides a missing noun.  Prints the largest, fails past the limit.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

find libmaiko bridge tools examples tests \( -name '*.[ch]' -o -name '*.cc' \) ! -path '*/build-aux/*' | sort >"$scratch/files"
while read -r file; do
    awk -v file="$file" '
        /^[a-zA-Z].*\(/ { head = $0 }
        /^\{/ && head != "" { start = FNR } # else a class or a namespace
        /^\}/ && start { print FNR - start - 1, file ":" start, head; start = 0 }
        /^\}/ { head = "" }
        END { print FNR, file > "/dev/stderr" }' "$file"
done <"$scratch/files" >"$scratch/functions" 2>"$scratch/lengths"

echo "largest functions:"
sort -rn "$scratch/functions" | head -n 10
echo "largest files:"
sort -rn "$scratch/lengths" | head -n 10
awk '$1 > ($2 ~ /^tests\// ? 100 : 60) { print $2 ": a function of " $1 " lines" }' "$scratch/functions" >"$scratch/bad"
awk '$1 > 1000 { print $2 ": " $1 " lines" }' "$scratch/lengths" >>"$scratch/bad"
complain_lines <"$scratch/bad"
verdict
