#!/bin/sh
# Only maiko_* leaves the shared libraries, and exactly the committed list: a change of the list is a change of the ABI and
# is seen in review.  `make update-symbols` writes the lists anew.
. "$(dirname "$0")/lib.sh"

# compare LIBRARY LIST
compare()
{
    [ -e "$1" ] || return 0
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$scratch/now"
    grep -v '^maiko_' "$scratch/now" | sed "s|^|${1##*/} exports |" >"$scratch/bad" || true
    complain_lines <"$scratch/bad"
    sort -u "$2" >"$scratch/committed"
    comm -23 "$scratch/now" "$scratch/committed" | sed "s|\$| is exported but not in ${2##*/}|" >"$scratch/bad"
    comm -13 "$scratch/now" "$scratch/committed" | sed "s|\$| is in ${2##*/} but not exported|" >>"$scratch/bad"
    complain_lines <"$scratch/bad"
    if [ -n "${MAIKO_UPDATE_SYMBOLS-}" ]; then
        cp "$scratch/now" "$2"
    fi
}

need_plain_build
[ -e "$build_dir/libmaiko/.libs/libmaiko.so" ] || skip "no shared libraries in this build"
compare "$build_dir/libmaiko/.libs/libmaiko.so" "$source_dir/tests/checks/symbols-libmaiko.txt"
compare "$build_dir/bridge/.libs/libmaiko-bridge.so" "$source_dir/tests/checks/symbols-libmaiko-bridge.txt"
verdict
