"""tests/cli/tags.py - taggers recomputed from what cohort wrote: letters of words, best paths, losses.

    tags.py letters DATA.h5 CONLL..      words and their letters are those of the files
    tags.py slots DATA.h5 FOLDER         intents, words and slots are those of the folder
    tags.py chain DATA.h5 CKPT.h5 LOGITS.h5 TAGS.h5 LOSS.h5 RUN.h5      by sums over paths, in double, with numpy alone
    tags.py joint DATA.h5 LOGITS.h5 TAGS.h5 LOSS.h5 RUN.h5
"""
import glob
import json
import sys

import h5py
import numpy as np


def log_sum(x, axis):
    most = x.max(axis, keepdims=True)
    return (most + np.log(np.exp(x - most).sum(axis, keepdims=True))).squeeze(axis)


def words_of(data):
    names, chars, bounds = [c.decode() for c in data["char_vocab"][:]], data["chars"][:], data["char_offsets"][:]
    return ["".join(names[c] for c in chars[a:b]) for a, b in zip(bounds[:-1], bounds[1:])]


def known(data, word):
    """The word with what no training text has replaced."""
    names = [c.decode() for c in data["char_vocab"][:]]
    return "".join(c if c in names else "<unk>" for c in word)


def letters(path, *files):
    wanted = [line.split("\t")[0] for file in files for line in open(file).read().split("\n") if line]
    with h5py.File(path) as data:
        assert words_of(data) == [known(data, w) for w in wanted]
        assert (data["tokens"][:] == 0).any(), "no word is out of vocabulary"


def slots(path, folder):
    with h5py.File(path) as data:
        words, offsets = words_of(data), data["token_offsets"][:]
        tags = [data["tags"][t].decode() for t in data["token_y"][:]]
        table = {"char_vocab": data["char_vocab"][:]}
        classes, y, split = [c.decode() for c in data["classes"][:]], data["y"][:], data["split"][:]
    got = [(split[i], classes[y[i]], list(zip(words[a:b], tags[a:b]))) for i, (a, b) in enumerate(zip(offsets[:-1], offsets[1:]))]
    wanted = []
    for s, prefix in enumerate(("train", "validate")):
        for file in sorted(glob.glob(f"{folder}/{prefix}_*.json")):
            for intent, sentences in json.loads(open(file, encoding="latin-1" if "Eat" in file else "utf-8").read()).items():
                for sentence in sentences:
                    each = [(known(table, w), ("I-" if k else "B-") + part["entity"] if "entity" in part else "O")
                            for part in sentence["data"] for k, w in enumerate(part["text"].split())]
                    wanted.append((s, intent, each))
    assert got == wanted


def texts(data, *files):
    """Of the examples that were predicted: id, its rows in the files, its tags."""
    token_y, offsets = data["token_y"][:], data["token_offsets"][:]
    rows = files[0]["offsets"][:]
    for k, i in enumerate(files[0]["id"][:]):
        yield k, i, slice(rows[k], rows[k + 1]), token_y[offsets[i]:offsets[i + 1]]


def last_loss(run):
    return run["eval/loss"][-1]


def chain(*paths):
    data, checkpoint, logits, tags, loss, run = [h5py.File(p) for p in paths]
    model = checkpoint["model"]
    start, end, pair = [next(model[k][:].astype(float) for k in model if k.split(".")[-1] == name)
                        for name in ("start_transitions", "end_transitions", "transitions")]
    summed, n = 0.0, 0
    for k, i, rows, y in texts(data, logits):
        e, got = logits["logits"][rows].astype(float), tags["tags"][rows]
        assert (got[y < 0] == -1).all()
        e, got, y = e[y >= 0], got[y >= 0], y[y >= 0]
        if len(y) == 0:
            assert np.isnan(loss["loss"][k])
            continue
        a, best, back = start + e[0], start + e[0], []
        for row in e[1:]:
            a = row + log_sum(a[:, None] + pair, 0)
            back.append((best[:, None] + pair).argmax(0))
            best = row + (best[:, None] + pair).max(0)
        path = [int((best + end).argmax())]
        for step in reversed(back):
            path.append(int(step[path[-1]]))
        assert path[::-1] == got.tolist(), (i, path[::-1], got)
        own = start[y[0]] + end[y[-1]] + e[np.arange(len(y)), y].sum() + pair[y[:-1], y[1:]].sum()
        own = log_sum(a + end, 0) - own
        assert abs(loss["loss"][k] - own / len(y)) < 1e-5 * (1 + own), (i, loss["loss"][k], own / len(y))
        summed, n = summed + own, n + len(y)
    assert abs(summed / n - last_loss(run)) < 1e-5 * (1 + summed / n), (summed / n, last_loss(run))


def joint(*paths):
    data, logits, tags, loss, run = [h5py.File(p) for p in paths]
    n_tags, n_classes = len(data["tags"]), len(data["classes"])
    losses, right, both = [], 0, 0
    for k, i, rows, y in texts(data, logits):
        out, got = logits["logits"][rows].astype(float), tags["tags"][rows]
        assert out.shape[1] == n_tags + n_classes and (out[1:, n_tags:] == 0).all()
        assert (out[:, :n_tags].argmax(1) == got).all()
        c = out[0, n_tags:]
        of_tags = log_sum(out[:, :n_tags], 1) - out[np.arange(len(y)), y]
        losses.append(log_sum(c, 0) - c[data["y"][i]] + of_tags.mean())
        assert abs(loss["loss"][k] - losses[-1]) < 1e-5 * (1 + losses[-1])
        right += c.argmax() == data["y"][i]
        both += c.argmax() == data["y"][i] and (got == y).all()
    for name, value in (("loss", np.mean(losses)), ("accuracy", right / len(losses)), ("both_right", both / len(losses))):
        assert abs(run["eval/" + name][-1] - value) < 1e-5 * (1 + value), (name, run["eval/" + name][-1], value)


if __name__ == "__main__":
    {"letters": letters, "slots": slots, "chain": chain, "joint": joint}[sys.argv[1]](*sys.argv[2:])
