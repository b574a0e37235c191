#!/bin/sh
# Every number of maiko_behaviour(7) has a test of that number, and every such test a line in the page.
. "$(dirname "$0")/lib.sh"

page=$source_dir/libmaiko/man/maiko_behaviour.7
in_page=$(sed -n 's/^\.It \([0-9][0-9]*\)$/\1/p' "$page" | sort -u)
in_tests=$(sed -n 's/^ *TEST_CASE(line_0*\([0-9][0-9]*\)_.*/\1/p' "$source_dir"/tests/integration/test_behaviour_*.c | sort -u)
wanted="$(seq 1 31) $(seq 36 39)" # 32 to 35 belong to monitors and to the test harness
[ "$(echo $in_page)" = "$(echo $(printf '%s\n' $wanted | sort -u))" ] || complain "numbers of the page: $(echo $in_page)"
[ "$in_page" = "$in_tests" ] || complain "numbers of the page: $(echo $in_page); with a test: $(echo $in_tests)"
verdict
