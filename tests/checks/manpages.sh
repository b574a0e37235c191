#!/bin/sh
# Every public header has a page of its own (maiko_NOUN.3), and every exported function is described in one.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

pages=$(find libmaiko/man bridge/man \( -name '*.[37]' -o -name '*.[37].in' \) 2>/dev/null || true)
for header in libmaiko/include/maiko/*.h bridge/include/maiko/*.h; do
    noun=$(basename "$header" .h)
    case $noun in
    maiko) continue ;;
    esac
    [ -n "$(find libmaiko/man bridge/man \( -name "maiko_$noun.3" -o -name "maiko_$noun.3.in" \) 2>/dev/null)" ] || complain "$header: no page maiko_$noun.3"
done
cat tests/checks/symbols-libmaiko.txt tests/checks/symbols-libmaiko-bridge.txt | sort -u >"$scratch/functions"
cat $pages /dev/null | grep -oE 'maiko_[a-z0-9_]+' | sort -u >"$scratch/described"
comm -23 "$scratch/functions" "$scratch/described" | sed 's/$/: exported, and no page describes it/' >"$scratch/bad"
complain_lines <"$scratch/bad"
verdict
