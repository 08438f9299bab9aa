#!/bin/bash
# tests/cli/compression.sh - error feedback and downlink as a user meets them: rounds, memories and bytes against NumPy in double precision,
# with devices that are absent; what dry run, show and plot tell of bytes; refusals with file and line; device state beyond all memory.
. "$(dirname "$0")/helpers/opening.sh"
. "$SOURCE/jobs/env.sh"
need_h5py
check=$SOURCE/tests/cli/compression.py
"$python" "$check" make data.npz
good import npz data.npz -o data.h5
cat > e.yaml <<'Y'
rounds: 12
data: {file: data.h5}
partition: {method: natural}
model: {name: softmax}
devices: {per_round: 4}
local: {lr: 0.5, batch: 0}
eval: {every: 0}
output: {dir: run, checkpoint_every: 0, devices: true}
Y
good run e.yaml rounds=1 local.lr=0 output.dir=first
numpy() { # METHOD words..
    local method=$1
    shift
    good run e.yaml --overwrite "$@"
    "$python" "$check" check data.npz "$method" first/ckpt-00000001.h5 run/run.h5 run/ckpt-00000012.h5 > faults || fail "$(cat faults)"
}
numpy classic 'transforms=[{name: error_feedback}, {name: top_k, k: 4}]'
"$COHORT" show run/run.h5 > shown || fail "show"
grep -Eq 'traffic +3\.9 KiB down, 912 B up' shown || fail "traffic: $(grep traffic shown)"
grep -Eq '[0-9]+ B up behind an entropy code' shown || fail "no coded bytes: $(cat shown)"
numpy ef21 'transforms=[{name: error_feedback, method: ef21}, {name: top_k, k: 4}]'
numpy downlink 'downlink=[{name: bf16}]'
"$COHORT" show run/run.h5 | grep -q 'behind an entropy code' && fail "coded bytes without a code"

# ---- a stop, and on with other ranks: the same tables (versions that devices have, memories, what is kept back) and checkpoint
same() { # words..
    good run e.yaml --overwrite "$@"
    digest run/run.h5 > whole; digest run/ckpt-00000012.h5 >> whole
    on 3 run e.yaml --overwrite "$@" rounds=5 output.dir=parts > log 2>&1 || fail "$(cat log)"
    on 2 run e.yaml --resume "$@" output.dir=parts > log 2>&1 || fail "$(cat log)"
    digest parts/run.h5 > found; digest parts/ckpt-00000012.h5 >> found
    cmp -s whole found || fail "other bits behind a resume: $*"
}
same 'transforms=[{name: error_feedback}, {name: top_k, k: 4}]' 'downlink=[{name: quantise}]' 'clock={down: 100, dropout: 0.3}'
same 'transforms=[{name: error_feedback, method: ef21}, {name: rotate}, {name: quantise, levels: 1}]' 'downlink=[{name: bf16}]'
same 'clock={seconds_per_unit: 1, down: 100}' 'devices={mode: buffered, per_round: 2, concurrency: 6}' 'downlink=[{name: bf16}]'

# ---- what is told
dry() { "$COHORT" run e.yaml --dry-run --overwrite "$@" 2>&1; }
dry 'transforms=[{name: top_k, k: 4}]' | grep -q 'a device sends 19 B, 4.42 x less than the model.s 84 B' || fail "dry run: $(dry 'transforms=[{name: top_k, k: 4}]')"
dry 'downlink=[{name: bf16}]' | grep -q 'for each version that it lacks it is sent 42 B, 2 x less than the model.s 84 B' || fail "dry run: $(dry 'downlink=[{name: bf16}]')"
dry | grep -q 'x less than' && fail "dry run of whole messages: $(dry)"

# ---- refusals: one message, at its place
cat > bad.yaml <<'Y'
rounds: 2
data: {file: data.h5}
partition: {method: natural}
model: {name: softmax}
devices: {per_round: 4}
output: {dir: bad}
eval: {every: 0}
transforms:
  - {name: top_k}
  - {name: momentum}
Y
refused 2 'bad.yaml:10.*momentum cannot stand behind top_k, which leaves few coordinates' run bad.yaml
refused 2 'transforms.name: nothing behind error_feedback makes an update smaller' run bad.yaml 'transforms=[{name: error_feedback}]'
refused 2 'top_k looks at an update as a whole, the model is sent block by block; known here: .*quantise' run bad.yaml 'transforms=[]' \
    'downlink=[{name: top_k}]'
refused 2 'error_feedback keeps the mean of what all devices have sent.*aggregate.unbiased' run bad.yaml \
    'transforms=[{name: error_feedback, method: ef21}, {name: top_k}]' aggregate.unbiased=true
refused 2 "method.*'ef22'" run bad.yaml 'transforms=[{name: error_feedback, method: ef22}, {name: top_k}]'
cat > large.yaml <<'Y'
rounds: 9
data: {generator: synthetic, devices: 3000000, alpha: 1, beta: 1, features: 2000, size: 1}
model: {layers: [{dense: 3000}, {dense: classes}]}
devices: {per_round: 1000000}
output: {dir: bad}
eval: {every: 0}
transforms: [{name: error_feedback}, {name: bf16}]
Y
refused 2 'the state that devices keep needs [0-9.]+ TiB on a node, .* are left' run large.yaml
[ $failures -eq 0 ] && echo "compression: all good"
exit $((failures > 0))
