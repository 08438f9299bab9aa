#!/bin/bash
# tests/cli/text.sh - runs on texts as a user makes them: the same bits on 1 to 4 ranks and after a resume, tagging scores, texts of
# every length and with odd bytes, what is refused and how.
. "$SOURCE/tests/cli/helpers/opening.sh"
refused() { # refused CODE PATTERN words..
    local code=$1 pattern=$2 text rc; shift 2
    text=$(on 1 "$@" 2>&1); rc=$?
    [ $rc -eq "$code" ] || fail "exit code $rc instead of $code: $*: $text"
    grep -qE "$pattern" <<< "$text" || fail "no '$pattern' in the message of $*: $text"
}

# Odd texts: lengths 1 to 2,000, empty ones, emojis, bytes that are no UTF-8, one line of 2 MB; a play; tagged words.
$python - <<'P'
import random
draw = random.Random(4)
words = ["good", "bad", "film", "naïve", "\U0001F600", "\U0001F468‍\U0001F469‍\U0001F467", "它", "x" * 70, "don't"]
with open("odd.csv", "wb") as f:
    f.write(b"text,label\n")
    for i in range(1500):
        n = 0 if i % 50 == 7 else 2000 if i % 300 == 11 else 1 + int(draw.expovariate(1 / 20.0))
        label = "pos" if i % 2 else "neg"
        mine = [("good" if i % 2 else "bad") if draw.random() < 0.3 else draw.choice(words) for _ in range(min(n, 2000))]
        text = " ".join(mine).encode()
        if i % 40 == 3:
            text += b" \xff\xfe\xc3( \x80"
        f.write(b'"' + text + b'",' + label.encode() + b"\n")
    f.write(b'"' + b"good film " * 200000 + b'",pos\n')
with open("play.txt", "w") as f:
    for i in range(260):
        who = draw.choice("ABCDEFG")
        f.write(f"{who}:\n" + " ".join(draw.choice(["to", "be", "or", "not", who.lower() * 3]) for _ in range(draw.randrange(1, 40))) + "\n\n")
for name, n in (("train", 200), ("test", 60)):
    with open(name + ".conll", "w") as f:
        for i in range(n):
            for _ in range(draw.randrange(1, 12)):
                kind = draw.random()
                f.write("Ann\tB-per\nLee\tI-per\n" if kind < 0.2 else "Rome\tB-loc\n" if kind < 0.4 else draw.choice(["in", "sees", "."]) + "\tO\n")
            f.write("\n")
P
"$COHORT" import csv odd.csv header=true text=text y=label tokens=word test_fraction=0.2 max_tokens=2000 -o odd.h5 > import.log 2>&1 || fail "import of odd texts: $(cat import.log)"
grep -q "cut, 398000 tokens are left out" import.log || fail "what max_tokens cuts is not counted: $(cat import.log)"
grep -qE "[0-9]+ bytes are no UTF-8" import.log || fail "no word about bytes that are no UTF-8: $(cat import.log)"
"$COHORT" import shakespeare play.txt max_tokens=30 -o play.h5 > import.log 2>&1 || fail "import of a play: $(cat import.log)"
"$COHORT" import conll train=train.conll test=test.conll -o tags.h5 > import.log 2>&1 || fail "import of tags: $(cat import.log)"

cat > odd.yaml <<'Y'
rounds: 3
data: {file: odd.h5}
partition: {method: dirichlet, devices: 9, alpha: 0.5}
model: {name: bow, embedding: 8}
devices: {per_round: 4}
local: {batch: 8, lr: 1.0}
eval: {every: 1}
Y
cat > play.yaml <<'Y'
rounds: 4
algorithm: fedadam
data: {file: play.h5}
model: {layers: [{embedding: 4}, {lstm: {units: 12, layers: 2}}, {dropout: 0.1}, {dense: classes}]}
devices: {per_round: 3}
local: {batch: 4, lr: 0.5}
aggregate: {weight: tokens}
server: {lr: 0.02}
eval: {every: 2}
Y
cat > tags.yaml <<'Y'
rounds: 8
data: {file: tags.h5}
partition: {method: iid, devices: 5}
model: {name: bilstm, embedding: 8, units: 8}
devices: {per_round: 5}
local: {batch: 5, lr: 1.0, epochs: 2}
eval: {every: 4}
Y
for what in odd play tags; do
    for n in 1 2 3 $([ $what = play ] && echo 4); do
        on $n run $what.yaml output.dir=$what-$n > $what.log 2>&1 || fail "$what on $n ranks: $(tail -n 3 $what.log)"
        [ "$(digest $what-$n/run.h5)" = "$(digest $what-1/run.h5)" ] || fail "$what: other bits on $n ranks"
    done
done
on 3 run play.yaml output.dir=resumed rounds=2 > play.log 2>&1 || fail "two rounds: $(tail -n 3 play.log)"
on 2 run play.yaml output.dir=resumed --resume > play.log 2>&1 || fail "resume: $(tail -n 3 play.log)"
[ "$(digest resumed/run.h5)" = "$(digest play-1/run.h5)" ] || fail "other bits after a resume"
[ "$(digest resumed/ckpt-00000004.h5)" = "$(digest play-1/ckpt-00000004.h5)" ] || fail "another checkpoint after a resume"
scores=$("$COHORT" show tags-1/run.h5 --json)
$python - "$scores" <<'P' || fail "scores of tags: $scores"
import json, sys
last = json.loads(sys.argv[1])["last"]
row = last.get("eval", last)
assert row["entity_f1"] > 0.95 and row["entity_precision"] > 0.95 and row["entity_recall"] > 0.95, row
P
on 2 run play.yaml output.dir=dry --dry-run > dry.log 2>&1 || fail "dry run: $(tail -n 3 dry.log)"
grep -q "tokens an example" dry.log || fail "a dry run does not tell the tokens: $(cat dry.log)"

refused 2 "weight: tokens needs texts" run play.yaml output.dir=x "data={generator: synthetic, devices: 9, alpha: 1, beta: 1, size: 5}" \
    "model={name: softmax}"
refused 2 "pool_time" run odd.yaml output.dir=x "model={layers: [{embedding: 4}, {lstm: 4}, {dense: classes}]}"
refused 2 "the model has positions for 9 tokens, but the longest text of the data has 2000; .*max_tokens=9" run odd.yaml output.dir=x \
    "model={layers: [{embedding: 4}, {positions: {most: 9}}, {pool_time: mean}, {dense: classes}]}"
refused 2 "put embedding before it" run odd.yaml output.dir=x "model={name: softmax}"
refused 2 "a row for every token" run play.yaml output.dir=x "model={name: bow}"

[ $failures -eq 0 ] && echo "all good"
exit $((failures > 0))
