"""Comparisons: grids of experiments over paired seeds."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py

from . import program, tables, yaml_text
from .runs import Bar, PathLike, Run, _as_file, _flatten, _folder_of


def compare(experiment: PathLike | Mapping[str, Any], grid: Mapping[str, Sequence[Any]], seeds: int = 3, *, ranks: int = 2,
            baseline: str | None = None, tune: Mapping[str, Sequence[Any]] | None = None, progress: bool = True,
            launcher: Sequence[str] | None = None, **overrides: Any) -> Comparison:
    """Every point of a grid with every seed (``cohort compare``): ``grid={"algorithm": ["fedavg", "scaffold"]}``.

    What is there already is kept: called again after a stop, it goes on. ``tune``: keys chosen for each point on the
    validation split. ``overrides`` as of ``run``.
    """
    for key, values in [*grid.items(), *(tune or {}).items()]:
        if isinstance(values, str):
            raise ValueError(f"{key}: {values!r} is one value; a grid wants a list of them")
    words = [f"grid.{key}={yaml_text.word(list(values))}" for key, values in grid.items()]
    words += [f"tune.{key}={yaml_text.word(list(values))}" for key, values in (tune or {}).items()]
    words += [f"{key}={yaml_text.word(value)}" for key, value in _flatten(overrides)]
    words += [f"seeds={seeds}"] + ([f"baseline={baseline}"] if baseline else [])
    with _as_file(experiment) as path:
        bar = Bar() if progress else None
        try:
            output = program.watch(["compare", path, *words], ranks, launcher, bar.see if bar else lambda line: None)
        finally:
            if bar:
                bar.end()
    return Comparison(_folder_of(output, experiment, overrides))


class Comparison:
    """What a comparison found."""

    def __init__(self, path: PathLike) -> None:
        given = Path(path).absolute()
        self.file = given / "compare.h5" if given.is_dir() else given  #: compare.h5
        self.folder = self.file.parent
        with h5py.File(self.file, "r") as file:
            self.attributes = {key: tables.plain(value) for key, value in file.attrs.items()}
            self.summary = tables.frame(file["summary"])  #: a row a label: mean, interval, p value against the baseline
            self.runs = tables.frame(file["runs"])  #: a row a run: label, seed, score

    def __repr__(self) -> str:
        return f"<cohort.Comparison of {len(self.summary)} experiments by {self.attributes.get('metric')}: {self.folder}>"

    def run(self, label: str, seed: int) -> Run:
        """One of its runs."""
        return Run(self.folder / label / f"seed-{seed}")

    def plot(self) -> Any:
        """A figure of matplotlib: means with their intervals."""
        from . import plots
        return plots.draw([self.file], {})

    def __fspath__(self) -> str:
        return os.fspath(self.file)
