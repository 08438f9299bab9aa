#!/bin/bash
# tests/campaign/privacy_utility.sh - what privacy costs: Fashion-MNIST on 1,000 devices (Dirichlet 0.3), 50 a round, 2nn, 200
# rounds, the noise of 1,000 devices a round out of 1,000,000 (simulated), epsilon 2, 4, 8 at delta 1e-6 and without noise, seeds 1 to 3.
# Leaves privacy_utility.png: test accuracy over rounds and over epsilon. ROUNDS, SEEDS: for a shorter try.
# Expected: accuracy rises with epsilon and stays below the clipped run without noise, within the seeds' spread.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
rounds=${ROUNDS:-200} seeds=${SEEDS:-1 2 3}
[ -e fashion_mnist.h5 ] || "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" -o fashion_mnist.h5
[ -e fm.part.h5 ] || "$cohort" partition fashion_mnist.h5 -o fm.part.h5 method=dirichlet devices=1000 alpha=0.3 seed=1
for seed in $seeds; do
    for epsilon in none 2 4 8; do
        noise="epsilon: $epsilon"
        [ $epsilon = none ] && noise="noise_multiplier: 0"
        train "$top/jobs/experiments/fashion_mnist.yaml" rounds=$rounds seed=$seed model="{name: 2nn}" eval.every=10 \
            devices.select=poisson privacy="{clip: 0.5, delta: 1e-6, noise_cohort: 1000, noise_population: 1e6, $noise}" \
            name="epsilon=$epsilon" output="{dir: epsilon-$epsilon/seed-$seed, checkpoint_every: 50}"
    done
done
SEEDS="$seeds" $python - <<'P'
import os, h5py, matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
seeds, names = os.environ["SEEDS"].split(), ["none", "2", "4", "8"]
left, right = plt.subplots(1, 2, figsize=(10, 4))[1]
final, said = {}, []
for k, name in enumerate(names):
    curves = []
    for seed in seeds:
        with h5py.File(f"epsilon-{name}/seed-{seed}/run.h5") as h:
            curves.append(h["eval/accuracy"][:])
            x, p = h["eval/round"][:], h["privacy"]
            assert name == "none" or p["epsilon"][-1] <= float(name), (name, p["epsilon"][-1])
    mean = sum(curves) / len(curves)
    final[name] = [c[-1] for c in curves]
    left.plot(x, mean, color=f"C{k}", label="no noise" if name == "none" else f"epsilon {name}")
    left.fill_between(x, [min(v) for v in zip(*curves)], [max(v) for v in zip(*curves)], color=f"C{k}", alpha=0.2)
    said.append(f"{name}: {sum(final[name]) / len(seeds):.4f}")
mean = {n: sum(v) / len(v) for n, v in final.items()}
right.axhline(mean["none"], color="C0", label="no noise")
right.plot([2, 4, 8], [mean[n] for n in names[1:]], "o-", color="C1", label="mean of the seeds")
for n in names[1:]: right.plot([float(n)] * len(seeds), final[n], ".", color="C1", alpha=0.5)
left.set(xlabel="round", ylabel="test accuracy"), right.set(xlabel="epsilon at delta 1e-6 (simulated cohort)", ylabel="test accuracy")
left.legend(), right.legend(), plt.tight_layout(), plt.savefig("privacy_utility.png", dpi=120)
spread = max(max(v) - min(v) for v in final.values())
good = all(mean[a] <= mean[b] + spread for a, b in (("2", "4"), ("4", "8"), ("8", "none")))
print(f"RESULT privacy_utility: test accuracy by epsilon {', '.join(said)}; largest spread of seeds {spread:.4f}, {'ok' if good else 'NOT in order'}")
P
