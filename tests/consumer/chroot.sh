#!/bin/sh
# chroot.sh [COMMAND...]: the README's commands on a fresh Debian (bookworm, or $MAIKO_CHROOT_SUITE; from debootstrap's own mirror,
# or $MAIKO_CHROOT_MIRROR): debootstrap of the smallest system into a temporary directory, a clone of what this tree has
# committed, and in it as root ./bootstrap demo and ./bootstrap check, or each COMMAND of ./bootstrap that is named.  Prints TAP.
#
# As root, with debootstrap and a mirror: `make check-chroot`, not part of make check.  What it mounts and starts is in namespaces
# of its own and ends with them, however it ends.
set -eu

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
suite=${MAIKO_CHROOT_SUITE:-bookworm}
mirror=${MAIKO_CHROOT_MIRROR-}

# --- inside the namespaces ---

mount_the_usual()
{
    mount -t proc proc "$1/proc"
    mount -t sysfs -o ro sysfs "$1/sys"
    mkdir -p "$1/dev/pts" "$1/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
}

# As after a login: nothing of the caller's environment but the way to the mirror.
in_chroot()
{
    env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin ${http_proxy:+http_proxy="$http_proxy"} \
        chroot "$1" sh -c "cd /root/libmaiko && exec ./bootstrap $2"
}

if [ "${1-}" = --inside ]; then
    mount_the_usual "$2"
    status=0
    in_chroot "$2" "$3" || status=$?
    exit "$status" # not the last command: as the first process of its namespace this shell collects whoever is left alone
fi

# --- outside ---

refuse()
{
    echo "chroot.sh: $1" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || refuse "needs root"
for tool in debootstrap git unshare; do
    command -v "$tool" >/dev/null 2>&1 || refuse "needs $tool"
done
unshare --mount --pid --fork true 2>/dev/null || refuse "may not make namespaces here"

root=$(mktemp -d "${TMPDIR:-/tmp}/maiko-chroot.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 1' INT TERM HUP
log=$root.log
count=0
failed=0

# ok TEXT COMMAND...: the output goes to the log, its end to the screen: what bootstrap says last is the verdict.
ok()
{
    text=$1
    shift
    count=$((count + 1))
    started=$(date +%s)
    if "$@" >"$log" 2>&1 </dev/null; then
        echo "ok $count - $text ($(($(date +%s) - started)) s)"
        tail -n 3 "$log" | sed 's/^/# /'
    else
        echo "not ok $count - $text"
        tail -n 60 "$log" | sed 's/^/# /'
        failed=$((failed + 1))
    fi
}

install_system()
{
    unshare --mount --pid --fork --kill-child debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} &&
        finish_system
}

# What a container or an installer adds, and debootstrap does not.
finish_system()
{
    chmod 755 "$root" # it is / of the users in it, and mktemp made it ours alone
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
}

clone()
{
    git clone --no-hardlinks "$source_dir" "$root/root/libmaiko"
}

ok "$suite${mirror:+ from $mirror}" install_system
ok "clone of $(git -C "$source_dir" rev-parse --short HEAD)" clone
for command in ${*:-demo check}; do
    [ "$failed" -eq 0 ] || break # a broken build is broken once
    ok "./bootstrap $command" unshare --mount --pid --fork --kill-child sh "$0" --inside "$root" "$command"
done
echo "1..$count"
rm -f "$log"
[ "$failed" -eq 0 ]
