"""Makes windows.txt: windows of questions on contexts by transformers' BertTokenizerFast and the labels of its example run_qa, with a small
vocabulary and texts that are drawn here.

    python3 tests/reference/windows.py > tests/reference/windows.txt

Lines:
    vocab TOKEN
    question MAX_TOKENS STRIDE START HEX HEX HEX     the first character of the answer (-1: none); question, context and answer as bytes
    window FIRST LAST ID:FROM:TO ..                  each window of it: the span; ids, and the bytes of the context (-1: of none)
Where an answer begins in the last token of a window run_qa runs on over the marks behind; FIRST is that token here.
"""
import random
import tempfile

from transformers import BertTokenizerFast

letters = "abcdefghijklmnopqrstuvwxyz0123456789"
vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "who", "un", "##able", "run", "##ning", "caf", "##e", ".", ",", "?", "(", ")",
         "\u65e5"] + list(letters) + ["##" + c for c in letters if c != "e"]
draw = random.Random(7)
words = ["the", "running", "Caf\u00e9", "cafe\u0301", "na\u00efve", "1905,", "(unable)", "\u65e5\u65e5", "\u2603", "x" * 101, "O'Neil", "b\u200dc", "\ud55c"]


def texts():
    for k in range(60):
        context = draw.choice([" ", "", "\n"]) + " ".join(draw.choice(words) for _ in range(draw.randrange(1, 40))) + draw.choice(["", ".", " "])
        question = " ".join(draw.choice(words[:7]) for _ in range(draw.randrange(1, 4))) + draw.choice(["?", ""])
        start = draw.randrange(len(context))
        answer = context[start:start + draw.randrange(1, 25)]
        if k % 7 == 6 or not answer.strip():
            start, answer = -1, ""
        most = draw.choice([24, 32, 48, 384])
        yield most, draw.choice([0, 3, 5]), start, question, context, answer


def label(offsets, parts, start, stop):
    first, last = parts.index(1), len(parts) - 1 - parts[::-1].index(1)
    end = last
    if start < 0 or offsets[first][0] > start or offsets[last][1] < stop:
        return -1, -1
    while first < len(offsets) and offsets[first][0] <= start:
        first += 1
    while offsets[last][1] >= stop:
        last -= 1
    return min(first - 1, end), last + 1


with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
    file.write("\n".join(vocab) + "\n")
    file.flush()
    own = BertTokenizerFast(vocab=file.name, do_lower_case=True)
    print("\n".join("vocab " + token for token in vocab))
    for most, stride, start, question, context, answer in texts():
        theirs = own(question, context, truncation="only_second", max_length=most, stride=stride, return_overflowing_tokens=True,
                     return_offsets_mapping=True)
        if any(1 not in theirs.sequence_ids(w) for w in range(len(theirs["input_ids"]))):
            continue
        print("question", most, stride, start, question.encode().hex(), context.encode().hex(), answer.encode().hex() or "-")
        byte = [len(context[:c].encode()) for c in range(len(context) + 1)]
        for w, ids in enumerate(theirs["input_ids"]):
            offsets, parts = theirs["offset_mapping"][w], theirs.sequence_ids(w)
            places = [(byte[a], byte[b]) if p == 1 else (-1, -1) for (a, b), p in zip(offsets, parts)]
            first, last = label(offsets, parts, start, start + len(answer))
            if first > last:  # an answer of nothing but characters that are dropped
                first = last = -1
            print("window", first, last, *(f"{i}:{a}:{b}" for i, (a, b) in zip(ids, places)))
