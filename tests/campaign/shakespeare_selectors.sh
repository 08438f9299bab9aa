#!/bin/bash
# tests/campaign/shakespeare_selectors.sh - who is asked, on text: the roles of Shakespeare's plays (sizes by nature, static), 10 a
# round, uniform / weighted with gamma 1 / mixture, 3 seeds; a small next-character model (one LSTM layer of 64 units). A device makes
# 10 steps on 8 speeches whatever its size: a round costs the same with each selector. Weights: tokens with uniform, uniform with those
# that select by size already. Reports rounds to TARGET accuracy (0.35), the last accuracy with 95 % intervals, paired differences;
# picture selectors/compare.png with bands over seeds. Dupuy et al. (arXiv:2202.03925) expect selection by activity ahead of uniform.
# ROUNDS (120), SEEDS (3): fewer for a try. Some 80 seconds of a core a run, nine runs.
. "$(dirname "$0")/common.sh"
need data/language_model/shakespeare_plays
seeds=${SEEDS:-3}
[ -e shakespeare.h5 ] || "$cohort" import shakespeare "$shared/data/language_model/shakespeare_plays" -o shakespeare.h5
cat > e.yaml <<Y
name: roles
rounds: ${ROUNDS:-120}
data: {file: shakespeare.h5}
partition: {method: natural}
model: {layers: [{embedding: 8}, {lstm: {units: 64}}, {dense: classes}]}
devices: {per_round: 10}
local: {steps: 10, batch: 8, lr: 1.0, clip_grad: 5.0}
eval: {every: 10}
output: {checkpoint_every: 20}
Y
for ((seed = 1; seed <= seeds; seed++)); do
    train e.yaml seed=$seed devices.select=uniform aggregate.weight=tokens output.dir="runs/uniform/seed-$seed"
    train e.yaml seed=$seed devices.select=weighted devices.gamma=1 aggregate.weight=uniform output.dir="runs/weighted/seed-$seed"
    train e.yaml seed=$seed devices.select=mixture aggregate.weight=uniform output.dir="runs/mixture/seed-$seed"
done
"$cohort" compare runs/*/seed-*/run.h5 -o selectors baseline=uniform target="${TARGET:-0.35}"
$python - <<'P'
import h5py
h = h5py.File("selectors/compare.h5")
s, target = h["summary"], h.attrs["target"]
columns = ("label", "mean", "low", "high", "target_round", "n_reached", "n_seeds")
rows = [f"{label.decode()} {mean:.4f} ({low:.4f} to {high:.4f}), {target:g} at round {r:.0f} ({k} of {n})"
        for label, mean, low, high, r, k, n in zip(*(s[c][:] for c in columns))]
print("RESULT shakespeare_selectors: " + "; ".join(rows) + "; picture selectors/compare.png")
P
