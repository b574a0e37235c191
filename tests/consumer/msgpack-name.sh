#!/bin/sh
# msgpack-name.sh SOURCE DIRECTORY: pkg-config calls msgpack-c `msgpack-c` where it is new and `msgpack` where it is old.  Whatever
# it is called here, configure finds it under either name, and what includes it compiles; without both it says what it looked for.
# Each name is seen alone: the modules of this machine but for msgpack's, and one of the name that points at what is here.
set -eu

source=$(cd "$1" && pwd)
directory=$2
rm -rf "$directory"
mkdir -p "$directory"
cd "$directory"
: "${PKG_CONFIG:=pkg-config}"
export PKG_CONFIG

for name in msgpack-c msgpack; do
    if "$PKG_CONFIG" --exists "$name"; then
        flags=$("$PKG_CONFIG" --cflags "$name")
        libs=$("$PKG_CONFIG" --libs "$name")
        break
    fi
done
if [ -z "${libs:-}" ]; then
    echo "no msgpack-c here to rename"
    exit 1
fi

# modules DIRECTORY: all modules of this machine but for msgpack's.
modules()
{
    mkdir -p "$1"
    echo "${PKG_CONFIG_PATH:-}:$("$PKG_CONFIG" --variable pc_path pkg-config)" | tr ':' '\n' | while read -r folder; do
        [ -n "$folder" ] || continue
        find "$folder" -maxdepth 1 -name '*.pc' ! -name 'msgpack*' 2>/dev/null | while read -r module; do
            [ -e "$1/${module##*/}" ] || ln -s "$module" "$1"
        done
    done
}

# configured NAME: configure, with the modules of NAME/modules alone.
configured()
{
    mkdir -p "$1/build"
    (cd "$1/build" && PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR="$directory/$1/modules" \
        "$source/configure" --enable-werror --disable-tests --disable-shared) >"$1/log" 2>&1
}

fail()
{
    tail -n 20 "$name/log"
    echo "$*"
    exit 1
}

try()
{
    name=$1
    version=$2
    modules "$directory/$name/modules"
    printf '%s\n' "Name: $name" "Description: msgpack-c" "Version: $version" "Cflags: $flags" "Libs: -L/called/$name $libs" \
        >"$name/modules/$name.pc"
    configured "$name" || fail "configure does not take $name $version"
    grep -q "msgpack module: $name," "$name/log" || fail "configure took another module than $name"
    grep -q "^Requires.private:.* $name\$" "$name/build/bridge/libmaiko-bridge.pc" || fail "libmaiko-bridge.pc does not name $name"
    make -s -C "$name/build" bridge/wire/libmaiko_bridge_core_la-pack.lo bridge/wire/libmaiko_bridge_core_la-codec_msgpack.lo
    make -n -C "$name/build" bridge/libmaiko-bridge.la >"$name/link"
    grep -q -- "-L/called/$name " "$name/link" || fail "the library is not linked with what $name says"
    echo "$name $version: taken"
}

try msgpack-c 6.0.0
try msgpack 3.3.0
name=neither
modules "$directory/neither/modules"
if configured neither; then
    fail "configure does without msgpack-c"
fi
grep -q "error: pkg-config knows neither" neither/log || fail "configure does not say what is missing"
echo "neither: refused"
