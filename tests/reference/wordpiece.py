"""Makes wordpiece.txt: ids of texts by transformers' BertTokenizerFast with a small vocabulary that is drawn here.

    python3 tests/reference/wordpiece.py > tests/reference/wordpiece.txt

Lines:
    vocab TOKEN             in their order
    text LOWER HEX ID ..    the bytes of a text, its ids with [CLS] and [SEP]
The code points are old ones, on which all tables of Unicode agree; tests/campaign/wordpiece.sh looks at every one of them.
"""
import random
import tempfile

from transformers import BertTokenizerFast

letters = "abcdefghijklmnopqrstuvwxyz0123456789"
vocab = (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "un", "##aff", "##able", "want", "##ed", "run", "##ning", "caf", "##fe", "##e", "\\", "#", "##"]
         + list("ABCDEFGÉÄ\u00e9\u00e4\u00df\u03c3\u03c2\u0131!?.,'$+<>^`|~[]()\u2019\u00ab\u00bb\u2014\u3002\u65e5\u672c\u20ac\u00b0")
         + ["\u1112", "##\u1161", "##\u11ab", "\u0915", "##\u093e", "##\u0301", "e\u0301", "##\u00e9", "stra", "##\u00df", "unaffable", "##ing\\"]
         + list(letters) + ["##" + c for c in letters if c != "e"] + ["[CLS", "MASK", "##SK"])
assert len(set(vocab)) == len(vocab)
texts = ["", " ", "unaffable", "UNwanted,running", "the caf\u00e9 Caf\u00c9 cafe\u0301", "\u00c4\u00e4 \u0130I\u0131i \u00df \u1e9e stra\u00dfe", "\u65e5\u672c\u65e5 a\u65e5b\uf900c",
         "\ud55c\uad6d", "don't $1,000.50+<x>^`|~", "a\x01b\x7fc\u200bd\ufeffe\u00adf", "a\u00a0b\u3000c\u2028d\te\nf\rg\x0bh\x0ci\u0085j", "x\ufffdy\ue000z\U000f0000w",
         "x" * 100, "x" * 101, "\u00e9" * 100, "e\u0301" * 101, "[MASK] [CLS] [PAD]x", "\\ a\\ running\\", "# ## ###", "\u00abhi\u00bb \u2014 \u2019s\u3002", "\u0915\u093e\u0915\u094d",
         "\u037e \u1fef \u2126", "\U0001f600 \U0001d400\U00020000\U0002a6d6", "\u0301 \u0301a \u0345", "zz\u4e00\u9fa5\u3400\u4db5", "caf\u00e9running caf\u00e9\u2603", "\u03a3\u03c3\u03c2 \u039f\u0394\u039f\u03a3"]
draw = random.Random(5)
pool = letters * 2 + "ABCDEFG \u00e9\u00c9\u00e4\u00c4\u0301\u00df.,'!\u65e5\u672c\u200d\u00a0  "
texts += ["".join(draw.choice(pool) for _ in range(draw.randrange(1, 60))) for _ in range(60)]

with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
    file.write("\n".join(vocab) + "\n")
    file.flush()
    print("\n".join("vocab " + token for token in vocab))
    for lower in (True, False):
        own = BertTokenizerFast(vocab=file.name, do_lower_case=lower)
        for text in texts:
            ids = own(text, split_special_tokens=True)["input_ids"]
            print("text", int(lower), text.encode().hex() or "-", *ids)
