"""Metrics of the last evaluation of a run with one dense layer, computed anew from its checkpoint and data set, in plain NumPy.

    tasks.py DATA.h5 RUN_DIR
"""
import glob
import sys

import h5py
import numpy as np


def average_precision(score, target):
    """The mean over the targets of the share of targets among all scores at least as high."""
    at_least = score[None, :] >= score[target][:, None]
    return np.mean((at_least & target[None, :]).sum(1) / at_least.sum(1))


def scores(task, y, out):
    if task == "regression":
        error = out - y
        rest = (error**2).sum(0) / ((y - y.mean(0))**2).sum(0)
        return {"loss": np.mean(error**2), "rmse": np.sqrt(np.mean(error**2)), "mae": np.mean(abs(error)), "r2": np.mean(1 - rest)}
    target, guess = y > 0.5, out > 0
    right, counted = (target & guess).sum(0), target.sum(0) + guess.sum(0)
    return {"loss": np.mean(np.logaddexp(0, out) - out * y), "micro_f1": 2 * right.sum() / counted.sum(),
            "macro_f1": np.mean((2 * right / np.maximum(counted, 1))[counted > 0]),
            "map": np.mean([average_precision(out[:, j], target[:, j]) for j in range(y.shape[1]) if target[:, j].any()])}


data, run = sys.argv[1:]
with h5py.File(data) as h:
    test = h["split"][:] == 1
    x, y, task = h["x"][:][test].astype(float), h["y"][:][test].astype(float), h.attrs["task"]
with h5py.File(sorted(glob.glob(run + "/ckpt-*.h5"))[-1]) as h:
    out = x @ h["model/0.weight"][:].astype(float).T + h["model/0.bias"][:]
with h5py.File(run + "/run.h5") as h:
    row = np.flatnonzero((h["eval/scope"][:] == 0) & (h["eval/split"][:] == 1))[-1]
    have = {name: h["eval"][name][row] for name in h["eval"]}
want = scores(task if isinstance(task, str) else task.decode(), y, out)
bad = {name: (have[name], value) for name, value in want.items() if not abs(have[name] - value) <= 2e-5 * max(1, abs(value))}
print(bad or f"{len(want)} metrics agree")
sys.exit(bool(bad))
