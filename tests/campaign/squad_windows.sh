#!/bin/bash
# tests/campaign/squad_windows.sh - windows of all of SQuAD's dev part beside transformers' BertTokenizerFast (truncation="only_second",
# overflowing tokens) and the labels of its example run_qa: tokens, the bytes that each came from, first and last token of the answer; with
# the usual windows of 384 tokens and with small ones. Where an answer begins in the last token of a window run_qa runs on over the marks
# behind it; those are counted by themselves. Needs the folder of a BERT model (vocab.txt) as COHORT_MINILM, and transformers in
# COHORT_PYTHON. Takes about 2 minutes; WINDOWS="384/128" makes it the usual windows alone.
. "$(dirname "$0")/common.sh"
need data/qa/squad_dev-v1.1.json
model=${COHORT_MINILM:-none}
[ -e "$model/vocab.txt" ] || { echo "skipped: COHORT_MINILM names no folder with a vocab.txt"; exit 77; }
$python -c 'import transformers' 2> /dev/null || { echo "skipped: $python has no transformers"; exit 77; }
squad=$shared/data/qa/squad_dev-v1.1.json
windows=${WINDOWS:-384/128 72/16}
for w in $windows; do
    "$cohort" import squad "$squad" tokens=wordpiece vocab="$model/vocab.txt" max_tokens="${w%/*}" stride="${w#*/}" -o "${w%/*}.h5" \
        --overwrite > import.log 2>&1 || { tail -n 3 import.log; exit 1; }
done
MODEL=$model SQUAD=$squad WINDOWS=$windows $python - <<'P'
import json
import os
import sys

import h5py
import numpy as np
from transformers import BertTokenizerFast

own = BertTokenizerFast.from_pretrained(os.environ["MODEL"])
articles = json.load(open(os.environ["SQUAD"], encoding="utf-8"))["data"]

def label(offsets, parts, answers):
    """First and last token by run_qa, and whether it ran over the end of the context."""
    first, last = parts.index(1), len(parts) - 1 - parts[::-1].index(1)
    end = last
    start = answers[0]["answer_start"] if answers else -1
    stop = start + len(answers[0]["text"]) if answers else -1
    if not answers or offsets[first][0] > start or offsets[last][1] < stop:
        return (-1, -1), False
    while first < len(offsets) and offsets[first][0] <= start:
        first += 1
    while offsets[last][1] >= stop:
        last -= 1
    return (first - 1, last + 1), first - 1 > end

result, bad = [], 0
for window in os.environ["WINDOWS"].split():
    most, stride = map(int, window.split("/"))
    h = h5py.File(f"{most}.h5")
    tokens, at, span, question, place = (h[k][:] for k in ("tokens", "token_offsets", "span", "question", "token_char"))
    text, text_at = h["text"][:].tobytes(), h["text_offsets"][:]
    names = h["question_name"].asstr()[:]
    k = q = 0
    wrong = dict(windows=0, tokens=0, places=0, contexts=0, labels=0)
    over = 0
    for article in articles:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            byte = np.concatenate([[0], np.cumsum([len(c.encode()) for c in context])])
            for qa in paragraph["qas"]:
                theirs = own(qa["question"], context, truncation="only_second", max_length=most, stride=stride,
                             return_overflowing_tokens=True, return_offsets_mapping=True)
                for w, ids in enumerate(theirs["input_ids"]):
                    offsets, parts = theirs["offset_mapping"][w], theirs.sequence_ids(w)
                    if k >= len(span) or question[k] != q or names[q] != qa["id"]:
                        wrong["windows"] += 1
                        continue
                    mine = slice(at[k], at[k + 1])
                    places = [(byte[a], byte[b]) if p == 1 else (-1, -1) for (a, b), p in zip(offsets, parts)]
                    answer, ran_over = label(offsets, parts, qa["answers"])
                    wrong["tokens"] += not np.array_equal(tokens[mine], ids)
                    wrong["places"] += not np.array_equal(place[mine], places)
                    wrong["contexts"] += text[text_at[k]:text_at[k + 1]].decode() != context
                    if ran_over:
                        over += 1
                        wrong["labels"] += span[k][0] != len(parts) - 1 - parts[::-1].index(1)
                    else:
                        wrong["labels"] += tuple(span[k]) != answer
                    k += 1
                q += 1
    wrong["windows"] += len(span) - k
    bad += sum(wrong.values())
    result.append(f"max_tokens={most} stride={stride}: {q} questions, {k} windows, differences " + ", ".join(f"{n} {what}" for what, n in wrong.items())
                  + f"; run_qa runs over the end in {over}")
print("RESULT squad_windows:", "; ".join(result))
sys.exit(bad > 0)
P
