#!/bin/bash
# tests/campaign/edp_study.sh - what privacy of single examples costs language understanding: intents and slots (Snips, joint) and 77
# intents (Banking77), one device with all texts. Methods: plain (no bound, no noise), dp (local.dp: every example's gradient bounded, by
# ghost norms) and edp (local.dp.preset edp_sgd after Dupuy et al., arXiv:2107.14586: means of 4 bounded, by layer, decaying noise) at
# epsilon 1, 2, 4, 8 and bounded without noise (none); OPTIMISER (adam) takes the steps of all. EPOCHS (10), SEEDS (1). Rates: of three for
# each method the best on a validation split (a tenth of the training texts) after a quarter of the epochs, at epsilon 4; what this choice
# tells of the texts is not in epsilon.
#   MODEL=bilstm  embedding and LSTM of 64 units, drawn anew; a quarter of an hour on a free core, a quarter of it for rates
#   MODEL=minilm  all of MiniLM (COHORT_MINILM), smaller rates; some minutes an epoch: a day
# Leaves MODEL/edp_study.png, utility over epsilon. Seconds a step: of the processor (user), of two epochs with noise,
# TIMES (3) of each method in alternation; the median ratio.
# Expected: utility rises with epsilon and stays below that without noise; dp's step below 2 x plain's. Dupuy et al. have edp ahead of
# DP-SGD; here an example of a mean of 4 counts twice and weighs a quarter, so that edp's noise is worth 8 x that of dp: far behind.
. "$(dirname "$0")/common.sh"
kind=${MODEL:-bilstm} epochs=${EPOCHS:-10} seeds=${SEEDS:-1} optimiser=${OPTIMISER:-adam}
intents=$shared/data/intent
need data/intent/snips
need data/intent/banking77
pieces=(min_count=2) words=() rates=(0.01 0.03 0.1)
joint="{name: bilstm, embedding: 64, units: 64}"
classes="{layers: [{embedding: 64}, {lstm: {units: 64, bidirectional: true}}, {pool_time: mean}, {dense: classes}]}"
case $kind in
bilstm) pieces+=(lowercase=true) ;;
minilm)
    . "$top/tests/campaign/minilm.sh"
    joint="{from: $minilm}" classes=$joint rates=(0.00005 0.0002 0.0008) words=(local.dp.max_batch=32) ;;
*) echo "MODEL is bilstm or minilm, not $kind"; exit 2 ;;
esac
mkdir -p "$kind"
cd "$kind" || exit 1
[ -e snips.h5 ] || "$cohort" import snips "$intents/snips" "${pieces[@]}" validation_fraction=0.1 -o snips.h5
[ -e banking77.h5 ] || "$cohort" import csv "$intents/banking77/train.csv" header=true text=text y=category test="$intents/banking77/test.csv" \
    "${pieces[@]}" validation_fraction=0.1 -o banking77.h5
cat > base.yaml <<Y
name: edp_study
rounds: $epochs
partition: {method: iid, devices: 1}
devices: {per_round: 1}
local: {epochs: 1, batch: 256, optimizer: $optimiser}
eval: {every: $epochs}
output: {checkpoint_every: 1, keep: 1}
Y
play() { # DATA METHOD EPSILON RATE DIR words..
    local data=$1 method=$2 epsilon=$3 rate=$4 dir=$5 model=$classes noise
    shift 5
    [ "$data" = banking77 ] || model=$joint
    noise="epsilon: $epsilon, rounds: $epochs"
    case $epsilon in
    none) noise="noise_multiplier: 0" ;;
    any) noise="noise_multiplier: 1, accountant: rdp" ;;
    esac
    case $method in
    plain) set -- "$@" ;;
    dp) set -- local.dp="{clip: 1, delta: 1e-5, $noise}" "${words[@]}" "$@" ;;
    edp) set -- local.dp="{preset: edp_sgd, clip: 1, delta: 1e-5, $noise}" "${words[@]}" "$@" ;;
    esac
    train base.yaml data.file="$data.h5" model="$model" local.lr="$rate" output.dir="$dir" "$@"
}
best() { # DATA METHOD: the rate, kept in DATA-METHOD.rate
    local rate kept=$1-$2.rate epsilon=4 short=$(((epochs + 3) / 4))
    [ "$2" != plain ] || epsilon=none
    [ ! -e "$kept" ] || return 0
    for rate in "${rates[@]}"; do
        play "$1" "$2" $epsilon "$rate" "tune/$1-$2-$rate" rounds=$short eval.every=$short
    done
    $python - "$1-$2" "${rates[@]}" > "$kept.part" <<'P'
import sys
import h5py
import numpy as np


def accuracy(rate):
    with h5py.File(f"tune/{sys.argv[1]}-{rate}/run.h5") as h:
        value = h["eval/accuracy"][:][h["eval/split"][:] == 2][-1]
    print(f"{sys.argv[1]}, rate {rate}: accuracy {value:.4f} on the validation split", file=sys.stderr)
    return value if np.isfinite(value) else -1


print(max(sys.argv[2:], key=accuracy))
P
    mv "$kept.part" "$kept"
}
for data in snips banking77; do
    for method in plain dp edp; do
        best $data $method
        for seed in $(seq 1 "$seeds"); do
            for epsilon in 1 2 4 8 none; do
                [ $method != plain ] || [ $epsilon = none ] || continue
                play $data $method $epsilon "$(cat $data-$method.rate)" "$data-$method-$epsilon-$seed" seed="$seed"
            done
        done
    done
done
if [ ! -e seconds.done ]; then
    rm -f ./*.seconds
    for _ in $(seq 1 "${TIMES:-3}"); do
        for data in snips banking77; do
            for method in plain dp edp; do
                rm -rf timed
                TIMEFORMAT=%3U
                { time play $data $method any 0.01 timed rounds=2 eval.every=0 > /dev/null; } 2>> $data-$method.seconds
            done
        done
    done
    touch seconds.done
fi
$python - "$seeds" <<'P'
import sys
import h5py
import matplotlib
import numpy as np
matplotlib.use("Agg")
import matplotlib.pyplot as plt
seeds, epsilons = range(1, int(sys.argv[1]) + 1), ["1", "2", "4", "8", "none"]
metrics = {"snips": ["accuracy", "entity_f1"], "banking77": ["accuracy", "macro_f1"]}
names = {"accuracy": "accuracy", "entity_f1": "F1 of slots", "macro_f1": "macro F1"}


def score(data, method, epsilon, metric):
    values = []
    for s in seeds:
        with h5py.File(f"{data}-{method}-{epsilon}-{s}/run.h5") as h:
            values.append(h["eval/" + metric][:][h["eval/split"][:] == 1][-1])
            assert method == "plain" or epsilon == "none" or h["privacy_examples/epsilon_max"][-1] <= float(epsilon), (data, method, epsilon)
    return 100 * np.mean(values)


with h5py.File("snips.h5") as a, h5py.File("banking77.h5") as b:
    steps = {"snips": a, "banking77": b}
    steps = {k: 2 * -(-np.count_nonzero(h["split"][:] == 0) // 256) for k, h in steps.items()}
said, good, of = [], True, {}
axes = plt.subplots(1, 2, figsize=(10, 4))[1]
print("| data, metric | method | epsilon " + " | ".join(epsilons) + " | s a step | times plain |\n|---|---|" + "---|" * 7)
for ax, data in zip(axes, metrics):
    user = {m: np.loadtxt(f"{data}-{m}.seconds", ndmin=1) / steps[data] for m in ("plain", "dp", "edp")}
    seconds, times = {m: np.median(v) for m, v in user.items()}, {m: np.median(v / user["plain"]) for m, v in user.items()}
    for metric, line in zip(metrics[data], ("-", ":")):
        base = score(data, "plain", "none", metric)
        print(f"| {data}, {names[metric]} | plain | | | | | {base:.2f} | {seconds['plain']:.4f} | |")
        ax.axhline(base, color="C0", linestyle=line, label=f"plain, {names[metric]}")
        for k, method in enumerate(("dp", "edp"), 1):
            row = [score(data, method, e, metric) for e in epsilons]
            of[data, method, metric] = row
            print(f"| {data}, {names[metric]} | {method} | " + " | ".join(f"{v:.2f}" for v in row) +
                  f" | {seconds[method]:.4f} | {times[method]:.2f} |")
            ax.plot(range(5), row, "o", color=f"C{k}", linestyle=line, label=f"{method}, {names[metric]}")
            good &= all(a <= b + 2 for a, b in zip(row, row[1:])) and row[3] <= base
    ax.set(title=data, xlabel="epsilon at delta 1e-5", ylabel="test, %", xticks=range(5), xticklabels=epsilons)
    ax.legend(fontsize=7)
    first = metrics[data][0]
    said.append(f"{data} accuracy {score(data, 'plain', 'none', first):.1f}; dp {', '.join(f'{v:.1f}' for v in of[data, 'dp', first])}; "
                f"edp {', '.join(f'{v:.1f}' for v in of[data, 'edp', first])}; a step {times['dp']:.2f} and {times['edp']:.2f} x plain's")
plt.tight_layout()
plt.savefig("edp_study.png", dpi=120)
print(f"RESULT edp_study, {len(seeds)} seed(s), epsilon {', '.join(epsilons)}: {'; '.join(said)}; {'rises with epsilon' if good else 'NOT always rising with epsilon'}")
P
