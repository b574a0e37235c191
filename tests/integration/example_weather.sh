#!/bin/sh
# weather prints, per sender, the lines that awk computes from the same file: alerts and monthly summaries, each kind in order;
# in C and in C++.
. "$(dirname "$0")/../lib/example.sh"

data=$source_dir/examples/data/seattle-weather.csv
awk -F, '
function finish() {
    if (days)
        printf "summary  %s  %2u days  %6.1f mm  %5.1f to %4.1f C\n", month, days, rain, low, high
    days = 0
}
NR == 1 { next }
substr($1, 1, 7) != month { finish(); month = substr($1, 1, 7); rain = 0; high = $3; low = $4 }
{ days++; rain += $2; if ($3 + 0 > high + 0) high = $3; if ($4 + 0 < low + 0) low = $4; readings++ }
$3 + 0 > 30 { alerts++; printf "alert    %s  %.1f C\n", $1, $3 }
END { finish(); printf "%u readings, %u alerts\n", readings, alerts }' "$data" >"$scratch/computed"

# compare PROGRAM: what it prints against what was computed.
compare()
{
    run "$1" "$data"
    cp "$scratch/actual" "$scratch/all"
    for kind in alert summary; do
        grep "^$kind " "$scratch/computed" >"$scratch/expected"
        grep "^$kind " "$scratch/all" >"$scratch/actual" || true
        same "$1: the list of kind $kind"
    done
    tail -n 1 "$scratch/computed" >"$scratch/expected"
    tail -n 1 "$scratch/all" >"$scratch/actual"
    same "$1: the last line"
}

compare weather
if [ -x "$build_dir/examples/weather_cxx" ]; then
    compare weather_cxx
fi
