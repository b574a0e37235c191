#!/bin/sh
# Every atomic access and fence of the links and the rings between shards has an argument beside it: a comment in the function that
# does it, or right above that.  Whether it is true is for readers, and for tests/model.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

find bridge/shm bridge/node/guest.c bridge/node/handover.c bridge/node/pool.c bridge/node/shm.c libmaiko/runtime/ring.[ch] \
    libmaiko/runtime/exchange*.[ch] libmaiko/runtime/wakeup.[ch] -name '*.[ch]' | sort >"$scratch/files"
awk '
    FNR == 1 { last = -9; is_inside = 0 }
    /^{/ { is_inside = 1; has_comment = FNR - last <= 3; count = 0 }
    /\/\*|\*\// { last = FNR; if (is_inside) has_comment = 1 }
    is_inside && /atomic_(load|store|exchange|fetch|compare|thread_fence|signal_fence)/ { places[++count] = FILENAME ":" FNR; all++ }
    /^}/ {
        for (i = 1; is_inside && !has_comment && i <= count; i++)
            print places[i] ": an atomic access without a comment that says why its order is enough"
        is_inside = 0
    }
    END { print all + 0 > "/dev/stderr" }' $(cat "$scratch/files") >"$scratch/bad" 2>"$scratch/count"
complain_lines <"$scratch/bad"
accesses=$(cat "$scratch/count")
[ "$accesses" -gt 50 ] || complain "hardly any atomic access found: the script looks for the wrong thing"
printf '%s accesses\n' "$accesses"
verdict
