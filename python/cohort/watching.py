"""Runs mirrored into experiment trackers, while they go on or afterwards."""
from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from .runs import PathLike, Run

Point = tuple[str, float, int]  # name, value, round


class Sink(Protocol):
    """Where numbers go."""

    def scalar(self, name: str, value: float, step: int) -> None:
        """One number of a round. One that has ``scalars`` as well, of a list of (name, value, step), gets many at once."""

    def close(self) -> None:
        """The run is over."""


class TensorBoard:
    """Event files for TensorBoard."""

    def __init__(self, folder: str, run: Run) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            from tensorboardX import SummaryWriter
        self.writer = SummaryWriter(folder)
        self.writer.add_text("experiment", "```\n" + str(run.attributes.get("config", "")) + "\n```")

    def scalar(self, name: str, value: float, step: int) -> None:
        """One number of a round."""
        self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """The run is over."""
        self.writer.close()


class MLflow:
    """A run of MLflow, in the experiment and store that its own variables name."""

    def __init__(self, place: str, run: Run) -> None:
        import mlflow
        self.mlflow = mlflow
        if place:
            mlflow.set_tracking_uri(place)
        self.active = mlflow.start_run(run_name=run.name)
        mlflow.log_params({key: str(value)[:250] for key, value in _leaves(run.config)})

    def scalar(self, name: str, value: float, step: int) -> None:
        """One number of a round."""
        self.mlflow.log_metric(name, value, step=step)

    def scalars(self, points: list[Point]) -> None:
        """Many of them in one call for each thousand, as MLflow's batches allow."""
        from mlflow.entities import Metric
        client, now = self.mlflow.MlflowClient(), int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value, step in points]
        for begin in range(0, len(metrics), 1000):
            client.log_batch(self.active.info.run_id, metrics=metrics[begin:begin + 1000])

    def close(self) -> None:
        """The run is over."""
        self.mlflow.end_run()


class Wandb:
    """A run of Weights & Biases; WANDB_MODE=offline keeps it on this machine."""

    def __init__(self, project: str, run: Run) -> None:
        import wandb
        self.run = wandb.init(project=project or "cohort", name=run.name, config=run.config, reinit=True)
        self.run.define_metric("*", step_metric="round")

    def scalar(self, name: str, value: float, step: int) -> None:
        """One number of a round."""
        self.run.log({name: value, "round": step})

    def scalars(self, points: list[Point]) -> None:
        """Many of them in one call a round; ``round`` is the axis that all metrics are drawn over."""
        rounds: dict[int, dict[str, float]] = {}
        for name, value, step in points:
            rounds.setdefault(step, {})[name] = value
        for step, values in sorted(rounds.items()):
            self.run.log({**values, "round": step})

    def close(self) -> None:
        """The run is over."""
        self.run.finish()


SINKS: dict[str, Callable[[str, Run], Sink]] = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": Wandb}


def watch(path: PathLike | Run, to: str | Sink, every: float = 2.0) -> Run:
    """Mirrors a run's tables into a tracker until the run is over: each number once.

    ``to``: ``"tensorboard:FOLDER"``, ``"mlflow:URI"``, ``"wandb:PROJECT"`` (what stands behind the colon may be left out), or an
    object with ``scalar(name, value, step)`` and ``close()``. A run that is over is mirrored at once.
    """
    run = path if isinstance(path, Run) else Run(path)
    sink = _open(to, run)
    told: dict[str, int] = {}
    try:
        for state in run.follow(every):
            _tell(sink, [(f"{table}/{name}", value, step) for table, rows in _new_rows(state, told) for name, value, step in rows
                         if math.isfinite(value)])
    finally:
        sink.close()
    return run


def _tell(sink: Sink, points: list[Point]) -> None:
    at_once = getattr(sink, "scalars", None)
    if at_once and points:
        at_once(points)
    elif not at_once:
        for point in points:
            sink.scalar(*point)


def _open(to: str | Sink, run: Run) -> Sink:
    if not isinstance(to, str):
        return to
    kind, _, place = to.partition(":")
    if kind not in SINKS:
        raise ValueError(f"to={to!r}: {', '.join(SINKS)} are known, or an object with scalar and close")
    if kind == "tensorboard" and not place:
        place = str(Path(run.folder) / "tensorboard")
    return SINKS[kind](place, run)


def _new_rows(run: Run, told: dict[str, int]) -> Iterator[tuple[str, list[tuple[str, float, int]]]]:
    """Rows of rounds, eval and privacy that were not told before; a run that has gone back to a checkpoint tells them again."""
    for table in ("rounds", "eval", "privacy"):
        frame = run.table(table)
        begin = told.get(table, 0)
        if len(frame) < begin:
            begin = 0
        told[table] = len(frame)
        rows: list[tuple[str, float, int]] = []
        for _, row in frame.iloc[begin:].iterrows():
            where = "".join(f"{row[key]}/" for key in ("split", "scope") if key in frame) if table == "eval" else ""
            for name in map(str, frame.columns):
                if name not in ("round", "split", "scope", "model_digest") and isinstance(row[name], (int, float)):
                    rows.append((where.replace(" ", "_") + name, float(row[name]), int(row["round"])))
        yield table, rows


def _leaves(tree: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield above + key, value
