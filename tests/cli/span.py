"""Questions of drawn texts, and what a model says of them computed anew.

    span.py write VERSION OUT.h5                   a data set of windows (h5), VERSION 1 or 2: with questions that have no answer
    span.py check DATA LOGITS LOSS ANSWERS RUN     of split 1: losses, answers and metrics of the run's last evaluation
Answers are chosen as transformers' run_qa chooses them (the 20 best first and last tokens of each window), and once more from all pairs;
metrics by tests/reference/answers.py.
"""
import os
import random
import sys

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))
from answers import score as compare  # noqa: E402

MOST, N_BEST, CONTEXT = 30, 20, 40
WORDS = "The the a of Denver broncos, 24\u201310 (Carolina) U.S. ΣΑΣ État été x the- an 1,000 Münster".split()


def write(version, path):
    draw = random.Random(7 + version)
    tokens, offsets, split, user, span, question, place = [], [0], [], [], [], [], []
    text, text_offsets, answers, bounds, answer_offsets = b"", [0], b"", [0], [0]
    for q in range(420):
        words = [draw.choice(WORDS) for _ in range(draw.choice((20, 45, 70, 150)))]
        context = " ".join(words).encode()
        ends = np.cumsum([len(w.encode()) + 1 for w in words]) - 1
        places = [(int(e) - len(w.encode()), int(e)) for w, e in zip(words, ends)]
        first = draw.randrange(len(words))
        last = min(len(words) - 1, first + draw.randrange(4))
        none = version == 2 and draw.random() < 0.4
        accepted = [] if none else [context[places[first][0]:places[last][1]], context[places[first][0]:places[first][1]], b"the"]
        for window, at in enumerate(range(0, max(1, len(words) - 10), CONTEXT - 10)):
            part = places[at:at + CONTEXT]
            inside = not none and at <= first and last < at + len(part)
            n = 5 + len(part) + 1
            tokens += range(len(tokens), len(tokens) + n)  # each its own, so that outputs are what a table says
            offsets.append(len(tokens))
            place += [(-1, -1)] * 5 + part + [(-1, -1)]
            span.append((5 + first - at, 5 + last - at) if inside else (-1, -1))
            split.append(int(q % 4 > 0))
            user.append(q % 7)
            question.append(q)
            text += context
            text_offsets.append(len(text))
            for a in accepted if window == 0 else []:
                answers += a
                bounds.append(len(answers))
            answer_offsets.append(len(bounds) - 1)
    columns = {"tokens": ("i4", tokens), "token_offsets": ("i8", offsets), "split": ("u1", split), "user": ("i4", user),
               "span": ("i4", span), "question": ("i4", question), "token_char": ("i4", place),
               "text": ("u1", np.frombuffer(text, "u1")), "text_offsets": ("i8", text_offsets),
               "answers": ("u1", np.frombuffer(answers, "u1")), "answer_bounds": ("i8", bounds), "answer_offsets": ("i8", answer_offsets),
               "vocab_size": ("i8", [len(tokens)])}
    with h5py.File(path, "w") as h:
        h.attrs.update({"format": "cohort-dataset", "version": 1, "task": "span"})
        for name, (kind, values) in columns.items():
            h[name] = np.asarray(values, kind)
    places = [i for i in range(len(split)) if split[i] == 1]
    assert any(question[places[b]] == question[places[b - 1]] for b in range(256, len(places), 256)), "no question crosses a block"


def guesses(out, place, n_best):
    """(score, first byte, last byte) of a window's allowed pairs, among the n_best of each side (None: of all), in order of search."""
    first, last = range(len(out)), range(len(out))
    if n_best:
        first, last = (np.argsort(out[:, k], kind="stable")[::-1][:n_best] for k in (0, 1))
    return [(float(out[a, 0]) + float(out[b, 1]), int(place[a][0]), int(place[b][1])) for a in first for b in last
            if place[a][0] >= 0 and place[b][0] >= 0 and a <= b < a + MOST]


def check(data_path, logits_path, loss_path, answers_path, run_path):
    data, logits, loss = (h5py.File(p) for p in (data_path, logits_path, loss_path))
    d = {k: data[k][:] for k in data}
    ids, at, out = logits["id"][:], logits["offsets"][:], logits["logits"][:]
    windows = {}
    want_loss, right = [], []
    for k, i in enumerate(ids):
        o = out[at[k]:at[k + 1]].astype("f8")
        y = np.maximum(d["span"][i], 0)
        want_loss.append(np.mean([np.log(np.exp(o[:, s] - o[:, s].max()).sum()) + o[:, s].max() - o[y[s], s] for s in (0, 1)]))
        right.append(all(o[:, s].argmax() == y[s] for s in (0, 1)))
        windows.setdefault(int(d["question"][i]), []).append((i, out[at[k]:at[k + 1]]))
    assert (loss["id"][:] == ids).all()
    np.testing.assert_allclose(loss["loss"][:], want_loss, rtol=2e-6)
    unanswerable = any(d["answer_offsets"][i] == d["answer_offsets"][i + 1] for i in range(len(d["question"]))
                       if i == 0 or d["question"][i] != d["question"][i - 1])
    given, rows, n_missed = h5py.File(answers_path), [], 0
    text, bounds = given["text"][:].tobytes(), given["text_offsets"][:]
    assert len(bounds) == len(windows) + 1
    for k, (q, parts) in enumerate(windows.items()):
        pairs, few = ([(s, i, a, b) for i, o in parts for s, a, b in guesses(o, d["token_char"][d["token_offsets"][i]:], n)] for n in (None, N_BEST))
        s, i, a, b = max(pairs, key=lambda p: p[0])
        none = min(float(o[0, 0]) + float(o[0, 1]) for _, o in parts)
        start = d["text_offsets"][i]
        want = b"" if unanswerable and none - s > 0 else d["text"][start + a:start + b].tobytes()
        n_missed += not few or max(p[0] for p in few) < s
        have = text[bounds[k]:bounds[k + 1]]
        assert have == want, (q, have, want)
        assert given["id"][k] == parts[0][0] and abs(given["score"][k] - s) < 1e-5 and abs(given["none"][k] - none) < 1e-5
        if have:
            assert given["window"][k] == i and (given["place"][k] == (a, b)).all()
        else:
            assert given["window"][k] == -1 and (given["place"][k] == -1).all()
        first = parts[0][0]
        accepted = [d["answers"][d["answer_bounds"][j]:d["answer_bounds"][j + 1]].tobytes().decode()
                    for j in range(d["answer_offsets"][first], d["answer_offsets"][first + 1])]
        rows.append((bool(accepted), *compare(have.decode(), accepted, 2 if unanswerable else 1)))
    has, exact, f1 = (np.array(x, "f8") for x in zip(*rows))
    want = {"f1": f1.mean(), "exact_match": exact.mean(), "accuracy": np.mean(right), "loss": np.mean(want_loss),
            "f1_answerable": f1[has == 1].mean(), "exact_match_answerable": exact[has == 1].mean(),
            "accuracy_unanswerable": exact[has == 0].mean() if (has == 0).any() else np.nan}
    with h5py.File(run_path + "/run.h5") as run:
        row = np.flatnonzero((run["eval/split"][:] == 1) & (run["eval/scope"][:] == 0))[-1]
        for name, value in want.items():
            np.testing.assert_allclose(run["eval"][name][row], value, rtol=1e-6 if name == "loss" else 1e-14, err_msg=name)
        assert "train_accuracy" in run["rounds"] and "train_f1" not in run["rounds"]
    print(f"{len(windows)} questions, {len(ids)} windows, {n_missed} best pairs that the {N_BEST} best do not have, {want}")


if sys.argv[1] == "write":
    write(int(sys.argv[2]), sys.argv[3])
else:
    check(*sys.argv[2:])
