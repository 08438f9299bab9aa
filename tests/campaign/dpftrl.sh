#!/bin/bash
# tests/campaign/dpftrl.sh - privacy without sampling: Fashion-MNIST on 4,000 devices (Dirichlet 0.3), 200 a round that are the
# same whatever the noise, a device's rounds at least 16 apart, softmax, 100 rounds, epsilon 1 at delta 1e-4, seeds 1 to 3: noise of
# each round by itself (gaussian: DP-FedAvg, each device charged for its own rounds), tree and banded (DP-FTRL), and no noise.
# Leaves dpftrl.png: test accuracy over rounds. ROUNDS, SEEDS: for a shorter try.
# Expected: banded above tree and gaussian, all below no noise, within the seeds' spread.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
rounds=${ROUNDS:-100} seeds=${SEEDS:-1 2 3}
[ -e fashion_mnist.h5 ] || "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" -o fashion_mnist.h5
[ -e fm4000.part.h5 ] || "$cohort" partition fashion_mnist.h5 -o fm4000.part.h5 method=dirichlet devices=4000 alpha=0.3 min_size=1 seed=1
for seed in $seeds; do
    for noise in none gaussian tree banded; do
        how="mechanism: $noise, epsilon: 1"
        [ $noise = none ] && how="mechanism: gaussian, noise_multiplier: 0"
        [ $noise = banded ] && how="$how, bands: 16"
        train "$top/jobs/experiments/fashion_mnist.yaml" rounds=$rounds seed=$seed model="{name: softmax}" eval.every=5 \
            partition="{file: fm4000.part.h5}" devices="{per_round: 200, min_separation: 16}" \
            privacy="{clip: 0.3, delta: 1e-4, $how}" name="$noise" output="{dir: $noise/seed-$seed, checkpoint_every: 50}"
    done
done
SEEDS="$seeds" $python - <<'P'
import os, h5py, matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
seeds, names = os.environ["SEEDS"].split(), ["none", "gaussian", "tree", "banded"]
final, said = {}, []
for k, name in enumerate(names):
    curves = []
    for seed in seeds:
        with h5py.File(f"{name}/seed-{seed}/run.h5") as h:
            curves.append(h["eval/accuracy"][:])
            x, p = h["eval/round"][:], h["privacy"]
            assert name == "none" or p["epsilon"][-1] <= 1, (name, p["epsilon"][-1])
    mean = sum(curves) / len(curves)
    final[name] = [c[-1] for c in curves]
    plt.plot(x, mean, color=f"C{k}", label={"none": "no noise", "gaussian": "DP-FedAvg, no sampling"}.get(name, f"DP-FTRL, {name}"))
    plt.fill_between(x, [min(v) for v in zip(*curves)], [max(v) for v in zip(*curves)], color=f"C{k}", alpha=0.2)
    said.append(f"{name} {sum(final[name]) / len(seeds):.4f}")
mean = {n: sum(v) / len(v) for n, v in final.items()}
plt.xlabel("round"), plt.ylabel("test accuracy"), plt.legend(), plt.tight_layout(), plt.savefig("dpftrl.png", dpi=120)
spread = max(max(v) - min(v) for v in final.values())
good = mean["banded"] >= max(mean["tree"], mean["gaussian"]) - spread and mean["none"] >= mean["banded"] - spread
print(f"RESULT dpftrl: epsilon 1 without sampling, test accuracy {', '.join(said)}; {len(seeds)} seeds, largest spread {spread:.4f}, {'ok' if good else 'NOT in order'}")
P
