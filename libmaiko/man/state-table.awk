# Replaces @STATE_TABLE@ in the manual page by the rows of STATE_TABLE: awk -f state-table.awk state_table.h page.in
FNR == NR {
    if ($0 !~ /^    X\(maiko_/)
        next
    row = $0
    sub(/^    X\(/, "", row)
    sub(/\).*/, "", row)
    count = split(row, cells, /, /)
    if (count != 8)
        exit 1
    sub(/^maiko_/, "", cells[1])
    if (sub(/_as_supervisor$/, "", cells[1]))
        cells[1] = cells[1] "*"
    table = table ".It " cells[1]
    for (i = 2; i <= 8; i++) {
        sub(/^WAITS$/, "waits", cells[i])
        sub(/^NONE$/, "\\(en", cells[i])
        sub(/^NO_FD$/, "\\-1", cells[i])
        table = table " Ta " cells[i]
    }
    table = table "\n"
    next
}
$0 == "@STATE_TABLE@" {
    printf "%s", table
    next
}
{ print }
