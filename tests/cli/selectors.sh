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
[ $failures -eq 0 ] && echo "selectors: all checks passed"
exit $((failures > 0))
