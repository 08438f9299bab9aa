#!/bin/bash
# tests/campaign/adaptive_text.sh - server optimisers on sparse text features: 20 newsgroups as bags of words over 200 devices of few
# groups each, 20 a round, learning rates of devices and server tuned on a validation split, 3 seeds. Expected, after Reddi et al. 2021
# (arXiv:2003.00295, table 1, Stack Overflow tag prediction): adaptive ones ahead of fedavg. ROUNDS (300), TUNE (60 rounds) and SEEDS
# shorten it. Some five minutes of a core in all.
. "$(dirname "$0")/common.sh"
need data/text_classification/20news-bydate.tar.gz
[ -e news.h5 ] || "$cohort" import newsgroups "$shared/data/text_classification/20news-bydate.tar.gz" -o news.h5 tokens=word \
    min_count=20 max_tokens=200 validation_fraction=0.1 seed=1
cat > text.yaml <<'Y'
name: text
rounds: 300
data: {file: news.h5}
partition: {method: dirichlet, devices: 200, alpha: 0.1, seed: 1}
model: {name: bow, embedding: 32}
devices: {per_round: 20}
local: {epochs: 1, batch: 16}
eval: {every: 10}
output: {dir: sweep, checkpoint_every: 0}
Y
for of in "fedavg [1]" "fedavgm [0.3,1]" "fedadagrad [0.03,0.1]" "fedadam [0.01,0.03]" "fedyogi [0.01,0.03]"; do
    start=$SECONDS
    mpirun -n "$ranks" "$cohort" compare text.yaml rounds="${ROUNDS:-300}" seeds="${SEEDS:-3}" grid.algorithm=["${of% *}"] \
        tune.local.lr=[1,3,10,30] tune.server.lr="${of#* }" tune_rounds="${TUNE:-60}" output.dir="sweep-${of% *}" > table.log 2> last.log ||
        { tail -n 3 last.log; exit 1; }
    grep 'chosen on' last.log || true
    [ $((SECONDS - start)) -lt 2 ] || echo "${of% *}: $((SECONDS - start)) s on $ranks ranks"
done
"$cohort" compare sweep-*/algorithm=*/seed-*/run.h5 -o all baseline=algorithm=fedavg
$python - <<'P'
import h5py
s = h5py.File("all/compare.h5")["summary"]
mean = dict(zip((x.decode().split("=")[1] for x in s["label"][:]), s["mean"][:]))
order = sorted(mean, key=mean.get, reverse=True)
ahead = [name for name in ("fedadagrad", "fedadam", "fedyogi") if mean[name] > mean["fedavg"]]
print("RESULT adaptive_text: " + " > ".join(f"{name} {mean[name]:.4f}" for name in order) + f"; {len(ahead)} of 3 adaptive ones ahead of fedavg")
P
