#!/bin/bash
# tests/campaign/wnut17_minilm.sh - entities of WNUT17 by MiniLM: central, and federated over 30 devices of skewed sizes, after equal
# work. EPOCHS (4). Expected: entity F1 of at least 0.30 centrally, where a BiLSTM without pretrained vectors reaches 0.05 (wnut17.sh).
. "$(dirname "$0")/common.sh"
. "$top/tests/campaign/minilm.sh"
need data/tagging/wnut17
dir=$shared/data/tagging/wnut17
[ -e wnut17.h5 ] || "$cohort" import conll train="$dir/wnut17train.conll" dev="$dir/emerging.dev.conll" test="$dir/emerging.test.annotated" \
    "${pieces[@]}" -o wnut17.h5
epochs=${EPOCHS:-4}
base=$top/jobs/experiments/wnut17.yaml
common=(data.file=wnut17.h5 "model={from: $minilm}" local.optimizer=adamw local.batch=16 local.clip_grad=1 local.lr=0.0003)
train "$base" name=central "${common[@]}" output.dir=central partition.devices=1 devices.per_round=1 rounds=1 eval.every=1 \
    local.epochs="$epochs" "local.step_schedule={name: linear, warmup: 0.1}"
train "$base" name=federated "${common[@]}" output.dir=federated local.epochs=2 rounds=$((epochs * 3 / 2)) eval.every="$epochs"
$python - <<'P'
import h5py
said = []
for name in ("central", "federated"):
    e = h5py.File(name + "/run.h5")["eval"]
    test = e["split"][:] == 1
    f1, p, r = (e[k][:][test][-1] for k in ("entity_f1", "entity_precision", "entity_recall"))
    said.append(f"{name} F1 {f1:.4f} (precision {p:.4f}, recall {r:.4f})")
print("RESULT wnut17_minilm:", "; ".join(said))
P
