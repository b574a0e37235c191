#!/bin/sh
# guesser: a welcome, exactly ten results, the end.  Who guesses what is left to the players.
. "$(dirname "$0")/../lib/example.sh"

{
    echo 'Welcome to the Guessing Game!'
    echo '(the game will stop after 10 rounds)'
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        echo result
    done
    echo
    echo 'Game over!'
} >"$scratch/expected"
run guesser
sed -i -e 's/^No match\. Player1: [0-9], Player2: [0-9]$/result/' -e 's/^Match! Both players guessed [0-9]$/result/' "$scratch/actual"
same "the output of guesser"
