#!/bin/sh
# arbitrage: exactly one trade, executed by both exchanges; the database saw every tick.  Actors may print in any order.
. "$(dirname "$0")/../lib/example.sh"

{
    echo 'alpha: sold 40 at 101.00 for trader'
    echo 'beta: bought 40 at 105.00 for trader'
    echo 'database: 9 market ticks'
    echo 'trader: buys 40 at alpha for 101.00, sells at beta for 105.00'
} >"$scratch/expected"
run arbitrage
sort -o "$scratch/actual" "$scratch/actual"
same "the output of arbitrage"
