"""The data sets of the pinned runs: small, made here number by number (no library's generator), read by `cohort import`."""
import json
import os

import h5py
import numpy as np


class Draws:
    """A congruential generator (Knuth's MMIX constants): the same numbers with any Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def choice(self, values):
        return values[self.below(len(values))]


def write_table():
    """table.csv: six numbers that lean on one of six classes, a user, a group of two classes; lists and a matrix for it."""
    draw = Draws(1)
    with open("table.csv", "w") as f:
        f.write("a,b,c,d,e,f,label,user,group\n")
        for _ in range(240):
            y = draw.below(6)
            x = [(draw.below(2001) - 1000) / 500 + (k == y) for k in range(6)]
            f.write(",".join(f"{v:.3f}" for v in x) + f",k{y},u{draw.below(12)},g{y // 2}\n")
    with open("lists.json", "w") as f:
        json.dump({str(k): list(range(7 * k, 7 * k + 7)) for k in range(5)}, f)
    with open("matrix.csv", "w") as f:
        f.writelines(",".join(str(draw.below(4)) for _ in range(6)) + "\n" for _ in range(5))
    with open("classes.csv", "w") as f:
        f.writelines(",".join(str(1 + draw.below(4)) for _ in range(4)) + "\n" for _ in range(6))


def write_targets():
    """numbers.csv: two numbers that are nearly linear in four features; labels.csv: three labels, which hang on their signs."""
    draw = Draws(4)
    with open("numbers.csv", "w") as numbers, open("labels.csv", "w") as labels:
        numbers.write("a,b,c,d,up,down,user\n")
        labels.write("a,b,c,d,left,right,rare,user\n")
        for i in range(200):
            x = [(draw.below(2001) - 1000) / 500 for _ in range(4)]
            cells = ",".join("" if i % 50 == 7 and k == 3 else f"{v:.3f}" for k, v in enumerate(x))
            up, down = 50 + 3 * x[0] - x[1] + draw.below(100) / 500, x[2] * x[3] + draw.below(100) / 500
            numbers.write(f"{cells},{up:.3f},{down:.3f},u{i % 10}\n")
            labels.write(f"{cells},{int(x[0] > 0)},{int(x[1] + x[2] > 0)},{int(x[3] > 1.8)},u{i % 10}\n")


def write_pictures(name, n, shape, n_classes):
    """NAME.npz: bytes of noise, brighter in rows that tell the class."""
    draw = Draws(2)
    y = np.array([draw.below(n_classes) for _ in range(n)])
    x = np.array([draw.below(160) for _ in range(n * int(np.prod(shape)))]).reshape((n,) + shape)
    for i in range(n):
        x[i, :, 2 * y[i]:2 * y[i] + 2] += 80
    np.savez(name + ".npz", x=x.astype("u1"), y=y, split=(np.arange(n) % 5 == 4).astype("u1"))


def write_texts():
    """words.csv: messages of two kinds; play.txt: speeches of seven roles; train and test.conll: words with tags."""
    draw = Draws(3)
    with open("words.csv", "w") as f:
        f.write("text,label\n")
        for i in range(120):
            words = [draw.choice(["good" if i % 2 else "bad", "film", "na\u00efve", "don't", "it", "is"]) for _ in range(1 + draw.below(14))]
            f.write(" ".join(words) + "," + ("pos" if i % 2 else "neg") + "\n")
    with open("words.csv") as f, open("marked.csv", "w") as marked:  # the same messages: does each of two words stand in them?
        marked.write("text,good,bad\n")
        for line in list(f)[1:]:
            message = line.rsplit(",", 1)[0]
            marked.write(f"{message},{int('good' in message)},{int('bad' in message)}\n")
    with open("play.txt", "w") as f:
        for _ in range(90):
            who = draw.choice("ABCDEFG")
            f.write(f"{who}:\n" + " ".join(draw.choice(["to", "be", "or", "not", who.lower() * 3]) for _ in range(1 + draw.below(12))) + "\n\n")
    for part, n in (("train", 70), ("test", 20)):
        with open(part + ".conll", "w") as f:
            for _ in range(n):
                for _ in range(1 + draw.below(7)):
                    f.write(draw.choice(["Ann\tB-per\nLee\tI-per\n", "Rome\tB-loc\n", "in\tO\n", "sees\tO\n", ".\tO\n"]))
                f.write("\n")


def write_slots():
    """slots/: sentences of two intents with slots, as Snips has them."""
    draw = Draws(11)
    parts = [("in", None), ("Rome", "city"), ("New York", "city"), ("now", "time"), ("at ten", "time"), ("please", None)]
    os.makedirs("slots", exist_ok=True)
    for name, intent, verb, n in (("train_Go_full", "Go", "go", 40), ("train_Eat_full", "Eat", "eat", 35), ("validate_Go", "Go", "go", 9),
                                  ("validate_Eat", "Eat", "eat", 8)):
        sentences = []
        for _ in range(n):
            words = [{"text": draw.choice([verb, "let us " + verb, "we"]) + " "}]
            for _ in range(draw.below(5)):
                text, slot = draw.choice(parts)
                words.append({"text": text + " ", "entity": slot} if slot else {"text": text + " "})
            sentences.append({"data": words})
        with open(f"slots/{name}.json", "w") as f:
            json.dump({intent: sentences}, f)


def write_questions():
    """questions.json: nine articles of SQuAD's form; the answer follows the word that the question names, some questions have none."""
    draw = Draws(8)
    articles = []
    for a in range(9):
        paragraphs = []
        for p in range(3):
            words = [draw.choice(["the", "film", "na\u00efve", "don't", "Rome", "sees", "a", "to", "(be)", "1,000"]) for _ in range(8 + draw.below(30))]
            at, qas = draw.below(len(words) - 2), []
            for q in range(3):
                start, text = len(" ".join(words[:at + q])) + (at + q > 0), words[at + q] if at + q < len(words) else ""
                none = text == "" or draw.below(4) == 0
                qas.append({"id": f"{a}-{p}-{q}", "question": f"what follows {words[max(0, at + q - 1)]} ?", "is_impossible": none,
                            "answers": [] if none else [{"text": text, "answer_start": start}]})
            paragraphs.append({"context": " ".join(words), "qas": qas})
        articles.append({"title": f"article {a}", "paragraphs": paragraphs})
    with open("questions.json", "w") as f:
        json.dump({"version": "v2.0", "data": articles}, f)


def write_pieces():
    """pieces.txt: a vocabulary of word pieces in which most words of the texts are several; ids.h5: numbers of tokens alone."""
    with open("pieces.txt", "w") as f:
        f.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "an", "##n", "rom", "##e", "see", "##s", "in", "le", ".", "to", "be", "or", "no", "##t", "na", "##ive",
                           "goo", "ba", "##d", "it", "is", "don", "'", "t", "film"]) + "\n")
    draw = Draws(6)
    lengths = [draw.below(9) for _ in range(100)]
    with h5py.File("ids-raw.h5", "w") as h:
        h["tokens"] = np.array([draw.below(40) for _ in range(sum(lengths))], "i4")
        h["token_offsets"] = np.cumsum([0] + lengths)
        h["vocab_size"] = [50]
        h["y"] = np.array([draw.below(3) for _ in lengths], "i4")


def write_pairs():
    """sources.txt and targets.txt: each word has a translation, in the other order; windows.json: articles that say who is where."""
    draw = Draws(8)
    words = {"an": "eine", "old": "alte", "dog": "Hund", "sees": "sieht", "two": "zwei", "cats": "Katzen", "na\u00efve": "naive"}
    lines = [[draw.choice(list(words)) for _ in range(1 + draw.below(8))] for _ in range(80)]
    with open("sources.txt", "w") as sources, open("targets.txt", "w") as targets:
        for line in lines:
            sources.write(" ".join(line) + "\n")
            targets.write(" ".join(words[w] for w in reversed(line)) + "\n")
    articles = []
    for title in ("Rome", "Z\u00fcrich", "Oslo", "Paris"):
        paragraphs = []
        for _ in range(4):
            who = [draw.choice(["Ann", "Bo", "Zo\u00e9"]) + " " + draw.choice(["Lee", "Ray"]) for _ in range(1 + draw.below(4))]
            context = " ".join(f"{name} is in {title} with {draw.choice(['a dog', 'two cats'])}." for name in who)
            paragraphs.append({"context": context, "qas": [
                {"id": f"{title}-{len(paragraphs)}-{k}", "question": f"Who is in {title}?" if k else "Is there a horse?",
                 "answers": [{"text": who[-1], "answer_start": context.rindex(who[-1])}] if k else [], "is_impossible": not k} for k in (0, 1)]})
        articles.append({"title": title, "paragraphs": paragraphs})
    with open("windows.json", "w") as f:
        json.dump({"version": "v2.0", "data": articles}, f)


def write_backwards():
    """backwards-raw.h5: texts of numbers, some empty, and the same backwards with marks."""
    draw = Draws(7)
    source = [[3 + draw.below(15) for _ in range(draw.below(9))] for _ in range(90)]
    target = [[1] + text[::-1] + [2] for text in source]
    with h5py.File("backwards-raw.h5", "w") as h:
        for own, offsets, texts in (("tokens", "token_offsets", source), ("target_tokens", "target_offsets", target)):
            h[own] = np.array(sum(texts, []), "i4")
            h[offsets] = np.cumsum([0] + [len(text) for text in texts])
        h["vocab_size"] = [18]
        h.attrs["task"] = "seq2seq"


# What `cohort import` is told, and the file it makes.
IMPORTS = {
    "table.h5": "csv table.csv header=true y=label user=user group=group test_fraction=0.2",
    "numbers.h5": "csv numbers.csv header=true y=[up,down] task=regression user=user missing=mean scale=standard test_fraction=0.2",
    "labels.h5": "csv labels.csv header=true y=[left,right,rare] task=multilabel user=user missing=zero test_fraction=0.2",
    "whole.h5": "csv table.csv header=true y=label user=user",
    "pictures.h5": "npz pictures.npz",
    "digits.h5": "npz digits.npz",
    "colours.h5": "npz colours.npz",
    "marked.h5": "csv marked.csv header=true text=text y=[good,bad] task=multilabel tokens=word test_fraction=0.2",
    "words.h5": "csv words.csv header=true text=text y=label tokens=word test_fraction=0.2",
    "play.h5": "shakespeare play.txt tokens=char max_tokens=30",
    "bytes.h5": "shakespeare play.txt tokens=byte max_tokens=20",
    "tags.h5": "conll train=train.conll test=test.conll tokens=blank",
    "letters.h5": "conll train=train.conll test=test.conll tokens=blank min_count=9 chars=true",
    "slots.h5": "snips slots tokens=blank chars=true",
    "tag-pieces.h5": "conll train=train.conll test=test.conll tokens=wordpiece vocab=pieces.txt max_tokens=9",
    "play-pieces.h5": "shakespeare play.txt tokens=wordpiece vocab=pieces.txt max_tokens=9",
    "pieces.h5": "csv words.csv header=true text=text y=label tokens=wordpiece vocab=pieces.txt test_fraction=0.2",
    "ids.h5": "h5 ids-raw.h5 test_fraction=0.2",
    "questions.h5": "squad questions.json tokens=word max_tokens=24 stride=6 test_articles=3",
    "pairs.h5": "pairs source=sources.txt target=targets.txt test_fraction=0.2",
    "windows.h5": "squad windows.json test_articles=1 tokens=wordpiece vocab=pieces.txt max_tokens=40 stride=8",
    "backwards.h5": "h5 backwards-raw.h5 test_fraction=0.2",
}


def write_sources():
    """Writes what IMPORTS reads into the current folder."""
    write_table()
    write_targets()
    write_pictures("pictures", 60, (1, 10, 10), 4)
    write_pictures("digits", 15, (1, 28, 28), 10)
    write_pictures("colours", 15, (3, 32, 32), 10)
    write_texts()
    write_slots()
    write_questions()
    write_pieces()
    write_pairs()
    write_backwards()
