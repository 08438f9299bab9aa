#!/bin/bash
# tests/cli/probes.sh - plug-ins that are one file and one line of a list (tests/probes), in a run, its files and what reads them: a
# planner that starts devices from an older version, an observer with a column of its own.
set -u
work=$SCRATCH/probes-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
failures=0
python=${COHORT_PYTHON:-/usr/bin/python3}

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
on() { local n=$1; shift; timeout -k 5 100 mpirun --bind-to none -n "$n" "$PROBES" "$@"; }

"$PROBES" import synthetic devices=12 alpha=1 beta=1 test_fraction=0.2 -o data.h5 > /dev/null || fail import
"$PROBES" partition data.h5 method=iid devices=8 -o part.h5 > /dev/null || fail partition
cat > e.yaml <<'Y'
name: probe
rounds: 6
data: {file: data.h5}
partition: {file: part.h5}
model: {name: softmax}
devices: {per_round: 5, mode: every_second}
local: {lr: 0.05, steps: 1, batch: 0}
eval: {every: 2}
output: {checkpoint_every: 1, keep: 9}
Y
"$PROBES" list planner | grep -q every_second || fail "the planner is not listed"
"$PROBES" list observer | grep -q wobble || fail "the observer is not listed"
"$COHORT" run e.yaml --dry-run > text 2>&1 && fail "the program itself knows a planner of tests"
"$PROBES" run e.yaml output.dir=one > /dev/null || fail run
"$PROBES" run e.yaml output.dir=all devices.mode=synchronous > /dev/null || fail "synchronous run"
on 3 run e.yaml output.dir=three rounds=4 > /dev/null || fail "run on 3 ranks"
on 2 run e.yaml output.dir=three --resume > /dev/null 2>&1 || fail "resume on 2 ranks"

# A planner's word holds: who drops out neither trains nor reports, and weights are what the rows say.
for n in 1 3; do
    on $n run e.yaml output.dir=drop$n devices.mode=drops_out algorithm=scaffold > /dev/null || fail "drops_out on $n ranks"
done
[ "$("$PROBES" show drop1/run.h5 --digest)" = "$("$PROBES" show drop3/run.h5 --digest)" ] || fail "drop-outs depend on the ranks"
if $python -c 'import h5py' 2> /dev/null; then
    $python - <<'P' || fail "the rows of drop-outs"
import h5py
h = h5py.File("drop1/run.h5")
r, d = h["rounds"], h["devices"]
assert set(r["n_dropped"][:]) == {1} and set(r["n_reported"][:]) == {4}, (r["n_dropped"][:], r["n_reported"][:])
first = [i for i in range(30) if i % 5 == 0]
assert all(d["status"][i] == 1 for i in first) and sum(d["status"][:] == 1) == 6, d["status"][:]
P
fi

# What people read.
"$PROBES" show one/run.h5 > text || fail show
grep -Eq 'accuracy +macro_f1 +wobble$' text || fail "show has no column: $(cat text)"
grep -Eq 'best: .*wobble .* in round 6' text || fail "show: the lowest is the best: $(cat text)"
"$PROBES" compare one/run.h5 all/run.h5 -o cmp metric=wobble target=0.1 > text 2> log || fail "compare: $(cat log)"
grep -q wobble text && grep -Eq '^one .* 4 \(1/1\)' text || fail "compare: at most the target, first in round 4: $(cat text)"

if "$python" -c 'import h5py, numpy' 2> /dev/null; then
    "$python" - <<'P' || fail "what the files say"
import h5py
import numpy as np

def digests(folder):
    with h5py.File(f"{folder}/run.h5") as h:
        return list(h["rounds/model_digest"][:])

assert digests("one") == digests("three") != digests("all"), "model digests"
run = h5py.File("one/run.h5")
stale, step = run["devices/staleness"][:], run["devices/round"][:]
assert all(list(stale[step == s]) == [0, int(s > 1), 0, int(s > 1), 0] for s in range(1, 7)), stale
assert not h5py.File("all/run.h5")["devices/staleness"][:].any()

# Step 3 by hand: one step of all of a device's examples from the version that it was given.
def model(folder, step):
    with h5py.File(f"{folder}/ckpt-{step:08d}.h5") as h:
        return [h["model/1.weight"][:].astype(float), h["model/1.bias"][:].astype(float)]

def gradient(weight, bias, x, y):
    z = x @ weight.T + bias
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1.0
    return p.T @ x / len(y), p.mean(axis=0)

data, part = h5py.File("data.h5"), h5py.File("part.h5")
x, y, offsets, examples = data["x"][:].astype(float), data["y"][:], part["train/offsets"][:], part["train/examples"][:]
for folder, late in (("one", True), ("all", False)):
    asked = h5py.File(f"{folder}/run.h5")["devices/device"][:][step == 3]
    held = [examples[offsets[d]:offsets[d + 1]] for d in asked]
    new = model(folder, 2)
    for i, ids in enumerate(held):
        start = model(folder, 1 if late and i % 2 else 2)
        for k, g in enumerate(gradient(*start, x[ids], y[ids])):
            new[k] -= 0.05 * g * len(ids) / sum(map(len, held))
    for mine, theirs in zip(new, model(folder, 3)):
        assert np.abs(mine - theirs).max() < 1e-6 < np.abs(theirs - model("all" if late else "one", 3)[mine.ndim == 1]).max(), folder

assert run["eval/wobble"].attrs["better"] == b"lower" and run["eval/wobble"].attrs["unit"] == b"1"
norm, rounds = run["rounds/update_norm"][:], run["eval/round"][:]
assert np.isnan(run["eval/wobble"][0]) and list(run["eval/wobble"][1:]) == list(norm[rounds[1:] - 1])
assert np.array_equal(run["eval/wobble"][:], h5py.File("three/run.h5")["eval/wobble"][:], equal_nan=True), "resumed"
assert h5py.File("cmp/compare.h5")["runs/score"].attrs["better"] == b"lower"
P
fi
if "$python" -c 'import h5py, matplotlib' 2> /dev/null; then
    PYTHONPATH=$SOURCE/python "$python" -B -m cohort.plots one/run.h5 all/run.h5 metric=wobble -o curves > log 2>&1 && [ -s curves.png ] || fail "plot: $(cat log)"
    PYTHONPATH=$SOURCE/python "$python" -B - <<'P' || fail "the direction in pictures"
from cohort.plots.files import read
assert read("one/run.h5")["better"]["wobble"] == "lower" and read("cmp/compare.h5")["better"] == "lower"
P
fi
[ $failures -eq 0 ] && echo "probes: all good"
exit $((failures > 0))
