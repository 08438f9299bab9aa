#!/bin/bash
# tests/campaign/virtual_time.sh - virtual time to a test accuracy when devices differ in speed (lognormal, SIGMA 1):
# synchronous, over-selected 1.3 times, with a deadline, FedBuff, FedAsync and Oort, all with as many devices at work at
# once: QMNIST's 539 writers (100 at once, to 90 %) and Fashion-MNIST on 2,000 devices (1,000 at once, to 80 %).
# Nguyen et al. 2022 (arXiv:2106.06639) find FedBuff 3.3 times as fast as synchronous rounds at concurrency 1,000.
# FedBuff's server rate is tuned, as in their paper: of RATES the one that comes first to the target on a validation split (a tenth of
# the training examples; seed 1), else the one with the best accuracy there, kept in STUDY-fedbuff.rate. All others have rate 1, FedAsync
# 0.3 of Xie et al.'s mixing; local.lr is the same for all.
# SEEDS (3), MODEL (2nn), STEPS: per cent of the steps that are allowed (100); STUDIES: "writers fashion"; RATES.
. "$(dirname "$0")/common.sh"
seeds=${SEEDS:-3} model=${MODEL:-2nn} steps=${STEPS:-100} sigma=${SIGMA:-1} rates=${RATES:-1 0.5 0.2 0.1}
need data/images/mnist
need data/images/qmnist
need data/images/fashion-mnist

# write_experiment NAME AT_ONCE TARGET PARTITION
write_experiment() {
    cat > "$1.yaml" <<Y
name: $1
rounds: 400
data: {file: $1.h5}
partition: $4
model: {name: $model}
devices: {per_round: $2}
local: {epochs: 1, batch: 10, lr: 0.05}
clock: {speed: {name: lognormal, sigma: $sigma}, down: 1e6, up: 2.5e5}
eval: {every: 2}
stop: {metric: accuracy, target: $3}
output: {checkpoint_every: 100, devices: true}
Y
}
allowed() { echo $(($1 * steps / 100 > 0 ? $1 * steps / 100 : 1)); } # allowed STEPS
# play STUDY LABEL STEPS words..: all seeds
play() {
    local study=$1 label=$2 n seed
    n=$(allowed "$3")
    shift 3
    for seed in $(seq "$seeds"); do
        train "$study.yaml" rounds="$n" seed="$seed" output.dir="$study/$label/seed-$seed" "$@"
    done
}
# data STUDY FILE words..: imports it
data() {
    [ ! -e "$2" ] || return 0
    case $1 in
    writers) "$cohort" import mnist "$shared/data/images/mnist" writers="$shared/data/images/qmnist" "${@:3}" -o "$2" ;;
    fashion) "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" "${@:3}" -o "$2" ;;
    esac > last.log 2>&1 || { tail -n 5 last.log; exit 1; }
}
# tune STUDY TARGET STEPS words..: leaves FedBuff's server rate in STUDY-fedbuff.rate
tune() {
    local study=$1 target=$2 kept=$1-fedbuff.rate n rate
    n=$(allowed "$3")
    shift 3
    [ ! -e "$kept" ] || return 0
    data "$study" "$study-tune.h5" validation_fraction=0.1 seed=1
    for rate in $rates; do
        # a rate that diverges is not the best; whatever else goes wrong ends the campaign
        (train "$study.yaml" data.file="$study-tune.h5" rounds="$n" seed=1 server.lr="$rate" stop='{}' output.devices=false \
            output.dir="tune/$study-$rate" "$@") || grep -q finite last.log || exit 1
    done
    # shellcheck disable=SC2086
    $python - "$study" "$target" $rates > "$kept.part" <<'P'
import sys
import h5py
import numpy as np


def worth(rate):
    """By which the best rate is the largest: earlier at the target, or better without it."""
    with h5py.File(f"tune/{sys.argv[1]}-{rate}/run.h5") as run:
        on = run["eval/split"][:] == 2
        at, score = run["eval/round"][:][on], np.nan_to_num(run["eval/accuracy"][:][on])
        sim = np.concatenate([[0.0], run["rounds/sim_s"][:]])
    reached = np.flatnonzero(score >= float(sys.argv[2]))
    time = sim[at[reached[0]]] if len(reached) else np.inf
    print(f"{sys.argv[1]}, fedbuff, server.lr {rate}: best {score.max():.4f} on the validation split, target "
          + (f"at {time:.1f} s" if len(reached) else f"not reached in {sim[-1]:.1f} s"), file=sys.stderr)
    return -time, score.max()


print(max(sys.argv[3:], key=worth))
P
    mv "$kept.part" "$kept"
}
# The time by which 80 of 100 devices of the first synchronous run have come back.
deadline_of() {
    $python - "$1/synchronous/seed-1/run.h5" <<'P'
import sys
import h5py
import numpy as np
d = h5py.File(sys.argv[1])["devices"]
print(f"{np.quantile(d['end_s'][:] - d['start_s'][:], 0.8):.3f}")
P
}
compare() { # compare STUDY AT_ONCE TARGET
    local at_once=$2 buffer
    buffer=(devices.mode=buffered devices.per_round=10 devices.concurrency="$at_once" devices.staleness=polynomial eval.every=20)
    data "$1" "$1.h5"
    play "$1" synchronous 400
    play "$1" over_selected 400 devices.mode=deadline devices.over_select=1.3 devices.per_round=$((at_once * 10 / 13))
    play "$1" deadline 400 devices.mode=deadline devices.deadline_s="$(deadline_of "$1")"
    tune "$1" "$3" 6000 "${buffer[@]}"
    play "$1" fedbuff 20000 "${buffer[@]}" server.lr="$(cat "$1-fedbuff.rate")"
    play "$1" fedasync 40000 devices.mode=buffered devices.per_round=1 devices.concurrency="$at_once" \
        devices.difference=current devices.staleness=polynomial server.lr=0.3 eval.every=200
    play "$1" oort 400 devices.select=oort
    COHORT_PYTHON=$python "$cohort" plot "$1"/*/seed-*/run.h5 x=virtual -o "$1" > /dev/null || echo "$1: no picture"
    COHORT_PYTHON=$python "$cohort" plot "$1"/fedbuff/seed-1/run.h5 show=times -o "$1-times" > /dev/null || echo "$1: no picture of times"
}
studies=${STUDIES:-writers fashion}
for study in $studies; do
    case $study in
    writers) write_experiment writers 100 0.9 "{method: natural}" && compare writers 100 0.9 ;;
    fashion) write_experiment fashion 1000 0.8 "{method: dirichlet, devices: 2000, alpha: 0.3}" && compare fashion 1000 0.8 ;;
    *) echo "STUDIES=$study: writers or fashion" && exit 2 ;;
    esac
done
# shellcheck disable=SC2086
$python - $studies <<'P'
import glob
import sys
import h5py
import numpy as np

LABELS = ("synchronous", "over_selected", "deadline", "fedbuff", "fedasync", "oort")
TARGET = {"writers": 0.9, "fashion": 0.8}


def time_to(path, target):
    """Virtual seconds to the first evaluation that reaches the target, NaN if none does; steps; the best."""
    with h5py.File(path) as run:
        at, score = run["eval/round"][:], run["eval/accuracy"][:]
        sim = np.concatenate([[0.0], run["rounds/sim_s"][:]])
        reached = np.flatnonzero(score >= target)
        return (float(sim[at[reached[0]]]) if len(reached) else np.nan), len(sim) - 1, float(score.max())


words = []
for study in sys.argv[1:]:
    medians = {}
    for label in LABELS:
        found = [time_to(path, TARGET[study]) for path in sorted(glob.glob(f"{study}/{label}/seed-*/run.h5"))]
        medians[label] = float(np.median([time for time, _, _ in found]))
        print(f"{study:8} {label:14}", "  ".join("     -    " if np.isnan(t) else f"{t / 60:7.2f} min" for t, _, _ in found),
              f" steps {max(n for _, n, _ in found)}, best {max(b for _, _, b in found):.4f}")
    base = medians["synchronous"]
    times = [f"{label} {'not reached' if np.isnan(t) else f'{t / 60:.2f} min ({base / t:.2f}x)'}" for label, t in medians.items()]
    words.append(f"{study} to {100 * TARGET[study]:.0f} %: " + ", ".join(times))
print("RESULT virtual_time: " + "; ".join(words) + " (of synchronous; FedBuff's paper: 3.3x at concurrency 1,000)")
P
