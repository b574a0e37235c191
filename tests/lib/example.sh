# Sourced by the tests of the examples: runs a built example and compares what it prints.

set -eu
export LC_ALL=C.UTF-8
source_dir=${MAIKO_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build_dir=${MAIKO_BUILDDIR:-$source_dir}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/maiko-example.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# Programs that are not built in this configuration (C++, bridge) are skipped.
need_program()
{
    [ -x "$build_dir/examples/$1" ] && return 0
    echo "skipped: examples/$1 is not part of this build"
    exit 77
}

# run EXAMPLE ARGUMENT...: its output is in $scratch/actual; it must succeed.
run()
{
    example=$1
    shift
    need_program "$example"
    timeout $((120 * ${MAIKO_TEST_SLOWDOWN:-1})) "$build_dir/examples/$example" "$@" >"$scratch/actual" 2>"$scratch/errors" || {
        echo "examples/$example failed with status $?"
        cat "$scratch/actual" "$scratch/errors"
        exit 1
    }
}

# same WHAT: $scratch/expected and $scratch/actual.
same()
{
    diff -u "$scratch/expected" "$scratch/actual" && return 0
    echo "$1 differs"
    exit 1
}
