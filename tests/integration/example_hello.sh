#!/bin/sh
# hello prints one line, in C and in C++.
. "$(dirname "$0")/../lib/example.sh"

echo 'Hello, World! (from supervisor)' >"$scratch/expected"
run hello
same "the output of hello.c"
if [ -x "$build_dir/examples/hello_cxx" ]; then
    run hello_cxx
    same "the output of hello.cc"
fi
