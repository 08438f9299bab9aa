#!/bin/bash
# tests/cli/fine_tuning.sh - how devices fine-tune, as a user calls it: masked language modelling on texts of other tasks, micro-batches
# of ragged texts, schedules within a round; the same bits on 1 to 4 ranks and after a stop; what is refused.
. "$SOURCE/tests/cli/helpers/opening.sh"

# Texts of 1 to 30 words of two kinds, in which a word tells the next ones; a table without texts.
awk 'BEGIN { srand(1); print "text,label"; split("the cat sat on a mat and then it ran far away", w, " ");
    for (i = 0; i < 300; i++) { n = 1 + int(rand() * rand() * 30); k = int(rand() * 12); line = "";
        for (j = 0; j < n; j++) { line = line (j ? " " : "") w[1 + k % 12]; k += rand() < .8 ? 1 : 5 }
        print line "," (k % 2 ? "odd" : "even") } }' > texts.csv
awk 'BEGIN { srand(2); print "a,b,y"; for (i = 0; i < 60; i++) print rand() "," rand() "," int(rand() * 2) }' > table.csv
good import csv texts.csv header=true text=text y=label tokens=word test_fraction=0.3 -o texts.h5
good import csv table.csv header=true y=y -o table.h5

cat > mlm.yaml <<'Y'
name: mlm
rounds: 6
data: {file: texts.h5, task: mlm}
partition: {method: dirichlet, devices: 8, alpha: 1}
model: {layers: [{embedding: 8}, {gru: {units: 12, bidirectional: true}}, {dense: classes}]}
devices: {per_round: 5}
local: {optimizer: adamw, batch: 4, accumulate: 3, epochs: 3, lr: 0.02, weight_decay: 0.1, no_decay: ["*.bias*"], clip_grad: 1,
        step_schedule: {name: linear, warmup: 0.2}}
eval: {every: 3}
output: {dir: mlm}
Y
for n in 1 2 3 4; do
    on $n run mlm.yaml output.dir=mlm-$n > log 2>&1 || fail "$n ranks: $(tail -1 log)"
    [ "$(digest mlm-$n/run.h5)" = "$(digest mlm-1/run.h5)" ] || fail "$n ranks give other bits than one"
done
good run mlm.yaml output.dir=cut rounds=3
on 3 run mlm.yaml output.dir=cut --resume > log 2>&1 || fail "resume: $(tail -1 log)"
[ "$(digest cut/run.h5)" = "$(digest mlm-1/run.h5)" ] || fail "a stop and a resume change the bits"

# A table of `what` at the evaluations of the test split: one number a line.
column() { "$COHORT" show "$1" | awk -v what="$2" '/test split/ { on = 1; next } on && / round / { for (i = 1; i <= NF; i++) if ($i == what) c = i; next }
    on && $1 ~ /^[0-9]+$/ { print $c; next } on && c { exit }'; }
good run mlm.yaml output.dir=long rounds=25 eval.every=25
[ "$(column long/run.h5 accuracy | wc -l)" -eq 2 ] || fail "no accuracies: $("$COHORT" show long/run.h5)"
column long/run.h5 perplexity | awk 'NR == 1 { a = $1 } END { exit !($1 < 0.6 * a) }' || fail "nothing was learnt: $(column long/run.h5 perplexity)"
# the same tokens are hidden at every evaluation, others in every epoch
good run mlm.yaml output.dir=still local.lr=0 eval.every=1 devices.per_round=8
[ "$(column still/run.h5 loss | sort -u | wc -l)" -eq 1 ] || fail "evaluations hide other tokens: $(column still/run.h5 loss)"
[ "$(column still/run.h5 train_loss | sort -u | wc -l)" -ge 6 ] || fail "epochs hide the same tokens: $(column still/run.h5 train_loss)"

# Micro-batches of ragged texts make the step of the large batch: for every token of lm and every chosen one of mlm.
for task in lm mlm; do
    more="data.task=$task local.optimizer=sgd local.lr=0.5 rounds=3 eval.every=0"
    good run mlm.yaml $more output.dir=$task-whole local.batch=12 local.accumulate=1
    good run mlm.yaml $more output.dir=$task-parts
    good run mlm.yaml $more output.dir=$task-small local.accumulate=1
    $python - $task-whole $task-parts $task-small << 'P' || fail "$task: micro-batches are not one large batch"
import sys
try:
    import h5py, numpy as np
except ImportError:
    sys.exit(0)
def model(folder):
    with h5py.File(folder + "/ckpt-00000003.h5") as f:
        flat = []
        f["model"].visititems(lambda name, node: flat.append(node[()].ravel()) if isinstance(node, h5py.Dataset) else None)
    return np.concatenate(flat)
whole, parts, small = map(model, sys.argv[1:])
apart = lambda x: np.linalg.norm(x - whole) / np.linalg.norm(whole)
print(apart(parts), apart(small))
sys.exit(not (apart(parts) < 1e-5 < 1e-3 < apart(small)))
P
done

# The metric of a comparison is that of the task asked for.
good compare mlm.yaml grid.local.lr=[0.01,0.02] seeds=1 metric=perplexity rounds=2 eval.every=1 output.dir=compare

refused 2 'data\.task: mlm needs texts; table\.h5' run mlm.yaml data.file=table.h5
refused 2 'data\.task: .*generator' run mlm.yaml 'data={generator: synthetic, devices: 9, alpha: 1, beta: 1, task: mlm}'
refused 2 "unknown word 'tagging'" run mlm.yaml data.task=tagging
refused 2 'mask_share: 0 is out of range' run mlm.yaml data.mask_share=0
refused 2 'mask_share: unknown key' run mlm.yaml data.task=lm data.mask_share=0.2
refused 2 'no tensor is called LayerNorm\.\*' run mlm.yaml 'local.no_decay=["*.bias*", "LayerNorm.*"]'
refused 2 'accumulate: 0 is out of range' run mlm.yaml local.accumulate=0
refused 2 'step_schedule\.name: .*exponential' run mlm.yaml 'local.step_schedule={name: exponential}'
refused 2 'step_schedule: must be a map' run mlm.yaml 'local.step_schedule=[linear]'
refused 2 'step_schedule\.warmup: 2\.5' run mlm.yaml 'local.step_schedule={name: linear, warmup: 2.5}'
refused 2 'no_decay: aggregate\.rule fednova' run mlm.yaml 'local={optimizer: sgd, weight_decay: 0.1, no_decay: ["*.bias*"]}' algorithm=fednova
if $python -c 'import h5py' 2> /dev/null; then
    $python - << 'P'
import h5py, numpy as np
with h5py.File("bare.h5", "w") as f:
    f["tokens"], f["token_offsets"], f["vocab"] = np.arange(12, dtype="i4") % 3, np.array([0, 5, 12], dtype="i8"), np.array([b"a", b"b", b"c"])
    f.attrs["task"] = "lm"
P
    good import h5 bare.h5 -o sealed.h5
    refused 2 'hides tokens behind \[MASK\]' run mlm.yaml data.file=sealed.h5 'partition={method: iid, devices: 1}' devices.per_round=1
fi

# Patterns that stand in resolved experiments of transformers may name nothing.
good run mlm.yaml 'local.no_decay=["*bias", "*[nN]orm.weight", "*ln_?.weight"]' rounds=1 output.dir=standard

# Norms and biases of transformers keep their size without being asked for, and say so.
if "$COHORT" list model | grep -q '^bert'; then
    good run mlm.yaml 'model={name: bert, layers: 1, hidden: 8, heads: 2, head: mlm}' 'local={optimizer: adamw, lr: 0.001}' rounds=1 output.dir=bert
    grep -qF 'no_decay: ["*bias", "*[nN]orm.weight", "*ln_?.weight"]' bert/experiment.yaml || fail "bert: $(grep decay bert/experiment.yaml)"
fi
grep -q no_decay still/experiment.yaml || fail "the resolved experiment lost no_decay"

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo ok
