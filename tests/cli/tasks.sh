#!/bin/bash
# tests/cli/tasks.sh - regressions and examples with several labels as a user runs them: import from every format that has them,
# the same bits on 1 to 4 ranks and after a stop, metrics in show, plot, compare and the stop rule, and what is refused.
. "$SOURCE/tests/cli/helpers/opening.sh"
column() { "$COHORT" show "$1" --json | $python -c "import json,sys; print(repr(json.load(sys.stdin)['last']['eval']['$2']))"; }

# Two numbers that are nearly linear in three features, 12 users; four labels that hang on their signs, one of them rare.
awk 'BEGIN { srand(1); print "who,a,b,c,up,down";
    for (i = 0; i < 900; i++) { a = rand() - .5; b = rand() - .5; c = rand() - .5;
        printf "u%d,%.4f,%.4f,%.4f,%.4f,%.4f\n", i % 12, a, b, c, 100 + 3 * a - b + .1 * rand(), -2 * c + a + .1 * rand() } }' > numbers.csv
awk 'BEGIN { srand(2); print "who,a,b,c,left,right,high,rare";
    for (i = 0; i < 900; i++) { a = rand() - .5; b = rand() - .5; c = rand() - .5;
        printf "u%d,%.2f,%.2f,%.2f,%d,%d,%d,%d\n", i % 12, a, b, c, (a > 0), (b > .1), (c - a > 0), (a + b > .85) } }' > labels.csv
good import csv numbers.csv header=true user=who 'y=[up,down]' task=regression test_fraction=0.3 -o numbers.h5
good import csv labels.csv header=true user=who 'y=[left,right,high,rare]' task=multilabel test_fraction=0.3 -o labels.h5
"$COHORT" show numbers.h5 | grep -qE 'up +(99|100)\.' || fail "show tells nothing of the numbers: $("$COHORT" show numbers.h5)"
"$COHORT" show labels.h5 | grep -qE 'left +[0-9]+ +[0-9]+' || fail "show tells nothing of the labels"

cat > numbers.yaml <<'Y'
name: numbers
rounds: 12
data: {file: numbers.h5}
partition: {method: natural, test_fraction: 0.2}
model: {layers: [{dense: classes}]}
devices: {per_round: 6}
local: {epochs: 1, batch: 8, lr: 0.3}
eval: {every: 3, devices: true}
output: {dir: numbers}
Y
sed 's/numbers/labels/g; s/lr: 0.3/lr: 2/' numbers.yaml > labels.yaml

for task in numbers labels; do
    for n in 1 2 3 4; do
        on $n run $task.yaml output.dir=$task-$n > log 2>&1 || fail "$task on $n ranks: $(tail -1 log)"
        [ "$(digest $task-$n/run.h5)" = "$(digest $task-1/run.h5)" ] || fail "$task: $n ranks give other bits than one"
    done
    good run $task.yaml output.dir=$task-cut rounds=5 eval.every=3
    on 3 run $task.yaml output.dir=$task-cut --resume > log 2>&1 || fail "$task: resume: $(tail -1 log)"
    [ "$(digest $task-cut/run.h5)" = "$(digest $task-1/run.h5)" ] || fail "$task: a stop and a resume change the bits"
done

# What the columns hold.
for name in rmse mae r2; do column numbers-1/run.h5 $name > $name || fail "no column $name"; done
for name in micro_f1 macro_f1 map; do column labels-1/run.h5 $name > $name || fail "no column $name"; done
awk '$1 > 0.9 { exit 1 }' rmse || fail "nothing was learnt: rmse $(cat rmse)"
awk '$1 < 0.5 { exit 1 }' map || fail "nothing was learnt: map $(cat map)"
"$COHORT" show numbers-1/run.h5 | grep -q ' rmse' || fail "show has no rmse beside its spread over devices"
"$COHORT" show labels-1/run.h5 | grep -q ' map' || fail "show has no map"
"$COHORT" show numbers-1/run.h5 | grep -q train_map && fail "a ranking of outputs of many models"

if $python -c 'import h5py' 2> /dev/null; then
    for task in numbers labels; do $python "$SOURCE/tests/cli/tasks.py" $task.h5 $task-1 || fail "$task: not NumPy's"; done
fi

# The stop rule and a comparison know that less is better.
good run numbers.yaml output.dir=stop eval.every=1 rounds=40 'stop={metric: rmse, target: 1.0}'
grep -qE '^([1-9]|[1-3][0-9]) rounds' log || fail "the stop rule goes the other way: $(tail -2 log)"
good compare numbers.yaml 'grid.local.lr=[0.001,0.3]' seeds=1 target=1.0 output.dir=compare
grep -qE 'label +seeds +rmse' log || fail "compare does not go by rmse: $(cat log)"
grep -qE '^local.lr=0.3 .* 3 \(1/1\) ' log || fail "compare: 0.3 comes to 1.0 in round 3: $(cat log)"
grep -qE '^local.lr=0.001 .* -  +[0-9.]+ KiB' log || fail "compare: 0.001 never comes to 1.0: $(cat log)"
good run numbers.yaml output.dir=huber 'model={layers: [{dense: classes}], loss: huber, delta: 0.2}'
[ "$(digest huber/run.h5)" != "$(digest numbers-1/run.h5)" ] || fail "huber trains as squared does"
if $python -c 'import matplotlib, h5py' 2> /dev/null; then
    good plot numbers-1/run.h5 -o numbers.png
    good plot labels-1/run.h5 -o labels.png
fi

# Ways to be cut that need no class; the others say so.
for method in 'iid devices=5' 'quantity devices=5 beta=1' natural 'features devices=5 noise=0.1' 'cluster devices=5 clusters=2 alpha=1'; do
    for task in numbers labels; do good partition $task.h5 -o part.h5 --overwrite method=$method; done # shellcheck disable=SC2086
done
for method in 'dirichlet alpha=1' 'shards shards_per_device=2' 'classes classes_per_device=2' 'pachinko alpha=1'; do
    refused 2 "goes by the class of an example, which the task (regression|multilabel) lacks; without classes: .*iid" \
        partition labels.h5 -o none.h5 devices=5 method=$method
done
good partition labels.h5 -o part.h5 --overwrite method=natural
good export tff labels.h5 part.h5 -o clients.h5

# Other formats.
for task in numbers labels; do
    good import h5 $task.h5 -o again.h5 --overwrite
    [ "$("$COHORT" show again.h5 | grep ' digest ')" = "$("$COHORT" show $task.h5 | grep ' digest ')" ] || fail "$task: import h5 changes it"
done
printf '1,3 1:1 2:.5\n 2:1\n3 1:2\n1 2:3\n' > several.svm
good import libsvm several.svm task=multilabel -o several.h5
printf '0.5 1:1\n-3 2:1\n' > real.svm
good import libsvm real.svm task=regression -o real.h5
good import npz "$SOURCE/tests/reference/npz/numbers.npz" task=regression -o npz.h5

# The experiments that users are shown, from the import line on top of each, cut to a few rounds.
shown() { # shown NAME PUBLISHED words..
    local name=$1 published=${COHORT_SHARED:-none}/data/$2; shift 2
    [ -e "$published" ] || { echo "skipped: no $published"; return; }
    ln -s "$published" .
    set -f
    good $(sed -n 's/^# *cohort \(import .*\)/\1/p' "$SOURCE/jobs/experiments/$name.yaml") # shellcheck disable=SC2046
    set +f
    good run "$SOURCE/jobs/experiments/$name.yaml" "$@"
    grep -qE "test (rmse|micro_f1) [0-9]" log || fail "$name: no score: $(cat log)"
}
shown parkinsons tabular/parkinsons/parkinsons_updrs.data rounds=5
shown newsgroups_labels text_classification/20news-bydate.tar.gz rounds=1 devices.per_round=2

# Bad input: one message, with the place.
printf 'x,y\n1,2\n2,nan\n' > nan.csv
refused 3 "nan.csv:3: column 1 \(y\): 'nan'" import csv nan.csv header=true y=y task=regression -o none.h5
printf 'x,y\n1,0\n2,2\n' > two.csv
refused 3 "two.csv:3: column 1 \(y\): '2' is neither 0 nor 1" import csv two.csv header=true y=y task=multilabel -o none.h5
refused 2 "y names 2 columns" import csv numbers.csv header=true 'y=[up,down]' -o none.h5
refused 3 "y_test .* as many columns as y" import npz "$SOURCE/tests/reference/npz/columns_differ.npz" task=regression -o none.h5
refused 2 "gives \[3\], the task regression with these data needs \[2\]" run numbers.yaml 'model={layers: [{dense: 3}]}'
refused 2 "trained with squared or huber, not binary" run numbers.yaml 'model={layers: [{dense: classes}], loss: binary}'
refused 2 "unknown loss 'sqared'; did you mean squared" run numbers.yaml 'model={layers: [{dense: classes}], loss: sqared}'
refused 2 "delta" run numbers.yaml 'model={layers: [{dense: classes}], loss: huber, delta: 0}'
refused 2 "'accuracy' is no column of eval; known: loss, rmse" run numbers.yaml 'stop={metric: accuracy, target: 1}'
refused 2 "label_flip needs classes" run labels.yaml devices.attack=label_flip devices.attackers=1
[ ! -e none.h5 ] || fail "a refused import left a file"

[ $failures -eq 0 ] && echo "tasks: passed"
exit $((failures > 0))
