#!/bin/sh
# Every header compiles alone, and twice: public ones as C11 and as C++11, internal ones as gnu11; with every compiler there is.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

includes="-iquote libmaiko -iquote bridge -iquote tests -Ilibmaiko/include -Ibridge/include"
warnings="-Wall -Wextra -Wpedantic -Wundef -Wno-unused-parameter -Wno-missing-field-initializers -Werror"

# units FOLDER SUFFIX: reads include lines, makes one translation unit of each.
units()
{
    mkdir -p "$scratch/$1"
    number=0
    while read -r target; do
        number=$((number + 1))
        printf '#include %s\n#include %s\nint unit_%s_;\n' "$target" "$target" "$number" >"$scratch/$1/$number.$2"
    done
}

find libmaiko/include bridge/include -name '*.h' | sed 's|.*/include/\(.*\)|<\1>|' | sort >"$scratch/public"
units c11 c <"$scratch/public"
units cxx cc <"$scratch/public"
find libmaiko -name '*.h' ! -path '*/include/*' | sed 's|libmaiko/\(.*\)|"\1"|' | sort >"$scratch/internal"
find bridge -name '*.h' ! -path '*/include/*' ! -path 'bridge/wire/*' ! -path 'bridge/link/*' | sed 's|bridge/\(.*\)|"\1"|' >>"$scratch/internal"
units gnu11 c <"$scratch/internal"

# compile COMPILER FLAGS... FOLDER
compile()
{
    folder=$1
    shift
    ls "$scratch/$folder"/* >/dev/null 2>&1 || return 0
    "$@" -fsyntax-only $includes $warnings "$scratch/$folder"/* >"$scratch/output" 2>&1 && return 0
    sed -n '1,30p' "$scratch/output"
    complain "$1 does not accept every header as $folder"
}

# programs COMPILER...: the paths of those that are there; a launcher in front does not count.
programs()
{
    for c in "$@"; do
        c=${c#ccache }
        command -v "${c%% *}" || true
    done | sort -u
}

c_compilers=$(programs "${CC:-gcc}" gcc clang)
cxx_compilers=$(programs "${CXX:-g++}" g++ clang++)
for compiler in $c_compilers; do
    compile c11 "$compiler" -std=c11
    compile gnu11 "$compiler" -std=gnu11 -D_GNU_SOURCE
done
for compiler in $cxx_compilers; do
    compile cxx "$compiler" -std=c++11
done

# The version of the headers is the version of the package.
package=$(sed -n 's/^AC_INIT(\[libmaiko\], \[\([0-9.]*\)\].*/\1/p' configure.ac)
headers=$(awk '$1 == "#define" && $2 ~ /^MAIKO_VERSION_(MAJOR|MINOR|PATCH)$/ { printf "%s%s", sep, $3; sep = "." }' libmaiko/include/maiko/base.h)
[ "$package" = "$headers" ] || complain "configure.ac says version $package, <maiko/base.h> says $headers"
verdict
