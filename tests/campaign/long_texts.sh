#!/bin/bash
# tests/campaign/long_texts.sh - 100,000 texts of 1 to 2,000 words (as many of each power of two), with empty ones, emojis, invalid
# UTF-8 and one line of 10 MB: imported with every tokeniser, with and without max_tokens; a bag of embeddings and an LSTM trained on
# them, the same bits on 1 and 3 ranks. TEXTS: fewer for a try. Expected: a result, or one clear error within seconds.
. "$(dirname "$0")/common.sh"
[ -e texts.csv ] || TEXTS="${TEXTS:-100000}" $python - <<'P'
import os
import random
draw = random.Random(1)
words = [f"w{i}" for i in range(20000)] + ["good", "bad", "naïve", "\U0001F600", "\U0001F468‍\U0001F469‍\U0001F467", "它们", "don't"]
weights = [1.0 / (i + 1) for i in range(len(words))]
pool = draw.choices(words, weights, k=1 << 20)
n = int(os.environ["TEXTS"])
with open("texts.part", "wb") as f:
    f.write(b"text,label\n")
    for i in range(n):
        length = 0 if i % 500 == 7 else 2000 if i % 5000 == 11 else int(2 ** draw.uniform(0, 10.966))
        at = draw.randrange(len(pool) - 2001)
        text = " ".join(pool[at:at + length]).encode()
        if i % 400 == 3:
            text += b" \xff\xfe\xc3( \x80"
        f.write(b'"' + text + b" " + (b"good" if i % 2 else b"bad") * (length > 0) + b'",' + (b"pos" if i % 2 else b"neg") + b"\n")
    f.write(b'"' + b"good film " * 1000000 + b'",pos\n')
os.rename("texts.part", "texts.csv")
P
ls -l texts.csv | awk '{printf "texts.csv: %.1f MiB\n", $5 / 2^20}'
for tokens in char byte word blank; do
    for most in 0 200; do
        rm -f texts-$tokens-$most.h5
        /usr/bin/time -f '%e s, %M KiB' -o usage timeout -k 5 300 "$cohort" import csv texts.csv header=true text=text y=label \
            tokens=$tokens max_tokens=$most min_count=2 -o texts-$tokens-$most.h5 > last.log 2>&1 || { cat last.log; echo "RESULT long_texts: NOT ok"; exit 1; }
        echo "import tokens=$tokens max_tokens=$most: $(awk '/^  tokens/ {print $2 + 0}' last.log) tokens, $(tail -n 1 usage)"
    done
done
cat > e.yaml <<Y
rounds: 2
data: {file: texts-word-0.h5}
partition: {method: iid, devices: 1000}
model: {name: bow}
devices: {per_round: 20}
local: {batch: 10, lr: 0.5}
output: {dir: out}
Y
for model in "bow texts-word-0.h5" "lstm texts-word-200.h5"; do
    set -- $model
    for n in 1 3; do
        mpirun --bind-to none -n $n "$cohort" run e.yaml model.name="$1" data.file="$2" output.dir="$1-$n" --overwrite > last.log 2>&1 ||
            { cat last.log; echo "RESULT long_texts: NOT ok"; exit 1; }
        echo "$1 on $n ranks: $(grep '^2 rounds' last.log)"
    done
    [ "$("$cohort" show "$1-1/run.h5" --digest)" = "$("$cohort" show "$1-3/run.h5" --digest)" ] || { echo "RESULT long_texts: $1 differs"; exit 1; }
done
echo "RESULT long_texts: 8 imports, 4 runs, the same bits on 1 and 3 ranks, ok"
