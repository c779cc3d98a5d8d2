#!/bin/sh
# Installs what `cargo xtask lab` needs on a Debian (or Ubuntu) host. Run as root; asks nothing.
# `host-packages.sh --list` prints the names and changes nothing.
set -eu

packages="mmdebstrap arch-test debian-archive-keyring qemu-system-x86 qemu-utils e2fsprogs
          xz-utils zstd gcc libc6-dev util-linux ca-certificates"

if [ "${1:-}" = --list ]; then
    for package in $packages; do echo "$package"; done
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
apt_install() {
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 \
        -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold "$@"
}

missing=
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "lab: every host package is installed"
    exit 0
fi
echo "lab: installing$missing"
# An index that cannot be refreshed may still be good enough to install from.
apt-get update -q -o Acquire::Retries=3 || echo "lab: apt-get update failed, going on" >&2

# qemu-utils is named even when it is there, else apt would rather remove a newer one.
# shellcheck disable=SC2086
if apt_install $missing qemu-utils; then
    exit 0
fi

# A qemu-utils from backports breaks the stock qemu-system-common: bring all of QEMU to the version
# that apt would give qemu-system-x86.
version=$(apt-cache policy qemu-system-x86 | sed -n 's/^ *Candidate: //p')
echo "lab: apt refused; taking QEMU $version with its own tools"
# shellcheck disable=SC2086
apt_install --allow-downgrades $missing "qemu-system-x86=$version" "qemu-utils=$version"
