# Sourced by the scripts of this folder: where things are, and how a check fails.
# Scripts run under make check, or by hand in the source tree: sh tests/checks/layers.sh

set -eu
export LC_ALL=C.UTF-8
source_dir=${MAIKO_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build_dir=${MAIKO_BUILDDIR:-$source_dir}
complaints=0

complain()
{
    printf '%s\n' "$*"
    complaints=$((complaints + 1))
}

# complain_lines TEXT: every line on stdin is one complaint.
complain_lines()
{
    while IFS= read -r line; do
        complain "$line"
    done
}

skip()
{
    printf 'skipped: %s\n' "$*"
    exit 77
}

# Last line of every check.
verdict()
{
    if [ "$complaints" -ne 0 ]; then
        printf '%s complaints\n' "$complaints"
        exit 1
    fi
    exit 0
}

# Needs unchanged objects: sanitizers and coverage add data and imports of their own.
need_plain_build()
{
    case ${MAIKO_SANITIZER:-no} in
    no) ;;
    *) skip "objects carry the sanitizer's own symbols" ;;
    esac
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/maiko-check.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
