#!/bin/bash
# tests/campaign/fednlp_text.sh - 20 Newsgroups as Lin et al. (arXiv:2104.08815) set it up, with MiniLM in place of DistilBERT: 100 devices,
# 10 a round, 1 epoch, batch 32, 256 tokens. FedAvg and FedProx (SGD on devices), FedOPT (AdamW on devices, lr 5e-5, server SGD with
# rate 1), ROUNDS (12) rounds at alpha 1, evaluated on 1,500 test messages; central training after equal work; FedOPT at alpha 0.1,
# 10 and uniform; FREEZE_ROUNDS (6) rounds with the embeddings and 0, 2, 4, 6 layers frozen. SEEDS (1). About 100 s a round on 2 cores.
# Expected: central far ahead, FedOPT ahead of FedAvg; uniform and alpha 10 > 1 > 0.1; frozen layers cost little and save bytes.
. "$(dirname "$0")/common.sh"
. "$top/tests/campaign/minilm.sh"
need data/text_classification/20news-bydate.tar.gz
[ -e newsgroups.h5 ] || "$cohort" import newsgroups "$shared/data/text_classification/20news-bydate.tar.gz" "${pieces[@]}" max_tokens=256 \
    -o newsgroups.h5
rounds=${ROUNDS:-12}
freeze_rounds=${FREEZE_ROUNDS:-6}
base=$top/jobs/experiments/newsgroups.yaml
common=(data.file=newsgroups.h5 local.batch=32 local.epochs=1 eval.max_examples=1500 output.checkpoint_every=1 output.keep=1)
sgd=(local.optimizer=sgd local.lr="${SGD_LR:-0.1}")
adamw=(local.optimizer=adamw local.lr=0.00005)
model="model={from: $minilm}"
for seed in ${SEEDS:-1}; do
    fed=("${common[@]}" seed="$seed" rounds="$rounds" eval.every=4)
    train "$base" "${fed[@]}" "$model" "${adamw[@]}" output.dir="fedopt-$seed"
    train "$base" "${fed[@]}" "$model" "${sgd[@]}" output.dir="fedavg-$seed"
    train "$base" "${fed[@]}" "$model" "${sgd[@]}" algorithm=fedprox local.mu=0.01 output.dir="fedprox-$seed"
    train "$base" "${common[@]}" "$model" "${adamw[@]}" seed="$seed" "partition={method: iid, devices: 1}" devices.per_round=1 rounds=1 \
        eval.every=1 local.epochs=null local.steps=$((rounds * 1131 / 32)) output.dir="central-$seed"
    for alpha in 0.1 10; do
        train "$base" "${fed[@]}" "$model" "${adamw[@]}" partition.alpha=$alpha output.dir="alpha$alpha-$seed"
    done
    train "$base" "${fed[@]}" "$model" "${adamw[@]}" "partition={method: iid, devices: 100}" output.dir="uniform-$seed"
    for layers in 0 2 4 6; do
        [ $layers = 0 ] && globs='*embeddings.*' || globs="*embeddings.*, *encoder.layer.[0-$((layers - 1))].*"
        train "$base" "${common[@]}" seed="$seed" rounds="$freeze_rounds" eval.every="$freeze_rounds" "${adamw[@]}" \
            "model={from: $minilm, freeze: [$(sed 's/[^,]*/"&"/g; s/" /"/g' <<< "$globs")]}" output.dir="frozen$layers-$seed"
    done
done
COHORT_PYTHON=$python "$cohort" plot fedopt-1/run.h5 fedavg-1/run.h5 fedprox-1/run.h5 -o fednlp_text.png
$python - <<'P'
import glob
import h5py
import numpy as np
said = []
for kind in ("central", "fedopt", "fedavg", "fedprox", "uniform", "alpha10", "alpha0.1", "frozen0", "frozen2", "frozen4", "frozen6"):
    files = [h5py.File(f) for f in sorted(glob.glob(kind + "-*/run.h5"))]
    last = [f["eval/accuracy"][:][f["eval/split"][:] == 1][-1] for f in files]
    sent = np.mean([f["rounds/bytes_up"][:].sum() for f in files]) / 1e6
    print(f"{kind}: accuracy {np.mean(last):.4f}, {sent:.0f} MB up, {len(last)} seeds")
    said.append(f"{kind} {np.mean(last):.3f}")
print("RESULT fednlp_text:", ", ".join(said))
P
