#!/bin/bash
# tests/cli/probes_models.sh - two more plug-ins that are one file and one line of a list (tests/probes): a stage that makes integers
# modulo 2^16, over the wire ring, and a layer inside a residual block.
set -u
work=$SCRATCH/probes-models-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
failures=0
python=${COHORT_PYTHON:-/usr/bin/python3}
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
on() { # on RANKS words..
    local n=$1
    shift
    timeout -k 5 100 mpirun --bind-to none -n "$n" "$PROBES" run e.yaml "$@" > text 2>&1 || fail "$* on $n ranks: $(cat text)"
}
refused() { # refused TEXT words..
    local text=$1
    shift
    "$PROBES" run e.yaml --dry-run "$@" > text 2>&1
    [ $? -eq 2 ] && grep -q -- "$text" text || fail "$*: $(cat text)"
}
$python -c 'import h5py, numpy' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }

cat > e.yaml <<'Y'
name: probe
rounds: 4
data: {generator: synthetic, devices: 20, alpha: 1, beta: 1, size: 20, features: 20, test_fraction: 0.2}
model: {layers: [{dense: 300}, tanh, {dense: classes}]}
devices: {per_round: 9}
local: {batch: 8, lr: 0.05}
eval: {every: 4}
output: {checkpoint_every: 2, keep: 9}
Y
"$PROBES" list transform | grep -q residues || fail "the stage is not listed"
"$PROBES" list layer | grep -q gain || fail "the layer is not listed"

# The stage: the same bits on any number of ranks and after a resume, half the bytes up, near the plain mean.
residues='transforms=[{name: clip, norm: 0.4}, {name: residues}]'
on 1 output.dir=one "$residues" aggregate.weight=uniform
on 3 output.dir=three "$residues" aggregate.weight=uniform rounds=2
on 2 output.dir=three "$residues" aggregate.weight=uniform rounds=4 --resume
on 1 output.dir=plain 'transforms=[{name: clip, norm: 0.4}]' aggregate.weight=uniform
refused "clip works on numbers" 'transforms=[{name: residues}, {name: clip}]'
refused "krum does not go with" "$residues" aggregate.rule=krum
refused "central privacy works on numbers" "$residues" 'privacy={mechanism: gaussian, clip: 1, noise_multiplier: 1, delta: 1e-5}'
refused "ask fewer devices" "$residues" data.devices=90 devices.per_round=80

# The layer in a residual block, as the last of the tensors: with its factor frozen at 1 it changes no other bit.
on 1 output.dir=gain model.layers='[{dense: classes}, tanh, {residual: [{dense: classes}, gain]}]'
on 3 output.dir=gain3 model.layers='[{dense: classes}, tanh, {residual: [{dense: classes}, gain]}]'
on 2 output.dir=still model.layers='[{dense: classes}, tanh, {residual: [{dense: classes}, gain]}]' 'model.freeze=[2.1.weight]'
on 1 output.dir=without model.layers='[{dense: classes}, tanh, {residual: [{dense: classes}]}]'
$python - <<'P' || fail "what the files say"
import h5py, numpy as np

def digests(folder):
    return list(h5py.File(f"{folder}/run.h5")["rounds/model_digest"][:])

def tensors(folder):
    h = h5py.File(f"{folder}/ckpt-00000004.h5")["model"]
    return {k: v[:] for k, v in h.items()}

run = lambda folder, column: h5py.File(f"{folder}/run.h5")[column][:]
assert digests("one") == digests("three") != digests("plain")
assert np.array_equal(2 * run("one", "rounds/bytes_up"), run("plain", "rounds/bytes_up"))
assert np.array_equal(run("one", "rounds/bytes_down"), run("plain", "rounds/bytes_down"))
for name, a in tensors("one").items():
    b = tensors("plain")[name]
    assert 0 < np.abs(a - b).max() < 4 * 2.0 ** -10, name

assert digests("gain") == digests("gain3") and len(set(digests("gain"))) == 4
gain, still, without = tensors("gain"), tensors("still"), tensors("without")
assert set(gain) == set(still) == set(without) | {"2.1.weight"}, gain.keys()
assert still.pop("2.1.weight") == 1 and abs(gain["2.1.weight"] - 1) > 1e-3
assert all(np.array_equal(still[k], without[k]) for k in without), "factor 1"
P
[ $failures -eq 0 ] && echo "probes: all good"
exit $((failures > 0))
