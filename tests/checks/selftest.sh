#!/bin/sh
# Breaks a copy of the tree on purpose, one way at a time, and expects the check that watches over it to notice.
. "$(dirname "$0")/lib.sh"

copy=$scratch/copy
mkdir "$copy"
(cd "$source_dir" && find bootstrap configure.ac Makefile.am ./*.md libmaiko bridge tools/*.mk tools/*.[ch] examples tests \
    \( -name build-aux -o -name corpus \) -prune -o -type f -print 2>/dev/null | tar -cf - -T -) | (cd "$copy" && tar -xf -)
chmod -R u+w "$copy"

# A check run on the copy; its build tree is the real one unless objects_of is set.
run_check()
{
    MAIKO_SRCDIR=$copy MAIKO_BUILDDIR=${objects_of:-$build_dir} sh "$copy/tests/checks/$1.sh" >"$scratch/output" 2>&1
}

# expect CHECK TEXT: the broken copy fails, and says why; then the breakage is taken back.
expect()
{
    tried=$((tried + 1))
    if run_check "$1"; then
        complain "$1.sh does not notice: $what"
    elif ! grep -qF -- "$2" "$scratch/output"; then
        complain "$1.sh fails for another reason than: $what"
        sed 's/^/    /' "$scratch/output" | head -n 5
    fi
}

# append FILE LINE..., create FILE LINE...: change the copy; restore undoes it.
append()
{
    file=$copy/$1
    shift
    cp "$file" "$scratch/original"
    printf '%s\n' "$@" >>"$file"
}
create()
{
    file=$copy/$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$@" >"$file"
    rm -f "$scratch/original"
}
restore()
{
    if [ -e "$scratch/original" ]; then
        mv "$scratch/original" "$file"
    else
        rm -f "$file"
    fi
}

# broken WHAT CHECK TEXT: after append or create.
broken()
{
    what=$1
    expect "$2" "$3"
    restore
}

tried=0
for check in fault_points layers lists magics manpages memory_orders model_steps text sizes links verbs options; do
    run_check "$check" || complain "$check.sh fails on the unbroken copy"
done

append libmaiko/base/heap.c '#include "runtime/mailbox.h"'
broken "base includes runtime" layers "base may not know of runtime"
append libmaiko/base/heap.c '#include <maiko/supervisor.h>'
broken "base includes a public header of a higher layer" layers "base may not know of runtime"
append libmaiko/include/maiko/base.h '#include "base/heap.h"'
broken "a public header includes an internal one" layers "includes public headers only"
append libmaiko/base/heap.c '#include "heap.h"'
broken "an include that is not rooted" layers "includes are rooted"
append libmaiko/base/heap.c '#include <zmq.h>'
broken "zmq.h outside bridge/link/zmq_*.c" layers "only bridge/link/zmq_*.c do"
create bridge/link/peer_broken.c '#include <msgpack.h>'
broken "msgpack.h outside bridge/wire" layers "only bridge/wire does"
create examples/broken.c '#include "base/heap.h"'
broken "an example that looks inside" layers "<maiko/...> only"
create libmaiko/routing/broken.c '#include <time.h>' 'int f(void) { return clock_gettime(0, 0); }'
broken "a clock read in a pure folder" layers "(pure folder)"
create libmaiko/include/maiko/unlisted.h '/* nothing */'
broken "a public header no layer lists" layers "no layer lists it"

create tools/parts.c 'int f(void) { return complain(1, "topic", "no"); }'
broken "a verb in two files" verbs "of verb topic, which has a file"
create tools/topic_parts.c 'int f(void);'
broken "a file that is called like a verb" verbs "of verb topic, which has a file"
create tools/cmd_dance.c 'int cmd_dance(void);'
broken "a verb that is not in the table" verbs "cmd_dance.c: not in the table"

append bridge/app/options.c '    X("undescribed", "", 1, "x")'
broken "an option without a page" options "does not have --undescribed"
append tools/cmd_ps.c '{"unhelped", no_argument, NULL, 1}'
broken "an option that help does not have" options "its help does not have --unhelped"
append libmaiko/man/maiko.1 '.It Fl -dreamt'
broken "an option that is only described" options "has --dreamt, which is no option"

append libmaiko/base/local.mk 'core_sources += libmaiko/base/heap.c'
broken "a file listed twice" lists "written twice"
create libmaiko/base/forgotten.c 'int x;'
broken "a file that is not listed" lists "no local.mk names it"

create bridge/shm/broken.c '#include "shm/shm_layout.h"' 'void f(struct shm_control *control)' '{' \
    '    FAULT_POINT(before_f);' '    atomic_store(&control->consumed, 1);' '    return;' '}'
broken "an atomic store without a fault point behind it" fault_points "no fault point after this store"
create bridge/shm/broken.c '#include "shm/shm_layout.h"' 'void f(struct shm_control *control)' '{' \
    '    atomic_store(&control->consumed, 1);' '    FAULT_POINT(after_f);' '}'
broken "an atomic store without a fault point before it" fault_points "no fault point before this store"
create bridge/shm/broken.c '/* Says nothing of it. */' '' '' '' 'uint32_t f(const struct shm_control *control)' '{' \
    '    return atomic_load_explicit(&control->consumed, memory_order_relaxed);' '}'
broken "an atomic access without a comment" memory_orders "an atomic access without a comment"
create bridge/shm/broken.c 'int f(void); /* step: dance */'
broken "a step of the code that no model has" model_steps "dance: a step of the code that is in no model"
append tests/model/ring.pml 'dance:'
broken "a step of a model that the code has not" model_steps "dance: a step of a model that is not in the code"
create bridge/shm/broken.c 'x(memory_order_acquire); /* step: dance */'
broken "an ordering that no model can leave out" model_steps "acquire_dance: no model can leave it out"
create bridge/shm/broken.c 'int f(int fd) { return poll(&fd, 1, 0); }'
broken "a system call in the rings" layers "(bridge/shm)"

create libmaiko/base/broken1.h '#define ONE_MAGIC 0x11223344u' '#define TWO_MAGIC 0X11223344u'
broken "two equal magics" magics "has the value of ONE_MAGIC"

create tests/unit/broken.c 'void f(void)' '{' '    usleep(3);' '}'
broken "a sleep in a test" text "a bare sleep"
create libmaiko/base/broken.c "/* TO""DO: later */"
broken "unfinished work" text "unfinished"

{
    echo 'int long_function(void)'
    echo '{'
    seq 1 61 | sed 's|.*|    step(&);|'
    echo '}'
} >"$scratch/long"
create libmaiko/base/broken.c "$(cat "$scratch/long")"
broken "a function of 61 lines" sizes "a function of 61 lines"

append CONTRIBUTING.md '[nowhere](no-such-file.md)'
broken "a link to nowhere" links "leads nowhere"
create libmaiko/include/maiko/undocumented.h '/* nothing */'
broken "a public header without a page" manpages "no page maiko_undocumented.3"
append tests/checks/symbols-libmaiko.txt maiko_undocumented_call
broken "an exported function without a page" manpages "no page describes it"
create libmaiko/man/maiko_broken.3 '.Dd $Mdocdate$' '.Dt MAIKO_BROKEN 3' '.Os' '.Sh NAME' '.Nm broken' '.Nd x' '.Sh SEE ALSO' '.Xr maiko_nothing 3'
broken "a page that refers to a missing page" links "which does not exist"

create libmaiko/include/maiko/broken.h 'size_t broken(void);'
broken "a header that does not compile alone" headers "does not accept every header as c11"
create libmaiko/include/maiko/broken.h 'static inline int broken(int *p) { int class = *p; return class; }'
broken "a public header that is not C++" headers "does not accept every header as cxx"

# A library with a leak in its map, with mutable state and a forbidden call.
compiler=${CC:-cc}
if [ "${MAIKO_SANITIZER:-no}" = no ]; then
    objects_of=$scratch/objects
    mkdir -p "$objects_of/libmaiko/.libs"
    printf '%s\n' '#include <stdio.h>' 'static int counter;' 'int leaked(void);' 'int leaked(void) { printf("%d", ++counter); return counter; }' \
        >"$scratch/broken.c"
    $compiler -fPIC -c "$scratch/broken.c" -o "$scratch/broken.o"
    $compiler -shared "$scratch/broken.o" -o "$objects_of/libmaiko/.libs/libmaiko.so"
    ar cr "$objects_of/libmaiko/.libs/libmaiko-core.a" "$scratch/broken.o"
    what="a symbol that is not maiko_*"
    expect symbols "libmaiko.so exports leaked"
    what="an exported symbol that is not in the list"
    expect symbols "leaked is exported but not in symbols-libmaiko.txt"
    what="a symbol of the list that is gone"
    echo maiko_gone >>"$copy/tests/checks/symbols-libmaiko.txt"
    expect symbols "maiko_gone is in symbols-libmaiko.txt but not exported"
    what="a mutable variable"
    expect objects "counter is mutable state"
    what="a call of printf"
    expect objects "calls printf"
fi

printf '%s breakages tried\n' "$tried"
verdict
