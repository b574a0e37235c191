#!/bin/sh
# The build fragments name every source file of their folders, once (a merge keeps both sides of a list).
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

fragments=$(find libmaiko bridge tools examples tests -name 'local.mk')
grep -hE '^[a-zA-Z_]+ \+= [^$]*$' $fragments | sed 's/ *\\$//' | grep -v '=$' | sort | uniq -d |
    sed 's/$/: written twice/' >"$scratch/bad" || true
complain_lines <"$scratch/bad"

# Words of the fragments; a test program or example is named without its suffix.
cat $fragments | grep -v '^#' | tr -s ' \t' '\n\n' | sort -u >"$scratch/words"
find libmaiko bridge tools examples tests \( -name '*.[ch]' -o -name '*.cc' \) ! -path 'tests/fuzz/corpus/*' ! -path '*/build-aux/*' |
    sort >"$scratch/files"
while read -r file; do
    grep -qxF -e "$file" -e "${file%.*}" "$scratch/words" || complain "$file: no local.mk names it"
done <"$scratch/files"
for file in $(find libmaiko bridge tools examples tests -name '*.md' ! -path 'tests/fuzz/corpus/*'); do
    grep -qxF -- "$file" "$scratch/words" || complain "$file: no local.mk distributes it"
done
while read -r word; do
    case $word in
    libmaiko/*.[chx37] | bridge/*.[ch37] | tests/*.[ch] | tests/*.sh | examples/*.[ch])
        [ -e "$word" ] || [ -e "$word.in" ] || complain "$word: named in a local.mk, but not there"
        ;;
    esac
done <"$scratch/words"
verdict
