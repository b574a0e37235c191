#!/bin/sh
# installcheck.sh SOURCE_DIR FILE...: builds each program with what pkg-config says and nothing else, against the shared and
# the static library, in a scratch directory, and runs it.  Settings come from the Makefile by environment.
set -eu

if [ "$sanitizer" != no ]; then
    echo "installcheck: skipped, the libraries are built with a sanitizer"
    exit 0
fi
source_dir=$1
shift
scratch=$(mktemp -d "${TMPDIR:-/tmp}/maiko-installcheck.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# build_and_run KIND COMPILER SOURCE FLAGS...
build_and_run()
{
    kind=$1
    compiler=$2
    source=$3
    shift 3
    if $compiler "$source" -o program "$@" && LD_LIBRARY_PATH=$libdir ./program >output; then
        echo "installcheck: ${source##*/} with the $kind library: ok"
    else
        echo "installcheck: ${source##*/} with the $kind library: FAILED ($compiler $source $*)" >&2
        exit 1
    fi
}

check_program()
{
    case $1 in
    *.cc)
        [ "$have_cxx" = yes ] || return 0
        compiler="$CXX -std=c++11"
        ;;
    *) compiler="$CC -std=c11" ;;
    esac
    if [ "$have_shared" = yes ]; then
        build_and_run shared "$compiler" "$1" $($PKG_CONFIG --cflags --libs libmaiko)
    fi
    if [ "$have_static" = yes ]; then
        build_and_run static "$compiler" "$1" -static $($PKG_CONFIG --static --cflags --libs libmaiko)
    fi
}

for file in "$@"; do
    check_program "$source_dir/$file"
done
if [ "$have_bridge" = yes ] && [ "$have_shared" = yes ]; then
    printf '%s\n' '#include <maiko/bridge.h>' '#include <string.h>' \
        'int main(void) { return strcmp(maiko_bridge_version(), maiko_version()); }' >bridge.c
    build_and_run shared "$CC" bridge.c $($PKG_CONFIG --cflags --libs libmaiko-bridge)
fi
