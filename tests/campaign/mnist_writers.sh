#!/bin/bash
# tests/campaign/mnist_writers.sh - jobs/experiments/mnist_writers.yaml to its end: a device is a writer, 30 a round.
# Expected: 539 devices, test accuracy >= 0.95 within 200 rounds.
. "$(dirname "$0")/common.sh"
need data/images/mnist
need data/images/qmnist
[ -e mnist_writers.h5 ] || "$cohort" import mnist "$shared/data/images/mnist" writers="$shared/data/images/qmnist" -o mnist_writers.h5
train "$top/jobs/experiments/mnist_writers.yaml" rounds=200
COHORT_PYTHON=$python "$cohort" plot runs/mnist_writers/run.h5
$python - <<'P'
import h5py
h = h5py.File("runs/mnist_writers/run.h5")
e = h["eval"]
best = max(zip(e["accuracy"][:], -e["round"][:]))
print(f"RESULT mnist_writers: best test accuracy {best[0]:.4f} at round {-best[1]}, {h['rounds/wall_s'][-1]:.0f} s,"
      f" {'ok' if best[0] >= 0.95 else 'BELOW 0.95'}")
P
