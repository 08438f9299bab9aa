"""Partitions: which examples each device has."""
from __future__ import annotations

import contextlib
import json
import os
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from . import program, tables, yaml_text

PathLike = str | os.PathLike[str]


def partition(data: PathLike, method: str = "dirichlet", devices: int | None = None, *, out: PathLike | None = None,
              overwrite: bool = False, **options: Any) -> Partition:
    """Deals a data set to devices (``cohort partition``; ``cohort list partitioner`` names methods and their options).

    ``data``: a data set file, or what ``write_dataset`` gave. ``out``: where the partition is kept; without it, it lives as long
    as the object.
    """
    words = ["partition", _path(data), f"method={method}"]
    if devices is not None:
        words.append(f"devices={devices}")
    words += [f"{key}={yaml_text.word(value)}" for key, value in options.items()]
    with contextlib.ExitStack() as failed:
        if out is None:
            out = Path(failed.enter_context(tempfile.TemporaryDirectory(prefix="cohort-"))) / "partition.h5"
        program.call([*words, "-o", os.fspath(out), *["--overwrite"] * overwrite])
        made = Partition(out)
        weakref.finalize(made, failed.pop_all().close)  # a folder of its own goes with the object
    return made


def read_partition(path: PathLike) -> Partition:
    """A partition file."""
    return Partition(path)


def write_partition(path: PathLike, data: PathLike, indices: Sequence[Sequence[int]], overwrite: bool = False) -> Partition:
    """A partition made elsewhere, as one list of example ids a device (rows of the data set)."""
    with tempfile.TemporaryDirectory(prefix="cohort-") as folder:
        lists = Path(folder) / "indices"  # what messages and the file's record of its options call them
        lists.write_text(json.dumps([[_whole(i) for i in device] for device in indices]), encoding="utf-8")
        words = ["partition", os.path.abspath(_path(data)), "method=imported", f"from={lists.name}"]
        program.call([*words, "-o", os.path.abspath(path), *["--overwrite"] * overwrite], folder=folder)
    return Partition(path)


def _whole(value: Any) -> int:
    if int(value) != value:
        raise ValueError(f"{value!r} is no example's id: ids are whole numbers, rows of the data set")
    return int(value)


def _path(data: Any) -> str:
    return str(os.fspath(getattr(data, "file", data)))


class Partition:
    """Who has which examples."""

    def __init__(self, path: PathLike) -> None:
        self.file = Path(path).absolute()  #: the partition file
        with h5py.File(self.file, "r") as file:
            form = tables.text(file.attrs.get("format", ""))
            if form != "cohort-partition":
                raise ValueError(f"{path}: its format is {form or 'unknown'}, not cohort-partition")
            self.attributes = {key: tables.plain(value) for key, value in file.attrs.items()}  #: method, digests ..
            self._offsets = file["train/offsets"][()]
            self._names = ([tables.text(name) for name in file["device_name"][()]] if "device_name" in file
                           else [str(k) for k in range(len(self._offsets) - 1)])

    def __repr__(self) -> str:
        return f"<cohort.Partition {self.attributes.get('method')}: {len(self)} devices, {int(self.sizes.sum())} examples>"

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, device: int) -> Any:
        """The ids of a device's training examples."""
        if not -len(self) <= device < len(self):
            raise IndexError(f"device {device} of {len(self)}")
        device %= len(self)
        with h5py.File(self.file, "r") as file:
            return file["train/examples"][self._offsets[device]:self._offsets[device + 1]]

    @property
    def sizes(self) -> Any:
        """[devices] training examples of each."""
        return np.diff(self._offsets)

    @property
    def names(self) -> list[str]:
        """[devices] names of the users that they are, else their numbers."""
        return list(self._names)

    @property
    def indices(self) -> list[Any]:
        """[devices] ids of each one's training examples."""
        with h5py.File(self.file, "r") as file:
            return np.split(file["train/examples"][()], self._offsets[1:-1])

    @property
    def test_indices(self) -> list[Any]:
        """[devices] ids of each one's test part; all empty without ``test_fraction``."""
        with h5py.File(self.file, "r") as file:
            if "test/offsets" not in file:
                return [np.zeros(0, np.int64)] * len(self)
            return np.split(file["test/examples"][()], file["test/offsets"][1:-1])

    @property
    def labels(self) -> pd.DataFrame:
        """A row a device, a column a class: how many examples; empty where the file has no counts."""
        with h5py.File(self.file, "r") as file:
            if "label_counts" not in file:
                return pd.DataFrame(index=pd.Index(self._names, name="device"))
            counts = file["label_counts"]
            named = "class_names" in counts.attrs
            names = json.loads(tables.text(counts.attrs["class_names"])) if named else list(range(counts.shape[1]))
            return pd.DataFrame(counts[()], index=pd.Index(self._names, name="device"), columns=pd.Index(names, name="class"))

    @property
    def stats(self) -> pd.Series[float]:
        """Sizes and skew, as ``cohort show`` prints them."""
        with h5py.File(self.file, "r") as file:
            found = {name: float(file["stats"][name][()]) for name in file["stats"]} if "stats" in file else {}
            return pd.Series(found, dtype=float)

    def plot(self, **options: Any) -> Any:
        """A figure of matplotlib: the classes of each device and the sizes of all (options: `cohort plot --help`)."""
        from . import plots
        return plots.draw([self.file], options)
