#!/bin/sh
# The maiko command: one file per verb.  tools/cmd_VERB.c is in the table of tools/maiko.c and the other way round, and no other
# file of tools speaks for a verb: what several may use knows none of them.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

sed -n 's/^ *{"\([a-z]*\)", cmd_\([a-z]*\),.*/\1 \2/p' tools/maiko.c >"$scratch/table"
[ -s "$scratch/table" ] || complain "tools/maiko.c: no table of verbs"
while read -r verb function; do
    file=tools/cmd_$verb.c
    [ "$verb" = "$function" ] || complain "tools/maiko.c: verb $verb is run by cmd_$function()"
    [ -e "$file" ] || complain "tools/maiko.c: verb $verb has no $file"
    for other in tools/*.[ch]; do
        case $other in
        tools/cmd_*) ;;
        tools/"$verb"*) echo "$other" ;;
        *) grep -nE "(complain[a-z_]*|finish_output)\(.*\"$verb\"" "$other" /dev/null || true ;;
        esac
    done | sed "s/\$/   (of verb $verb, which has a file)/" >"$scratch/bad"
    complain_lines <"$scratch/bad"
done <"$scratch/table"
for file in tools/cmd_*.c; do
    verb=${file#tools/cmd_}
    grep -q "^${verb%.c} " "$scratch/table" || complain "$file: not in the table of tools/maiko.c"
done
verdict
