# Sourced by the scripts beside it.
# shellcheck shell=bash disable=SC2034
# set -e holds in $(…) too.
shopt -s inherit_errexit

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${REDIACC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rediacc-parts}
cargo_deny_version=0.20.2
cargo_deny=$cache/cargo-deny-$cargo_deny_version/bin/cargo-deny

# dockerd and iptables live in sbin, which a plain user's PATH lacks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root, or says which one to run.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "this needs root and there is no sudo; run as root: $*"
    fi
}
