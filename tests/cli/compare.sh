#!/bin/bash
# tests/cli/compare.sh - cohort compare as a user calls it: folders, the table against SciPy, going on after a stop, tuning on the
# validation split alone, existing run files, refusals.
. "$SOURCE/tests/cli/helpers/opening.sh"
refused() { # refused PATTERN words..
    local pattern=$1 text rc; shift
    text=$("$COHORT" compare "$@" 2>&1); rc=$?
    [ $rc -eq 2 ] || fail "exit code $rc instead of 2: $*: $text"
    grep -qE "$pattern" <<< "$text" || fail "no '$pattern' in the message of $*: $text"
}

"$COHORT" import synthetic devices=30 alpha=1 beta=1 test_fraction=0.2 validation_fraction=0.2 -o data.h5 > /dev/null || fail import
cat > e.yaml <<'Y'
name: fair
rounds: 8
data: {file: data.h5}
model: {name: softmax}
devices: {per_round: 10}
local: {lr: 0.01}
eval: {every: 2}
output: {dir: out}
Y
on 2 compare e.yaml grid.algorithm=[fedavg,fedavgm] grid.local.epochs=[1,2] seeds=3 target=0.3 \
    baseline=algorithm=fedavg,local.epochs=1 > text 2> log || fail "compare: $(cat text log)"
[ "$(ls out | grep -v compare | tr '\n' ' ')" = "algorithm=fedavg,local.epochs=1 algorithm=fedavg,local.epochs=2\
 algorithm=fedavgm,local.epochs=1 algorithm=fedavgm,local.epochs=2 " ] || fail "files: $(ls out)"
if [ -e "$(dirname "$COHORT")/../python" ] && $python -c 'import h5py, matplotlib' 2> /dev/null; then
    [ -s out/compare.png ] && [ -s out/compare.svg ] || fail "no pictures: $(cat log)"
else
    echo "note: no Python package beside this build, or no matplotlib: no pictures"
fi
export COHORT_PYTHON=/dev/null # whose lack costs the pictures alone: the rest goes without, for 1.5 s of processor each
[ "$(ls out/algorithm=fedavgm,local.epochs=2 | tr '\n' ' ')" = "seed-1 seed-2 seed-3 " ] || fail "seeds"
grep -q 'algorithm=fedavgm,local.epochs=2 *3 ' text || fail "no table: $(cat text)"

cat > check.py <<'P'
import sys
import h5py, numpy as np
from scipy import stats
h = h5py.File(sys.argv[1])
label = [x.decode() for x in h["runs/label"][:]]
path = [x.decode() for x in h["runs/path"][:]]
score, base = {}, h.attrs["baseline"]
base = base.decode() if isinstance(base, bytes) else base
for l, p, s in zip(label, path, h["runs/seed"][:]):
    r = h5py.File(p)
    e = {k: r["eval"][k][:] for k in r["eval"]}
    rows = (e["split"] == 1) & (e["scope"] == 0)
    score.setdefault(l, {})[s] = e["accuracy"][rows][-1]
    i = label.index(l) + list(score[l]).index(s)
    assert h["runs/score"][i] == score[l][s]
    hit = e["round"][rows][e["accuracy"][rows] >= 0.3]
    assert (np.isnan(h["runs/target_round"][i]) if len(hit) == 0 else h["runs/target_round"][i] == hit[0])
    if len(hit):
        up = r["rounds/round"][:] <= hit[0]
        assert h["runs/target_bytes"][i] == (r["rounds/bytes_down"][:] + r["rounds/bytes_up"][:])[up].sum()
for i, l in enumerate(x.decode() for x in h["summary/label"][:]):
    v = np.array(list(score[l].values()))
    assert abs(h["summary/mean"][i] - v.mean()) < 1e-12 and h["summary/n_seeds"][i] == len(v)
    if len(v) > 1:
        low, high = stats.t.interval(0.95, len(v) - 1, v.mean(), stats.sem(v))
        assert abs(h["summary/low"][i] - low) < 1e-9 and abs(h["summary/high"][i] - high) < 1e-9
    if len(v) > 1 and l != base:
        b = np.array([score[base][s] for s in score[l]])
        assert abs(h["summary/difference"][i] - (v - b).mean()) < 1e-12
        p = stats.ttest_rel(v, b).pvalue
        assert np.isnan(p) or abs(h["summary/p_value"][i] - p) < 1e-9, (p, h["summary/p_value"][i])
print("checked", len(label), "runs")
P
if $python -c 'import h5py, scipy' 2> /dev/null; then
    $python check.py out/compare.h5 > checked 2>&1 && grep -q 'checked 12 runs' checked || fail "against SciPy: $(cat checked)"
else
    echo "note: no h5py and SciPy here: the table is not checked"
fi
[ "$(head -c 17 out/compare.h5)" = cohort-comparison ] || fail "compare.h5 is not sealed"

# shown again: the very table, and the same as JSON
grep '^algorithm=' text > table
"$COHORT" show out/compare.h5 > shown 2>&1 || fail "show: $(cat shown)"
[ "$(wc -l < table)" -eq 4 ] && [ "$(grep '^algorithm=' shown)" = "$(cat table)" ] || fail "show prints another table: $(cat shown)"
grep -q '^  runs  *12' shown && grep -q 'baseline  *algorithm=fedavg,local.epochs=1$' shown || fail "show: $(cat shown)"
"$COHORT" show out/compare.h5 --json | $python -c 'import json, sys; d = json.load(sys.stdin); row = d["stats"][3]
sys.exit(row["label"] != "algorithm=fedavgm,local.epochs=2" or row["n_pairs"] != 3 or d["attributes"]["metric"] != "accuracy")' ||
    fail "show --json: $("$COHORT" show out/compare.h5 --json)"

# equal settings are paired: the same run as without compare
on 1 run e.yaml algorithm=fedavgm local.epochs=2 seed=2 output.dir=alone > /dev/null 2>&1 || fail run
digest() { "$COHORT" show "$1" --digest; }
[ "$(digest alone/run.h5)" = "$(digest out/algorithm=fedavgm,local.epochs=2/seed-2/run.h5)" ] || fail "a paired run is not the plain run"

# called again: nothing is trained twice, what is missing is made, the table is the same
digest_before=$(digest out/algorithm=fedavg,local.epochs=1/seed-1/run.h5)
stamp=$(stat -c %Y.%i out/algorithm=fedavg,local.epochs=1/seed-1/run.h5)
rm -r out/algorithm=fedavgm,local.epochs=1/seed-3 out/compare.h5
on 1 compare e.yaml grid.algorithm=[fedavg,fedavgm] grid.local.epochs=[1,2] seeds=3 target=0.3 > text 2>&1 || fail "again: $(cat text)"
[ "$(stat -c %Y.%i out/algorithm=fedavg,local.epochs=1/seed-1/run.h5)" = "$stamp" ] || fail "a finished run was trained again"
[ "$(digest out/algorithm=fedavg,local.epochs=1/seed-1/run.h5)" = "$digest_before" ] || fail "a finished run changed"
[ -e out/compare.h5 ] && [ -e out/algorithm=fedavgm,local.epochs=1/seed-3/run.h5 ] || fail "what was missing is not there"

# tuning: by the validation split, in folders of its own
on 2 compare e.yaml grid.algorithm=[fedavg,fedavgm] tune.local.lr=[0.0001,0.02] output.dir=tuned > text 2>&1 || fail "tune: $(cat text)"
[ "$(ls tuned/algorithm=fedavg/tune | tr '\n' ' ')" = "local.lr=0.0001 local.lr=0.02 " ] || fail "tuning folders"
grep -q 'lr: 0.02' tuned/algorithm=fedavg/seed-1/experiment.yaml || fail "the tuned rate is not used"

# a candidate that diverges is the worst one; choosing takes fewer rounds
"$COHORT" compare e.yaml local.weight_decay=0.001 local.epochs=20 tune.local.lr=[1000000,0.02] tune_rounds=4 output.dir=short > text 2>&1 || fail "a candidate diverged: $(cat text)"
grep -q 'lr=1000000 diverged' text && grep -q 'lr: 0.02' short/experiment/seed-1/experiment.yaml || fail "the candidate that diverged is used"
"$COHORT" compare e.yaml local.weight_decay=0.001 local.epochs=20 tune.local.lr=[900000,1000000] tune_rounds=4 output.dir=worse > text 2>&1
[ $? -eq 5 ] && grep -q 'every value that tune. offers ends without a' text || fail "all candidates diverged: $(cat text)"
"$COHORT" show short/experiment/tune/local.lr=0.02/run.h5 | grep -q '^  rounds  *4$' || fail "tune_rounds"
"$COHORT" show short/experiment/seed-1/run.h5 | grep -q '^  rounds  *8$' || fail "tune_rounds shortened the run itself"

# what cannot be tuned is refused before the first run
"$COHORT" import synthetic devices=30 alpha=1 beta=1 test_fraction=0.2 -o plain.h5 > /dev/null
refused 'plain.h5: there is no validation split .2. to choose by' e.yaml data.file=plain.h5 tune.local.lr=[0.01] output.dir=none
refused 'no validation split' e.yaml grid.data.file=[data.h5,plain.h5] tune.local.lr=[0.01] output.dir=none
refused 'draws no validation split' e.yaml 'data={generator: synthetic, devices: 9, alpha: 1, beta: 1}' tune.local.lr=[0.01] output.dir=none
refused 'needs central evaluations' e.yaml eval.every=0 tune.local.lr=[0.01] output.dir=none
refused 'nothing is tuned' e.yaml tune_rounds=3 output.dir=none
[ ! -e none ] || fail "something ran before the refusal: $(find none)"

# existing run files
"$COHORT" compare out/*/seed-*/run.h5 -o files > text 2>&1 || fail "files: $(cat text)"
grep -q 'algorithm=fedavgm,local.epochs=1 *3 ' text || fail "labels of files: $(cat text)"
"$COHORT" compare alone/run.h5 tuned/algorithm=fedavg/seed-1/run.h5 -o two metric=loss > text 2>&1 || fail "two files: $(cat text)"
grep -q '^alone *1 ' text || fail "label of a folder: $(cat text)"

refused 'needs an experiment file or run files'
refused 'give a list of values' e.yaml grid.local.lr=0.1
refused 'one word or number' e.yaml 'grid.aggregate=[{rule: median}]'
refused 'unknown|did you mean' e.yaml grid.local.lrr=[0.1,0.2]
refused 'whole number' e.yaml seeds=0
refused 'needs -o DIR' out/algorithm=fedavg,local.epochs=1/seed-1/run.h5
refused 'no run has that label' alone/run.h5 -o bad baseline=nobody

# what no run could answer is refused before the first run; a key of one algorithm is left out of the others
refused 'baseline=algorithm=fedavg: no run has that label; labels are like algorithm=fedprox' e.yaml \
    grid.algorithm=[fedavgm,fedprox] baseline=algorithm=fedavg output.dir=none
refused 'metric=acuracy: no column of eval.*did you mean accuracy' e.yaml metric=acuracy output.dir=none
refused 'local.mu: unknown key' e.yaml grid.algorithm=[fedavg,fedavgm] local.mu=0.1 output.dir=none
[ ! -e none ] || fail "something ran before the refusal: $(find none)"
"$COHORT" compare e.yaml grid.algorithm=[fedavg,fedprox] local.mu=0.1 rounds=2 output.dir=part > text 2>&1 || fail "a key of one algorithm: $(cat text)"
grep -q 'algorithm=fedavg: has no local.mu, which is left out there' text || fail "nothing said of the key left out: $(cat text)"
grep -q 'mu: 0.1' part/algorithm=fedprox/seed-1/experiment.yaml && ! grep -q mu part/algorithm=fedavg/seed-1/experiment.yaml || fail "mu in the wrong run"

refused 'local.lr=\[0.1,0.1\]: 0.1 stands in it twice' e.yaml grid.local.lr=[0.1,0.1] output.dir=none
# the time that one run has ends that run alone; what a rule ended is over at the next call too
"$COHORT" compare e.yaml seeds=3 rounds=1 stop.walltime=1e-6 output.dir=brief > text 2>&1 || fail "a walltime that is over with the run: $(cat text)"
for turn in first second; do
    COHORT_PROGRESS=plain COHORT_CHECK_MEMORY=1 "$COHORT" compare e.yaml seeds=2 stop.metric=loss stop.target=100 output.dir=early > text 2>&1 ||
        fail "ended by the rule, $turn call: $(cat text)"
done

[ $failures -eq 0 ] && echo "compare: all good"
exit $((failures > 0))
