#!/bin/sh
# build-project.sh PREFIX: copies the consumer project to a scratch directory, builds it against the libmaiko installed in
# PREFIX and runs its tests.
set -eu

prefix=$1
project=$(cd "$(dirname "$0")/project" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/maiko-consumer.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cp "$project"/* "$scratch"
cd "$scratch"
autoreconf --install
PKG_CONFIG_PATH=$prefix/lib/pkgconfig ./configure
LD_LIBRARY_PATH=$prefix/lib make check || { cat test-suite.log; exit 1; }
