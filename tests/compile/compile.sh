#!/bin/sh
# What must not compile.  Each snippet of this folder is compiled twice by every C compiler there is, with default warnings as errors:
# with -DBAD it must fail with a message that matches its "expect:" line (an extended regular expression), without it must pass.
. "$(dirname "$0")/../checks/lib.sh"
cd "$source_dir"

# A compiler behind ccache is that compiler.
compilers=$(for c in "${CC:-gcc}" gcc clang; do c=${c#*ccache }; command -v "${c%% *}"; done | sort -u)
flags="-std=gnu11 -Ilibmaiko/include -Werror -c -o /dev/null"
for snippet in tests/compile/*.c; do
    expected=$(sed -n 's|^ \* expect: \(.*\) \*/$|\1|p' "$snippet")
    [ -n "$expected" ] || complain "$snippet: no expect: line"
    for compiler in $compilers; do
        if ! "$compiler" $flags -Wall -Wextra -Wpedantic "$snippet" >"$scratch/output" 2>&1; then
            sed -n '1,10p' "$scratch/output"
            complain "$snippet: the good half does not compile with $compiler"
        fi
        if "$compiler" $flags -DBAD "$snippet" >"$scratch/output" 2>&1; then
            complain "$snippet: the bad half compiles with $compiler"
        elif ! grep -qE -e "$expected" "$scratch/output"; then
            sed -n '1,10p' "$scratch/output"
            complain "$snippet: $compiler does not say: $expected"
        fi
    done
done
verdict
