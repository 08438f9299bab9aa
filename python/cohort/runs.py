"""Runs: started, followed and read."""
from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from . import program, tables, yaml_text
from .errors import saying

PathLike = str | os.PathLike[str]


def run(experiment: PathLike | Mapping[str, Any], ranks: int = 2, *, overwrite: bool = False, resume: bool = False,
        progress: bool = True, launcher: Sequence[str] | None = None, **overrides: Any) -> Run:
    """Trains as an experiment says, and gives what it leaves.

    ``experiment``: a YAML file, or the same as nested dicts. ``overrides``: ``rounds=20``, a whole section
    (``local={"lr": 0.1}`` changes that key alone), or ``**{"local.lr": 0.1}``. ``launcher``: what to start the program
    with in place of mpirun, as ``["srun", "-n", "64"]``. The bits do not depend on ``ranks``.

    Ctrl-C writes a checkpoint and stops; ``resume=True`` goes on. CohortError carries the program's message and its
    exit code.
    """
    words = [f"{key}={yaml_text.word(value)}" for key, value in _flatten(overrides)]
    flags = ["--overwrite"] * overwrite + ["--resume"] * resume
    with _as_file(experiment) as path:
        bar = Bar() if progress else None
        try:
            output = program.watch(["run", path, *words, *flags], ranks, launcher, bar.see if bar else lambda line: None)
        finally:
            if bar:
                bar.end()
    return Run(_folder_of(output, experiment, overrides))


def dry_run(experiment: PathLike | Mapping[str, Any], ranks: int = 1, **overrides: Any) -> str:
    """What the program says that a run will take: checked like a run, but nothing is trained."""
    words = [f"{key}={yaml_text.word(value)}" for key, value in _flatten(overrides)]
    with _as_file(experiment) as path:
        return program.call(["run", path, *words, "--dry-run"], ranks)


def load(path: PathLike) -> Run:
    """A run by its folder or its run.h5, also while it goes on: tables are read anew when the file has changed."""
    return Run(path)


class Run:
    """What a run has left: tables, experiment, checkpoints, the trained model."""

    def __init__(self, path: PathLike) -> None:
        given = Path(path).absolute()  # the folder of work may change
        self.file = given / "run.h5" if given.is_dir() else given  #: run.h5
        self.folder = self.file.parent  #: where all its files are
        if not self.file.exists():
            raise FileNotFoundError(f"{self.file}: no run has been written there yet")
        self._seen: tuple[int, int] | None = None
        self._tables: dict[str, pd.DataFrame] = {}
        self._attributes: dict[str, Any] = {}

    def __repr__(self) -> str:
        rounds = self.rounds["round"]
        done = int(rounds.iloc[-1]) if len(rounds) else 0
        return f"<cohort.Run {self.name!r}: {done} of {self.config.get('rounds', '?')} rounds, {self.state}, {self.folder}>"

    # ---- tables

    @property
    def rounds(self) -> pd.DataFrame:
        """A row a round: devices asked and reported, losses, bytes, seconds, digest of the model."""
        return self.table("rounds")

    @property
    def eval(self) -> pd.DataFrame:
        """A row an evaluation: round, split and scope by name, n, loss, metrics."""
        return self.table("eval")

    @property
    def devices(self) -> pd.DataFrame:
        """A row a device and round, where ``output.devices`` keeps them; empty otherwise."""
        return self.table("devices")

    @property
    def privacy(self) -> pd.DataFrame:
        """A row a round of what was released; empty without a mechanism."""
        return self.table("privacy")

    @property
    def privacy_examples(self) -> pd.DataFrame:
        """A row a round of what devices have spent on their own examples (local.dp)."""
        return self.table("privacy_examples")

    @property
    def load(self) -> pd.DataFrame:
        """A row a round and rank: devices, predicted and measured seconds."""
        return self.table("load")

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run file by its name."""
        self._refresh()
        return self._tables.get(name, pd.DataFrame()).copy()

    # ---- what stands beside them

    @property
    def attributes(self) -> dict[str, Any]:
        """What the file's root says: state, digests, ranks of each start."""
        self._refresh()
        return dict(self._attributes)

    @property
    def state(self) -> str:
        """running, done or stopped."""
        return str(self.attributes.get("state", ""))

    @property
    def config(self) -> dict[str, Any]:
        """The resolved experiment, defaults included."""
        return yaml_text.read(str(self.attributes.get("config", "")))

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.config.get("name", self.folder.name))

    @property
    def metric(self) -> str | None:
        """The column of ``eval`` that the task calls its first."""
        with h5py.File(self.file, "r") as file:
            found = file["eval"].attrs.get("metric") if "eval" in file else None
        return tables.text(found) if found is not None else None

    @property
    def privacy_statement(self) -> str:
        """What is guaranteed to whom, in the words of the run file; empty without a mechanism."""
        statements = json.loads(str(self.attributes.get("privacy_statement", "[]")))
        return "\n\n".join("\n".join(f"{label}: {words}" for label, words in one.items()) for one in statements)

    @property
    def score(self) -> float:
        """The first metric at the newest central evaluation, on the test split if there is one; NaN if there is none."""
        rows, metric = self.eval, self.metric
        if metric is None or rows.empty:
            return float("nan")
        for split in ("test", "validation"):
            chosen = rows[(rows["split"] == split) & (rows["scope"] == "central")]
            if len(chosen):
                return float(chosen[metric].iloc[-1])
        return float(rows[metric].iloc[-1])

    @property
    def checkpoints(self) -> list[Path]:
        """Its checkpoints, the oldest first."""
        return sorted(self.folder.glob("ckpt-*.h5"))

    def state_dict(self, checkpoint: PathLike | None = None) -> dict[str, Any]:
        """The model's tensors by PyTorch's names: torch tensors where torch is installed, else NumPy arrays.

        ``checkpoint``: one of ``checkpoints`` or ``best.h5``; the newest otherwise.
        """
        if checkpoint is None:
            if not self.checkpoints:
                raise FileNotFoundError(f"{self.folder}: no checkpoint is there")
            checkpoint = self.checkpoints[-1]
        return read_tensors(checkpoint)

    def show(self) -> str:
        """What ``cohort show`` prints of the run."""
        return program.call(["show", str(self.file)])

    def plot(self, **options: Any) -> Any:
        """A figure of matplotlib: curves over rounds; ``x="bytes"``, ``metric=``, ``show="devices"`` as `cohort plot --help`
        says them. The numbers that it is drawn from are in ``rounds`` and ``eval``."""
        from . import plots
        return plots.draw([self.file], options)

    def follow(self, every: float = 2.0) -> Iterator[Run]:
        """Gives the run again and again while it goes on, each time that its file has changed, and once at its end."""
        seen = None
        while True:
            self._refresh()
            if self._seen != seen:
                seen = self._seen
                yield self
            if self.state != "running":
                return
            time.sleep(every)

    def _refresh(self) -> None:
        now = self.file.stat()
        stamp = (now.st_mtime_ns, now.st_ino)
        if stamp == self._seen:
            return
        with h5py.File(self.file, "r") as file:
            form = tables.text(file.attrs.get("format", ""))
            if form != "cohort-run":
                raise ValueError(f"{self.file}: its format is {form or 'unknown'}, not cohort-run")
            self._attributes = {key: tables.plain(value) for key, value in file.attrs.items()}
            self._tables = {key: tables.frame(file[key]) for key in file if isinstance(file[key], h5py.Group)}
        self._seen = stamp


def read_tensors(path: PathLike) -> dict[str, Any]:
    """The tensors of a checkpoint, in the model's order."""
    with h5py.File(path, "r") as file:
        form = tables.text(file.attrs.get("format", ""))
        if form != "cohort-checkpoint":
            raise ValueError(f"{path}: its format is {form or 'unknown'}, not cohort-checkpoint")
        names = [tensor["name"] for tensor in json.loads(tables.text(file.attrs["tensors"]))]
        arrays = {name: file["model"][name][()] for name in names if name in file["model"]}
    try:
        import torch
    except ImportError:
        return arrays
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


# ---- how a run is started ------------------------------------------------------------------------------------------


class Bar:
    """The program's own line of progress with a bar before it, drawn in place."""

    WIDTH = 24

    def __init__(self) -> None:
        self.width = 0
        self.failed = False

    def see(self, line: str) -> None:
        """A line of the program."""
        share, percent, rest = line.strip().partition(" %")
        if not percent or not share.strip().isdigit():
            self.failed |= line.startswith("cohort: ")  # what follows is the launcher's; the message becomes an exception
            self.end()
            if not self.failed:
                print(line, file=sys.stderr)
            return
        filled = self.WIDTH * int(share) // 100
        drawn = f"{int(share):3d} % |{'#' * filled}{'.' * (self.WIDTH - filled)}| {rest.strip()}"
        print("\r" + drawn.ljust(self.width), end="", file=sys.stderr, flush=True)
        self.width = len(drawn)

    def end(self) -> None:
        """Leaves the line as it is."""
        if self.width:
            print(file=sys.stderr)
        self.width = 0


def _flatten(overrides: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """A dict at the top is a section, of which each key is changed by itself; below that dicts are values."""
    for key, value in overrides.items():
        if isinstance(value, Mapping) and not above and "." not in key:
            yield from _flatten(value, f"{key}.")
        else:
            yield above + key, value


@contextlib.contextmanager
def _as_file(experiment: PathLike | Mapping[str, Any]) -> Iterator[str]:
    """The experiment's own file, or one for as long as the program needs it."""
    if not isinstance(experiment, Mapping):
        yield os.fspath(experiment)
        return
    with tempfile.TemporaryDirectory(prefix="cohort-") as folder:
        path = Path(folder) / "experiment.yaml"
        path.write_text(yaml_text.write(experiment), encoding="utf-8")
        with saying(path, "experiment", places=False):
            yield str(path)


def _folder_of(output: str, experiment: PathLike | Mapping[str, Any], overrides: Mapping[str, Any]) -> Path:
    """Where the run's files are: as the last override, the experiment, or the program's default says."""
    tree = experiment if isinstance(experiment, Mapping) else yaml_text.read(Path(experiment).read_text(encoding="utf-8"))
    changed = dict(_flatten(overrides))
    if "output.dir" in changed:
        return Path(changed["output.dir"])
    section = tree.get("output") or {}
    if "dir" in section:
        return Path(section["dir"])
    stem = "experiment" if isinstance(experiment, Mapping) else Path(experiment).stem
    return Path("runs") / str(changed.get("name", tree.get("name", stem)))
