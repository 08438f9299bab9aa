#!/bin/bash
# tests/cli/span.sh - questions about texts: windows joined, answers, exact match and F1 as computed anew, the same bits on 1 to 4
# ranks and after a stop, samples of questions, export for transformers, and what is refused.
. "$SOURCE/tests/cli/helpers/opening.sh"
need_h5py

for version in 1 2; do
    "$python" "$SOURCE/tests/cli/span.py" write $version raw$version.h5 || fail "no questions"
    good import h5 raw$version.h5 -o v$version.h5
    # a table of outputs: every token has its own
    cat > v$version.yaml <<Y
name: questions
rounds: 3
data: {file: v$version.h5}
partition: {method: natural, test_fraction: 0.3}
model: {layers: [{embedding: 2}]}
devices: {per_round: 4}
local: {epochs: 1, batch: 8, lr: 0.5}
eval: {every: 1, devices: true}
output: {dir: v$version}
Y
done

for version in 1 2; do
    for n in 1 2 3 4; do
        on $n run v$version.yaml output.dir=v$version-$n > log 2>&1 || fail "version $version on $n ranks: $(tail -1 log)"
        [ "$(digest v$version-$n/run.h5)" = "$(digest v$version-1/run.h5)" ] || fail "version $version: $n ranks give other bits than one"
    done
    good run v$version.yaml output.dir=cut rounds=2 --overwrite
    on 3 run v$version.yaml output.dir=cut --resume > log 2>&1 || fail "resume: $(tail -1 log)"
    [ "$(digest cut/run.h5)" = "$(digest v$version-1/run.h5)" ] || fail "version $version: a stop and a resume change the bits"
    ckpt=v$version-1/ckpt-00000003.h5
    for output in logits loss answers; do
        good predict $ckpt v$version.h5 -o $output.h5 output=$output split=test --overwrite
        on 3 predict $ckpt v$version.h5 -o $output-3.h5 output=$output split=test --overwrite > log 2>&1 || fail "predict on 3 ranks: $(cat log)"
        [ "$(digest $output.h5)" = "$(digest $output-3.h5)" ] || fail "version $version: $output: other bits on 3 ranks"
    done
    "$python" "$SOURCE/tests/cli/span.py" check v$version.h5 logits.h5 loss.h5 answers.h5 v$version-1 > log 2>&1 || fail "version $version: $(tail -4 log)"
    "$COHORT" show answers.h5 | grep -qE '(score|text) of 315 examples' || fail "show: $("$COHORT" show answers.h5)"
done

# A sample of questions, with all of their windows; on any number of ranks.
for n in 1 3; do
    on $n run v2.yaml output.dir=sample-$n rounds=1 eval.max_examples=100 > log 2>&1 || fail "a sample on $n ranks: $(cat log)"
done
[ "$(digest sample-1/run.h5)" = "$(digest sample-3/run.h5)" ] || fail "a sample: other bits on 3 ranks"
"$python" -c 'import h5py; n = h5py.File("sample-1/run.h5")["eval/n"][0]; assert 100 < n < 400, n' || fail "a sample of 100 questions"
good run v2.yaml output.dir=whole rounds=1 eval.max_examples=315
good run v2.yaml output.dir=all rounds=1
"$python" - <<'P' || fail "a sample of as many questions as there are is all of them"
import h5py, numpy as np
a, b = (h5py.File(f)["eval"] for f in ("whole/run.h5", "all/run.h5"))
for k in a: np.testing.assert_array_equal(a[k][:], b[k][:])
P

# Options of the task: shorter answers; a threshold that never gives none, and one that always does.
last() { "$COHORT" show "$1/run.h5" --json | "$python" -c "import json,sys; print(json.load(sys.stdin)['last']['eval']['$2'])"; }
good run v2.yaml output.dir=never rounds=1 data.task=span data.null_threshold=1000
awk -v x="$(last never accuracy_unanswerable)" 'BEGIN { exit !(x < 0.1) }' || fail "a high threshold gives none: $(last never accuracy_unanswerable)" # some answers have no words
good run v2.yaml output.dir=always rounds=1 data.task=span data.null_threshold=-1000
[ "$(last always accuracy_unanswerable)" = 1 ] || [ "$(last always accuracy_unanswerable)" = 1.0 ] || fail "a low threshold gives answers"
good run v2.yaml output.dir=short rounds=1 data.task=span data.max_answer=1
[ "$(last short f1)" != "$(last all f1)" ] || fail "max_answer changes nothing"

# Models: the presets, and folders for transformers.
sizes='hidden: 8, layers: 1, heads: 2, most_positions: 64'
for model in "name: bert, $sizes, intermediate: 12, types: 2" "name: distilbert, $sizes, intermediate: 12, head: span" "name: bilstm, embedding: 4, units: 5"; do
    good run v1.yaml output.dir=model rounds=1 eval.every=0 model="{$model}" --overwrite
    good export weights model/ckpt-00000001.h5 -o folder --overwrite
    case $model in *bert*) grep -q '"[A-Za-z]*BertForQuestionAnswering"' folder/config.json || fail "$model: $(cat folder/config.json)" ;; esac
done

good run v1.yaml output.dir=private rounds=1 local.dp='{clip: 1, noise_multiplier: 1, delta: 1e-3}'
"$COHORT" show private/run.h5 | grep -q 'each of its windows or pieces is an example' || fail "the statement takes windows for questions"
good partition v1.h5 -o part.h5 method=iid devices=2
good export tff v1.h5 part.h5 -o tff.h5
grep -q 'no place for questions and answers' log || fail "lost questions go unsaid: $(cat log)"

printf 'a,label\n1,x\n2,y\n' > plain.csv
good import csv plain.csv header=true y=label -o plain.h5
refused 2 'model.head: classification, but the data.s task is span' run v1.yaml output.dir=no model="{name: bert, $sizes, head: classification}"
refused 2 'gpt2 has no head for the task span' run v1.yaml output.dir=no model="{name: gpt2, $sizes}"
refused 2 'needs \[2\]' run v1.yaml output.dir=no 'model={layers: [{embedding: 3}]}'
refused 2 'wants a row for every token' run v1.yaml output.dir=no 'model={layers: [{embedding: 2}, {pool_time: mean}]}'
refused 2 'span needs texts' run v1.yaml output.dir=no data.file=plain.h5 data.task=span partition='{method: iid, devices: 2}'
refused 2 'max_answer' run v1.yaml output.dir=no data.task=span data.max_answer=0
refused 2 'max_answer' run v1.yaml output.dir=no data.max_answer=3
sed 's/v1.h5/plain.h5/; s/natural, test_fraction: 0.3/iid, devices: 2/; s/{embedding: 2}/{dense: classes}/; s/, devices: true//' v1.yaml > plain.yaml
refused 2 'asks no questions' predict plain.yaml plain.h5 -o no.h5 output=answers
exit $((failures > 0))
