#!/bin/bash
# tests/campaign/newsgroups.sh - 20 Newsgroups after equal work: central, federated IID, Dirichlet 1, Dirichlet 0.1; SEEDS (default
# "1 2 3"). Equal work: as many messages gone through. Expected (Lin et al., arXiv:2104.08815): central >> IID > Dirichlet 1 >
# Dirichlet 0.1. Accuracy and macro F1 of the central model are counted again by PyTorch and scikit-learn from its checkpoint.
. "$(dirname "$0")/common.sh"
need data/text_classification/20news-bydate.tar.gz
[ -e newsgroups.h5 ] || "$cohort" import newsgroups "$shared/data/text_classification/20news-bydate.tar.gz" tokens=word min_count=5 \
    max_tokens=400 -o newsgroups.h5
passes=${PASSES:-20}
base=$top/jobs/experiments/newsgroups.yaml
for seed in ${SEEDS:-1 2 3}; do
    train "$base" seed="$seed" output.dir="central-$seed" "partition={method: iid, devices: 1}" devices.per_round=1 \
        rounds="$passes" eval.every=1 local.lr="${CENTRAL_LR:-2.0}"
    train "$base" seed="$seed" output.dir="iid-$seed" "partition={method: iid, devices: 100}" rounds=$((passes * 10)) eval.every=$passes
    train "$base" seed="$seed" output.dir="dirichlet1-$seed" partition.alpha=1.0 rounds=$((passes * 10)) eval.every=$passes
    train "$base" seed="$seed" output.dir="dirichlet01-$seed" partition.alpha=0.1 rounds=$((passes * 10)) eval.every=$passes
done
COHORT_PYTHON=$python "$cohort" plot central-1/run.h5 iid-1/run.h5 dirichlet1-1/run.h5 dirichlet01-1/run.h5 -o newsgroups.png
$python - <<'P'
import glob
import h5py
import numpy as np
mean = {}
for kind in ("central", "iid", "dirichlet1", "dirichlet01"):
    last = [h5py.File(f)["eval/accuracy"][-1] for f in sorted(glob.glob(kind + "-*/run.h5"))]
    mean[kind] = np.mean(last)
    print(f"{kind}: accuracy {np.mean(last):.4f} +- {np.std(last):.4f}, {len(last)} seeds")
import torch
d = h5py.File("newsgroups.h5")
c = h5py.File(sorted(glob.glob("central-1/ckpt-*.h5"))[-1])
w = {k: torch.from_numpy(c["model/" + k][:]) for k in ("0.weight", "2.weight", "2.bias")}
at, tokens = d["token_offsets"][:], torch.from_numpy(d["tokens"][:].astype(np.int64))
test = np.flatnonzero(d["split"][:] == 1)
rows = [w["0.weight"][tokens[at[i]:at[i + 1]]].mean(0) if at[i] < at[i + 1] else torch.zeros(w["0.weight"].shape[1]) for i in test]
guess = (torch.stack(rows) @ w["2.weight"].T + w["2.bias"]).argmax(1).numpy()
y = d["y"][:][test]
e = h5py.File("central-1/run.h5")["eval"]
own = e["accuracy"][-1], e["macro_f1"][-1]
try:
    from sklearn.metrics import accuracy_score, f1_score
    theirs = accuracy_score(y, guess), f1_score(y, guess, average="macro")
    agree = f"scikit-learn {theirs[1]:.4f}" + ("" if np.abs(np.subtract(own, theirs)).max() < 1e-3 else " DIFFERS")
except ImportError:
    agree = "scikit-learn is not installed"
order = mean["central"] > mean["iid"] > mean["dirichlet1"] > mean["dirichlet01"]
print(f"RESULT newsgroups: {', '.join(f'{k} {v:.4f}' for k, v in mean.items())}; macro F1 {own[1]:.4f}, {agree};",
      "order as published" if order else "ANOTHER ORDER")
P
