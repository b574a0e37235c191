#!/bin/sh
# layouts.sh COUNT ARCHIVE NAME LINK...: programs NAME-1 to NAME-COUNT of the objects of an archive, each linked in another order by
# LINK..., a command that lacks only the output and these objects.  Archives of equal length are ordered alike, so that the programs
# of one number differ in their code only.
set -eu
count=$1
archive=$2
name=$3
shift 3

case $archive in
/*) ;;
*) archive=$PWD/$archive ;;
esac
mkdir -p "$(dirname "$name")"
objects=$(mktemp -d "$name-objects-XXXXXX")
trap 'rm -rf "$objects"' EXIT
(cd "$objects" && ar x "$archive")
[ -z "$(ar t "$archive" | sort | uniq -d)" ] || { echo "$archive: two objects of one name" >&2; exit 1; }

# Their order is that of what stands behind the target's prefix.
ar t "$archive" | sed 's/.*_la-//' | LC_ALL=C sort >"$objects/order"
layout=0
while [ "$layout" -lt "$count" ]; do
    layout=$((layout + 1))
    shuffled=$(awk -v seed="$layout" '
        function next_below(n) { seed = (seed * 69069 + 12345) % 2147483648; return int(seed / 65536) % n }
        { line[NR] = $0 }
        END {
            for (i = NR; i > 1; i--) { k = 1 + next_below(i); kept = line[i]; line[i] = line[k]; line[k] = kept }
            for (i = 1; i <= NR; i++) print line[i]
        }' "$objects/order" | while read -r object; do echo "$objects"/*_la-"$object"; done)
    "$@" -o "$name-$layout" $shuffled
done
