"""Makes text_scores.txt: what sacrebleu and rouge-score say of texts, for tests/models/test_text_scores.c.

    python tests/reference/text_scores.py [SHARED]      (needs sacrebleu 2 and rouge-score; SHARED: the folder of public data)

    stored N               N texts that stand here: of each `text N_REFERENCES`, then a line for the text and one for each reference
                           (\\n stands for a new line); then the scores of all, and of each alone, as %.17g: bleu rouge1 rouge2 rougeL
    multi30k N LANGUAGE    the same four numbers of N lines of test_2016_flickr, changed word by word as `perturb` says, against
                           themselves; twice: with one reference, and with the line in front as a second one
"""
import gzip
import os
import sys

import sacrebleu
from rouge_score import rouge_scorer

from models import bits

HERE = os.path.dirname(os.path.abspath(__file__))
stored = [
    ("A man, in a red shirt, is cooking.", ["A man in a red shirt is cooking.", "A red-shirted man cooks dinner - well."]),
    ("The cat sat on the mat", ["The cat sat on the mat."]),
    ("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
    ("It cost $3,000.50 (or so), i.e. 10% more: \"wow\"!", ["It cost 3,000.50 dollars, or so; that is 10 % more - \"Wow\"."]),
    ("Ein Mädchen läuft über die Straße.", ["Ein Mädchen rennt über die Straße .", "Mädchen laufen."]),
    ("tom &amp; jerry &lt;b&gt; &quot;x&quot; &amp;lt;", ["tom & jerry <b> \"x\" &lt;"]),
    ("1-2-3, 4.5, .5 5. a.b,c 3-d", ["1 -2 -3 , 4.5 , .5 5 . a . b , c 3 -d"]),
    ("half-\nword and\nlines <skipped> here  ", ["halfword and lines here"]),
    ("", ["Nothing was said."]),
    ("word", ["word", "another word"]),
    ("300 \u212a is \u0130stanbul\u00a0\u2003ok", ["300 K is istanbul ok"]),
    ("..,, ,.a .,9 x~y^z@home/there [u]{v}|w\\`", [". . , , , . a . , 9 x ~ y ^ z @ home / there"]),
    ("one two three four five six", ["one two three five four six seven eight", "one two"]),
    ("日本語、テキスト。", ["日本語、テキスト。"]),
]


def perturb(lines):
    """Of word j of all, by bits(7000, j) % 16: 0 left out, 1 twice, 2 behind the next one, 3 the first word of its line, 4 without its
    last byte where it is ASCII, 5 with a comma."""
    out, j = [], 0
    draws = bits(7000, sum(len(line.split(" ")) for line in lines))
    for line in lines:
        words, new = line.split(" "), []
        for k, word in enumerate(words):
            case = int(draws[j] % 16)
            j += 1
            if case == 0:
                continue
            elif case == 1:
                new += [word, word]
            elif case == 2:
                new.insert(max(len(new) - 1, 0), word)
            elif case == 3:
                new.append(words[0])
            elif case == 4 and len(word) > 1 and word[-1] < "\x80":
                new.append(word[:-1])
            elif case == 5:
                new.append(word + ",")
            else:
                new.append(word)
        out.append(" ".join(new))
    return out


def scores(texts, references):
    most = max(map(len, references))
    by_place = [[r[k] if k < len(r) else None for r in references] for k in range(most)]
    bleu = sacrebleu.corpus_bleu(texts, by_place).score
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    each = [scorer.score_multi(r, t) for t, r in zip(texts, references)]
    return [bleu] + [sum(e[name].fmeasure for e in each) / len(each) for name in ("rouge1", "rouge2", "rougeL")]


def line_of(text):
    return text.replace("\n", "\\n")


with open(os.path.join(HERE, "text_scores.txt"), "w") as out:
    print("stored", len(stored), file=out)
    for text, references in stored:
        print("text", len(references), file=out)
        print(line_of(text), *map(line_of, references), sep="\n", file=out)
    print(*("%.17g" % s for s in scores(*map(list, zip(*stored)))), file=out)
    for text, references in stored:
        print(*("%.17g" % s for s in scores([text], [references])), file=out)
    for language in ("en", "de") if len(sys.argv) > 1 else ():
        with gzip.open(os.path.join(sys.argv[1], "data/seq2seq/multi30k/test_2016_flickr.%s.gz" % language), "rt") as file:
            lines = [line.rstrip("\n") for line in file]
        texts = perturb(lines)
        print("multi30k", len(lines), language, file=out)
        print(*("%.17g" % s for s in scores(texts, [[line] for line in lines])), file=out)
        print(*("%.17g" % s for s in scores(texts, [[line, before] for line, before in zip(lines, lines[-1:] + lines)])), file=out)
