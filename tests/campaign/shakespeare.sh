#!/bin/bash
# tests/campaign/shakespeare.sh - jobs/experiments/shakespeare.yaml and the same model trained centrally with the same number of passes
# over the speeches. PASSES (default 3): passes; FedAvg with 10 of the roles a round needs roles / 10 rounds for one.
# LR, CENTRAL_LR: step sizes. Expected: next-character accuracy of 0.48 and more on held-out speech.
. "$(dirname "$0")/common.sh"
need data/language_model/shakespeare_plays
passes=${PASSES:-3}
[ -e shakespeare.h5 ] || "$cohort" import shakespeare "$shared/data/language_model/shakespeare_plays" -o shakespeare.h5
roles=$("$cohort" run "$top/jobs/experiments/shakespeare.yaml" --dry-run | awk '/^devices  /{print $2 + 0}')
rounds=$((passes * roles / 10))
train "$top/jobs/experiments/shakespeare.yaml" name=federated output.dir=federated rounds=$rounds eval.every=$((rounds / 10)) local.lr="${LR:-1.0}"
train "$top/jobs/experiments/shakespeare.yaml" name=central output.dir=central "partition={method: iid, devices: 1}" devices.per_round=1 \
    rounds="$passes" eval.every=1 local.lr="${CENTRAL_LR:-1.0}" output.checkpoint_every=1
COHORT_PYTHON=$python "$cohort" plot federated/run.h5 central/run.h5 -o shakespeare.png
$python - <<'P'
import h5py
out = []
for name in ("federated", "central"):
    h = h5py.File(name + "/run.h5")
    e, r = h["eval"], h["rounds"]
    best = max(zip(e["accuracy"][:], -e["round"][:]))
    out.append(f"{name} accuracy {best[0]:.4f}, perplexity {min(e['perplexity'][:]):.2f} (round {-best[1]} of {r['round'][-1]}, "
               f"{r['n_examples'][:].sum()} speeches, {r['wall_s'][-1]:.0f} s)")
    best_federated = best[0] if name == "federated" else best_federated
print("RESULT shakespeare:", "; ".join(out), "ok" if best_federated >= 0.48 else "BELOW 0.48")
P
