#!/bin/bash
# tests/cli/algorithms.sh - rules that see every update, as a user calls them: a state of their own survives a stop, and what makes
# no sense for the cohort or does not fit in memory is refused before the first round.
set -u
work=$SCRATCH/algorithms-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
failures=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
on() { local n=$1; shift; timeout -k 5 100 mpirun --bind-to none -n "$n" "$COHORT" "$@"; }
refused() { # refused PATTERN words..
    local pattern=$1 text rc; shift
    text=$(on 2 run e.yaml output.dir=never "$@" 2>&1); rc=$?
    [ $rc -eq 2 ] || fail "exit code $rc instead of 2: $*: $text"
    grep -qE "$pattern" <<< "$text" || fail "no '$pattern' in the message of $*: $text"
    [ -e never/run.h5 ] && fail "$* left a run file"
}

cat > e.yaml <<'Y'
name: robust
rounds: 9
data: {generator: synthetic, devices: 40, alpha: 1, beta: 1, size: 30}
model: {name: mlp, hidden: [70]}
devices: {per_round: 11}
local: {batch: 8, lr: 0.05}
aggregate: {rule: centred_clip, tau: 0.3, iterations: 2}
server: {momentum: 0.9}
eval: {every: 3}
output: {dir: whole, checkpoint_every: 3, keep: 5}
Y

# stopped after 3 rounds, on with another number of ranks: the centre comes from the checkpoint
on 2 run e.yaml > text 2>&1 || fail "run: $(cat text)"
on 3 run e.yaml output.dir=parts rounds=3 > text 2>&1 || fail "first part: $(cat text)"
on 1 run e.yaml output.dir=parts --resume > text 2>&1 || fail "second part: $(cat text)"
for f in run.h5 ckpt-00000009.h5; do
    [ "$("$COHORT" show whole/$f --digest)" = "$("$COHORT" show parts/$f --digest)" ] || fail "$f differs after a resume"
done
"$COHORT" show whole/ckpt-00000009.h5 > text || fail "show"

refused '13 updates a round, there are 11; raise devices.per_round, lower f' aggregate='{rule: krum, f: 5}'
refused 'mean only sees sums' aggregate='{rule: mean, bucketing: 2}'
refused 'leaves nothing of 11' aggregate='{rule: trimmed_mean, trim: 6}'
refused '13 updates.*there are 6' aggregate='{rule: multi_krum, f: 5, bucketing: 2}'
refused 'needs [0-9.]+ TiB on a node, [0-9.]+ .iB are left: lower devices.per_round' data.devices=2000000 devices.per_round=1000000 \
    model.hidden=[5000] aggregate='{rule: median}' eval.every=0

[ $failures -eq 0 ] && echo "algorithms: all good"
exit $((failures > 0))
