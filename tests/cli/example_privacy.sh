#!/bin/bash
# tests/cli/example_privacy.sh - section local.dp as a user sees it: the same bits on any number of ranks and after a kill in the middle
# of the devices' budgets, with nothing counted twice; what the dry run says; the table and the two statements; what is refused.
. "$SOURCE/tests/cli/helpers/opening.sh"
last() { "$COHORT" show "$1" --json | $python -c "import json,sys; print(repr(json.load(sys.stdin)['last']['privacy_examples']['$2']))"; }
refused() { # refused PATTERN words..
    local pattern=$1; shift
    local text rc
    text=$("$COHORT" run e.yaml "$@" 2>&1); rc=$?
    [ $rc -eq 2 ] || fail "exit code $rc instead of 2: run $*: $text"
    grep -qE "$pattern" <<< "$text" || fail "no '$pattern' in the message of run $*: $text"
    [ ! -e out ] || fail "something was written by run $*"
}

$python - > rows.csv <<'P'
import random
random.seed(3)
print("a,b,c,label,user")
for user, n in enumerate((6, 9, 20, 20, 33, 40, 61, 80)):
    for _ in range(n):
        y = random.randrange(3)
        print(*(f"{random.gauss(2 if k == y else 0, 1):.5f}" for k in range(3)), "xyz"[y], f"u{user}", sep=",")
P
"$COHORT" import csv rows.csv header=true y=label user=user test_fraction=0 -o rows.h5 > text 2>&1 || { echo "FAILED: import: $(cat text)"; exit 1; }
cat > e.yaml <<'Y'
name: examples
rounds: 8
data: {file: rows.h5}
partition: {method: natural}
model: {name: mlp, hidden: [30]}
devices: {per_round: 4}
local: {batch: 8, lr: 0.05, dp: {clip: 0.5, epsilon: 4, delta: 1e-3}}
eval: {every: 0}
output: {dir: out, checkpoint_every: 1}
Y

# the same bits on any number of ranks, of every kind of batch, norm and bound; what devices do differs
n_kind=0
for kind in "" "local.dp.norms=naive" "local.dp.sampling=shuffle" "local.dp.preset=edp_sgd" \
    "privacy={clip: 0.3, noise_multiplier: 1, delta: 1e-2}" \
    "local.dp.public={file: rows.h5, fraction: 0.3, warm_start: 2, subspace: 5, clip_quantile: 0.3, batch: 9}" \
    "local.dp={clip: 0.5, epsilon: 4, delta: 1e-3, clip_quantile: 0.5, bounds: layerwise_public, public: {file: rows.h5}}"; do
    n_kind=$((n_kind + 1))
    for n in 1 2 3 4; do
        [ $n = 1 ] || [ $n = 3 ] || [ $n_kind = 1 ] || continue
        on $n run e.yaml ${kind:+"$kind"} rounds=5 output.dir=k$n --overwrite > text 2>&1 || fail "$kind on $n ranks: $(cat text)"
        for f in run.h5 ckpt-00000005.h5; do
            [ "$(digest k$n/$f)" = "$(digest k1/$f)" ] || fail "'$kind': $f differs on $n ranks"
        done
    done
    eval "of_$n_kind=$(digest k1/run.h5)"
done
[ "$of_1" != "$of_3" ] && [ "$of_3" != "$of_4" ] && [ "$of_1" != "$of_5" ] && [ "$of_1" != "$of_6" ] || fail "kinds give the same run"

# killed in the middle of the budgets and resumed on another number of ranks: every row, every event of every device
slow="rounds=40 local.dp.epsilon=6 local.dp.rounds=12 model.hidden=[2000]"
on 2 run e.yaml $slow output.dir=whole > text 2>&1 || fail "undisturbed run: $(cat text)"
"$COHORT" run e.yaml $slow output.dir=cut > text 2>&1 &
run=$!
for _ in $(seq 400); do compgen -G 'cut/ckpt-0000000[3-9].h5' > /dev/null && break; sleep 0.01; done
kill -9 $run 2> /dev/null || fail "the run was over before it could be killed"
wait $run 2> /dev/null
on 3 run e.yaml $slow output.dir=cut --resume > text 2>&1 || fail "resume: $(cat text)"
$python - <<'P' || fail "rows of privacy_examples or events differ after a kill"
import h5py, sys
a, b = h5py.File("whole/run.h5"), h5py.File("cut/run.h5")
good = all((a["privacy_examples"][c][:] == b["privacy_examples"][c][:]).all() for c in a["privacy_examples"])
a, b = h5py.File("whole/ckpt-00000040.h5"), h5py.File("cut/ckpt-00000040.h5")
good &= all((a["examples"][c][:] == b["examples"][c][:]).all() for c in a["examples"])
good &= (a["examples/events"][:] <= a["examples/most"][:].max()).all()
sys.exit(0 if good else 1)
P
for f in run.h5 ckpt-00000040.h5; do [ "$(digest whole/$f)" = "$(digest cut/$f)" ] || fail "$f differs after a kill and a resume"; done

# the budget is kept, whatever is asked: by skipping, by ending, after a longer resume too
for how in skip stop; do
    "$COHORT" run e.yaml rounds=30 local.dp.rounds=3 local.dp.on_exhausted=$how output.dir=$how > text 2>&1 || fail "$how: $(cat text)"
    $python -c "import sys; e, n = $(last $how/run.h5 epsilon_max), $(last $how/run.h5 n_exhausted); sys.exit(0 if 3.5 < e <= 4 and n > 0 else 1)" ||
        fail "$how: epsilon $(last $how/run.h5 epsilon_max), $(last $how/run.h5 n_exhausted) devices"
done
"$COHORT" show skip/run.h5 | grep -qE 'asked, .* [1-9][0-9]* dropped' || fail "nobody was left out"
[ "$("$COHORT" show stop/run.h5 --json | $python -c "import json,sys; print(json.load(sys.stdin)['last']['rounds']['round'])")" -lt 30 ] || fail "the run went on"
"$COHORT" run e.yaml rounds=60 local.dp.rounds=3 output.dir=skip --resume > text 2>&1 || fail "longer resume: $(cat text)"
$python -c "import sys; sys.exit(0 if $(last skip/run.h5 epsilon_max) <= 4 else 1)" || fail "more rounds exceed the budget"

# what the dry run says: the forecast, devices whose examples are too few
"$COHORT" run e.yaml --dry-run > text 2>&1
grep -qE 'examples +poisson batches, clip 0.5, noise [0-9.]+ to [0-9.]+ x 0.5; epsilon of a device .* at delta 0.001 after 7 of its rounds' text ||
    fail "forecast: $(grep examples text)"
grep -qE 'planned for 7 of its rounds: all but 0.39 % of devices last to the end' text || fail "who lasts: $(cat text)"
"$COHORT" run e.yaml --dry-run devices.select=weighted > text 2>&1
grep -qE 'planned for 8 of its rounds: all of the run' text || fail "a selector of other chances: $(cat text)"
"$COHORT" run e.yaml --dry-run local.dp.rounds=3 > text 2>&1
grep -qE 'planned for 3 of its rounds: local.dp.rounds' text || fail "rounds that are given: $(cat text)"
"$COHORT" run e.yaml --dry-run local.dp.clip_quantile=0.4 > text 2>&1
grep -qE 'clip from 0.5 on towards quantile 0.4 .*at most 1.15 x' text || fail "adaptive clip: $(cat text)"
"$COHORT" run e.yaml --dry-run > text 2>&1
grep -qE '1 device with too few examples to sample from \(rate 1\): 0 \(6 examples\)$' text || fail "a device of 6 examples: $(cat text)"
"$COHORT" run e.yaml --dry-run local.dp.noise_multiplier=1.5 local.dp.epsilon=1.5 > text 2>&1
grep -qE '[2-4] devices with too few examples for one round within epsilon: 0 \(6 examples\), 1 \(9 examples\)' text || fail "devices without a round: $(cat text)"
grep -qE 'with too few examples for all rounds within epsilon' text || fail "devices without all rounds"

# a key wins over the preset
"$COHORT" run e.yaml --dry-run local.dp.preset=edp_sgd local.dp.norms=naive local.dp.decay=0.5 > text 2>&1 || fail "preset: $(cat text)"
for words in 'norms: naive' 'decay: 0.5' 'bounds: layerwise'; do grep -q "$words" text || fail "no '$words' beside the preset"; done
grep -q 'microbatch: 4' text && fail "micro-batches of norms that have none"

# two statements, each with its unit; the numbers of both tables
"$COHORT" run e.yaml rounds=3 privacy="{clip: 0.3, noise_multiplier: 1, delta: 1e-2}" output.dir=both > text 2>&1 || fail "both: $(cat text)"
"$COHORT" show both/run.h5 > report
for words in 'privacy +epsilon <= .* at delta 0.01 after 3 rounds' 'privacy +of examples: epsilon <= .* half up to' 'statement +central' \
    'unit +device' 'statement +example' 'unit +example' 'one example of a device: add or remove one' 'not covered +train_loss'; do
    grep -qE "$words" report || fail "no '$words' in the report: $(cat report)"
done
"$COHORT" run e.yaml rounds=3 local.dp.sampling=shuffle output.dir=shuffle > text 2>&1 || fail "shuffle: $(cat text)"
"$COHORT" show shuffle/run.h5 | grep -q 'no amplification' || fail "shuffled batches are told as a sample"
"$COHORT" run e.yaml rounds=3 local.dp.clip_quantile=0.5 output.dir=adaptive > text 2>&1 || fail "adaptive clip: $(cat text)"
"$COHORT" show adaptive/run.h5 | grep -q 'in each round from 0.5 on towards a quantile of its norms, by a noisy count that is charged' ||
    fail "the statement does not tell of the count: $("$COHORT" show adaptive/run.h5)"
"$COHORT" list statement | grep -q '^example: one example' || fail "cohort list does not know the statement"

# refused before anything is written
refused 'give noise_multiplier, or epsilon' "local={dp: {clip: 1, delta: 1e-5}}"
refused 'local.dp.clip: required' "local={dp: {noise_multiplier: 1, delta: 1e-5}}"
refused 'local.dp.delta: required' "local={dp: {clip: 1, noise_multiplier: 1}}"
refused 'must be a map' local.dp=3
refused 'local.dp.*did you mean clip' local.dp.clib=3
refused 'go together' local.dp.norms=microbatch
refused 'go together' local.dp.microbatch=4
refused 'noise_multiplier is given' local.dp.noise_multiplier=1 local.dp.rounds=3
refused 'above 1 / examples of the largest device = 0.0125' local.dp.delta=0.02
refused 'exact loss of their examples' aggregate.rule=qfedavg
refused 'exact gradient over all examples' local.rule=scaffold local.option=1
refused 'subset of its own each round' local.max_examples=5
refused 'a batch is one release' local.accumulate=2
refused 'not that of its tokens' aggregate.weight=tokens
refused 'arrive and leave' "partition={method: temporal, periods: 3, devices: 3}" devices.per_round=2 devices.period_rounds=2
refused 'public examples serve for nothing' "local.dp.public={file: rows.h5}"
refused 'fraction or lambda, not both' "local.dp.public={file: rows.h5, fraction: 0.3, lambda: 1}"
refused 'local.dp.public.file: required' "local.dp.public={fraction: 0.3}"
refused 'must be a map' local.dp.public=rows.h5
refused 'clip_rate: goes with clip_quantile' local.dp.clip_rate=0.3
refused 'clip_count_noise: goes with clip_quantile' local.dp.clip_count_noise=3
refused 'raise it above 0.75' local.dp.noise_multiplier=1.5 local.dp.clip_quantile=0.5 local.dp.clip_count_noise=0.75
refused 'private norms or public ones, not both' local.dp.clip_quantile=0.5 "local.dp.public={file: rows.h5, clip_quantile: 0.3}"
refused 'layerwise_public: needs section public' local.dp.bounds=layerwise_public
cut -d, -f1,2,4,5 rows.csv > two.csv
"$COHORT" import csv two.csv header=true y=label user=user test_fraction=0 -o two.h5 > /dev/null || fail "import of two columns"
refused 'is not of the task, shape, classes' "local.dp.public={file: two.h5, fraction: 0.3}"

[ $failures -eq 0 ] && echo "all as expected"
exit $((failures > 0))
