#!/bin/sh
# What the objects of the libraries may not contain: mutable state outside an object (exceptions with their reason in
# tests/checks/mutable-state.txt), and calls that print, exit, abort, sleep, install signal handlers or are not thread-safe.
. "$(dirname "$0")/lib.sh"
need_plain_build

forbidden='printf|vprintf|puts|putchar|putc|perror|__printf_chk|__vprintf_chk|stdout|stderr'
forbidden="$forbidden|exit|_exit|_Exit|quick_exit|abort|__assert_fail|__assert_perror_fail"
forbidden="$forbidden|signal|sigaction|sleep|usleep|nanosleep|clock_nanosleep|sched_yield|alarm|setitimer"
forbidden="$forbidden|strtok|strerror|localtime|gmtime|asctime|ctime|rand|srand|random|setlocale|setenv|putenv|system|popen"

# check ARCHIVE
check()
{
    [ -e "$1" ] || return 0
    objdump -t "$1" | awk -v archive="${1##*/}" '
        /: +file format / { object = $1; sub(/:$/, "", object) }
        # of thread-local state objdump does not say that it is an object
        /[ \t](\.data|\.bss|\.tbss|\.tdata|\*COM\*|\.data\.[a-z]|\.bss\.[a-z])/ && !/\.data\.rel\.ro/ && (/ O / || /\.t(bss|data)/) &&
            !/ d / {
            name = $NF; sub(/\.[0-9]+$/, "", name); print object ":" name
        }' | sort -u >"$scratch/mutable"
    sed -n 's/^\([^# ][^ ]*\) .*/\1/p' "$source_dir/tests/checks/mutable-state.txt" | sort -u >"$scratch/allowed"
    sed 's/^[^:]*-\([a-z0-9_]*\)\.o:/\1:/' "$scratch/mutable" | sort -u | comm -23 - "$scratch/allowed" |
        sed 's/$/ is mutable state outside an object/' >"$scratch/bad"
    complain_lines <"$scratch/bad"
    nm -u "$1" | awk -v forbidden="^($2)\$" '
        /\.o:$/ { object = $1 }
        object ~ /-signals\.o:$/ && $2 == "sigaction" { next } # it asks, see below
        $1 == "U" && $2 ~ forbidden { print object " calls " $2 }' | sort -u >"$scratch/bad"
    complain_lines <"$scratch/bad"
}

# --enable-debug is the one build that aborts.
if grep -q '^#define MAIKO_DEBUG 1' "$build_dir/config.h" 2>/dev/null; then
    forbidden=$(printf '%s' "$forbidden" | sed 's/|abort|/|/')
fi
ls "$build_dir"/libmaiko/.libs/libmaiko-core.a >/dev/null 2>&1 || skip "no convenience library in this build"
check "$build_dir/libmaiko/.libs/libmaiko-core.a" "$forbidden"
check "$build_dir/bridge/.libs/libmaiko-bridge-core.a" "$forbidden"
# What the program ignores is asked there, and nothing is installed.
grep -n 'sigaction(' "$source_dir/libmaiko/runtime/signals.c" | grep -v 'sigaction([a-z_]*, NULL, ' |
    sed 's/^/runtime\/signals.c may only ask: /' >"$scratch/bad" || :
complain_lines <"$scratch/bad"
verdict
