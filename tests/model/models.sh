#!/bin/sh
# The models of this folder, checked by spin: whole, they have no error and every step of theirs is taken; with any one ordering step
# left out (-DWITHOUT_name) they have one.  make check-long looks at longer runs of those whose states are many.
. "$(dirname "$0")/../checks/lib.sh"
command -v spin >/dev/null 2>&1 || skip "spin is not installed"
models=$source_dir/tests/model
compiler=${CC:-cc}
cd "$scratch"

# How long the runs of a model are.
lengths_of()
{
    [ "${MAIKO_LONG:-0}" = 0 ] && return
    case $1 in
    policies) echo -DEVENTS=8 ;;
    ring) echo -DRECORDS=4 ;;
    sleep | watch) echo -DPOSTS=3 ;;
    esac
}

# look MODEL FLAGS...: all its states; the report of pan on stdout.  Most of the time is the compiler's, so it does not optimise.
look()
{
    model=$1
    shift
    spin "$@" -a "$models/$model.pml" >spin.out 2>&1 || { cat spin.out; return; }
    $compiler -O0 -w -DSAFETY -DNOFAIR -o pan pan.c || return
    case " $* " in
    *-DWITHOUT_acquire_load_consumed* | *-DWITHOUT_acquire_load_slot_returned* | *-DWITHOUT_acquire_load_kept*) ./pan -w20 -E -m400000 ;; # runs that cannot be end in the middle there
    *) ./pan -w20 -m400000 ;;
    esac
}

for file in "$models"/*.pml; do
    model=$(basename "$file" .pml)
    lengths=$(lengths_of "$model")
    look "$model" $lengths >report
    grep -q 'errors: 0$' report || { complain "$model: an error in the whole model"; cat report; }
    grep -q 'Search not completed' report && complain "$model: not all states were looked at"
    grep -E '\.pml:[0-9]+, state' report | grep -v -e '-end-' | sed "s/^/$model: never taken: /" >never
    complain_lines <never
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' report)
    removals=0
    for name in $(sed -n 's/^#if.*\(WITHOUT_[a-z_]*\).*/\1/p' "$file" | sort -u); do
        look "$model" "-D$name" $lengths >report
        grep -q 'errors: 1$' report || complain "$model: spin finds nothing with -D$name"
        removals=$((removals + 1))
    done
    printf '%s: %s states, %s ordering steps left out in turn\n' "$model" "$states" "$removals"
done

verdict
