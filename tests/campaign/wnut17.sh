#!/bin/bash
# tests/campaign/wnut17.sh - entities of WNUT17 by a BiLSTM without pretrained vectors: central, and federated with 30 devices, after
# equal work. Nearly all entities of the test part hold a word that the training part has not (96 %), so that words alone find few of
# them, and low figures are expected. The central model's scores are counted again from its checkpoint by PyTorch and, where it is
# installed, seqeval.
. "$(dirname "$0")/common.sh"
need data/tagging/wnut17
dir=$shared/data/tagging/wnut17
[ -e wnut17.h5 ] || "$cohort" import conll train="$dir/wnut17train.conll" dev="$dir/emerging.dev.conll" test="$dir/emerging.test.annotated" \
    min_count=2 -o wnut17.h5
passes=${PASSES:-20}
base=$top/jobs/experiments/wnut17.yaml
train "$base" name=central output.dir=central partition.devices=1 devices.per_round=1 local.epochs=1 rounds="$passes" eval.every=2 \
    local.lr="${CENTRAL_LR:-0.005}"
train "$base" name=federated output.dir=federated local.epochs=2 rounds=$((passes * 3 / 2)) eval.every=$passes
COHORT_PYTHON=$python "$cohort" plot central/run.h5 federated/run.h5 -o wnut17.png
$python - <<'P'
import glob
import h5py
import numpy as np
import torch
out = []
for name in ("central", "federated"):
    e = h5py.File(name + "/run.h5")["eval"]
    test = e["split"][:] == 1
    f1, p, r = (e[k][:][test][-1] for k in ("entity_f1", "entity_precision", "entity_recall"))
    out.append(f"{name} F1 {f1:.4f} (precision {p:.4f}, recall {r:.4f})")
    own = (f1, p, r) if name == "central" else own
d, c = h5py.File("wnut17.h5"), h5py.File(sorted(glob.glob("central/ckpt-*.h5"))[-1])
net = torch.nn.ModuleList([torch.nn.Embedding(*c["model/0.weight"].shape),
                           torch.nn.LSTM(64, 64, bidirectional=True), torch.nn.Linear(*c["model/2.weight"].shape[::-1])])
net.load_state_dict({k: torch.from_numpy(c["model/" + k][:]) for k in c["model"]})
names, at = [n.decode() for n in d["classes"][:]], d["token_offsets"][:]
tokens, tags = torch.from_numpy(d["tokens"][:].astype(np.int64)), d["token_y"][:]
y, guess = [], []
with torch.no_grad():
    for i in np.flatnonzero(d["split"][:] == 1):
        if at[i] == at[i + 1]:
            continue
        out_i = net[2](net[1](net[0](tokens[at[i]:at[i + 1]]))[0]).argmax(1).numpy()
        y.append([names[t] for t in tags[at[i]:at[i + 1]]])
        guess.append([names[t] for t in out_i])
try:
    from seqeval.metrics import f1_score, precision_score, recall_score
    theirs = [f(y, guess) for f in (f1_score, precision_score, recall_score)]
    agree = f"seqeval {theirs[0]:.4f}" + ("" if np.abs(np.subtract(own, theirs)).max() < 2e-3 else " DIFFERS")
except ImportError:
    agree = "seqeval is not installed"
print("RESULT wnut17:", "; ".join(out), ";", agree)
P
