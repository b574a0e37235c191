# Replaces @COUNTERS_TABLE@ in the manual page by the counters of runtime/counters_layout.h and @DROP_TABLE@ by the reasons of
# maiko/counters.h: awk -f counters-table.awk counters_layout.h counters.h page.in
FILENAME ~ /\.h$/ && match($0, /#define COUNTERS_[A-Z]+_MAP\(X\)/) {
    row = tolower($2)
    sub(/^counters_/, "", row)
    sub(/_map.*/, "", row)
}
FILENAME ~ /\.h$/ && match($0, /X\([a-z_]+, "[^"]*", [A-Z]+, "[^"]*"\)/) {
    split(substr($0, RSTART + 2, RLENGTH - 3), part, ", *")
    text = substr($0, RSTART, RLENGTH - 2)
    sub(/.*, "/, "", text)
    gsub(/"/, "", part[2])
    kind = part[3] == "COUNTER" ? "" : " (" tolower(part[3]) ")"
    counters = counters ".It " row "." part[1] " Ta " part[2] kind " Ta " text "\n"
}
FILENAME ~ /\.h$/ && match($0, /X\([A-Z_]+, [0-9]+, [01], "[^"]*"\)/) {
    split(substr($0, RSTART + 2, RLENGTH - 3), part, ", *")
    text = substr($0, RSTART, RLENGTH - 2)
    sub(/.*[01], "/, "", text)
    drops = drops ".It Dv MAIKO_DROPPED_" part[1] " Ta " text "\n"
}
FILENAME ~ /\.h$/ { next }
$0 == "@COUNTERS_TABLE@" { printf "%s", counters; next }
$0 == "@DROP_TABLE@" { printf "%s", drops; next }
{ print }
