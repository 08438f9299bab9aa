#!/bin/sh
# Installs the Debian or Ubuntu packages that cohort needs and that are missing; does nothing when all are there.
#
#   jobs/install.sh [tests]        tests: also what only the test suite needs
#
# As root, or where sudo asks no password, by apt-get. Otherwise it prints the one command to ask an
# administrator for, and exits 2. COHORT_INSTALL=off skips all of it, for machines whose libraries come from
# elsewhere (a cluster's modules): cmake then lists what it finds and what it misses.
set -eu

libraries="libopenmpi-dev openmpi-bin libhdf5-openmpi-dev libopenblas-dev libyaml-dev librandom123-dev
    libsodium-dev libfftw3-dev zlib1g-dev libutf8proc-dev"
plots="python3-h5py python3-matplotlib"
package="python3-pandas python3-yaml python3-pil" # of the Python package, where it is not installed by pip
case "${1:-}" in
'') ;;
tests) libraries="$libraries libcriterion-dev hdf5-tools $package" ;;
*)
    echo "install.sh: '$1' is unknown; usage: jobs/install.sh [tests]" >&2
    exit 2
    ;;
esac

[ "${COHORT_INSTALL:-on}" = off ] && exit 0
if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    echo "not Debian or Ubuntu: nothing is installed; cmake will list the libraries it finds and misses"
    exit 0
fi

has_package() { dpkg-query -W -f '${Status}\n' "$1" 2> /dev/null | grep -q ' installed$'; }
has_command() { command -v "$1" > /dev/null 2>&1; }

missing=
{ has_command cc && has_command make && has_package libc6-dev; } || missing="build-essential"
has_command cmake || missing="$missing cmake"
has_command pkg-config || missing="$missing pkg-config"
for package in $libraries; do
    has_package "$package" || missing="$missing $package"
done
if [ -z "${COHORT_PYTHON:-}" ] || ! "$COHORT_PYTHON" -c 'import h5py, matplotlib' 2> /dev/null; then
    for package in $plots; do
        has_package "$package" || missing="$missing $package"
    done
fi
missing=${missing# }
[ -z "$missing" ] && exit 0

become=
if [ "$(id -u)" -ne 0 ]; then
    become="sudo -n"
    if ! has_command sudo || ! sudo -n true 2> /dev/null; then
        echo "packages are missing, and installing needs root. Please ask an administrator for:" >&2
        echo "    apt-get update && apt-get install -y --no-install-recommends $missing" >&2
        exit 2
    fi
fi

log=$(mktemp "${TMPDIR:-/tmp}/cohort-install.XXXXXX")
trap 'rm -f "$log"' EXIT
apt() { $become env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 "$@" >> "$log" 2>&1 < /dev/null; }
echo "installing $missing .."
apt update -q || echo "apt-get update failed; going on with the package lists that are there" >&2
# shellcheck disable=SC2086 # one word a package
if ! apt install -q -y --no-install-recommends $missing; then
    echo "apt-get install failed; the end of what it said:" >&2
    tail -n 15 "$log" >&2
    exit 2
fi
