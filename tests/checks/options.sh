#!/bin/sh
# Every option is in its manual page and the other way round: those of maiko_app_main(), whose --help and configuration file are
# made from the same table, and those of the maiko command, which are in the help of their verb, too.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

# in_step PAGE SOURCE...: of the names in `$scratch/options`.
in_step()
{
    page=$1
    shift
    [ -s "$scratch/options" ] || complain "$*: no options found"
    grep -oE '(Fl|,) -[a-z][a-z-]+' "$page" | sed 's/^.* -//' | sort -u >"$scratch/described"
    comm -23 "$scratch/options" "$scratch/described" | sed "s|^|$page does not have --|" >"$scratch/bad"
    comm -13 "$scratch/options" "$scratch/described" | sed "s|^|$page has --|; s|\$|, which is no option|" >>"$scratch/bad"
    complain_lines <"$scratch/bad"
}

sed -n 's/^    X("\([a-z-]*\)", ".*/\1/p' bridge/app/options.c | sort >"$scratch/options"
in_step libmaiko/man/maiko_app.3 bridge/app/options.c

for file in tools/cmd_*.c; do
    sed -n 's/.*{"\([a-z-]*\)", [a-z]*_argument, NULL, .*/\1/p' "$file" | sort >"$scratch/of_verb"
    grep -oE '^ *"[^"]*' "$file" | grep -oE -- '--[a-z][a-z-]+' | sed 's/^--//' | sort -u >"$scratch/helped"
    comm -23 "$scratch/of_verb" "$scratch/helped" | grep -vx help | sed "s|^|$file: its help does not have --|" >"$scratch/bad" || true
    complain_lines <"$scratch/bad"
    cat "$scratch/of_verb" >>"$scratch/of_verbs"
done
grep -vx help "$scratch/of_verbs" | sort -u >"$scratch/options"
in_step libmaiko/man/maiko.1 'tools/cmd_*.c'
verdict
