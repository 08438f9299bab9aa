# tests/cli/helpers/opening.sh - what scripts of tests/cli have in common, sourced as their first step: a scratch folder of their own,
# which goes when they end, and how failures are counted. A script ends with its own word on $failures.
set -u
work=$SCRATCH/$(basename "$0" .sh)-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off PYTHONDONTWRITEBYTECODE=1
failures=0
python=${COHORT_PYTHON:-/usr/bin/python3}

need_h5py() { "$python" -c 'import h5py, numpy' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }; }
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
on() { local n=$1; shift; timeout -k 5 100 mpirun --bind-to none -n "$n" "$COHORT" "$@"; } # on RANKS words..
digest() { "$COHORT" show "$1" --digest; }
good() { "$COHORT" "$@" > log 2>&1 || fail "$*: $(cat log)"; }
refused() { # refused CODE PATTERN words..: one message that says it
    local code=$1 pattern=$2; shift 2
    local text rc
    text=$("$COHORT" "$@" 2>&1); rc=$?
    [ $rc -eq "$code" ] || fail "exit code $rc instead of $code: $*: $text"
    grep -qE -- "$pattern" <<< "$text" || fail "no '$pattern' in the message of $*: $text"
    [ "$(wc -l <<< "$text")" -eq 1 ] || fail "more than one message: $*: $text"
}
