#!/bin/bash
# tests/cli/planners.sh - steps that do not wait for all: equal speeds give synchronous bits, devices under way survive a stop and a
# kill on any number of ranks, models are mixed as the paper says, and what does not go together is refused with its reason.
set -u
mkdir -p "$SCRATCH" && work=$(mktemp -d "$SCRATCH/planners-XXXXXX") && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
failures=0
python=${COHORT_PYTHON:-/usr/bin/python3}

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
on() { local n=$1; shift; timeout -k 5 100 mpirun --bind-to none -n "$n" "$COHORT" "$@"; }
run() { # run RANKS DIR words..
    local n=$1 dir=$2; shift 2
    on "$n" run e.yaml "output.dir=$dir" "$@" > text 2>&1 || fail "$dir: $(tail -1 text)"
}
digest() { "$COHORT" show "$1" --digest; }
refused() { # refused PATTERN words..
    local pattern=$1 rc; shift
    on 1 run e.yaml output.dir=never "$@" > text 2>&1; rc=$?
    [ $rc -eq 2 ] || fail "exit code $rc instead of 2: $*: $(cat text)"
    grep -qE "$pattern" text || fail "no '$pattern' in the message of $*: $(cat text)"
    [ -e never/run.h5 ] && fail "$* left a run file"
}

cat > e.yaml <<'Y'
name: planners
rounds: 8
data: {generator: synthetic, devices: 40, alpha: 1, beta: 1, size: 30}
model: {name: mlp, hidden: [20]}
devices: {per_round: 9}
local: {batch: 8, lr: 0.05}
clock: {seconds_per_unit: 1}
eval: {every: 4}
output: {checkpoint_every: 2, keep: 9}
Y

# Equal speeds and sizes: every mode is synchronous, version by version.
run 1 waits
run 2 buffer devices.mode=buffered
run 1 ends devices.mode=deadline
run 1 ticks devices='{per_round: 9, mode: semi_synchronous, interval_s: 30}'
run 1 timeless devices='{per_round: 9, mode: buffered}' # and without a clock
for k in 2 4 6 8; do
    for dir in buffer ends ticks timeless; do
        "$COHORT" show waits/ckpt-0000000$k.h5 | grep "model digest" > want
        "$COHORT" show $dir/ckpt-0000000$k.h5 | grep "model digest" > found
        [ -s want ] && cmp -s want found || fail "$dir differs from synchronous in round $k: $(cat want found)"
    done
done

# Devices under way over a stop and a kill, on other ranks.
cat > e.yaml <<'Y'
name: flights
rounds: 60
data: {generator: synthetic, devices: 60, alpha: 1, beta: 1}
model: {name: mlp, hidden: [60]}
devices: {per_round: 4, mode: buffered, concurrency: 25, staleness: polynomial, max_staleness: 9}
local: {batch: 4, epochs: 3, lr: 0.02}
clock: {seconds_per_unit: 1, up: 1e4}
eval: {every: 0}
output: {checkpoint_every: 2, keep: 99}
Y
run 2 calm
"$COHORT" show calm/run.h5 > text || fail "show"
run 3 parts rounds=7
on 1 run e.yaml output.dir=parts rounds=20 --resume > text 2>&1 || fail "second part: $(cat text)"
on 4 run e.yaml output.dir=parts --resume > text 2>&1 || fail "third part: $(cat text)"
on 2 run e.yaml output.dir=killed-$$ > text 2>&1 &
job=$!
for _ in $(seq 1000); do [ -e killed-$$/ckpt-00000012.h5 ] && break; sleep 0.01; done
pkill -KILL -f "run e.yaml output.dir=killed-$$\$"
wait $job 2> /dev/null
[ -e killed-$$/ckpt-00000060.h5 ] && echo "the run was done before it was killed"
on 3 run e.yaml output.dir=killed-$$ --resume > text 2>&1 || fail "resume after a kill: $(cat text)"
for dir in parts killed-$$; do
    for f in run.h5 ckpt-00000060.h5; do
        [ "$(digest calm/$f)" = "$(digest $dir/$f)" ] || fail "$dir/$f differs from an undisturbed run"
    done
done

# x <- (1 - a s) x + a s x_local, from the versions that another run has left.
cat > e.yaml <<'Y'
name: mixing
rounds: 2
data: {generator: synthetic, devices: 2, alpha: 1, beta: 1, size: 40}
model: {name: softmax}
devices: {mode: buffered, per_round: 1, concurrency: 2}
local: {batch: 8, lr: 0.1}
eval: {every: 0}
output: {checkpoint_every: 1, keep: 9}
Y
run 1 mixed algorithm=fedasync
run 1 added
if "$python" -c 'import h5py, numpy' 2> /dev/null; then
    "$python" - <<'P' || fail "models are not mixed as the formula says"
import json
import h5py, numpy as np
with h5py.File("added/ckpt-00000001.h5") as h:
    first = h["versions/1"][:].astype(float)  # version 0, in the order of the vector
    order = [t["name"] for t in json.loads(h.attrs["tensors"])]
def vector(run, k):
    with h5py.File(f"{run}/ckpt-{k:08d}.h5") as h:
        return np.concatenate([h["model"][t][:].ravel().astype(float) for t in order])
a, s = 0.6, 1 / np.sqrt(2)  # alpha; polynomial, a = 0.5, of tau = 1
one, two = vector("added", 1), vector("added", 2)
x1 = (1 - a) * first + a * one            # the first device, whose version is the newest
local = two - one + first                 # the second's model, from version 0 as well
x2 = (1 - a * s) * x1 + a * s * local
for want, k in ((x1, 1), (x2, 2)):
    error = np.abs(vector("mixed", k) - want).max()
    assert error < 1e-6 * np.abs(want).max(), (k, error)
assert np.abs(local - x1).max() > 1e-3
P
fi

# Nobody is under way, and all who are there have to rest: the step is made without them.
cat > e.yaml <<'Y'
name: rests
rounds: 30
data: {generator: synthetic, devices: 40, alpha: 1, beta: 1, size: 20}
model: {name: softmax}
devices: {per_round: 5, mode: buffered, concurrency: 10, min_separation: 7}
clock: {seconds_per_unit: 0.02, availability: {name: markov, on_s: 10, off_s: 100}}
eval: {every: 0}
Y
run 1 rests
run 3 rests-3
[ "$(digest rests/run.h5)" = "$(digest rests-3/run.h5)" ] || fail "devices that have to rest: 3 ranks differ from 1"

# A checkpoint that was made by hand: every list that a resume goes on with is looked at first.
cat > e.yaml <<'Y'
name: damaged
rounds: 8
data: {generator: synthetic, devices: 40, alpha: 1, beta: 1, size: 20}
model: {name: softmax}
devices: {per_round: 5, mode: buffered, concurrency: 10, select: oort, min_separation: 2}
clock: {seconds_per_unit: 1, speed: lognormal}
local: {batch: 8}
eval: {every: 0}
output: {checkpoint_every: 4, keep: 1}
Y
cat > damage.py <<'P'
"""damage.py LIST PLACE VALUE: of again/ckpt-00000004.h5, sealed anew. VALUE cut: one value less; twice: that of the place behind it."""
import hashlib, sys, h5py
name, at, value = sys.argv[1:]
with h5py.File("again/ckpt-00000004.h5", "a") as h:
    values = h[name][:]
    if value == "cut":
        values = values[:-1]
    elif value == "twice":
        values[int(at)] = values[int(at) + 1]
    else:
        values[int(at)] = float(value) if values.dtype.kind == "f" else int(value)
    del h[name]
    h[name] = values
with open("again/ckpt-00000004.h5", "r+b") as f:
    block, body = f.read(512), f.read()
    line = b"%s %s %d " % (*block.split()[:2], len(body))
    f.seek(0)
    f.write((line + hashlib.blake2b(line + body, digest_size=32).hexdigest().encode() + b"\n").ljust(512, b"\0"))
P
damaged() { # damaged LIST PLACE VALUE [PATTERN]
    local rc
    rm -rf again && cp -r damaged again && "$python" damage.py "${@:1:3}" || fail "damage.py $*"
    "$COHORT" run e.yaml output.dir=again --resume > text 2>&1; rc=$?
    [ $rc -eq 3 ] && [ "$(wc -l < text)" -eq 1 ] && grep -q "again/ckpt-00000004.h5: ${4:-$1}" text || fail "damaged $*: exit code $rc: $(cat text)"
}
if "$python" -c 'import h5py' 2> /dev/null; then
    run 1 damaged rounds=4
    for what in 'device 2 40' 'device 0 -1' 'version 1 4' 'version 0 -1' 'start 3 9000000000000000000' 'start 0 -5' \
        'end 0 9000000000000000000' 'end 2 1' 'outcome 1 9' 'steps 0 -1'; do damaged planner/$what; done
    damaged planner/device 1 cut 'planner/version has 9 values'
    damaged planner/device 0 twice 'planner/device: [0-9]* is under way twice'
    for what in 'last_step 3 -1' 'last_step 3 9' 'utility 7 nan' 'utility 7 -2' 'last 0 -1' 'count 5 -1' 'history 1 nan' 'paced 0 inf'; do
        damaged selector/$what
    done
    damaged clock/time 0 -1
    on 3 run e.yaml output.dir=damaged --resume > text 2>&1 || fail "the undamaged one: $(cat text)"
fi

cat > e.yaml <<'Y'
name: refused
rounds: 4
data: {generator: synthetic, devices: 30, alpha: 1, beta: 1, size: 20}
model: {name: softmax}
devices: {per_round: 5, mode: buffered}
eval: {every: 0}
Y
refused 'local.rule: scaffold does not go with devices that start from older versions: its control variates' algorithm=scaffold
refused 'aggregate.rule: feddyn does not go with devices that start from older versions' algorithm=feddyn
refused 'aggregate.rule: qfedavg .*losses of one model' algorithm=qfedavg
refused 'hinge has no effect on aggregate.rule: krum' aggregate.rule=krum devices.staleness=hinge
refused 'unbiased: devices.mode: buffered does not wait for all' aggregate.unbiased=true
refused 'poisson names devices once a step alone; mode: buffered' devices.select=poisson
refused 'buffered asks 31 devices at once, more than the population of 30' devices.concurrency=31
refused 'interval_s' devices.mode=semi_synchronous
[ $failures -eq 0 ] && echo "all checks passed"
[ $failures -eq 0 ]
