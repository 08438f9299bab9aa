#!/bin/bash
# tests/cli/failing_rank.sh - one rank of three fails: the job ends soon, with one message that says rank, round, cause and remedy.
# By itself: an error, a broken invariant, too little memory at the start. From outside: killed, stopped. (A rank that loops for ever
# stands in run.sh.) Seconds count from the failure where it comes from outside, else from the start of the job.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
export COHORT_PROGRESS=off
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/failing-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
. "$SOURCE/jobs/env.sh"
faults=0
fail() { echo "FAILED: $*"; sed 's/^/    /' text | head -n 8; faults=$((faults + 1)); }

cat > e.yaml <<'Y'
name: small
rounds: 6
data: {generator: synthetic, devices: 30, alpha: 1, beta: 1, size: 40}
model: {name: softmax}
devices: {per_round: 9}
local: {lr: 0.05}
eval: {every: 2}
output: {dir: out, checkpoint_every: 1}
Y
seconds() { date +%s.%N; }
# clean FILE: without the zeros that Open MPI 5.0 ends its messages with, at the start of the line that follows
clean() { sed -i 's/\x00//g' "$1"; }
within() { # within SECONDS SINCE WHAT
    local took
    took=$(awk -v a="$2" -v b="$ended" 'BEGIN {print b - a}')
    awk -v a="$took" -v b="$1" 'BEGIN {exit !(a <= b)}' || fail "$3: ended after $took s"
    printf '%-40s exit code %3d, %.1f s: %s\n' "$3" "$rc" "$took" "$(grep -m 1 '^cohort: ' text)"
}
# one_message PATTERN WHAT
one_message() {
    [ "$(grep '^cohort: ' text | grep -vc '^cohort: warning: ')" -eq 1 ] || fail "$2: not one message"
    grep -Eq "^cohort: .*$1" text || fail "$2: no '$1'"
}
# by_itself FAULT CODE PATTERN WHAT
by_itself() {
    local start
    start=$(seconds)
    CO_FAULT=$1 timeout -k 2 60 mpirun --bind-to none -n 3 "$COHORT" run e.yaml --overwrite > text 2>&1
    rc=$?
    ended=$(seconds)
    clean text
    [ $rc -eq "$2" ] || fail "$4: exit code $rc instead of $2"
    one_message "$3" "$4"
    within 10 "$start" "$4"
}
by_itself train:1:2 70 'round 2: rank 1: .*--resume' 'an error on rank 1'
by_itself assert:2:3 70 'rank 2 in round 3: .*does not hold.*--resume' 'a broken invariant on rank 2'
by_itself alloc:2:40 70 'rank 2: .*memory' 'no memory on rank 2 at the start'
by_itself file_full:0:70 4 'round [0-9]+: rank 0: .*No space left.*--resume' 'a full disk under rank 0'

is_left() { # a rank that runs or sleeps on; one that nobody has asked for its end does not count
    local pid
    for pid in "${ranks[@]}"; do grep -qs '^State:.[^ZX]' "/proc/$pid/status" && return 0; done
    return 1
}
# from_outside SIGNAL VICTIM: to one rank of a run that goes on for long
from_outside() {
    local job
    rm -rf out
    COHORT_WATCHDOG_S=2 timeout -k 1 100 mpirun --bind-to none -n 3 "$COHORT" run e.yaml rounds=100000 output.checkpoint_every=50 > text 2>&1 &
    job=$!
    for _ in $(seq 600); do ls out/ckpt-*.h5 > /dev/null 2>&1 && break; sleep 0.05; done
    mapfile -t ranks < <(pgrep -P "$(pgrep -P $job)")
    start=$(seconds)
    kill "-$1" "${ranks[$2]}"
    wait $job
    rc=$?
    ended=$(seconds)
    clean text
    for _ in $(seq 50); do is_left || break; sleep 0.1; done
    ! is_left || fail "$1: a rank is still there"
    [ $rc -ne 0 ] || fail "$1: exit code 0"
}
from_outside KILL 1
grep -q 'signal 9' text || fail 'a killed rank: mpirun does not say so'
within 5 "$start" 'a rank killed from outside'
from_outside STOP 2
# mpirun wakes the stopped rank to end it: it may then say that it hung, which is true
sed -i '/^cohort: rank 2: no progress .*(working)/d' text
one_message 'rank 0: no progress for [0-9]+ s in round [0-9]+ \(waiting for other ranks\).*--resume' 'a stopped rank'
within 20 "$start" 'a rank stopped from outside'

echo "$faults faults"
[ $faults -eq 0 ]
