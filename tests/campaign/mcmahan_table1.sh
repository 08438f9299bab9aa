#!/bin/bash
# tests/campaign/mcmahan_table1.sh - McMahan et al. 2017 (arXiv:1602.05629), Table 1, 2NN on MNIST: 100 devices, C = 0.1,
# E = 1, B = 10, rounds until the test accuracy is 97 %. The paper: 87 (IID), 664 (2 shards a device).
# As they did: the learning rate is chosen from a grid by the rounds it needs on the test set (seed 1), the curve is made
# monotone (best so far) and the crossing interpolated. Expected: at most 109 and 830 rounds for seeds 1, 2, 3.
. "$(dirname "$0")/common.sh"
need data/images/mnist
[ -e mnist.h5 ] || "$cohort" import mnist "$shared/data/images/mnist" -o mnist.h5
cat > e.yaml <<'Y'
name: table1
rounds: 830
data: {file: mnist.h5}
partition: {method: iid, devices: 100}
model: {name: 2nn}
devices: {select: uniform, per_round: 10}
local: {epochs: 1, batch: 10, lr: 0.1}
eval: {every: 1}
stop: {metric: accuracy, target: 0.97}
output: {checkpoint_every: 100}
Y
grid_iid=${GRID_IID:-"0.1 0.15 0.22 0.32 0.46"}
grid_shards=${GRID_SHARDS:-"0.046 0.07 0.1 0.15 0.22"}
one() { # one METHOD LR SEED ROUNDS
    train e.yaml partition="{method: $1, devices: 100}" local.lr="$2" seed="$3" rounds="$4" output.dir="$1-$2-$3"
}
for lr in $grid_iid; do one iid "$lr" 1 200; done
for lr in $grid_shards; do one shards "$lr" 1 1200; done
cat > crossing.py <<'P'
import glob, sys, h5py, numpy as np
def crossing(d, target=0.97):
    e = h5py.File(f"{d}/run.h5")["eval"]
    r, a = e["round"][:], np.maximum.accumulate(e["accuracy"][:])
    if a[-1] < target: return float("inf")
    k = int(np.argmax(a >= target))
    return float(r[k - 1] + (target - a[k - 1]) / (a[k] - a[k - 1]) * (r[k] - r[k - 1]))
def best(method):
    rows = sorted((crossing(d), d.split("-")[1]) for d in glob.glob(f"{method}-*-1"))
    print(f"{method} grid, seed 1:", ", ".join(f"lr {lr}: {c:.1f}" for c, lr in rows), file=sys.stderr)
    return rows[0][1]
P
for method in iid shards; do
    lr=$($python -c "from crossing import *; print(best('$method'))")
    echo "$lr" > best-$method
    for seed in 2 3; do one $method "$lr" $seed $([ $method = iid ] && echo 200 || echo 1200); done
done
$python - <<'P'
from crossing import *
ok, text = True, []
for method, paper, limit in (("iid", 87, 109), ("shards", 664, 830)):
    lr = open(f"best-{method}").read().strip()
    c = [crossing(f"{method}-{lr}-{s}") for s in (1, 2, 3)]
    ok &= max(c) <= limit
    text.append(f"{method} (lr {lr}) " + " / ".join(f"{x:.1f}" for x in c) + f" rounds, paper {paper}, limit {limit}")
print("RESULT mcmahan_table1:", "; ".join(text), "ok" if ok else "ABOVE THE LIMIT")
P
