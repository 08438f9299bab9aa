"""Checks files of `cohort predict` in plain NumPy.

    predict.py sources                            writes the sources of the data sets; prints what `cohort import` is told
    predict.py scores DATA RUN LOGITS LOSS        of split 1: the metrics and the loss of the run's last evaluation, exactly
    predict.py forward DATA CKPT LOGITS HIDDEN    embedding | mean over time | dense | tanh | dense, computed anew
    predict.py features HIDDEN OUT.csv            the rows by id, as a data set's features
"""
import glob
import os
import sys

import h5py
import numpy as np


def sources():
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
    import data
    data.write_sources()
    for name in ("table.h5", "numbers.h5", "labels.h5", "pictures.h5", "words.h5", "play.h5", "tags.h5"):
        print(name, data.IMPORTS[name])


def rows_of(data, ids):
    """Targets of the examples, one behind the other, and their tokens or x."""
    task = data.attrs["task"]
    task = task.decode() if isinstance(task, bytes) else task
    if "tokens" not in data:
        y = data["y"][:][ids]
        x = data["x"][:][ids].astype("f4") * np.float32(data["x"].attrs.get("scale", 1))
        return task, y, x
    offsets, tokens = data["token_offsets"][:], data["tokens"][:]
    texts = [tokens[offsets[i]:offsets[i + 1]] for i in ids]
    if task == "lm":
        return task, np.concatenate([t[1:] for t in texts]), [t[:-1] for t in texts]
    if task == "tagging":
        token_y = data["token_y"][:]
        return task, np.concatenate([token_y[offsets[i]:offsets[i + 1]] for i in ids]), texts
    return task, data["y"][:][ids], texts


def losses(task, y, out):
    if task == "regression":
        return np.mean((out - y) ** 2, 1)
    if task == "multilabel":
        return np.mean(np.logaddexp(0, out) - out * y, 1)
    top = out.max(1)
    return np.log(np.exp(out - top[:, None]).sum(1)) + top - out[np.arange(len(y)), y]


def scores(data_path, run_path, logits_path, loss_path):
    with h5py.File(data_path) as data, h5py.File(logits_path) as p, h5py.File(loss_path) as q, h5py.File(run_path) as run:
        ids = p["id"][:]
        assert (ids == np.flatnonzero(data["split"][:] == 1)).all() and (q["id"][:] == ids).all()
        task, y, texts = rows_of(data, ids)
        out, loss = p["logits"][:].astype("f8"), q["loss"][:]
        if task in ("lm", "tagging"):
            lengths = [len(t) for t in texts]
            assert (p["offsets"][:] == np.concatenate([[0], np.cumsum(lengths)])).all() and (q["offsets"][:] == p["offsets"][:]).all()
        else:
            assert "offsets" not in p
        at = np.flatnonzero((run["eval/split"][:] == 1) & (run["eval/scope"][:] == 0))[-1]
        was = {k: run["eval"][k][at] for k in run["eval"]}
        np.testing.assert_allclose(loss, losses(task, y, out), rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(loss.astype("f8").mean(), was["loss"], rtol=1e-6)
        if "accuracy" in was:
            assert np.mean(out.argmax(1) == y) == was["accuracy"], "accuracy"
        if "micro_f1" in was:
            guess, target = out > 0, y > 0
            assert 2 * (guess & target).sum() / (guess.sum() + target.sum()) == was["micro_f1"], "micro_f1"
        if "rmse" in was:
            np.testing.assert_allclose(np.sqrt(np.mean((out - y) ** 2)), was["rmse"], rtol=1e-12)
        if "perplexity" in was:
            np.testing.assert_allclose(np.exp(loss.astype("f8").mean()), was["perplexity"], rtol=1e-6)


def forward(data_path, checkpoint, logits_path, hidden_path):
    with h5py.File(data_path) as data, h5py.File(checkpoint) as c, h5py.File(logits_path) as p, h5py.File(hidden_path) as h:
        task, _, x = rows_of(data, p["id"][:])
        w = {k: c["model"][k][:].astype("f8") for k in c["model"]}
        if isinstance(x, list):
            table = w["0.weight"]
            x = np.array([table[t].mean(0) for t in x]) if task == "classification" else np.concatenate([table[t] for t in x])
        first, last = sorted((k[:-7] for k in w if k.endswith(".weight")), key=int)[-2:]
        hidden = np.tanh(x @ w[first + ".weight"].T + w[first + ".bias"])
        np.testing.assert_allclose(h["hidden"][:], hidden, rtol=1e-5, atol=2e-6)
        np.testing.assert_allclose(p["logits"][:], hidden @ w[last + ".weight"].T + w[last + ".bias"], rtol=1e-5, atol=5e-6)


def features(hidden_path, out_path):
    with h5py.File(hidden_path) as h:
        rows = h["hidden"][:][np.argsort(h["id"][:])]
    with h5py.File(out_path, "w") as f:
        f["x"], f["y"], f["split"] = rows, np.zeros(len(rows), "i4"), np.zeros(len(rows), "u1")


globals()[sys.argv[1]](*sys.argv[2:])
