#!/bin/sh
# Includes follow the layers: base <- message <- routing <- runtime <- {monitor, testing} <- bridge <- tools, examples.
# A public header belongs to the layer whose local.mk lists it.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

# "layer header" for every public header, "layer file" for every file of the library.
for layer in base message routing runtime monitor testing; do
    sed -n 's|^[^#]*\(libmaiko/include/maiko/[a-z0-9_]*\.h\).*|\1|p' "libmaiko/$layer/local.mk" | sed "s|^|$layer |"
done >"$scratch/public"
sed -n 's|^[^#]*\(libmaiko/include/maiko/[a-z0-9_]*\.h\).*|umbrella \1|p' libmaiko/local.mk >>"$scratch/public"
for header in libmaiko/include/maiko/*.h; do
    grep -q " $header\$" "$scratch/public" || complain "$header: no layer lists it in its local.mk"
done
{
    cat "$scratch/public"
    for layer in base message routing runtime monitor testing; do
        find "libmaiko/$layer" -name '*.[ch]' | sed "s|^|$layer |"
    done
    find bridge tools examples \( -name '*.[ch]' -o -name '*.cc' \) | awk '{ split($1, part, "/"); print part[1], $1 }'
} >"$scratch/files"

# One line per include: layer, file, target.
while read -r layer file; do
    sed -n 's|^[ \t]*#[ \t]*include[ \t]*\([<"][^>"]*[>"]\).*|\1|p' "$file" | sed "s|^|$layer $file |"
done <"$scratch/files" >"$scratch/includes"

awk '
function bad(reason) { print file ": includes " target ": " reason }
BEGIN {
    rank["base"] = 1; rank["message"] = 2; rank["routing"] = 3; rank["runtime"] = 4
    rank["monitor"] = 5; rank["testing"] = 5; rank["umbrella"] = 6; rank["bridge"] = 7; rank["tools"] = 8; rank["examples"] = 8
}
FNR == NR { name = $2; sub(/^.*\//, "", name); layer_of_public[name] = $1; next }
{
    layer = $1; file = $2; target = $3
    inner = substr(target, 2, length(target) - 2)
    public = inner ~ /^maiko\//
    if (inner == "msgpack.h" && file !~ /^bridge\/wire\//) { bad("only bridge/wire does"); next }
    if (inner ~ /^msgpack\// && file !~ /^bridge\/wire\//) { bad("only bridge/wire does"); next }
    if (inner ~ /^(zmq|czmq)/ && file !~ /^bridge\/link\/zmq_[a-z_]*\.c$/) { bad("only bridge/link/zmq_*.c do"); next }
    if (public && target !~ /^</) { bad("public headers go in angle brackets"); next }
    if (public) {
        name = inner; sub(/^.*\//, "", name)
        to = (name in layer_of_public) ? layer_of_public[name] : "bridge"
        if (to == "umbrella" && rank[layer] < rank["umbrella"]) { bad("the library does not use its own umbrella"); next }
        if (file ~ /include\/maiko/ && layer == "umbrella") next
        if (rank[to] > rank[layer] || (rank[to] == rank[layer] && to != layer)) bad(layer " may not know of " to)
        next
    }
    if (target !~ /^"/) next
    if (inner == "config.h") next
    if (file ~ /include\/maiko\//) { bad("a public header includes public headers only"); next }
    split(inner, part, "/")
    if (layer == "tools" || layer == "examples") {
        if (inner ~ /\//) bad("tools and examples see <maiko/...> only")
        next
    }
    if (inner !~ /\//) { bad("includes are rooted: \"folder/file.h\""); next }
    to = (part[1] in rank) ? part[1] : "bridge"
    if (rank[to] > rank[layer] || (rank[to] == rank[layer] && to != layer)) bad(layer " may not know of " to)
    if (file ~ /^bridge\/wire\// && to == "bridge" && part[1] != "wire") bad("bridge/wire is pure and stands alone")
}' "$scratch/public" "$scratch/includes" >"$scratch/bad"
complain_lines <"$scratch/bad"

# Decisions are pure: no threads, no clocks, no descriptors below the runtime, and threads are started in the runtime only.
grep -nE '\b(pthread_[a-z_]+|clock_gettime|gettimeofday|time\(NULL\)|epoll_[a-z0-9_]+|eventfd)\b' \
    $(find libmaiko/message libmaiko/routing bridge/wire -name '*.[ch]' 2>/dev/null) /dev/null | sed 's/$/   (pure folder)/' >"$scratch/bad" || true
complain_lines <"$scratch/bad"
grep -nE '\bpthread_create *\(' $(find libmaiko -name '*.[ch]' ! -path 'libmaiko/runtime/*') /dev/null |
    sed 's/$/   (only runtime owns threads)/' >"$scratch/bad" || true
complain_lines <"$scratch/bad"
# Shared rings decide and copy; sockets, descriptors to wait on and threads are the links' business.
grep -nE '\b(pthread_[a-z_]+|clock_gettime|epoll_[a-z0-9_]+|eventfd[a-z_]*|socket|sendmsg|recvmsg|poll|read|write) *\(' \
    $(find bridge/shm -name '*.[ch]' 2>/dev/null) /dev/null | sed 's/$/   (bridge\/shm)/' >"$scratch/bad" || true
complain_lines <"$scratch/bad"
verdict
