#!/bin/bash
# tests/campaign/squad.sh [first] - answers to the questions of SQuAD v1.1's dev part by MiniLM: 8 of the 48 articles held out.
#   first   only this: the losses of 50 steps of BATCH (8) windows, without dropout and on the same batches, within 1e-3 of PyTorch's
# Then exact match and F1 after EPOCHS (2), SEEDS (3) each: centrally here and by PyTorch, whose intervals shall overlap, and federated by
# article and uniform over as many devices. COHORT_TRANSFORMERS: a Python with torch, transformers and h5py. Two epochs
# take about an hour on one free core. A run that was stopped goes on; one that is done is not played again.
. "$(dirname "$0")/common.sh"
. "$top/tests/campaign/minilm.sh"
need data/qa/squad_dev-v1.1.json
torch=${COHORT_TRANSFORMERS:-}
[ -n "$torch" ] || { echo "skipped: COHORT_TRANSFORMERS names no Python with transformers"; exit 77; }
epochs=${EPOCHS:-2} seeds=${SEEDS:-3}
export LR=${LR:-5e-5}
[ -e squad.h5 ] || "$cohort" import squad "$shared/data/qa/squad_dev-v1.1.json" test_articles=8 max_tokens=384 stride=128 seed=1 \
    "${pieces[@]}" -o squad.h5
model="{from: $minilm, separator: 102"

if [ ! -e first.done ]; then
    [ -e batches.h5 ] || "$torch" "$top/tests/campaign/squad.py" batches squad.h5 batches.h5 50 "${BATCH:-8}"
    cat > first.yaml <<Y
name: first
rounds: 50
data: {file: squad.h5}
partition: {file: batches.h5}
model: $model, dropout: 0, attention_dropout: 0}
devices: {per_round: 1}
local: {epochs: 1, batch: 8, lr: 0.004}
server: {optimizer: sgd, momentum: 0.9}
eval: {every: 0}
output: {dir: first, checkpoint_every: 25, keep: 1, devices: true}
Y
    # the model before the first step: its head is drawn
    if [ ! -e first/zero.h5 ]; then
        rm -rf first
        "$cohort" run first.yaml rounds=1 local.lr=1e-30 > last.log 2>&1 || { tail -n 5 last.log; exit 1; }
        cp first/ckpt-00000001.h5 zero.h5 && rm -rf first && mkdir first && mv zero.h5 first/zero.h5
    fi
    train first.yaml
    "$torch" "$top/tests/campaign/squad.py" first "$minilm" squad.h5 batches.h5 first 50 | tee first.txt
    touch first.done
fi
[ "${1:-}" != first ] || exit 0

cat > base.yaml <<Y
name: squad
rounds: 1
data: {file: squad.h5}
partition: {method: iid, devices: 1}
model: $model}
devices: {per_round: 1}
local: {epochs: $epochs, batch: 16, optimizer: adamw, lr: $LR, weight_decay: 0.01, clip_grad: 1, step_schedule: {name: linear, warmup: 0.1}}
eval: {every: 1}
Y
articles=$((40)) chosen=10
rounds=$((epochs * articles / chosen)) # of one epoch each: as much work as centrally
for seed in $(seq 1 "$seeds"); do
    train base.yaml seed="$seed" output.dir=central-"$seed"
    [ -e torch-"$seed".json ] || "$torch" "$top/tests/campaign/squad.py" train "$minilm" squad.h5 "$seed" "$epochs" torch-"$seed".json
    federated=(seed="$seed" devices.per_round=$chosen rounds=$rounds local.epochs=1 local.step_schedule.warmup=0 eval.every=$rounds)
    train base.yaml "${federated[@]}" partition='{method: natural}' output.dir=article-"$seed"
    train base.yaml "${federated[@]}" partition="{method: iid, devices: $articles}" output.dir=uniform-"$seed"
done
"$torch" - "$seeds" <<'P'
import json, sys
import h5py, numpy as np
seeds = range(1, int(sys.argv[1]) + 1)
def own(name):
    def last(seed):
        e = h5py.File(f"{name}-{seed}/run.h5")["eval"]
        return [e[k][:][e["split"][:] == 1][-1] for k in ("exact_match", "f1")]
    return np.array([last(s) for s in seeds])
theirs = np.array([[json.load(open(f"torch-{s}.json"))[k] for k in ("exact_match", "f1")] for s in seeds])
said = []
for name, scores in (("central", own("central")), ("PyTorch", theirs), ("by article", own("article")), ("uniform", own("uniform"))):
    (em, f1), (low, high) = 100 * scores.mean(0), (100 * scores[:, 1].min(), 100 * scores[:, 1].max())
    said.append(f"{name} EM {em:.2f} F1 {f1:.2f} ({low:.2f} to {high:.2f})")
print("RESULT squad:", "; ".join(said))
P
