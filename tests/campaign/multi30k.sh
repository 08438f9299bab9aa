#!/bin/bash
# tests/campaign/multi30k.sh - English to German on Multi30k by a transformer of 3+3 layers, 256 wide, on words: BLEU on test_2016 (beams
# of 4) after EPOCHS (10), SEEDS (1) each: centrally here, and by PyTorch with the same settings, words and batches of 64; within 1.5
# BLEU of each other, and above 20. Then 100 devices, 10 a round, after equal work: uniform, clusters of sources (the mean of what the
# central model's encoder gives) by Dirichlet 0.1, sizes by Dirichlet(1). COHORT_TRANSFORMERS: a Python with torch, h5py and sacrebleu;
# without one its part is left out. On 2 cores, for each seed: 0.7 hours centrally, 1.6 by PyTorch,
# half an hour for each of the three federated runs.
# A run that was stopped goes on; one that is done is not played again. WORDS: further words for every run.
. "$(dirname "$0")/common.sh"
export LIMIT=${LIMIT:-36000}
texts=$shared/data/seq2seq/multi30k
need data/seq2seq/multi30k
torch=${COHORT_TRANSFORMERS:-}
epochs=${EPOCHS:-10} seeds=${SEEDS:-1} written=${WRITTEN:-1000}
[ -e en_de.h5 ] || "$cohort" import pairs source="$texts/train.en.gz" target="$texts/train.de.gz" test_source="$texts/test_2016_flickr.en.gz" \
    test_target="$texts/test_2016_flickr.de.gz" min_count=2 lowercase=false -o en_de.h5
cat > base.yaml <<Y
name: multi30k
data: {file: en_de.h5}
partition: {method: iid, devices: 1}
model: {name: seq2seq_transformer, layers: 3, hidden: 256, heads: 8, dropout: 0.1, tied: output}
devices: {per_round: 1}
local: {epochs: $epochs, batch: 64, optimizer: adamw, lr: 0.001, weight_decay: 0.01, clip_grad: 1, step_schedule: {name: linear, warmup: 0.1}}
eval: {every: 1}
output: {checkpoint_every: 1, keep: 1}
Y
generate() { # every $1 rounds
    echo "eval.generate={every: $1, beams: 4, max_length: 60, max_examples: $written}"
}
for seed in $(seq 1 "$seeds"); do
    # shellcheck disable=SC2086
    ranks=1 train base.yaml seed="$seed" rounds=1 "$(generate 1)" output.dir=central-"$seed" ${WORDS:-}
    [ -z "$torch" ] || [ -e torch-"$seed".json ] ||
        "$torch" "$top/tests/campaign/multi30k.py" en_de.h5 "$seed" "$epochs" "$written" torch-"$seed".json ${MOST:-}
done
if [ ! -e meaning.h5 ]; then
    mpirun -n "$ranks" "$cohort" predict "$(ls central-1/ckpt-*.h5 | tail -n 1)" en_de.h5 -o meaning.part.h5 output=hidden tap=encoder.norm \
        split=train --overwrite > last.log 2>&1 || { tail -n 5 last.log; exit 1; }
    mv meaning.part.h5 meaning.h5
fi
rounds=$((10 * epochs))
for seed in $(seq 1 "$seeds"); do
    federated=(seed="$seed" rounds="$rounds" devices.per_round=10 local.epochs=1 local.batch=16 local.step_schedule=null
        eval.every=$((2 * epochs)) "$(generate "$rounds")")
    while read -r name part; do
        # shellcheck disable=SC2086
        train base.yaml "${federated[@]}" partition="$part" output.dir="$name-$seed" ${WORDS:-} < /dev/null
    done <<P
uniform {method: iid, devices: 100}
clusters {method: cluster, features: meaning.h5, clusters: 10, devices: 100, alpha: 0.1}
quantity {method: quantity, devices: 100, beta: 1}
P
done
$python - "$seeds" <<'P'
import json
import os
import sys
import h5py
import numpy as np
seeds, said, mean = range(1, int(sys.argv[1]) + 1), [], {}


def own(name, key):
    e = [h5py.File(f"{name}-{s}/run.h5")["eval"] for s in seeds]
    return [h[key][:][h["split"][:] == 1][-1] for h in e]


for name in ("central", "PyTorch", "uniform", "clusters", "quantity"):
    if name == "PyTorch":
        if not os.path.exists("torch-1.json"):
            continue
        theirs = [json.load(open(f"torch-{s}.json")) for s in seeds]
        bleu, loss = ([t[k] for t in theirs] for k in ("bleu", "loss"))
    else:
        bleu, loss = own(name, "bleu"), own(name, "loss")
    mean[name] = np.mean(bleu)
    said.append(f"{name} BLEU {np.mean(bleu):.2f} ({min(bleu):.2f} to {max(bleu):.2f}), loss {np.mean(loss):.4f}")
if "PyTorch" in mean:
    apart = abs(mean["central"] - mean["PyTorch"])
    said.append(f"apart {apart:.2f} ({'within' if apart <= 1.5 else 'MORE THAN'} 1.5), central {'above' if mean['central'] > 20 else 'NOT ABOVE'} 20")
print("RESULT multi30k:", "; ".join(said))
P
