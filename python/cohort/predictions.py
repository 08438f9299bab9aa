"""What a trained model says of the examples of a data set."""
from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from . import program, tables, yaml_text
from .runs import PathLike, Run


def predict(model: PathLike | Run, data: PathLike, *, output: str = "logits", split: str | int = "all", ranks: int = 1,
            out: PathLike | None = None, overwrite: bool = False, launcher: Sequence[str] | None = None,
            **options: Any) -> Predictions:
    """``cohort predict``: ``model`` is a run (its newest checkpoint), a checkpoint or an experiment file.

    ``output``: one of logits, loss, hidden, tags, answers, text. ``out``: where the file is kept; without it, it lives as long
    as the object.
    """
    source = model.checkpoints[-1] if isinstance(model, Run) else model
    with contextlib.ExitStack() as failed:
        if out is None:
            out = Path(failed.enter_context(tempfile.TemporaryDirectory(prefix="cohort-"))) / "predictions.h5"
        words = ["predict", os.fspath(source), os.fspath(getattr(data, "file", data)), "-o", os.fspath(out), f"output={output}",
                 f"split={split}"]
        words += [f"{key}={yaml_text.word(value)}" for key, value in options.items()]
        program.call([*words, *["--overwrite"] * overwrite], ranks, launcher)
        made = Predictions(out)
        weakref.finalize(made, failed.pop_all().close)  # a folder of its own goes with the object
    return made


class Predictions:
    """A predictions file, its columns read when they are asked for."""

    def __init__(self, path: PathLike) -> None:
        self.file = Path(path).absolute()
        with h5py.File(self.file, "r") as file:
            self.attributes = {key: tables.plain(value) for key, value in file.attrs.items()}
            self.columns = {name: file[name].shape for name in file if isinstance(file[name], h5py.Dataset)}

    def __repr__(self) -> str:
        return f"<cohort.Predictions for {len(self)} examples: {', '.join(sorted(self.columns))}>"

    def __len__(self) -> int:
        return int(self.columns["id"][0])

    def __getitem__(self, column: str) -> Any:
        """A column whole."""
        with h5py.File(self.file, "r") as file:
            return tables.column(file[column])

    @property
    def ids(self) -> Any:
        """Ids of the examples, by split and id."""
        return self["id"]

    @property
    def logits(self) -> Any:
        """[rows, classes]"""
        return self["logits"]

    @property
    def labels(self) -> Any:
        """[rows] the class with the largest logit."""
        return np.argmax(self.logits, axis=1)

    def rows(self, example: int) -> slice:
        """Which rows are of the example at that place: those of its tokens, or one."""
        if "offsets" not in self.columns:
            return slice(example, example + 1)
        begin, end = self["offsets"][example:example + 2]
        return slice(int(begin), int(end))
