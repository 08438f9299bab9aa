#!/bin/bash
# tests/campaign/example_privacy.sh - Fashion-MNIST on 100 devices of 600 examples (iid), 2nn, 40 rounds of 20 devices (poisson): without
# privacy; for each example at epsilon 4 on every device (local.dp); for each device at epsilon 4 (privacy); both beside each other. Seeds 1
# to 3. ROUNDS, SEEDS: for a shorter try. Leaves the statements of the run with both in statements.txt.
# Expected: every epsilon is at most 4 and each statement has its unit; both together cost more than either, and either more than none.
# Each device adds the noise for its examples by itself, so that it is not shared as that on the sum for the devices is.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
rounds=${ROUNDS:-40} seeds=${SEEDS:-1 2 3}
[ -e fashion_mnist.h5 ] || "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" -o fashion_mnist.h5
example="{clip: 1, epsilon: 4, delta: 1e-4}" device="{clip: 0.5, epsilon: 4, delta: 1e-3}"
for seed in $seeds; do
    for kind in none example device both; do
        words=()
        case $kind in example | both) words+=("local.dp=$example") ;; esac
        case $kind in device | both) words+=("privacy=$device") ;; esac
        train "$top/jobs/experiments/fashion_mnist.yaml" rounds=$rounds seed=$seed model="{name: 2nn}" eval="{every: 10}" \
            partition="{method: iid, devices: 100}" devices="{select: poisson, per_round: 20}" local="{batch: 60, lr: 0.1}" "${words[@]}" \
            name="$kind" output="{dir: $kind/seed-$seed, checkpoint_every: 20}"
    done
done
"$cohort" show "both/seed-${seeds%% *}/run.h5" | sed -n '/^  privacy/,$p' > statements.txt
SEEDS="$seeds" $python - <<'P'
import json, os
import h5py
seeds, said, good = os.environ["SEEDS"].split(), [], True
accuracy = {}
for kind in ("none", "example", "device", "both"):
    units, epsilons = [], []
    for seed in seeds:
        with h5py.File(f"{kind}/seed-{seed}/run.h5") as h:
            accuracy.setdefault(kind, []).append(h["eval/accuracy"][-1])
            text = h.attrs.get("privacy_statement", "[]")
            units = [s["unit"] for s in json.loads(text if isinstance(text, str) else text.decode())]
            epsilons = [h[t][-1] for t in ("privacy_examples/epsilon_max", "privacy/epsilon") if t in h]
            good &= all(e <= 4 for e in epsilons)
    good &= sorted(units) == {"none": [], "example": ["example"], "device": ["device"], "both": ["device", "example"]}[kind]
    said.append(f"{kind} {sum(accuracy[kind]) / len(seeds):.4f}" + (f" (epsilon {', '.join(f'{e:.3f}' for e in epsilons)})" if epsilons else ""))
mean = {k: sum(v) / len(v) for k, v in accuracy.items()}
good &= mean["none"] >= max(mean["example"], mean["device"]) and min(mean["example"], mean["device"]) >= mean["both"]
print(f"RESULT example_privacy: test accuracy {'; '.join(said)}; {'ok' if good else 'NOT as expected'}")
P
