#!/bin/bash
# tests/campaign/privacy_time.sh - time of a round with clip and noise against one without: cifar_cnn and an mlp (784-200-10), 50 devices
# of 50 examples a round. Medians over rounds, the least of REPEATS runs in turn. Wants a quiet machine; RANKS=1 for a clean figure.
# Expected: gaussian at most 1.05 times (cifar_cnn) and 1.3 times (mlp); discrete_gaussian beside it.
. "$(dirname "$0")/common.sh"
need data/images/cifar10
need data/images/fashion-mnist
repeats=${REPEATS:-3}
[ -e fashion_mnist.h5 ] || "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" -o fashion_mnist.h5
[ -e cifar10.h5 ] || "$cohort" import cifar10 "$shared"/data/images/cifar10/data_batch_*.bin.gz \
    test="$shared/data/images/cifar10/test_batch.bin.gz" -o cifar10.h5
experiment() { # experiment DATA DEVICES MODEL ROUNDS
    cat << Y
rounds: $4
data: {file: $1}
partition: {method: iid, devices: $2}
model: $3
devices: {select: uniform, per_round: 50}
local: {batch: 10, lr: 0.05}
eval: {every: 0}
Y
}
experiment cifar10.h5 200 '{name: cifar_cnn}' "${CNN_ROUNDS:-8}" > cnn.yaml
experiment fashion_mnist.h5 1200 '{name: mlp, hidden: [200]}' "${MLP_ROUNDS:-40}" > mlp.yaml
for turn in $(seq "$repeats"); do
    for model in cnn mlp; do
        for kind in none gaussian discrete_gaussian; do
            privacy="{mechanism: $kind, clip: 0.5, noise_multiplier: 1, delta: 1e-5}"
            [ $kind = none ] && privacy="{mechanism: none}"
            train $model.yaml name=$model-$kind privacy="$privacy" output="{dir: $model-$kind-$turn, checkpoint_every: 0}"
        done
    done
done
REPEATS=$repeats $python - <<'P'
import os, statistics, h5py
def time(model, kind):
    return min(statistics.median(b - a for a, b in zip(w[1:], w[2:])) for w in
               (list(h5py.File(f"{model}-{kind}-{t}/run.h5")["rounds/wall_s"][:]) for t in range(1, int(os.environ["REPEATS"]) + 1)))
said, good = [], True
for model, most in (("cnn", 1.05), ("mlp", 1.3)):
    base, gaussian, discrete = (time(model, k) for k in ("none", "gaussian", "discrete_gaussian"))
    good &= gaussian <= most * base
    said.append(f"{model} {1e3 * base:.1f} ms a round, gaussian x {gaussian / base:.3f}, discrete_gaussian x {discrete / base:.3f}")
print(f"RESULT privacy_time: {'; '.join(said)}, {'ok' if good else 'TOO SLOW'}")
P
