"""What pictures need of run files, partitions and comparisons."""
from __future__ import annotations

import json
import os
import re
from typing import Any

import h5py
import numpy as np

from ..errors import CohortError
from .types import Part

USAGE, CONTENT, FILES = 2, 3, 4
OPTIONS = {"iid": ["sizes"], "pachinko": ["alpha", "fine_alpha"], "shards": ["shards_per_device"], "features": ["noise"],
           "classes": ["classes_per_device"], "quantity": ["beta"], "cluster": ["clusters", "alpha"],
           "natural": ["users_per_device"]}  # shown behind the method; else alpha
FRACTIONS = ("accuracy", "f1", "precision", "recall", "map")  # metrics in 0..1 by their names, in files that do not tell units
SPLITS = "train,test,validation"  # the words of eval/split in files of earlier versions


class Failure(CohortError):
    """One line for the user and the exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message, code)


def text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def config_value(config: str, key: str) -> str:
    """The value of `key` in a resolved YAML file, at the top level if it stands there; '' when absent."""
    value = key + r":[ \t]*([^,}\n#]+)"
    found = re.search("(?m)^" + value, config) or re.search(r"(?m)(?:^|[{,])[ \t]*" + value, config)
    return found.group(1).strip().strip("\"'") if found else ""


def open_file(path: str) -> Any:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise Failure(FILES, f"{path}: {error.strerror}; is the path right?") from None
    try:
        return h5py.File(path, "r")
    except OSError:
        raise Failure(CONTENT, f"{path}: this is no HDF5 file, or a damaged one") from None


def read(path: str) -> Part:
    """{kind: run | partition, ..}: what the pictures need of one file."""
    with open_file(path) as file:
        kind = text(file.attrs.get("format", ""))
        try:
            if kind == "cohort-run":
                return read_run(file, path)
            if kind == "cohort-partition":
                return read_partition(file, path)
            if kind == "cohort-comparison":
                return read_comparison(file, path)
        except (KeyError, OSError) as error:
            raise Failure(CONTENT, f"{path}: {text(error.args[0])}") from None
    raise Failure(CONTENT, f"{path}: format '{kind}'; runs, partitions and comparisons can be drawn")


def read_table(file: Any, group: str) -> Part:
    if group not in file:
        return {}
    columns = {name: file[group][name][:] for name in file[group]}
    if len({len(column) for column in columns.values()}) > 1:
        raise KeyError(f"the columns of table {group} differ in length")
    return columns


def read_run(file: Any, path: str) -> Part:
    rounds, scores = read_table(file, "rounds"), read_table(file, "eval")
    for group, columns, names in (("rounds", rounds, ("round", "train_loss")),
                                  ("eval", scores, ("round", "split", "scope", "loss") if scores else ())):
        for name in names:
            if name not in columns:
                raise KeyError(f"table {group} has no column {name}")
    config = text(file.attrs.get("config", ""))
    folder = os.path.dirname(os.path.abspath(path))
    stored: Any = file.get("eval", {})
    units = {name: text(stored[name].attrs["unit"]) for name in stored if "unit" in stored[name].attrs}
    better = {name: text(stored[name].attrs["better"]) for name in stored if "better" in stored[name].attrs}
    words = text(stored["split"].attrs.get("split_names", SPLITS)) if scores else SPLITS
    run: Part = {"kind": "run", "units": units, "better": better, "split_names": words.split(","),
           "metric": text(stored.attrs["metric"]) if scores and "metric" in stored.attrs else None, "path": path,
           "folder": folder, "state": text(file.attrs.get("state", "")),
           "name": config_value(config, "name") or os.path.basename(folder), "rounds": rounds, "seed": None,
           "epsilon": None}
    if re.fullmatch(r"seed-\d+", os.path.basename(folder)):
        run["name"], run["seed"] = os.path.basename(os.path.dirname(folder)), os.path.basename(folder)
    privacy = run["privacy"] = read_table(file, "privacy")
    if len(privacy.get("epsilon", ())):
        run["epsilon"] = float(privacy["epsilon"][-1])
    run["split"], run["scope"], run["eval"] = choose_scores(scores)
    run["devices"] = rows_of(scores, run["split"], 1)
    if not len(rounds["round"]) and not len(run["eval"].get("round", ())):
        raise KeyError("no round is recorded yet; wait for the first, then draw again")
    return run


def rows_of(scores: Part, split: int, scope: int) -> Part:
    """The columns of one split (0 train, 1 test, 2 validation) and scope (0 central, 1 over devices); {} if none."""
    rows = (scores["split"] == split) & (scores["scope"] == scope) if scores else np.zeros(0, bool)
    return {name: column[rows] for name, column in scores.items()} if rows.any() else {}


def choose_scores(scores: Part) -> tuple[int | None, int | None, Part]:
    """The rows worth showing: the central test first, then over devices, then the validation split."""
    for split, scope in ((1, 0), (1, 1), (2, 0), (2, 1)):
        if rows_of(scores, split, scope):
            return split, scope, rows_of(scores, split, scope)
    return None, None, {}


def is_fraction(metric: str) -> bool:
    """By the name alone, in files of earlier versions."""
    return metric.removesuffix("_known").endswith(FRACTIONS)


def read_comparison(file: Any, path: str) -> Part:
    rows = {name: file["summary"][name][:] for name in ("label", "n_seeds", "mean", "low", "high", "p_value")}
    runs = {name: file["runs"][name][:] for name in ("label", "seed", "score")}
    score = file["runs/score"].attrs
    metric = text(file.attrs["metric"])
    return {"kind": "comparison", "path": path, "folder": os.path.dirname(os.path.abspath(path)), "metric": metric,
            "baseline": text(file.attrs["baseline"]), "labels": [text(label).rstrip("\0") for label in rows["label"]],
            "rows": rows, "runs": runs, "owners": [text(label).rstrip("\0") for label in runs["label"]],
            "better": text(score["better"]) if "better" in score else "",
            "fraction": text(score["unit"]) == "share" if "unit" in score else is_fraction(metric)}


def stored_names(file: Any, counts: Any) -> Any:
    """The class names that a partition keeps beside its counts; None in files of earlier versions and for numbered classes."""
    if counts is None or "class_names" not in file["label_counts"].attrs:
        return None
    names = json.loads(text(file["label_counts"].attrs["class_names"]))
    return names if len(names) == counts.shape[1] else None


def class_names(path: str, n: int) -> list[str]:
    """The names of n classes of a data set that was asked for."""
    with open_file(path) as file:
        found = len(file["classes"]) if "classes" in file else 0
        if found != n:
            raise Failure(CONTENT, f"data={path}: has {found or 'no'} class names, the partition has {n} classes")
        return [text(name).rstrip("\0") for name in file["classes"][:]]


def read_partition(file: Any, path: str) -> Part:
    sizes = np.diff(file["train/offsets"][:])
    config = text(file.attrs.get("config", ""))
    counts = file["label_counts"][:] if "label_counts" in file else None
    if counts is not None and len(counts) != len(sizes):
        raise KeyError(f"label_counts has {len(counts)} rows for {len(sizes)} devices")
    if not len(sizes):
        raise KeyError("the partition has no devices")
    method = text(file.attrs.get("method", "unknown"))
    options = [(key, config_value(config, key)) for key in OPTIONS.get(method, ["alpha"])]
    return {"kind": "partition", "path": path, "folder": os.path.dirname(os.path.abspath(path)), "sizes": sizes,
            "counts": counts, "method": method, "names": stored_names(file, counts),
            "options": [f"{key} = {value}" for key, value in options if value],
            "unassigned": len(file["unassigned"]) if "unassigned" in file else 0}
