#!/bin/bash
# tests/cli/campaign.sh - cohort compare with groups=: the bits of single runs through a stop, a kill and other ranks; the same table
# on any groups; errors, stops, dead and hanging ranks in one group end all groups with one message that names the run.
set -u
work=$SCRATCH/campaign-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
failures=0
python=${COHORT_PYTHON:-/usr/bin/python3}

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
start() { local n=$1; shift; timeout -k 5 100 mpirun --oversubscribe --bind-to none -n "$n" "$COHORT" "$@" > text 2>&1 & job=$!; }
on() { local n=$1; shift; timeout -k 5 100 mpirun --oversubscribe --bind-to none -n "$n" "$COHORT" "$@"; }
digest() { "$COHORT" show "$1" --digest; }
ends() { # ends CODE PATTERN RANKS words..: one message
    local code=$1 pattern=$2 rc text; shift 2
    text=$(on "$@" 2>&1); rc=$?
    [ $rc -eq "$code" ] || fail "exit code $rc instead of $code: $*: $text"
    grep -qE "^cohort: .*$pattern" <<< "$text" || fail "no '$pattern' in the message of $*: $text"
    [ "$(grep -c '^cohort: ' <<< "$text")" -eq 1 ] || fail "not one message: $*: $text"
}
wait_for() { # wait_for FILES PID: until all are there or the job is gone
    local k
    for ((k = 0; k < 600; k++)); do
        # shellcheck disable=SC2086
        ls $1 > /dev/null 2>&1 && return
        kill -0 "$2" 2> /dev/null || return
        sleep 0.05
    done
}

"$COHORT" import synthetic devices=30 alpha=1 beta=1 test_fraction=0.2 validation_fraction=0.2 -o data.h5 > /dev/null || fail import
cat > e.yaml <<'Y'
name: fair
rounds: 150
data: {file: data.h5}
model: {name: softmax}
devices: {per_round: 10}
local: {lr: 0.01}
eval: {every: 50}
output: {dir: out, checkpoint_every: 10}
Y
grid="grid.local.epochs=[1,2] seeds=2"
runs="local.epochs=1/seed-1 local.epochs=1/seed-2 local.epochs=2/seed-1 local.epochs=2/seed-2"
for run in $runs; do
    "$COHORT" run e.yaml "${run%/*}" "seed=${run#*seed-}" output.dir="alone/$run" > /dev/null 2>&1 || fail "run $run"
done

# asked to stop, killed, then to the end, each time on other ranks and groups: the bits of four single runs
# shellcheck disable=SC2086
start 4 compare e.yaml $grid groups=2
wait_for "out/local.epochs=1/seed-1/ckpt-* out/local.epochs=1/seed-2/ckpt-*" $job
pkill -USR1 -P $job; wait $job; rc=$?
[ $rc -eq 75 ] && grep -q '^cohort: stopped on request, [0-3] of 4 runs done; the same call goes on$' text || fail "SIGUSR1: exit code $rc: $(cat text)"
for run in out/local.epochs=1/seed-1 out/local.epochs=1/seed-2; do
    "$COHORT" show $run/run.h5 --json | grep -qE '"state": "(stopped|done)"' || fail "no state of $run after a stop"
    ls $run/ckpt-* > /dev/null 2>&1 || fail "no checkpoint of $run after a stop"
done
before=$(cat out/*/*/run.h5 | cksum)
# shellcheck disable=SC2086
start 3 compare e.yaml $grid groups=2
for ((k = 0; k < 600; k++)); do
    [ "$(cat out/*/*/run.h5 | cksum)" != "$before" ] && break
    sleep 0.05
done
kill -KILL "$(pgrep -n -P "$(pgrep -P $job)")" || fail "no rank to kill: $(cat text)"
SECONDS=0
wait $job; rc=$?
[ $rc -ne 0 ] && [ $SECONDS -le 30 ] || fail "a dead rank: exit code $rc after $SECONDS s: $(cat text)"
[ ! -e out/compare.h5 ] || fail "the kill came too late to prove anything"
# shellcheck disable=SC2086
on 2 compare e.yaml $grid groups=2 > text 2>&1 || fail "to the end: $(cat text)"
for run in $runs; do
    [ "$(digest "out/$run/run.h5")" = "$(digest "alone/$run/run.h5")" ] || fail "$run is not the single run"
done

# the same table on any groups: over the same runs to the bit, over runs of its own but for the times
table=$(digest out/compare.h5)
for groups in 1 3; do
    # shellcheck disable=SC2086
    on 3 compare e.yaml $grid groups=$groups > text 2>&1 || fail "again on $groups groups: $(cat text)"
    [ "$(digest out/compare.h5)" = "$table" ] || fail "another table on $groups groups"
done
mkdir other
# shellcheck disable=SC2086
(cd other && on 3 compare ../e.yaml data.file=../data.h5 rounds=20 tune.local.lr=[0.0001,0.02] $grid groups=1) > one 2>&1 || fail "one group: $(cat one)"
mv other/out one.out
# shellcheck disable=SC2086
(cd other && on 3 compare ../e.yaml data.file=../data.h5 rounds=20 tune.local.lr=[0.0001,0.02] $grid groups=2) > two 2>&1 || fail "two groups: $(cat two)"
for file in $(cd one.out && find . -name run.h5); do
    [ "$(digest "one.out/$file")" = "$(digest "other/out/$file")" ] || fail "$file depends on the groups"
done
[ "$(find one.out -name run.h5 | wc -l)" -eq 8 ] || fail "runs: $(find one.out)"
[ "$(grep -c 'chosen on the validation split: local.lr=0.02' two)" -eq 2 ] || fail "tuned otherwise: $(cat two)"
if $python -c 'import h5py' 2> /dev/null; then
    $python - one.out/compare.h5 other/out/compare.h5 <<'P' || fail "another table on two groups"
import sys
import h5py, numpy as np
a, b = (h5py.File(name) for name in sys.argv[1:])
names = [f"{t}/{c}" for t in ("runs", "summary") for c in a[t]]
assert names == [f"{t}/{c}" for t in ("runs", "summary") for c in b[t]] and len(names) > 15
for name in names:
    if name.endswith("/wall_s"): continue
    x, y = a[name][:], b[name][:]
    assert x.dtype == y.dtype and x.tobytes() == y.tobytes(), (name, x, y)
assert {k: v for k, v in a.attrs.items()} == {k: v for k, v in b.attrs.items()}
P
else
    echo "note: no h5py here: the tables are not compared column by column"
fi

# one line for all, none of the runs; warnings name their run
COHORT_PROGRESS=plain on 2 compare e.yaml rounds=20 local.lr=1e6 devices.per_round=3 seeds=2 groups=2 output.dir=wild > text 2>&1
grep -qE '^warning: wild/experiment/seed-[12]: [0-9]+ of [0-9]+ updates' text || grep -q '^cohort: wild/experiment/seed-[12]: ' text || fail "no word of the run: $(cat text)"
COHORT_PROGRESS=plain on 4 compare e.yaml rounds=20 seeds=4 groups=2 output.dir=lines > text 2>&1 || fail "lines: $(cat text)"
grep -q '^100 %  4 of 4 runs; done: experiment, seed [1-4]$' text || fail "no line of the campaign: $(cat text)"
! grep -qE 'round [0-9]|no checkpoint|rounds, train loss' text || fail "the runs speak too: $(cat text)"

# refused before anything runs
ends 2 'local.lrr: unknown key' 2 compare e.yaml grid.local.lrr=[0.1,0.2] groups=2 output.dir=none
ends 2 'local.epochs: -3 is out of range' 2 compare e.yaml grid.local.epochs=[1,-3] groups=2 output.dir=none
ends 2 'groups=3: a group needs a rank, and there are 2 .mpirun -n 3.' 2 compare e.yaml groups=3 output.dir=none
ends 2 'groups=0: must be a whole number' 2 compare e.yaml groups=0 output.dir=none
ends 2 'takes -o DIR' 2 compare alone/local.epochs=1/seed-1/run.h5 groups=2 -o none
[ ! -e none ] || fail "something ran before the refusal: $(find none)"

# an error of one run ends the others at the end of their round; put right, the same call goes on
ends 4 'gone/data.file=x.h5/seed-1: (rank [0-9]: )?x.h5: cannot open' 3 compare e.yaml grid.data.file=[data.h5,x.h5] groups=2 output.dir=gone
"$COHORT" show gone/data.file=data.h5/seed-1/run.h5 --json | grep -q '"state": "stopped"' || fail "the other group went on to its end"
cp data.h5 x.h5
start 2 compare e.yaml grid.data.file=[data.h5,x.h5] seeds=2 groups=2 output.dir=vanish
wait_for 'vanish/data.file=data.h5/seed-1/ckpt-* vanish/data.file=data.h5/seed-2/ckpt-*' $job
rm x.h5; wait $job; rc=$?
[ $rc -eq 4 ] && grep -q '^cohort: vanish/data.file=x.h5/seed-[12]: \(rank [0-9]: \)\?x.h5: cannot open' text || fail "a file that vanishes: exit code $rc: $(cat text)"
[ "$(grep -c '^cohort: ' text)" -eq 1 ] || fail "a file that vanishes: not one message: $(cat text)"
cp data.h5 x.h5
on 3 compare e.yaml grid.data.file=[data.h5,x.h5] seeds=2 groups=3 output.dir=vanish > text 2>&1 || fail "the file is back: $(cat text)"
[ "$(digest vanish/data.file=data.h5/seed-2/run.h5)" = "$(digest alone/local.epochs=1/seed-2/run.h5)" ] || fail "another run after the error"
ends 5 'wild2/local.lr=1000000/seed-1: round 3: every device' 2 compare e.yaml local.weight_decay=0.001 local.epochs=20 grid.local.lr=[0.01,1000000] groups=2 output.dir=wild2

# what befalls a rank of the second group
CO_FAULT=train:3:2 ends 70 'fault/experiment/seed-[1-4]: round 2: rank 3: injected fault' 4 compare e.yaml seeds=4 groups=2 output.dir=fault
CO_FAULT=assert:3:1 ends 70 'internal error on rank 3 in round 1 of fault2/experiment/seed-[1-4]: .*the same call goes on' 4 compare e.yaml seeds=4 groups=2 output.dir=fault2
SECONDS=0
CO_FAULT=hang:3:2 COHORT_WATCHDOG_S=2 ends 70 'rank 3: no progress for [2-9] s in round 1 of fault3/experiment/seed-[1-4] .working.; the same call' 4 \
    compare e.yaml seeds=4 groups=2 output.dir=fault3
[ $SECONDS -le 40 ] || fail "a hanging rank: $SECONDS s"

[ $failures -eq 0 ] && echo "campaign: all good"
exit $((failures > 0))
