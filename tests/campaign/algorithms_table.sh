#!/bin/bash
# tests/campaign/algorithms_table.sh - jobs/experiments/compare_cluster.yaml: six algorithms on Fashion-MNIST, Dirichlet 0.1, 100
# devices, 2nn, 5 seeds, learning rates tuned on a validation split by 30 rounds; 120 rounds of 2 local epochs. Nothing is expected
# but an honest table and picture (runs/compare_cluster). ROUNDS, SEEDS, TUNE (rounds) shorten it for a try. Some 10 minutes of a core.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
[ -e fashion_mnist_v.h5 ] ||
    "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" -o fashion_mnist_v.h5 validation_fraction=0.1 seed=1
mpirun -n "$ranks" "$cohort" compare "$top/jobs/experiments/compare_cluster.yaml" rounds="${ROUNDS:-120}" local.epochs=2 \
    seeds="${SEEDS:-5}" grid.algorithm=[fedavg,fedprox,fedavgm,fedadam,scaffold,feddyn] tune.local.lr=[0.01,0.03,0.1] \
    tune_rounds="${TUNE:-30}" > table.log 2> last.log || { tail -n 3 last.log; exit 1; }
grep 'chosen on' last.log || true
grep -e '^label' -e '^algorithm=' table.log
$python - <<'P'
import glob
import h5py
s = h5py.File("runs/compare_cluster/compare.h5")["summary"]
best = max(zip(s["mean"][:], (x.decode() for x in s["label"][:])))
times = [h5py.File(f)["rounds/wall_s"][-1] for f in glob.glob("runs/compare_cluster/*/seed-*/run.h5")]
print(f"RESULT algorithms_table: best {best[1]}, mean test accuracy {best[0]:.4f} of {s['n_seeds'][0]} seeds; "
      f"{min(times):.0f} to {max(times):.0f} s a run")
P
