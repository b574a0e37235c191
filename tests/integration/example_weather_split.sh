#!/bin/sh
# weather in one process and in three, over the space's ipc:// and over tcp://, on the real record: the same lines per sender,
# nothing lost (examples/weather_split.sh); in C, in C++, and with processes of both kinds.
. "$(dirname "$0")/../lib/example.sh"

# split TITLE PROGRAM OTHERS
split()
{
    echo "$1"
    TMPDIR=$scratch sh "$source_dir/examples/weather_split.sh" "$build_dir/examples/$2" \
        "$source_dir/examples/data/seattle-weather.csv" "$build_dir/examples/$3"
}

need_program weather
split "in C" weather weather
[ -x "$build_dir/examples/weather_cxx" ] || exit 0
split "in C++, the sensor in C" weather weather_cxx
split "in C, the sensor in C++" weather_cxx weather
