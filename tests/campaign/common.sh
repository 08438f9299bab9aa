# tests/campaign/common.sh - sourced by the campaigns: builds, imports public data once, keeps what is done.
# A campaign can be stopped and started again; its files lie in runs/campaign/NAME; its last line is RESULT ...
# RANKS: ranks of a run (default: all cores). LIMIT: seconds that one start of a run may take (3600).
set -eu
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
name=$(basename "$0" .sh)
shared=${COHORT_SHARED:-$top/../shared}
work=${CAMPAIGN_DIR:-$top/runs/campaign}/$name
ranks=${RANKS:-$(nproc)}
python=${COHORT_PYTHON:-/usr/bin/python3}
if [ ! -x "${COHORT:-$top/build/cohort}" ]; then
    cmake -S "$top" -B "$top/build" -DCOHORT_TESTS=OFF > /dev/null && cmake --build "$top/build" -j > /dev/null
fi
cohort=${COHORT:-$top/build/cohort}
. "$top/jobs/env.sh"
mkdir -p "$work"
cd "$work"

need() { # need PATH below the shared folder
    [ -e "$shared/$1" ] || { echo "skipped: $shared/$1 is not here"; exit 77; }
}
train() { # train EXPERIMENT words..: continues what is there, and tells the time it took
    local start=$SECONDS label=$1 word
    for word; do case $word in output.dir=*) label=${word#output.dir=} ;; esac done
    timeout -k 10 "${LIMIT:-3600}" mpirun -n "$ranks" "$cohort" run "$@" --resume > last.log 2>&1 || { grep 'cohort: ' last.log || tail -n 5 last.log; exit 1; }
    [ $((SECONDS - start)) -lt 2 ] || echo "$label: $((SECONDS - start)) s on $ranks ranks"
}
