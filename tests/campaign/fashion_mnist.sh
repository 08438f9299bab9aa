#!/bin/bash
# tests/campaign/fashion_mnist.sh - jobs/experiments/fashion_mnist.yaml to its end: 1,000 devices, Dirichlet 0.3, 50 a round.
# Expected: test accuracy >= 0.80 within 200 rounds.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
[ -e fashion_mnist.h5 ] || "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" -o fashion_mnist.h5
[ -e fm.part.h5 ] || "$cohort" partition fashion_mnist.h5 -o fm.part.h5 method=dirichlet devices=1000 alpha=0.3 seed=1
train "$top/jobs/experiments/fashion_mnist.yaml" rounds=200
COHORT_PYTHON=$python "$cohort" plot runs/fashion_mnist/run.h5
$python - <<'P'
import h5py
h = h5py.File("runs/fashion_mnist/run.h5")
e = h["eval"]
best = max(zip(e["accuracy"][:], -e["round"][:]))
print(f"RESULT fashion_mnist: best test accuracy {best[0]:.4f} at round {-best[1]}, {h['rounds/wall_s'][-1]:.0f} s,"
      f" {'ok' if best[0] >= 0.8 else 'BELOW 0.80'}")
P
