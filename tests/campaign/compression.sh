#!/bin/bash
# tests/campaign/compression.sh - utility beside bytes: 16 ways to send updates (and models), on Fashion-MNIST (a layer of 64 units,
# 50,890 parameters; 600 examples of a device a round) and Banking77 (a BiLSTM of 32 units, 77 intents): 20 devices by Dirichlet 0.5, 10 a
# round, one epoch each. SEEDS ("1 2 3"), ROUNDS (80).
# Leaves compression.png: accuracy over all bytes, up and down, means over the seeds.
# Expected: error feedback brings top_k and sign (and ternary, low_rank) back to the accuracy without compression, or much of the way;
# rotate changes little here, where quantise has a norm for each 512 coordinates. Some 10 minutes on a free core.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
need data/intent/banking77
images=$shared/data/images/fashion-mnist texts=$shared/data/intent/banking77
rounds=${ROUNDS:-80}
[ -e fashion_mnist.h5 ] || "$cohort" import fashion_mnist "$images" -o fashion_mnist.h5
[ -e banking77.h5 ] || "$cohort" import csv "$texts/train.csv" header=true text=text y=category test="$texts/test.csv" min_count=2 \
    lowercase=true -o banking77.h5
cat > base.yaml <<Y
name: compression
rounds: $rounds
partition: {method: dirichlet, devices: 20, alpha: 0.5, seed: 1}
devices: {per_round: 10}
local: {epochs: 1, batch: 32}
eval: {every: 5}
output: {checkpoint_every: $rounds, keep: 1}
Y
ef='{name: error_feedback}'
ways=(
    'none|[]|[]'
    'bf16|[{name: bf16}]|[]'
    'quantise 15|[{name: quantise, levels: 7}]|[]'
    'quantise 3|[{name: quantise, levels: 1}]|[]'
    'rotate, quantise 3|[{name: rotate}, {name: quantise, levels: 1}]|[]'
    'top_k|[{name: top_k, fraction: 0.01}]|[]'
    "EF, top_k|[$ef, {name: top_k, fraction: 0.01}]|[]"
    'EF21, top_k|[{name: error_feedback, method: ef21}, {name: top_k, fraction: 0.01}]|[]'
    'random_k|[{name: random_k, fraction: 0.05}]|[]'
    'sign|[{name: sign}]|[]'
    "EF, sign|[$ef, {name: sign}]|[]"
    'ternary|[{name: ternary, fraction: 0.01}]|[]'
    "EF, ternary|[$ef, {name: ternary, fraction: 0.01}]|[]"
    'low_rank|[{name: low_rank, rank: 2}]|[]'
    "EF, low_rank|[$ef, {name: low_rank, rank: 2}]|[]"
    "EF, top_k; quantise 15 down|[$ef, {name: top_k, fraction: 0.01}]|[{name: rotate}, {name: quantise, levels: 7}]")
play() { # SEED DATA MODEL words..
    local seed=$1 data=$2 model=$3 way label up down
    shift 3
    for way in "${ways[@]}"; do
        IFS='|' read -r label up down <<< "$way"
        train base.yaml data.file="$data.h5" model="$model" transforms="$up" downlink="$down" seed="$seed" "$@" \
            output.dir="$data/${label//[ ,;]/_}/seed-$seed"
    done
}
for seed in ${SEEDS:-1 2 3}; do
    play "$seed" fashion_mnist '{layers: [flatten, {dense: 64}, relu, {dense: classes}]}' local.lr=0.05 local.max_examples=600
    play "$seed" banking77 '{layers: [{embedding: 32}, {lstm: {units: 32, bidirectional: true}}, {pool_time: mean}, {dense: classes}]}' \
        local.optimizer=adam local.lr=0.01
done
printf '%s\n' "${ways[@]%%|*}" > ways.txt
$python - "${SEEDS:-1 2 3}" <<'P'
import re
import sys
import h5py
import matplotlib
import numpy as np
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib import ticker
seeds, ways = sys.argv[1].split(), [line.rstrip("\n") for line in open("ways.txt", encoding="utf-8")]
colours = {"none": "#333333", "bf16": "#999999", "quantise": "#0072B2", "rotate": "#56B4E9", "top_k": "#D55E00", "random_k": "#E69F00",
           "sign": "#009E73", "ternary": "#CC79A7", "low_rank": "#882255"}


def read(data, way, seed):
    """Bytes of all devices up to each evaluation, accuracies, bytes up and down of a round in the mean."""
    with h5py.File(f"{data}/{re.sub('[ ,;]', '_', way)}/seed-{seed}/run.h5") as h:
        up, down, rows = h["rounds/bytes_up"][:], h["rounds/bytes_down"][:], h["eval/split"][:] == 1
        at = np.concatenate([[0], np.cumsum(up + down)])[h["eval/round"][:][rows]]
        coded = h["rounds/bytes_up_coded"][:] if "bytes_up_coded" in h["rounds"] else up
        return at, 100 * h["eval/accuracy"][:][rows], up.mean(), down.mean(), coded.mean()


said, of = [], {}
axes = plt.subplots(1, 2, figsize=(13, 5.2))[1]
for ax, data in zip(axes, ("fashion_mnist", "banking77")):
    print(f"\n| {data} | accuracy, % | MB up a round | behind a code | down | x less in all |\n|---|---|---|---|---|---|")
    for way in ways:
        runs = [read(data, way, s) for s in seeds]
        last, up, down, coded = [np.array([r[1][-1] for r in runs])] + [np.mean([r[k] for r in runs]) / 1e6 for k in (2, 3, 4)]
        of[data, way] = last
        if way == "none":
            plain = up + down
        print(f"| {way} | {last.mean():.2f} +- {last.std(ddof=1) if len(last) > 1 else 0:.2f} | {up:.3f} | {coded:.3f} | {down:.3f} | {plain / (up + down):.2f} |")
        key = next((k for k in reversed(colours) if k in way), "none")
        style = "--" if "EF21" in way else "-" if "EF" in way or way in ("none", "bf16") or "quantise" in way.split(";")[0] else ":"
        ax.plot(np.mean([r[0] for r in runs], axis=0)[1:], np.mean([r[1] for r in runs], axis=0)[1:], style, label=way,
                color="#000000" if ";" in way else colours[key], linewidth=1.8)
    ax.set(title=data, xscale="log", xlabel="sent and received by all devices", ylabel="test accuracy, %")
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v / 1e9:g} GB" if v >= 1e9 else f"{v / 1e6:g} MB"))
    gains = {k: of[data, f"EF, {k}"].mean() - of[data, k].mean() for k in ("top_k", "sign", "ternary", "low_rank")}
    said.append(f"{data} {of[data, 'none'].mean():.1f} without, " + ", ".join(
        f"{k} {of[data, k].mean():.1f} -> {of[data, f'EF, {k}'].mean():.1f}" for k in gains) +
        f", EF21 {of[data, 'EF21, top_k'].mean():.1f}, both ways {of[data, ways[-1]].mean():.1f}" +
        ("" if min(gains["top_k"], gains["sign"]) > 0 else " (NO RESCUE)"))
axes[1].legend(fontsize=8, bbox_to_anchor=(1.02, 1), loc="upper left")
plt.tight_layout()
plt.savefig("compression.png", dpi=120)
print(f"RESULT compression, {len(seeds)} seed(s), accuracy without and with error feedback: {'; '.join(said)}")
P
