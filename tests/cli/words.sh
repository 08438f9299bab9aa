#!/bin/bash
# tests/cli/words.sh - what run files and `cohort show` say of themselves: starts in words, no columns without values, attributes of the
# columns of eval, which direction compare goes by, run files of an earlier version, and best.h5 over a kill and a resume.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}"
python=${COHORT_PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, numpy' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/words-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export COHORT_PROGRESS=off
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
run() { timeout -k 5 100 "$COHORT" run "$@" > text 2>&1 || fail "run $*: $(cat text)"; }
on() { timeout -k 5 100 mpirun --bind-to none -n "$1" "$COHORT" run "${@:2}" > text 2>&1 || fail "run ${*:2} on $1: $(cat text)"; }

"$COHORT" import synthetic devices=30 alpha=1 beta=1 size=80 classes=5 test_fraction=0.2 validation_fraction=0.2 -o data.h5 > /dev/null || exit 1
"$COHORT" partition data.h5 -o part.h5 method=dirichlet devices=30 alpha=0.5 test_fraction=0.3 > /dev/null || exit 1
cat > e.yaml <<'Y'
name: words
rounds: 12
data: {file: data.h5}
partition: {file: part.h5}
model: {name: softmax}
devices: {per_round: 3}
local: {batch: 8, lr: 0.3}
eval: {every: 1, devices: true}
output: {checkpoint_every: 4, best: true}
Y

# ---- best.h5: the same undisturbed, on other ranks, and after a kill and a resume
run e.yaml output.dir=whole
cp -r whole done12
CO_FAULT=train:0:7 timeout 60 "$COHORT" run e.yaml output.dir=killed > text 2>&1
[ $? -eq 70 ] || fail "the run was not killed: $(cat text)"
[ -e killed/best.h5 ] || fail "no best.h5 before the kill"
on 2 e.yaml output.dir=killed --resume
run e.yaml output.dir=longer rounds=5
on 3 e.yaml output.dir=longer --resume
for d in killed longer; do
    [ "$("$COHORT" show $d/best.h5 --digest)" = "$("$COHORT" show whole/best.h5 --digest)" ] || fail "$d/best.h5 is another"
    [ "$(cd $d && echo *)" = "$(cd whole && echo *)" ] || fail "$d holds $(cd $d && echo *)"
done
run e.yaml output.dir=from model.init=whole/best.h5 rounds=1
run e.yaml output.dir=without output.best=false rounds=1
[ ! -e without/best.h5 ] || fail "best.h5 although it was not asked for"
"$COHORT" run e.yaml output.dir=no eval.every=0 > text 2>&1
[ $? -eq 2 ] && grep -q 'output.best' text || fail "best without evaluations: $(cat text)"

# ---- show: starts in words; no column of dashes; deciles below
"$COHORT" show killed/run.h5 > text || fail "show"
grep -q '^  ran  *2 starts: rounds 1-4 on 1 rank, 5-12 on 2$' text || fail "starts: $(grep ran text)"
grep -q '^  test split, central$' text && grep -q '^  validation split, central$' text && grep -q '^  test split, over devices: accuracy$' text || fail "headings: $(cat text)"
run e.yaml output.dir=half rounds=3 eval.devices=false
on 2 e.yaml output.dir=half rounds=6 --resume
"$COHORT" show half/run.h5 | awk '
    /^ +round / {columns = NF; rows = 0; for (i = 1; i <= NF; i++) {name[i] = $i; filled[i] = 0}; next}
    columns && NF == columns {rows++; for (i = 1; i <= NF; i++) if ($i != "-") filled[i] = 1; next}
    columns {for (i = 1; i <= columns; i++) if (!filled[i]) {print "a column of dashes: " name[i]; bad = 1}; tables++; columns = 0}
    END {if (tables < 3) {print tables " tables"; bad = 1}; exit bad}' > bad || fail "$(cat bad)"

# ---- a run file as an earlier version wrote it: no attributes of columns, three deciles; shown, compared, gone on with
cp -r half old
cat > seal.py <<'P'
import hashlib
def seal(path):
    data = open(path, "rb").read()
    head = data[:512].rstrip(b"\0").split(b" ")
    line = b" ".join([head[0], head[1], str(len(data) - 512).encode(), b""])
    line += hashlib.blake2b(line + data[512:], digest_size=32).hexdigest().encode() + b"\n"
    open(path, "wb").write(line.ljust(512, b"\0") + data[512:])
P
cat > older.py <<'P'
import sys, h5py
from seal import seal
path = sys.argv[1]
with h5py.File(path, "a") as h:
    for name in list(h["eval"]):
        if name.rsplit("_", 1)[-1] in ("p20", "p30", "p40", "p60", "p70", "p80"):
            del h["eval"][name]
        else:
            for a in list(h["eval"][name].attrs):
                del h["eval"][name].attrs[a]
    del h["eval"].attrs["metric"], h["eval"].attrs["score_endings"]
seal(path)
P
$python older.py old/run.h5 || fail "older.py"
"$COHORT" show half/run.h5 | sed '1d; /digest/d; s/time .*//; / p20 /,$d' > a
"$COHORT" show old/run.h5 | sed '1d; /digest/d; s/time .*//; / p50 /,$d' > b
cmp a b || fail "an older file shows otherwise: $(diff a b)"
on 2 e.yaml output.dir=old rounds=8 --resume
on 3 e.yaml output.dir=half rounds=8 --resume
$python - <<'P' || fail "columns of eval"
import h5py, numpy as np
old, new = h5py.File("old/run.h5")["eval"], h5py.File("half/run.h5")["eval"]
assert set(old) == set(new), set(old) ^ set(new)
for name in new:
    a, b = old[name][:], new[name][:]
    early = (new["round"][:] <= 6) & np.array([name.rsplit("_", 1)[-1] in ("p20", "p30", "p40", "p60", "p70", "p80")] * len(b))
    assert np.isnan(a[early]).all() and np.array_equal(a[~early], b[~early], equal_nan=b.dtype.kind == "f"), name
attr = lambda name, key: new[name].attrs[key].decode() if key in new[name].attrs else None
assert attr("split", "split_names") == "train,test,validation"
assert attr("scope", "scope_names").split(",")[:2] == ["central", "over devices"]
for name, better, unit in (("loss", "lower", "nats"), ("accuracy", "higher", "share"), ("accuracy_p70", "higher", "share")):
    assert (attr(name, "better"), attr(name, "unit"), attr(name, "covered")) == (better, unit, None), name
assert new["loss"].attrs["higher_is_better"] == 0 and new["accuracy"].attrs["higher_is_better"] == 1
assert new.attrs["metric"] == b"accuracy" and new.attrs["score_endings"].decode().split(",")[0::10] == ["_weighted", "_worst10"]
e, run = h5py.File("done12/best.h5"), h5py.File("done12/run.h5")
rows = (run["eval/split"][:] == 2) & (run["eval/scope"][:] == 0)
best = run["eval/round"][:][rows][run["eval/accuracy"][:][rows].argmax()]
assert e.attrs["round"] == best and best < 12, (e.attrs["round"], best)
assert set(e) == {"model"}
assert e.attrs["model_digest"] == (run["rounds/model_digest"][best - 1] if best else e.attrs["model_digest"])
P

# ---- what a privacy statement covers
run e.yaml output.dir=private rounds=2 devices.select=poisson privacy='{clip: 1, noise_multiplier: 1, delta: 1e-3}' output.best=false
$python - <<'P' || fail "covered"
import h5py
h = h5py.File("private/run.h5")["eval"]
assert h["accuracy_p50"].attrs["covered"] == b"no" and h["accuracy"].attrs["covered"].startswith(b"scope 0")
P
# the statement: written by the run, the same after a stop and a resume, printed from the file alone
run private/experiment.yaml output.dir=parts rounds=1
run private/experiment.yaml output.dir=parts rounds=2 --resume
cp -r parts again && run private/experiment.yaml output.dir=again rounds=2 --resume # nothing left to do
$python - <<'P' || fail "statement"
import json, h5py
from seal import seal
text = {d: h5py.File(f"{d}/run.h5").attrs["privacy_statement"] for d in ("private", "parts", "again")}
assert text["private"] == text["parts"] == text["again"], text
(said,) = json.loads(text["private"])
assert said["unit"] == "device" and said["composition"].startswith("2 releases") and "simulated" not in said, said
said["neighbours"], said["of tomorrow"] = "one example: add or remove one", "first line\nsecond line"
with h5py.File("parts/run.h5", "a") as h:
    h.attrs["privacy_statement"] = json.dumps([said])
    del h.attrs["config"]
seal("parts/run.h5")
with h5py.File("again/run.h5", "a") as h:
    del h.attrs["privacy_statement"]
seal("again/run.h5")
P
"$COHORT" show parts/run.h5 > text || fail "show without a config"
grep -q 'neighbours *one example: add or remove one' text && [ "$(grep -c 'of tomorrow  *[a-z]* line$' text)" = 2 ] || fail "not the file's words: $(cat text)"
"$COHORT" show parts/run.h5 --json | $python -c 'import json, sys; assert json.load(sys.stdin)["last"]["statements"][0]["of tomorrow"]' || fail "statement as JSON"
"$COHORT" show again/run.h5 > text || fail "show of a private run without a statement"
grep -qE 'epsilon <= [0-9.]+ at delta' text && grep -q 'none in this file' text && grep -q 'clip 1, noise of' text || fail "no numbers: $(cat text)"
run private/experiment.yaml output.dir=private2
[ "$("$COHORT" show private/ckpt-00000002.h5 --digest)" = "$("$COHORT" show private2/ckpt-00000002.h5 --digest)" ] || fail "the resolved experiment is another"
for rule in 'accountant: pld, conversion: classic' 'clip_rate: 0.5'; do
    "$COHORT" run e.yaml --dry-run devices.select=poisson privacy="{clip: 1, noise_multiplier: 1, delta: 1e-3, $rule}" > text 2>&1
    [ $? -eq 2 ] || fail "$rule is taken"
done
"$COHORT" run e.yaml --dry-run privacy='{clip: 1, delta: 1e-3}' > text 2>&1
grep -q 'privacy: give either' text && ! grep -q 'privacy.privacy' text || fail "section twice: $(cat text)"
"$COHORT" run e.yaml --dry-run stop.target=0.5 > text 2>&1
grep -q 'stop: target' text && ! grep -q 'stop.stop' text || fail "section twice: $(cat text)"

# ---- compare goes by the column's own direction
for n in $(seq 60); do printf 'ROLE%d:\nthe quick brown fox jumps over role %d\n\n' $((n % 5)) $n; done > play.txt
"$COHORT" import shakespeare play.txt tokens=char validation_fraction=0.2 -o play.h5 > /dev/null 2> text || fail "$(cat text)"
cat > lm.yaml <<'Y'
name: lm
rounds: 4
data: {file: play.h5}
partition: {method: iid, devices: 6}
model: {layers: [{embedding: 4}, {dense: classes}]}
devices: {per_round: 3}
local: {batch: 4}
eval: {every: 2}
output: {dir: compared}
Y
timeout 100 "$COHORT" compare lm.yaml tune.local.lr=[0.001,1.0,0.01] metric=perplexity_known target=30 > text 2>&1 || fail "compare: $(cat text)"
grep -q 'chosen on the validation split: local.lr=1.0' text || fail "compare chose $(grep chosen text)"
$python -c 'import h5py; a = h5py.File("compared/compare.h5")["runs/score"].attrs; assert (a["better"], a["unit"]) == (b"lower", b"1")' || fail "runs/score"

[ $failures -eq 0 ] && echo "words: all checks passed"
exit $((failures > 0))
