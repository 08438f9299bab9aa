#!/bin/bash
# tests/campaign/selection.sh - Fashion-MNIST, 2nn, 1,000 devices of Zipf sizes (exponents 1 and 1.5, and 0: all equal), 20 a round: rounds
# to 0.80 test accuracy for uniform, weighted (gamma 0.5 and 1), mixture and top_m, static and continual (window of 2 of 10 periods
# with drift of labels, FIFO of 100 examples), 5 seeds, 95 % intervals, picture selection.png.
# A device makes 20 steps on batches of 20 whatever its size: the cost of a round does not depend on the selector. Weights: examples
# with uniform, uniform with those that select by examples already.
# ROUNDS (200), SEEDS (5): fewer for a try. 175 runs, some 20 s each: an hour.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
rounds=${ROUNDS:-200}
seeds=${SEEDS:-5}
[ -e fashion_mnist.h5 ] || "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" -o fashion_mnist.h5
cat > e.yaml <<Y
name: selection
rounds: $rounds
data: {file: fashion_mnist.h5}
model: {name: 2nn}
local: {steps: 20, batch: 20, lr: 0.05}
eval: {every: 5}
output: {checkpoint_every: 0}
Y
run() { # run LABEL DEVICES-KEYS WEIGHT: all seeds of one curve, in the setting of $exponent and $mode
    local period=$(((rounds + 9) / 10)) seed keys="per_round: 20, $2"
    case $mode in
    window) keys="$keys, period_rounds: $period, memory: window, window: 2" ;;
    fifo) keys="$keys, period_rounds: $period, memory: fifo, capacity: 100" ;;
    esac
    for ((seed = 1; seed <= seeds; seed++)); do
        local part=part-$mode-$exponent-$seed.h5 method="iid sizes=zipf"
        [ $mode = static ] || method="temporal law=labels drift=0.8 periods=10 sizes=zipf"
        # shellcheck disable=SC2086
        [ -e "$part" ] || "$cohort" partition fashion_mnist.h5 -o "$part" method=$method devices=1000 exponent=$exponent seed=$seed > /dev/null
        train e.yaml rounds="$rounds" seed=$seed partition="{file: $part}" devices="{$keys}" aggregate="{weight: $3}" \
            output.dir="runs/$mode/$exponent/$1/$seed"
    done
}
start=$SECONDS
for mode in static window fifo; do
    for exponent in 0 1 1.5; do
        [ $exponent = 0 ] && [ $mode != static ] && continue
        run uniform "select: uniform" examples
        run weighted-0.5 "select: weighted, gamma: 0.5" uniform
        run weighted-1 "select: weighted, gamma: 1" uniform
        run mixture "select: mixture" uniform
        run top_m "select: top_m" examples
    done
done
cat > summary.py <<'P'
import glob, os, sys
import h5py, numpy as np
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # Student, 95 %, by number of seeds


def curve(path, scope):
    e = h5py.File(path)["eval"]
    rows = (e["split"][:] == 1) & (e["scope"][:] == scope)
    return e["round"][:][rows], e["accuracy"][:][rows]


def text(values):
    v = np.array(values, float)
    half = T.get(len(v), float("nan")) * v.std(ddof=1) / len(v) ** 0.5 if len(v) > 1 else float("nan")
    return f"{v.mean():9.3f} +- {half:.3f}"


settings = sorted({os.path.relpath(d, "runs") for d in glob.glob("runs/*/*")})
figure, axes = plt.subplots(1, len(settings), figsize=(3.2 * len(settings), 3.2), sharey=True, squeeze=False)
equal = []
for axis, setting in zip(axes[0], settings):
    print(f"\n{setting:14s} {'rounds to 0.80':>20s} {'last: all':>20s} {'recent':>20s} {'past':>20s}")
    for label in ("uniform", "weighted-0.5", "weighted-1", "mixture", "top_m"):
        files = sorted(glob.glob(f"runs/{setting}/{label}/*/run.h5"))
        curves = [curve(f, 0) for f in files]
        reached = [r[a >= 0.8][0] for r, a in curves if (a >= 0.8).any()]
        cells = [f"{len(reached)}/{len(files)}" + (text(reached) if len(reached) == len(files) else ""),
                 text([a[-1] for _, a in curves])]
        cells += [text([curve(f, s)[1][-1] for f in files]) for s in (2, 3) if len(curve(files[0], s)[0])]
        print(f"{label:14s}" + "".join(f" {c:>20s}" for c in cells))
        axis.plot(curves[0][0], np.mean([a for _, a in curves], 0), label=label)
        if setting == "static/0":
            equal.append([a[-1] for _, a in curves])
    axis.set_title(setting)
    axis.set_xlabel("round")
axes[0][0].set_ylabel("test accuracy, all")
axes[0][0].legend(fontsize=7)
figure.tight_layout()
figure.savefig("selection.png", dpi=150)
n, means = len(equal[0]), np.mean(equal, 1)
same = n > 1 and np.ptp(means) <= 2 * T.get(n, 2.5) * np.std(equal, 1, ddof=1).max() / n ** 0.5
verdict = "alike" if same else "NOT ALIKE" if n > 1 else "one seed: nothing to compare with"
print(f"RESULT selection: {len(settings)} settings; with equal sizes the last accuracies are {means.min():.4f} to {means.max():.4f}, "
      f"{verdict}; picture selection.png; {sys.argv[1]} s")
P
$python summary.py $((SECONDS - start))
