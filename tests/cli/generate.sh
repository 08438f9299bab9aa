#!/bin/bash
# tests/cli/generate.sh - texts that models write: eval.generate with the same bits on 1 to 4 ranks and after a resume, a small
# translation that is learnt, `predict output=text` for pairs and for language models, what is refused and how.
. "$SOURCE/tests/cli/helpers/opening.sh"
refused() { # refused CODE PATTERN words..
    local code=$1 pattern=$2 text rc; shift 2
    text=$(on 1 "$@" 2>&1); rc=$?
    [ $rc -eq "$code" ] || fail "exit code $rc instead of $code: $*: $text"
    grep -qE "$pattern" <<< "$text" || fail "no '$pattern' in the message of $*: $text"
}

# Sentences of 2 to 5 words of 12, and their words in another language.
$python - <<'P'
import random
draw = random.Random(4)
for part, n in (("train", 400), ("test", 70)):
    lines = [[draw.randrange(12) for _ in range(draw.randint(2, 5))] for _ in range(n)]
    with open(part + ".src", "w") as source, open(part + ".tgt", "w") as target:
        for line in lines:
            source.write(" ".join("abcdefghijkl"[k] * 2 for k in line) + "\n")
            target.write(" ".join("zyxwvutsrqpo"[k] * 3 for k in line) + "\n")
P
"$COHORT" import pairs source=train.src target=train.tgt test_source=test.src test_target=test.tgt -o pairs.h5 > /dev/null || fail "import"
cat > pairs.yaml <<'Y'
rounds: 4
data: {file: pairs.h5}
partition: {method: iid, devices: 4}
model:
  encoder: [{embedding: 16}, {positions: {most: 16}}, {residual: [{attention: {heads: 2}}]}, layer_norm]
  decoder: [{embedding: 16}, {positions: {most: 16}}, {residual: [{attention: {heads: 2, causal: true}}]},
    {residual: [{attention: {heads: 2, cross: true}}]}, layer_norm, {residual: [{dense: 32}, relu, {dense: 16}]}, {dense: classes}]
devices: {per_round: 4}
local: {optimizer: adam, lr: 0.01, batch: 10, epochs: 3}
eval: {every: 2, generate: {beams: 3, max_length: 10, max_examples: 67}}
Y
for n in 1 2 3 4; do
    on $n run pairs.yaml output.dir=pairs-$n > log 2>&1 || fail "$n ranks: $(tail -n 3 log)"
    [ "$(digest pairs-$n/run.h5)" = "$(digest pairs-1/run.h5)" ] || fail "other bits on $n ranks"
done
on 3 run pairs.yaml output.dir=resumed rounds=2 > log 2>&1 || fail "two rounds: $(tail -n 3 log)"
on 2 run pairs.yaml output.dir=resumed --resume > log 2>&1 || fail "resume: $(tail -n 3 log)"
[ "$(digest resumed/run.h5)" = "$(digest pairs-1/run.h5)" ] || fail "other bits after a resume"
scores=$("$COHORT" show pairs-1/run.h5 --json)
$python - "$scores" <<'P' || fail "scores: $scores"
import json, sys
last = json.loads(sys.argv[1])["last"]
row = last.get("eval", last)
assert 0.2 < row["rouge1"] <= 1 and 0 <= row["rouge2"] <= row["rouge1"] and row["rougeL"] <= row["rouge1"] + 1e-12, row
assert 0 <= row["bleu"] <= 100, row
P
on 2 run pairs.yaml output.dir=dry --dry-run > log 2>&1 || fail "dry run: $(tail -n 3 log)"
grep -q "^memory" log || fail "a dry run does not tell the memory"

for n in 1 3; do
    on $n predict pairs-1/ckpt-00000004.h5 pairs.h5 -o text-$n.h5 split=test output=text beams=3 max_length=10 show=2 > log 2>&1 ||
        fail "predict: $(tail -n 3 log)"
    [ "$(grep -cE '^ +40[01]  [a-z ]*$' log)" -eq 2 ] || fail "predict does not show two texts: $(cat log)"
done
[ "$(digest text-1.h5)" = "$(digest text-3.h5)" ] || fail "other texts on 3 ranks"
# What the same model writes as the second reference of each source: every text then is one of its references.
$python - <<'P' || fail "references"
import csv, h5py
lines = {part + side: open(f"{part}.{side}").read().split("\n")[:-1] for part in ("train", "test") for side in ("src", "tgt")}
with h5py.File("text-1.h5") as h:
    at, text = h["text_offsets"][:], h["text"][:].tobytes().decode()
written = [text[at[i]:at[i + 1]] for i in range(len(at) - 1)]
for part in ("train", "test"):
    rows = list(zip(lines[part + "src"], lines[part + "tgt"]))
    if part == "test":
        rows += [(source, own) for source, own in zip(lines["testsrc"], written) if own]
    with open(part + ".csv", "w", newline="") as f:
        csv.writer(f).writerows([("source", "target"), *rows])
P
"$COHORT" import csv train.csv source=source target=target header=true test=test.csv references=join -o joined.h5 > log 2>&1 || fail "join: $(tail -n 3 log)"
on 2 run pairs.yaml data.file=joined.h5 eval.generate.max_examples=0 output.dir=joined > log 2>&1 || fail "joined: $(tail -n 3 log)"
"$COHORT" show joined/run.h5 --json | $python -c 'import json, sys; e = json.load(sys.stdin)["last"]; e = e.get("eval", e); sys.exit(not e["rouge1"] > 0.999)' ||
    fail "the best of two references does not count: $("$COHORT" show joined/run.h5 --json)"
"$COHORT" show text-1.h5 | grep -q "text of 70 examples" || fail "show: $("$COHORT" show text-1.h5)"

on 1 predict pairs-1/ckpt-00000004.h5 pairs.h5 -o forced.h5 output=text forced_first=5 forced_last=6 max_length=4 show=9 > log 2>&1 || fail "forced: $(tail -n 3 log)"
[ "$(grep -E '^ +[0-9]+  [a-z]' log | awk '{ print $2, $NF }' | sort -u | wc -l)" -eq 1 ] || fail "forced tokens are not in every text: $(cat log)"
refused 2 "token 900 cannot be forced" predict pairs-1/ckpt-00000004.h5 pairs.h5 -o x.h5 output=text forced_first=900
refused 2 "token 900 cannot be forced" run pairs.yaml output.dir=x "eval={every: 2, generate: {forced_last: 900}}"

for who in A B C D; do printf '%s:\nto be or not to be\n\n' $who $who $who; done > play.txt
"$COHORT" import shakespeare play.txt tokens=word max_tokens=30 -o lm.h5 > log 2>&1 || fail "import of a play: $(cat log)"
cat > lm.yaml <<'Y'
rounds: 1
data: {file: lm.h5}
model: {layers: [{embedding: 4}, {lstm: 8}, {dense: classes}]}
devices: {per_round: 2}
local: {batch: 4, lr: 1.0}
Y
on 2 predict lm.yaml lm.h5 -o lm-text.h5 output=text max_length=12 show=1 > log 2>&1 || fail "language model: $(tail -n 3 log)"

refused 2 "eval.generate: max_length 40: the model has positions for 16 tokens.*give at most 17" run pairs.yaml output.dir=x \
    "eval={every: 2, generate: {max_length: 40}}"
refused 2 "eval.generate.beams: 0 is out of range" run pairs.yaml output.dir=x "eval={every: 2, generate: {beams: 0}}"
refused 2 "3 is no multiple of eval.every: 2" run pairs.yaml output.dir=x "eval={every: 2, generate: {every: 3}}"
refused 2 "generate is a map" run pairs.yaml output.dir=x "eval={every: 2, generate: true}"
refused 2 "a language model has no references" run lm.yaml output.dir=x "eval={every: 1, generate: {beams: 1}}"
refused 2 "the task classification has no text to write" run lm.yaml output.dir=x "eval={every: 1, generate: {beams: 1}}" \
    "data={generator: synthetic, devices: 9, alpha: 1, beta: 1, size: 5, test_fraction: 0.2}" "model={name: softmax}"
refused 2 "beams: goes with output=text" predict pairs-1/ckpt-00000004.h5 pairs.h5 -o x.h5 beams=2
[ $failures -eq 0 ] || exit 1
echo "texts: written alike on 1 to 4 ranks, scored, shown; what cannot write is refused"
