#!/bin/bash
# tests/campaign/public_data.sh - public examples beside private ones (local.dp.public after AdaMix, Golatkar et al., arXiv:2203.11481): the
# test error above that without privacy at epsilon 3, with and without each of its four parts. 20,000 images of Fashion-MNIST (2nn; 20 a
# class public) and Banking77 (bow; 5 a class public; the private texts' vocabulary counts as public), one device with all private examples,
# SGD. none: no privacy, on the private examples; dp: no public ones; all: all four parts; +PART: that one alone; -PART: the other three.
# Each at four rates, of which the best on a validation split counts (a tenth of the private examples; what this choice tells of them is not
# in epsilon). EPOCHS (10), SEEDS (1), EPSILON (3), SETS ("fashion banking"). 88 runs a seed, half an hour on a free core.
# On cores that others use: twice that, and COHORT_WATCHDOG_S=3600, for the directions of one round may take a minute then.
# Expected, after Golatkar et al.: all nearer to none than dp; the warm start gives most of it. Their models stand on pretrained features;
# these are drawn anew, so that a few directions of public gradients (subspace) may leave out what is to be learnt.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
need data/intent/banking77
epochs=${EPOCHS:-10} seeds=${SEEDS:-1} epsilon=${EPSILON:-3}
banking=$shared/data/intent/banking77

if [ ! -e split.done ]; then
    $python - "$shared/data" <<'P'
import csv
import gzip
import sys
import numpy as np
shared, seen = sys.argv[1], {}


def idx(name, head):
    with gzip.open(f"{shared}/images/fashion-mnist/{name}.gz") as f:
        return np.frombuffer(f.read()[head:], np.uint8)


x, y = idx("train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)[:20000], idx("train-labels-idx1-ubyte", 8)[:20000]
public = np.sort(np.concatenate([np.flatnonzero(y == c)[:20] for c in range(10)]))
private = np.setdiff1d(np.arange(len(y)), public)
np.savez("fashion.npz", x=x[private], y=y[private], x_test=idx("t10k-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28),
         y_test=idx("t10k-labels-idx1-ubyte", 8))
np.savez("fashion-public.npz", x=x[public], y=y[public])
with open(f"{shared}/intent/banking77/train.csv", newline="") as f, open("banking.csv", "w", newline="") as a, \
        open("banking-public.csv", "w", newline="") as b:
    rows = csv.reader(f)
    writers = csv.writer(a), csv.writer(b)
    head = next(rows)
    for w in writers:
        w.writerow(head)
    for row in rows:
        seen[row[1]] = seen.get(row[1], 0) + 1
        writers[seen[row[1]] <= 5].writerow(row)
P
    "$cohort" import npz fashion.npz validation_fraction=0.1 -o fashion.h5 --overwrite
    "$cohort" import npz fashion-public.npz -o fashion-public.h5 --overwrite
    text=(header=true text=text y=category)
    "$cohort" import csv banking.csv "${text[@]}" test="$banking/test.csv" min_count=2 validation_fraction=0.1 -o banking.h5 --overwrite
    $python -c "import h5py; print(*(w.decode() for w in h5py.File('banking.h5')['vocab'][:]), sep='\n')" > vocab.txt
    "$cohort" import csv banking-public.csv "${text[@]}" vocab=vocab.txt -o banking-public.h5 --overwrite
    touch split.done
fi
cat > base.yaml <<Y
name: public_data
rounds: $epochs
partition: {method: iid, devices: 1}
devices: {per_round: 1}
local: {epochs: 1, batch: 500}
eval: {every: $epochs}
output: {checkpoint_every: 1, keep: 1}
Y
play() { # DATA KIND RATE SEED
    local data=$1 kind=$2 model="{name: 2nn}" part public="" private="clip: 1, epsilon: $epsilon, delta: 1e-5"
    local words=(data.file="$data.h5" local.lr="$3" seed="$4" output.dir="$data/$kind/rate-$3/seed-$4")
    [ "$data" = fashion ] || model="{name: bow, embedding: 64}"
    for part in warm_start:20 lambda:0.3 subspace:40 clip_quantile:0.5; do
        case $kind in
        all | +"${part%:*}") public+=", ${part%:*}: ${part#*:}" ;;
        -"${part%:*}") ;;
        -*) public+=", ${part%:*}: ${part#*:}" ;;
        esac
    done
    [ -z "$public" ] || private+=", public: {file: $data-public.h5$public}"
    [ "$kind" = none ] || words+=(local.dp="{$private}")
    train base.yaml model="$model" "${words[@]}"
}
for data in ${SETS:-fashion banking}; do
    rates="0.1 0.3 1 3"
    [ "$data" = fashion ] || rates="1 3 10 30"
    for seed in $(seq 1 "$seeds"); do
        for kind in none dp all +warm_start +lambda +clip_quantile -subspace +subspace -warm_start -lambda -clip_quantile; do
            for rate in $rates; do
                # a rate that diverges is not the best; whatever else goes wrong ends the campaign
                (play "$data" "$kind" "$rate" "$seed") || grep -q 'non-finite' last.log || exit 1
            done
        done
    done
done
$python - "$seeds" "$epochs" "$epsilon" "${SETS:-fashion banking}" <<'P'
import glob
import sys
import h5py
import numpy as np
seeds, epochs, epsilon = range(1, int(sys.argv[1]) + 1), int(sys.argv[2]), float(sys.argv[3])
parts = ["warm_start", "lambda", "subspace", "clip_quantile"]


def scores(path, kind):
    """Validation, test."""
    with h5py.File(path) as h:
        assert kind == "none" or h["privacy_examples/epsilon_max"][-1] <= epsilon, path
        if h["eval/round"][-1] < epochs:
            return -1.0, 0.0
        return tuple(h["eval/accuracy"][:][h["eval/split"][:] == s][-1] for s in (2, 1))


def error(data, kind):
    best = [max((scores(f, kind) + (f,) for f in glob.glob(f"{data}/{kind}/rate-*/seed-{s}/run.h5"))) for s in seeds]
    chosen.append(best[0][2].split("/")[2][5:])
    return 100 * (1 - np.mean([b[1] for b in best]))


said = []
print("| data | none: error | dp | all | " + " | ".join(s + p for s in "+-" for p in parts) + " |\n|---|" + "---|" * 11)
for data in sys.argv[4].split():
    chosen = []
    none = error(data, "none")
    above = {k: error(data, k) - none for k in ["dp", "all"] + [s + p for s in "+-" for p in parts]}
    print(f"| {data} | {none:.2f} | " + " | ".join(f"{v:+.2f}" for v in above.values()) + " |")
    print("| rate, seed 1 | " + " | ".join(chosen) + " |")
    best = min(parts, key=lambda p: above["+" + p])
    said.append(f"{data}: error {none:.1f} %, at epsilon {epsilon:g} {above['dp']:+.1f}, with public examples {above['all']:+.1f} "
                f"({'nearer' if above['all'] < above['dp'] else 'NOT nearer'}); of single parts {best} gives most ({above['+' + best]:+.1f})")
print(f"RESULT public_data, {len(seeds)} seed(s):", "; ".join(said))
P
