#!/bin/sh
# Documents hang together: relative links in Markdown lead to files (and headings) that exist, man pages are sound and refer to pages
# that exist.
. "$(dirname "$0")/lib.sh"
cd "$source_dir"

markdown=$(find . -path ./.git -prune -o -name '*.md' -print | grep -v '^\./build' | sed 's|^\./||')

# Headings of a file in the form of GitHub's anchors.
anchors()
{
    sed -n 's/^##* *//p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

for file in $markdown; do
    awk '/^```/ { code = !code } !code' "$file" | grep -oE '\]\([^)]+\)' | sed 's/^](//; s/)$//; s/ .*//' | sort -u >"$scratch/links" || true
    while read -r link; do
        case $link in
        *://* | mailto:*) continue ;;
        esac
        path=${link%%#*}
        target=$file
        [ -z "$path" ] || target=$(dirname "$file")/$path
        if [ ! -e "$target" ]; then
            complain "$file: link to $link leads nowhere"
            continue
        fi
        case $link in
        *#*) anchors "$target" | grep -qx -- "${link#*#}" || complain "$file: $link: no such heading" ;;
        esac
    done <"$scratch/links"
done

# A page with a generated table has its source in NAME.in.
for page in $(find libmaiko/man bridge/man tools/man \( -name '*.[1-9]' -o -name '*.[1-9].in' \) 2>/dev/null); do
    sed -n 's/^\.Xr \(maiko[a-z0-9_-]*\) \([0-9]\).*/\1.\2/p' "$page" | sort -u >"$scratch/references"
    while read -r reference; do
        [ -n "$(find libmaiko/man bridge/man tools/man \( -name "$reference" -o -name "$reference.in" \) 2>/dev/null)" ] ||
            complain "$page: refers to $reference, which does not exist"
    done <"$scratch/references"
    if command -v mandoc >/dev/null 2>&1; then
        case $page in
        *.in) text=$build_dir/${page%.in} ;; # made by the build
        *) text=$page ;;
        esac
        [ -e "$text" ] || continue
        mandoc -Tlint -W warning <"$text" >"$scratch/lint" 2>&1 || true
        grep -v 'no such page\|referenced manual not found' "$scratch/lint" >"$scratch/bad" || true
        sed -i "s|^|$page: |" "$scratch/bad"
        complain_lines <"$scratch/bad"
    fi
done
verdict
