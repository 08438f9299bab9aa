#!/bin/bash
# tests/campaign/wordpiece.sh - tokens=wordpiece beside transformers' BertTokenizerFast: the ids of all 20 Newsgroups messages, all sentences
# of WNUT17 (words that are cut already) and 10,000 lines of odd Unicode, with lower=true and lower=false. First every code point is
# asked between two letters, a<code point>b: where the two differ there their Unicode tables do. A text counts as a difference when none
# of its code points is among these; they are listed, and how many texts they touch. Needs the folder of a BERT model (vocab.txt) as
# COHORT_MINILM, and transformers in COHORT_PYTHON.
. "$(dirname "$0")/common.sh"
need data/text_classification/20news-bydate.tar.gz
need data/tagging/wnut17
model=${COHORT_MINILM:-none}
[ -e "$model/vocab.txt" ] || { echo "skipped: COHORT_MINILM names no folder with a vocab.txt"; exit 77; }
$python -c 'import transformers' 2> /dev/null || { echo "skipped: $python has no transformers"; exit 77; }

$python - <<'P'
import csv
import random

draw = random.Random(19)
usual = ["the", "Caf\u00e9", "na\u00efve", "[MASK]", "don't", "\u00c5ngstr\u00f6m", "STRASSE", "x" * 99, "x" * 101, "\u65e5\u672c", "\ud55c\uad6d\uc5b4", "1,234.5", "##ing"]
pools = [range(0x01, 0x250), range(0x250, 0x700), range(0x900, 0x1200), range(0x1100, 0x1200), range(0x1E00, 0x2070), range(0x2000, 0x2E80),
         range(0x2E80, 0xA000), range(0xA000, 0xD800), range(0xF900, 0x10000), range(0x10000, 0x20000), range(0x20000, 0x30000), range(1, 0x110000)]
def line():
    out = []
    for _ in range(draw.randrange(1, 25)):
        if draw.random() < 0.3:
            out.append(draw.choice(usual))
        else:
            pool = draw.choice(pools)
            out.append("".join(chr(c) for c in (draw.choice(pool) for _ in range(draw.randrange(1, 6))) if not 0xD800 <= c < 0xE000))
        out.append(draw.choice(["", " ", " ", "\u00a0", "\u3000", "\t", "\n", "\u0301", "\u200d"]))
    return "a" + "".join(out)
with open("odd.csv", "w", newline="", encoding="utf-8") as f:
    csv.writer(f).writerows([k % 2, line()] for k in range(10000))
with open("points.csv", "w", newline="", encoding="utf-8") as f:
    csv.writer(f, quoting=csv.QUOTE_ALL).writerows([c % 2, "a" + chr(c) + "b"] for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000)
P
dir=$shared/data/tagging/wnut17
start=$SECONDS
for lower in true false; do
    words="tokens=wordpiece vocab=$model/vocab.txt lower=$lower --overwrite"
    "$cohort" import newsgroups "$shared/data/text_classification/20news-bydate.tar.gz" $words -o newsgroups-$lower.h5 > /dev/null
    "$cohort" import conll train="$dir/wnut17train.conll" dev="$dir/emerging.dev.conll" test="$dir/emerging.test.annotated" $words -o wnut17-$lower.h5 > /dev/null
    for name in odd points; do "$cohort" import csv $name.csv y=0 text=1 $words -o $name-$lower.h5 > /dev/null; done
done 2> imports.log || { tail -n 3 imports.log; exit 1; }
echo "imports: $((SECONDS - start)) s"
MODEL=$model $python - <<'P'
import os
import sys

import h5py
import numpy as np
from transformers import BertTokenizerFast

def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return " ".join(f"{a:04X}" if a == b else f"{a:04X}-{b:04X}" for a, b in out)

result, bad = [], 0
for lower in ("true", "false"):
    own = BertTokenizerFast.from_pretrained(os.environ["MODEL"], do_lower_case=lower == "true", model_max_length=10**9)
    split = dict(split_special_tokens=True, verbose=False)  # marks in a text are text
    apart = set()
    for name in ("points", "newsgroups", "wnut17", "odd"):
        h = h5py.File(f"{name}-{lower}.h5")
        at, end, ids, text = h["text_offsets"][:], h["token_offsets"][:], h["tokens"][:], h["text"][:].tobytes()
        wrong = excused = ignored = 0
        for first in range(0, len(at) - 1, 1000):
            some = range(first, min(first + 1000, len(at) - 1))
            texts = [text[at[i]:at[i + 1]].decode("utf-8", "ignore") for i in some]
            if name == "wnut17":
                words = [[w for w in t.split(" ") if w] or [""] for t in texts]
                theirs = own(words, is_split_into_words=True, **split)
            else:
                theirs = own(texts, **split)
            for k, i in enumerate(some):
                mine = ids[end[i]:end[i + 1]]
                if name == "wnut17":
                    ours = h["token_y"][end[i]:end[i + 1]] >= 0
                    seen, firsts = set(), []
                    for w in theirs.word_ids(k):
                        firsts.append(w is not None and w not in seen)
                        seen.add(w)
                    ignored += not np.array_equal(ours, firsts)
                if np.array_equal(mine, theirs["input_ids"][k]):
                    continue
                if name == "points":
                    apart.add(ord(texts[k][1]))
                elif apart & set(map(ord, texts[k])):
                    excused += 1
                else:
                    wrong += 1
                    print(f"{name}, lower={lower}, text {i}: {texts[k][:80]!r}", file=sys.stderr)
        if name == "points":
            bad += len(apart) > 1000  # tables that are years apart have some 800
            print(f"lower={lower}: {len(apart)} code points of {len(at) - 1} differ: {ranges(apart)}")
        else:
            bad += wrong + ignored
            result.append(f"{name} lower={lower}: {wrong} differences in {len(at) - 1} texts, {excused} texts hold code points of other tables"
                          + (f", {ignored} with other first pieces" if name == "wnut17" else ""))
print("RESULT wordpiece:", "; ".join(result))
sys.exit(bad > 0)
P
