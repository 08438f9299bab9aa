#!/bin/bash
# tests/cli/predict.sh - cohort predict for every task: the numbers of an independent computation and of the run's own evaluation, the
# same file on 1 to 4 ranks, from checkpoints and experiments, clusters of what it writes, and what is refused.
. "$SOURCE/tests/cli/helpers/opening.sh"
need_h5py
check() { "$python" "$SOURCE/tests/cli/predict.py" "$@" > log 2>&1 || fail "predict.py $*: $(tail -4 log)"; }

"$python" "$SOURCE/tests/cli/predict.py" sources > imports || fail "no sources"
while read -r file words; do good import $words -o "$file"; done < imports

two='[{dense: 7}, tanh, {dense: classes}]'
experiment() { # experiment NAME DATA MODEL LR
    cat > "$1.yaml" <<Y
rounds: 3
data: {file: $2}
partition: {method: iid, devices: 5}
model: {layers: $3}
devices: {per_round: 3}
local: {batch: 8, lr: $4}
eval: {every: 3}
output: {dir: $1}
Y
    good run "$1.yaml"
    cp "$1/ckpt-00000003.h5" "$1.ckpt.h5" || fail "no checkpoint of $1"
}
experiment table table.h5 "$two" 0.2
experiment numbers numbers.h5 "$two" 0.05
experiment labels labels.h5 "$two" 0.5
experiment words words.h5 '[{embedding: 6}, {pool_time: mean}, {dense: 7}, tanh, {dense: classes}]' 1
experiment play play.h5 '[{embedding: 6}, {dense: 7}, tanh, {dense: classes}]' 0.5
experiment tags tags.h5 '[{embedding: 6}, {dense: 7}, tanh, {dense: classes}]' 1
experiment pictures pictures.h5 '[{conv2d: {channels: 5, kernel: 3, padding: same}}, relu, {max_pool: 2}, flatten, {dropout: 0.2}, {dense: classes}]' 0.1
experiment lstm play.h5 '[{embedding: 4}, {lstm: {units: 10, layers: 2}}, {dense: classes}]' 0.5
experiment gru tags.h5 '[{embedding: 6}, {gru: {units: 7, bidirectional: true}}, {dense: classes}]' 1

for name in table numbers labels words play tags pictures lstm gru; do
    data=$(sed -n 's/^data: {file: \(.*\)}/\1/p' $name.yaml)
    for output in logits loss; do good predict $name.ckpt.h5 $data -o $name.$output.h5 output=$output split=test; done
    check scores $data $name/run.h5 $name.logits.h5 $name.loss.h5
    case $name in table | gru) counts='2 3 4' ;; *) counts=3 ;; esac # three divides nothing
    for n in $counts; do
        on $n predict $name.ckpt.h5 $data -o $name.$n.h5 split=1 > log 2>&1 || fail "$name on $n ranks: $(cat log)"
        [ "$(digest $name.$n.h5)" = "$(digest $name.logits.h5)" ] || fail "$name: other bits on $n ranks"
    done
done
for name in table numbers labels words play tags; do
    data=$(sed -n 's/^data: {file: \(.*\)}/\1/p' $name.yaml)
    good predict $name.ckpt.h5 $data -o $name.all.h5
    good predict $name.ckpt.h5 $data -o $name.hidden.h5 output=hidden
    on 3 predict $name.ckpt.h5 $data -o $name.h3.h5 output=hidden > log 2>&1 || fail "hidden on 3 ranks: $(cat log)"
    [ "$(digest $name.h3.h5)" = "$(digest $name.hidden.h5)" ] || fail "$name: hidden: other bits on 3 ranks"
    check forward $data $name.ckpt.h5 $name.all.h5 $name.hidden.h5
done
"$python" - <<'P' || fail "the head of a predictions file"
import h5py, numpy as np
with h5py.File("table.hidden.h5") as h, h5py.File("table.ckpt.h5") as c, h5py.File("table.h5") as d:
    for k in ("data_digest", "model_digest", "round", "seed", "kernel_path"): assert h.attrs[k] == c.attrs[k], k
    split = d["split"][:]
    assert (h["id"][:] == np.concatenate([np.flatnonzero(split == s) for s in range(3)])).all()
with h5py.File("table.all.h5") as a, h5py.File("table.logits.h5") as b:  # what is asked for changes no number
    at = {i: k for k, i in enumerate(a["id"][:])}
    assert (a["logits"][:][[at[i] for i in b["id"][:]]] == b["logits"][:]).all()
P
if [ -f "${COHORT_SHARED:-}/check_files.py" ]; then
    "$python" "$COHORT_SHARED/check_files.py" ./*.logits.h5 ./*.loss.h5 ./*.hidden.h5 > log || fail "check_files: $(grep -v ': ok$' log)"
    [ "$("$python" "$COHORT_SHARED/check_files.py" --digest play.loss.h5)" = "$(digest play.loss.h5)" ] || fail "the digest is not that of check_files"
fi
"$COHORT" show play.hidden.h5 | grep -q 'hidden of [0-9]* examples, [0-9]* tokens of 7' || fail "show: $("$COHORT" show play.hidden.h5)"
"$COHORT" show table.loss.h5 --json | "$python" -c 'import json,sys; j=json.load(sys.stdin); assert j["format"]=="cohort-predictions" and j["stats"]["width"]==1 and j["attributes"]["output"]=="loss"' || fail "show --json"

# More batches than ranks.
good import synthetic devices=40 alpha=1 beta=1 size=40 test_fraction=0.5 -o many.h5
sed 's/table.h5/many.h5/' table.yaml > many.yaml
for n in 1 2 3 4; do
    on $n predict many.yaml many.h5 -o many.$n.h5 > log 2>&1 || fail "many examples on $n ranks: $(cat log)"
    [ "$(digest many.$n.h5)" = "$(digest many.1.h5)" ] || fail "many examples: other bits on $n ranks"
done

# A tap; a model that was just made; and the same one by model.init.
good predict table.ckpt.h5 table.h5 -o tap.h5 output=hidden tap=1
[ "$("$COHORT" show tap.h5 --json | "$python" -c 'import json,sys; print(json.load(sys.stdin)["attributes"]["tap"])')" = 1 ] || fail "tap"
cmp -s <("$python" -c 'import h5py; print(h5py.File("tap.h5")["hidden"][:].tolist())') \
    <("$python" -c 'import h5py; print(h5py.File("table.hidden.h5")["hidden"][:].tolist())') || fail "item 1 is what feeds the last layer"
good run table.yaml output.dir=zero rounds=1 local.lr=1e-30
good predict table.yaml table.h5 -o fresh.h5
good predict zero/ckpt-00000001.h5 table.h5 -o zero.h5
"$python" -c 'import h5py; a, b = (h5py.File(f)["logits"][:] for f in ("fresh.h5", "zero.h5")); assert (a == b).all()' || fail "an experiment's model at round 0"
sed 's/^model: {/model: {init: table.ckpt.h5, /' table.yaml > init.yaml
good predict init.yaml table.h5 -o init.h5
"$python" -c 'import h5py; a, b = (h5py.File(f)["logits"][:] for f in ("init.h5", "table.all.h5")); assert (a == b).all()' || fail "model.init"
# Clusters of a file of vectors are those of the same vectors as features.
check features words.hidden.h5 vectors.h5
"$python" -c 'import h5py
with h5py.File("words.h5") as d, h5py.File("vectors.h5", "r+") as v: v["split"][:] = d["split"][:]; del v["y"]; v["y"] = d["y"][:]; v["classes"] = d["classes"][:]'
good import h5 vectors.h5 -o sealed.h5
for per in device cluster; do
    good partition words.h5 -o by-file.h5 method=cluster features=words.hidden.h5 devices=6 clusters=4 alpha=0.5 per=$per --overwrite
    good partition sealed.h5 -o by-x.h5 method=cluster devices=6 clusters=4 alpha=0.5 per=$per --overwrite
    "$python" -c 'import h5py; a, b = h5py.File("by-file.h5"), h5py.File("by-x.h5"); assert all((a[k][:] == b[k][:]).all() for k in ("train/offsets", "train/examples")) and len(a["train/examples"])' || fail "clusters per $per of a file and of x differ"
    on 3 partition words.h5 -o by-3.h5 method=cluster features=words.hidden.h5 devices=6 clusters=4 alpha=0.5 per=$per --overwrite > log 2>&1 || fail "partition on 3 ranks: $(cat log)"
    [ "$(digest by-3.h5)" = "$(digest by-file.h5)" ] || fail "partition by features: other bits on 3 ranks"
done
good run words.yaml output.dir=clustered rounds=1 partition='{method: cluster, features: words.hidden.h5, devices: 6, clusters: 4, alpha: 0.5}'
part='method=cluster devices=6 alpha=0.5 clusters=3'
refused 3 'lacks [0-9]* training examples' partition words.h5 -o bad.h5 $part features=words.logits.h5
# Where rows are tokens, an example's are their mean.
"$python" - <<'P'
import h5py, numpy as np
with h5py.File("play.hidden.h5") as p, h5py.File("play.h5") as d, h5py.File("means.h5", "w") as h:
    rows, at = p["hidden"][:].astype("f8"), p["offsets"][:]
    assert len(rows) > len(at)
    h["x"], h["split"] = np.zeros((len(d["split"]), rows.shape[1]), "f4"), d["split"][:]
    for i, a, b in zip(p["id"][:], at, at[1:]):
        if a < b:
            h["x"][i] = rows[a:b].mean(0)
    h["y"] = np.zeros(len(d["split"]), "i4")
P
good import h5 means.h5 -o means.sealed.h5
good partition play.h5 -o by-tokens.h5 $part features=play.hidden.h5
good partition means.sealed.h5 -o by-means.h5 $part
"$python" -c 'import h5py; a, b = h5py.File("by-tokens.h5"), h5py.File("by-means.h5"); assert all((a[k][:] == b[k][:]).all() for k in ("train/offsets", "train/examples")) and len(a["train/examples"])' || fail "clusters of tokens' means and of x differ"
refused 4 'no-file.h5' partition words.h5 -o bad.h5 $part features=no-file.h5
refused 3 'words.h5' partition words.h5 -o bad.h5 $part features=words.h5
refused 3 'loss' partition words.h5 -o bad.h5 $part features=words.loss.h5
refused 2 'is the file|is read|same file|input' partition words.h5 -o words.hidden.h5 $part features=words.hidden.h5 --overwrite
refused 2 'features' partition words.h5 -o bad.h5 $part

# eval.max_examples: a sample, the same each time and on any ranks, free on a resume; as many as there are is all.
for n in 1 2 3; do
    on $n run table.yaml output.dir=few-$n eval.max_examples=20 > log 2>&1 || fail "max_examples on $n ranks: $(cat log)"
    [ "$(digest few-$n/run.h5)" = "$(digest few-1/run.h5)" ] || fail "max_examples: other bits on $n ranks"
done
good run table.yaml output.dir=few-cut rounds=2 eval.max_examples=20
on 2 run table.yaml output.dir=few-cut eval.max_examples=20 --resume > log 2>&1 || fail "resume: $(cat log)"
[ "$(digest few-cut/run.h5)" = "$(digest few-1/run.h5)" ] || fail "max_examples: a stop and a resume change the bits"
good run table.yaml output.dir=few-free rounds=2 eval.max_examples=10
good run table.yaml output.dir=few-free eval.max_examples=20 --resume
for most in 0 9000000000000000; do
    good run table.yaml output.dir=all-$most eval.max_examples=$most
    [ "$(digest all-$most/run.h5)" = "$(digest table/run.h5)" ] || fail "max_examples $most is not all"
done
held=$("$python" -c 'import h5py; print((h5py.File("table.h5")["split"][:] == 1).sum())')
good run table.yaml output.dir=only eval.max_examples=1
good run table.yaml output.dir=but-one eval.max_examples=$((held - 1))
"$python" - <<'P' || fail "the sample of eval.max_examples"
import h5py, numpy as np
with h5py.File("table.loss.h5") as p, h5py.File("table.h5") as d: # one example, and all but one, are examples of the split
    own = p["loss"][:][d["split"][:][p["id"][:]] == 1].astype("f8")
only, but_one = (h5py.File(f + "/run.h5")["eval/loss"][-1] for f in ("only", "but-one"))
left_out = own.sum() - but_one * (own.size - 1)
assert np.sort(np.diff(np.sort(own)))[own.size // 2] > 1e-5, "the losses are too much alike"
assert np.abs(own - only).min() < 1e-6 and np.abs(own - left_out).min() < 1e-4 * own.size, (only, left_out)
few, whole = h5py.File("few-1/run.h5"), h5py.File("table/run.h5")
assert (few["eval/n"][:] == 20).all() and (few["rounds/model_digest"][:] == whole["rounds/model_digest"][:]).all()
with h5py.File("table.logits.h5") as p, h5py.File("table.h5") as d:
    right = p["logits"][:].argmax(1) == d["y"][:][p["id"][:]]
share = few["eval/accuracy"][-1]
assert abs(share * 20 - round(share * 20)) < 1e-9 and abs(share - right.mean()) < 0.4
P
refused 2 'max_examples' run table.yaml output.dir=bad eval.max_examples=-1

refused 2 'predict takes a checkpoint' predict table.ckpt.h5 -o bad.h5
refused 2 'Add -o' predict table.ckpt.h5 table.h5
refused 2 'exists; add --overwrite' predict table.ckpt.h5 table.h5 -o tap.h5
refused 2 'table.h5' predict table.ckpt.h5 table.h5 -o table.h5 --overwrite
refused 2 'table.ckpt.h5' predict table.ckpt.h5 table.h5 -o table.ckpt.h5 --overwrite
refused 2 'table.ckpt.h5' predict init.yaml table.h5 -o table.ckpt.h5 --overwrite
refused 2 'split' predict table.ckpt.h5 table.h5 -o bad.h5 split=3
refused 2 'no example of split validation' predict table.ckpt.h5 table.h5 -o bad.h5 split=validation
refused 2 'output' predict table.ckpt.h5 table.h5 -o bad.h5 output=softmax
refused 2 'goes with output=hidden' predict table.ckpt.h5 table.h5 -o bad.h5 tap=1
refused 2 'no layer is called 9' predict table.ckpt.h5 table.h5 -o bad.h5 output=hidden tap=9
refused 2 'tokens, which have no values' predict words.ckpt.h5 words.h5 -o bad.h5 output=hidden tap=input
refused 3 'numbers.h5 does not go with this model' predict table.ckpt.h5 numbers.h5 -o bad.h5
refused 2 'words.h5 does not go with this model' predict table.ckpt.h5 words.h5 -o bad.h5
refused 2 'play.h5 does not go with this model' predict words.ckpt.h5 play.h5 -o bad.h5
refused 3 'tags.h5 does not go with this model' predict play.ckpt.h5 tags.h5 -o bad.h5
sed 's/{pool_time: mean}/{positions: {most: 2}}, &/' words.yaml > short.yaml
refused 2 'words.h5 does not go with this model: .*positions for 2 tokens' predict short.yaml words.h5 -o bad.h5
refused 4 'no-ckpt' predict no-ckpt.h5 table.h5 -o bad.h5
refused 4 'no-data' predict table.ckpt.h5 no-data.h5 -o bad.h5
refused 3 'cohort-run' predict table/run.h5 table.h5 -o bad.h5
head -c 3000 table.ckpt.h5 > cut.h5
refused 3 'cut.h5' predict cut.h5 table.h5 -o bad.h5
text=$(on 3 predict table.ckpt.h5 numbers.h5 -o bad.h5 2>&1)
[ "$(grep -c '^cohort: ' <<< "$text")" -eq 1 ] || fail "one message on 3 ranks: $text"
[ ! -e bad.h5 ] && [ -z "$(find . -name '.bad*')" ] || fail "something is left of a refused call"

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "predict: all as it should be"
