"""Makes answers.txt: normal forms and scores of answers by the published definition of SQuAD's evaluation scripts.

    python3 tests/reference/answers.py > tests/reference/answers.txt                     the stored set
    python3 tests/reference/answers.py SQUAD.json 1000 every > FILE                      1,000 perturbed answers to real questions,
        and the normal form of every code point of Unicode; then COHORT_ANSWERS=FILE models_test_answers

The definition (arXiv:1606.05250, section 6.1, and the scripts evaluate-v1.1.py and evaluate-v2.0.py that came with the data), written
anew here. Texts are UTF-8 in hexadecimal digits, "-" where empty. Lines:
    form TEXT NORMAL_FORM
    score VERSION EXACT F1 GIVEN N ACCEPTED ..          VERSION 1 or 2; scores of one question, 17 digits
    total VERSION N EXACT F1                            means over all of that version so far, in per cent, 17 digits
"""
import json
import random
import re
import string
import sys
import unicodedata
from collections import Counter


def normal(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(given, accepted, version):
    g, a = normal(given).split(), normal(accepted).split()
    if version == 2 and not (g and a):
        return float(g == a)
    same = sum((Counter(g) & Counter(a)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(g), same / len(a)
    return 2 * precision * recall / (precision + recall)


def score(given, accepted, version):
    if version == 2:
        accepted = [a for a in accepted if normal(a)] or [""]
    if not accepted:
        return 0.0, 0.0
    return float(max(normal(given) == normal(a) for a in accepted)), max(f1(given, a, version) for a in accepted)


def digits(text):
    return text.encode().hex() or "-"


totals = {1: [], 2: []}


def put_score(version, given, accepted):
    exact, share = score(given, accepted, version)
    totals[version].append((exact, share))
    print("score", version, f"{exact:.0f} {share:.17g}", digits(given), len(accepted), *map(digits, accepted))


def put_totals():
    for version, rows in totals.items():
        n = len(rows)
        print("total", version, n, f"{100.0 * sum(r[0] for r in rows) / n:.17g} {100.0 * sum(r[1] for r in rows) / n:.17g}")


FORMS = ["The Broncos", "  a an the  ", "U.S. Army's", "an_apple the-end", "A.a", "İstanbul", "ΟΔΟΣ ΑΒΣ", "ΣΑΣ. Σ", "Σ", "ΑΣ'", "ΑΣ'Α",
         "l\u2019an the\u00a0end", "a\u0301 b", "x\u2028the\u3000y", "24\u201310 points", "\u00bdthe", "\u2160A \u24b6", "ǅ the ǆ", "ﬀ ẞ",
         "\u200bthe\u200b", "thé theory", "a" * 300, "$5.1 billion!", "\x1cthe\x1f", "日本 a 語", "ªΣ", "ΑªΣ", "\u02b0Σ x", "Ⓐ the"]


def stored():
    for text in FORMS:
        print("form", digits(text), digits(normal(text)))
    draw = random.Random(20)
    words = "the a an Denver broncos Broncos, 24\u201310 (Carolina) of U.S. Σας ΣΑΣ x the- état ÉTAT".split()
    for k in range(240):
        accepted = [" ".join(draw.choices(words, k=draw.randint(0, 5))) for _ in range(draw.randint(0, 4))]
        given = draw.choice(accepted) if accepted and draw.random() < 0.4 else " ".join(draw.choices(words, k=draw.randint(0, 6)))
        put_score(1 + k % 2, given, accepted)
    put_totals()


def perturb(draw, answer, context):
    """An answer nearly right: cut, widened, with other case or marks, of another place, or none."""
    words, way = answer.split(), draw.randrange(9)
    at = context.find(answer)
    if way == 1:
        return " ".join(words[:-1])
    if way == 2:
        return context[max(0, at - draw.randint(1, 20)):at + len(answer)]
    if way == 3:
        return context[at:at + len(answer) + draw.randint(1, 20)]
    if way == 4:
        return "The " + answer.upper() + "!"
    if way == 5:
        start = draw.randrange(len(context))
        return context[start:start + draw.randint(1, 60)]
    if way == 6:
        return ""
    if way == 7:
        draw.shuffle(words)
        return " ".join(words * 2)
    if way == 8:
        return answer.replace(" ", "\u00a0 ").replace("e", "é")
    return answer


def real(path, n):
    draw = random.Random(21)
    questions = [(p["context"], [a["text"] for a in q["answers"]]) for article in json.load(open(path))["data"]
                 for p in article["paragraphs"] for q in p["qas"]]
    for k, (context, accepted) in enumerate(draw.sample(questions, n)):
        put_score(1, perturb(draw, draw.choice(accepted), context), accepted)
        none = k % 3 == 0 # as if it could not be answered
        put_score(2, perturb(draw, draw.choice(accepted), context), [] if none else accepted)
    put_totals()


def every():
    for code in range(1, 0x110000):
        c = chr(code)
        if 0xD800 <= code < 0xE000 or unicodedata.category(c) == "Cn":
            continue
        text = f"A{c}Σ{c} THE {c}the{c}"
        print("form", digits(text), digits(normal(text)))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        real(sys.argv[1], int(sys.argv[2]))
        if "every" in sys.argv:
            every()
    else:
        stored()
