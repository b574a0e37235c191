# Replaces @STATUS_TABLE@ in the manual page by the rows of MAIKO_STATUS_MAP: awk -f status-table.awk status.h page.in
FNR == NR {
    if (match($0, /X\(MAIKO_[A-Z0-9]+, -?[0-9]+, "[^"]*"\)/)) {
        row = substr($0, RSTART + 2, RLENGTH - 3)
        name = row
        sub(/,.*/, "", name)
        number = row
        sub(/^[^,]*, /, "", number)
        sub(/,.*/, "", number)
        text = row
        sub(/^[^"]*"/, "", text)
        sub(/"$/, "", text)
        sub(/^-/, "\\-", number)
        table = table ".It Dv " name " Ta " number " Ta " text "\n"
    }
    next
}
$0 == "@STATUS_TABLE@" {
    printf "%s", table
    next
}
{ print }
