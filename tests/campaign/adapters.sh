#!/bin/bash
# tests/campaign/adapters.sh - Banking77's 77 intents by MiniLM over 100 devices (Dirichlet 1, 10 a round): all tensors trained, LoRA of
# rank 8 with A and B averaged, and with A fixed (freeze_a), so that averaging B is exact. ROUNDS (30), SEEDS ("1 2 3").
# Expected: LoRA sends a hundredth of the bytes for a few points of accuracy; freeze_a half of those.
. "$(dirname "$0")/common.sh"
. "$top/tests/campaign/minilm.sh"
need data/intent/banking77/train.csv
[ -e banking77.h5 ] || "$cohort" import csv "$shared/data/intent/banking77/train.csv" test="$shared/data/intent/banking77/test.csv" \
    header=true text=text y=category "${pieces[@]}" -o banking77.h5
rounds=${ROUNDS:-30}
common=(data.file=banking77.h5 local.batch=16 local.epochs=2 local.optimizer=adamw local.clip_grad=1 rounds="$rounds" eval.every=5
    eval.max_examples=1500 output.checkpoint_every="$rounds")
base=$top/jobs/experiments/newsgroups.yaml
targets="rank: 8, alpha: 16, targets: [query, value]"
for seed in ${SEEDS:-1 2 3}; do
    train "$base" "${common[@]}" seed="$seed" "model={from: $minilm}" local.lr=0.0003 output.dir="full-$seed"
    for way in mean freeze_a; do
        train "$base" "${common[@]}" seed="$seed" "model={from: $minilm, lora: {$targets, aggregate: $way}}" local.lr=0.003 output.dir="$way-$seed"
    done
done
COHORT_PYTHON=$python "$cohort" plot full-1/run.h5 mean-1/run.h5 freeze_a-1/run.h5 -o adapters.png
$python - <<'P'
import glob
import h5py
import numpy as np
said = []
for kind in ("full", "mean", "freeze_a"):
    files = [h5py.File(f) for f in sorted(glob.glob(kind + "-*/run.h5"))]
    last = [f["eval/accuracy"][:][f["eval/split"][:] == 1][-1] for f in files]
    sent = np.mean([f["rounds/bytes_up"][:].sum() for f in files]) / 1e6
    seconds = np.mean([f["rounds/wall_s"][-1] / len(f["rounds/wall_s"]) for f in files])
    said.append(f"{kind} {np.mean(last):.4f} +- {np.std(last):.4f}, {sent:.1f} MB up, {seconds:.1f} s a round")
print("RESULT adapters:", "; ".join(said))
P
