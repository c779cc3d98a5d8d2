#!/bin/sh
# Installs what `cargo xtask api-check` and `cargo xtask bench --peer` start on this host, where it is
# not there yet, from Debian. As root, asks nothing.
set -eu

missing=
need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || missing="$missing $2"
}
need node nodejs
need npm npm
need python3 python3
need wrk wrk
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

export DEBIAN_FRONTEND=noninteractive
apt-get update -q -o Acquire::Retries=3 || echo "apt-get update failed, going on" >&2
# shellcheck disable=SC2086
apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 \
    -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold $missing
