#!/bin/sh
# Sums up a finished test run.  Reads the names of .trs files on stdin (`make list-results` prints them), prints
#   failed: PROGRAM CASE        for every failure
#   skipped: PROGRAM CASE       for every skipped case
#   N passed, N failed, N skipped
# The unit is the test case: one per TAP line of a test program, one per script.  A program that also ends badly after its
# cases (crash, leak, sanitizer report) counts one failure more.
set -eu

exec awk '
# The result file has the results of a test program in order, its log the names, in lines such as
# `SKIP: PROGRAM 3 - name # SKIP reason`.
function names_from_log(program,    path, line, kind, start) {
    path = program ".log"
    for (kind in found)
        found[kind] = 0
    while ((getline line < path) > 0) {
        kind = line
        sub(/:.*/, "", kind)
        start = kind ": " program
        if (kind !~ /^(FAIL|SKIP|ERROR|XPASS)$/ || substr(line, 1, length(start)) != start)
            continue
        line = substr(line, length(start) + 2)
        sub(/^[0-9]+ /, "", line)
        sub(/^- /, "", line)
        sub(/ # SKIP.*/, "", line)
        names[kind, ++found[kind]] = line
    }
    close(path)
    for (kind in found)
        found[kind] = 0
}
function add(file,    program, line, words, kind, name) {
    program = file
    sub(/\.trs$/, "", program)
    names_from_log(program)
    seen = 0
    while ((getline line < file) > 0) {
        if (line !~ /^:test-result: /)
            continue
        seen = 1
        split(line, words, " ")
        kind = words[2]
        name = kind SUBSEP (++found[kind])
        name = (name in names) && names[name] != "" ? program " " names[name] : program
        if (kind == "PASS" || kind == "XFAIL")
            passed++
        else if (kind == "SKIP")
            skipped_names[skipped++] = name
        else
            failed_names[failed++] = name
    }
    close(file)
    split("", names)
    if (!seen)
        failed_names[failed++] = program " (did not run)"
}
{ for (i = 1; i <= NF; i++) add($i) }
END {
    for (i = 0; i < failed; i++)
        print "failed: " failed_names[i]
    for (i = 0; i < skipped; i++)
        print "skipped: " skipped_names[i]
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
}'
