#!/bin/sh
# Every X_MAGIC is defined once and no two have the same value, so that a pointer to the wrong kind of object is always noticed.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

grep -rnE '\b[A-Z][A-Z0-9_]*_MAGIC\b *=? *\(?(UINT(32|64)_C\()?0[xX][0-9a-fA-F]+' --include='*.[ch]' libmaiko bridge tools |
    sed -E 's/^([^:]*:[0-9]+):.*\b([A-Z][A-Z0-9_]*_MAGIC)\b *=? *\(?(UINT(32|64)_C\()?0[xX]0*([0-9a-fA-F]+).*/\1 \2 \5/' >"$scratch/magics" || true
awk '{
    value = tolower($3)
    if (value in by_value) print $1 ": " $2 " has the value of " by_value[value]
    if ($2 in by_name) print $1 ": " $2 " is defined again, first in " by_name[$2]
    by_value[value] = $2 " (" $1 ")"
    by_name[$2] = $1
}' "$scratch/magics" >"$scratch/bad"
complain_lines <"$scratch/bad"
printf '%s magics\n' "$(wc -l <"$scratch/magics")"
verdict
