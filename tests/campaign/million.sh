#!/bin/bash
# tests/campaign/million.sh - 1,000,000 devices of synthetic(1,1), 50 examples each, 1,000 a round, softmax, against 10,000 devices:
# a round may cost at most 1.1 times as much. Seconds a round are the median over the rounds behind the first five, of the best of
# three starts in turn; the memory is the largest of a rank, with what a dry run says of it.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cat > e.yaml <<'Y'
name: million
rounds: 40
data: {generator: synthetic, devices: 1000000, alpha: 1, beta: 1, size: 50}
model: {name: softmax}
devices: {per_round: 1000}
local: {batch: 10, lr: 0.05}
eval: {every: 0}
output: {dir: out, checkpoint_every: 0}
Y
export COHORT_PROGRESS=off
one() { # one DEVICES: a start of that many
    rm -rf "out-$1"
    mpirun --bind-to none -n "$ranks" /usr/bin/time -f '%M %e' "$cohort" run e.yaml data.devices="$1" output.dir="out-$1" > "log-$1" 2> "time-$1" ||
        { cat "time-$1"; exit 1; }
    "$python" - "out-$1/run.h5" << 'P' >> "rounds-$1"
import h5py, numpy as np, sys
print(np.median(np.diff(h5py.File(sys.argv[1])["rounds/wall_s"][4:])))
P
}
rm -f rounds-*
for _ in 1 2 3; do
    one 10000
    one 1000000
done
few=$(sort -g rounds-10000 | head -n 1)
many=$(sort -g rounds-1000000 | head -n 1)
memory() { awk 'NF == 2 && $1 > m {m = $1} END {printf "%.1f", m / 1024}' "$1"; }
"$cohort" run e.yaml --dry-run | grep '^memory'
ratio=$(awk -v a="$many" -v b="$few" 'BEGIN {printf "%.3f", a / b}')
echo "RESULT million: a round $many s with 1,000,000 devices, $few s with 10,000: $ratio x (at most 1.1); most memory of a rank" \
    "$(memory time-1000000) MiB against $(memory time-10000) MiB; a start of 40 rounds $(awk 'NF == 2 {e = $2} END {print e}' time-1000000) s; $ranks ranks"
awk -v r="$ratio" 'BEGIN {exit !(r <= 1.1)}'
