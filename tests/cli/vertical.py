"""Checks the files of `cohort export vertical` in the folder FOLDER against the data set itself.

    vertical.py FOLDER DATA [npz | csv]     joined by id, the parties hold DATA's features and labels again
    vertical.py FOLDER sizes A B ..         the parties have so many features; * behind a number: and the labels
"""
import csv
import glob
import sys

import h5py
import numpy as np


def read(path):
    if path.endswith(".npz"):
        with np.load(path) as file:
            return dict(file)
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    head, cells = rows[0], list(zip(*rows[1:]))
    numbers = [k for k, name in enumerate(head) if name.startswith("x")]
    out = {"id": np.array(cells[0], int), "split": np.array(cells[1], int), "columns": np.array([int(head[k][1:]) for k in numbers]),
           "x": np.array([cells[k] for k in numbers], np.float32).T}
    if "y" in head:
        out["y"] = np.array(cells[head.index("y")])
    return out


folder, rest = sys.argv[1], sys.argv[2:]
n_files = len(glob.glob(f"{folder}/party-*"))
ending = "csv" if rest[-1] == "csv" else "npz"
parties = [read(f"{folder}/party-{k}.{ending}") for k in range(n_files)]
if rest[0] == "sizes":
    have = [f"{len(p['columns'])}{'*' if 'y' in p else ''}" for p in parties]
    sys.exit(0 if have == rest[1:] else f"parties of {have}, not {rest[1:]}")

with h5py.File(rest[0]) as file:
    x, y, split = file["x"][:], file["y"][:], file["split"][:]
    classes = [c.decode() if isinstance(c, bytes) else c for c in file["classes"][:]]
    scale, shift = (np.ravel(file["x"].attrs.get(k, d))[0] for k, d in (("scale", 1.0), ("shift", 0.0)))
x = (x.reshape(len(x), -1).astype(np.float32) * np.float32(scale) + np.float32(shift)).astype(np.float32)
seen = np.zeros(x.shape[1], int)
for k, party in enumerate(parties):
    assert (party["id"] == np.arange(len(x))).all() and (party["split"] == split).all(), f"party {k}: ids, splits"
    seen[party["columns"]] += 1
    assert len(party["columns"]) == 0 or (party["x"] == x[:, party["columns"]]).all(), f"party {k}: other features"
    if "y" in party:
        want = y if ending == "npz" else np.array(classes)[y]
        assert (party["y"] == want).all(), f"party {k}: other labels"
assert (seen == 1).all(), "a feature is nobody's or two parties'"
assert sum("y" in p for p in parties) == 1, "the labels are one party's"
