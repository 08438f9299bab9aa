#!/bin/bash
# tests/cli/selectors.sh - selecting by activity as a user meets it: cost told in the list, data that count twice, what is refused.
set -u
work=$SCRATCH/selectors-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
refused() { # refused TEXT words..: exit code 2 and a message with TEXT
    local text=$1
    shift
    "$COHORT" run e.yaml --dry-run "$@" > text 2>&1
    [ $? -eq 2 ] && grep -q -- "$text" text || fail "$*: $(cat text)"
}

cat > e.yaml <<'Y'
name: selectors
rounds: 2
data: {generator: synthetic, devices: 30, alpha: 1, beta: 1}
model: {name: softmax}
devices: {select: weighted, per_round: 5}
eval: {every: 0}
Y
for name in weighted mixture top_m; do
    "$COHORT" list selector $name | grep -q "looks at every device" || fail "list selector $name does not tell the cost"
    "$COHORT" run e.yaml --dry-run devices.select=$name > text 2>&1 || fail "$(cat text)"
    grep -q "data count twice" text || fail "$name: no warning of data that count twice"
    "$COHORT" run e.yaml --dry-run devices.select=$name aggregate.weight=uniform 2>&1 | grep -q twice && fail "$name: idle warning"
done
"$COHORT" run e.yaml --dry-run aggregate.unbiased=true 2>&1 | grep -q twice && fail "unbiased weights: idle warning"
"$COHORT" run e.yaml --dry-run devices.select=uniform 2>&1 | grep -q twice && fail "uniform: idle warning"
refused "never asks some devices" devices.select=top_m aggregate.unbiased=true
refused "needs rule: mean" aggregate.rule=median aggregate.unbiased=true
refused "devices.gamma" devices.gamma=-1
refused "unknown key" devices.select=uniform devices.gamma=1
refused "whole number" devices.per_round=2.5
refused "more than the population" devices.per_round=31

# by losses, by what is there, steps apart
for name in oort power_of_choice; do
    "$COHORT" list selector $name | tr -s ' \n' ' ' | grep -q "looks at every device" || fail "list selector $name does not tell the cost"
    refused "devices.select: $name: who is asked follows from losses" devices.select=$name devices.counts=public \
        privacy='{clip: 1, noise_multiplier: 1, delta: 1e-3}'
    refused "$name goes by the exact losses" devices.select=$name local.dp='{clip: 1, noise_multiplier: 1, delta: 1e-4}'
    refused "aggregate.unbiased" devices.select=$name aggregate.unbiased=true
done
refused "is not known" devices.select=available aggregate.unbiased=true
refused "needs at least the 5 devices" devices.select=power_of_choice devices.candidates=4
refused "at most the 30" devices.select=power_of_choice devices.candidates=31
refused "set last_known: true" devices='{select: power_of_choice, per_round: 5, mode: buffered, concurrency: 8}'
refused "5 are to be asked, but there are 30" devices.select=uniform devices.min_separation=7
refused "would be others" devices.min_separation=2
refused "changes the probabilities" devices.select=uniform devices.min_separation=2 aggregate.unbiased=true
"$COHORT" run e.yaml --dry-run devices.select=uniform devices.min_separation=6 > text 2>&1 || fail "$(cat text)"
"$COHORT" run e.yaml --dry-run devices='{select: power_of_choice, per_round: 5, last_known: true, mode: buffered, concurrency: 8}' \
    > text 2>&1 || fail "$(cat text)"
"$COHORT" run e.yaml --dry-run devices.select=power_of_choice devices.candidates=9 | grep -q "a pass over the examples of 9 devices" ||
    fail "dry run: nothing of the measuring pass"

# what the rows of a run say: who is away is asked by uniform alone, and steps of one device are apart, over a resume too
python=${COHORT_PYTHON:-/usr/bin/python3}
if "$python" -c 'import h5py' 2> /dev/null; then
    clock='{speed: lognormal, availability: {name: markov, on_s: 0.02, off_s: 0.02}}'
    for name in uniform available; do
        "$COHORT" run e.yaml output.dir=$name rounds=20 devices="{select: $name, per_round: 5, min_separation: 3}" clock="$clock" > text 2>&1 ||
            fail "$(cat text)"
    done
    "$COHORT" run e.yaml output.dir=resumed rounds=20 devices='{select: available, per_round: 5, min_separation: 3}' clock="$clock" \
        stop.walltime=1e-9 > text 2>&1
    [ $? -eq 75 ] || fail "a stop: $(cat text)"
    "$COHORT" run e.yaml output.dir=resumed rounds=20 devices='{select: available, per_round: 5, min_separation: 3}' clock="$clock" \
        --resume > text 2>&1 || fail "$(cat text)"
    "$python" - << 'P' || failures=$((failures + 1))
import sys

import h5py

away, bad = {}, []
for name in "uniform", "available", "resumed":
    t = h5py.File(name + "/run.h5")["devices"]
    names = t["status"].attrs["status_names"].decode().split(",")
    away[name] = t["status"][:].tolist().count(names.index("unavailable"))
    last = {}
    for step, device in zip(t["round"][:], t["device"][:]):
        if device in last and step - last[device] < 3:
            bad.append((name, int(device), int(last[device]), int(step)))
        last[device] = step
    if name == "available":
        rows = [t[c][:].tolist() for c in ("round", "device")]
    if name == "resumed" and rows != [t[c][:].tolist() for c in ("round", "device")]:
        bad.append("a resumed run asks others")
if bad or away["available"] or not away["uniform"]:
    sys.exit(f"FAILED: rows of selection: {bad[:3]} {away}")
P
fi
[ $failures -eq 0 ] && echo "selectors: all checks passed"
exit $((failures > 0))
