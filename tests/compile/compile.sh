#!/bin/sh
# What must not compile.  Each snippet of this folder is compiled twice by every compiler of its language there is, with default
# warnings as errors: with -DBAD it must fail with a message that matches its "expect:" line (an extended regular expression),
# without it must pass.
. "$(dirname "$0")/../checks/lib.sh"
cd "$source_dir"

# The first argument and what else there is, once each.  A compiler behind ccache is that compiler.
compilers_of()
{
    for c in "$@"; do c=${c#*ccache }; command -v "${c%% *}"; done | sort -u
}

c_compilers=$(compilers_of "${CC:-gcc}" gcc clang)
cxx_compilers=$(compilers_of "${CXX:-g++}" g++ clang++)
for snippet in tests/compile/*.c tests/compile/*.cc; do
    case $snippet in
    *.cc) compilers=$cxx_compilers standard=c++11 ;;
    *) compilers=$c_compilers standard=gnu11 ;;
    esac
    flags="-std=$standard -Ilibmaiko/include -Werror -c -o /dev/null"
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
