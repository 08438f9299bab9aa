"""Traces of real devices: how fast they are, and when they are there."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from .common import PathLike, plain_keys, read_pickle


def fedscale_traces(capacity: PathLike | None, availability: PathLike | None, out: PathLike, *, devices: int,
                    seconds_per_example: float = 0.001) -> list[Path]:
    """FedScale's pickles (client_device_capacity, client_behave_trace) as the two CSV files that ``clock.trace`` reads.

    ``capacity``: {id: {computation: ms for an example, communication: kbit/s}}; ``availability``: {id: {active: [begin ..], inactive:
    [end ..], finish_time: s}} in seconds. Device k has the trace of the k-th id, again from the first when there are fewer.
    ``out``: a folder. Gives the paths of the files: devices.csv, intervals.csv.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    if capacity is not None:
        known = list(_load(capacity).values())
        lines = ["device,seconds_per_example,up,down"]
        for k in range(devices):
            one = plain_keys(known[k % len(known)])
            seconds = float(one["computation"]) * 1e-3 if "computation" in one else seconds_per_example
            rate = float(one["communication"]) * 1000.0 / 8.0
            lines.append(f"{k},{seconds:.9g},{rate:.9g},{rate:.9g}")
        written.append(folder / "devices.csv")
        written[-1].write_text("\n".join(lines) + "\n", encoding="ascii")
    if availability is not None:
        known = list(_load(availability).values())
        lines = ["device,start_s,end_s"]
        for k in range(devices):
            one = plain_keys(known[k % len(known)])
            lines += [f"{k},{begin:.9g},{end:.9g}" for begin, end in intervals(one)]
        written.append(folder / "intervals.csv")
        written[-1].write_text("\n".join(lines) + "\n", encoding="ascii")
    return written


def intervals(one: Any) -> list[tuple[float, float]]:
    """When a device is there: from each `active` to the next `inactive`; one that is still there at the end, to the end."""
    finish = float(one.get("finish_time", 0.0))
    ends = sorted(float(t) for t in one["inactive"])
    out: list[tuple[float, float]] = []
    for begin in sorted(float(t) for t in one["active"]):
        end = next((t for t in ends if t > begin), finish)
        if end > begin and (not out or begin >= out[-1][1]):
            out.append((begin, end))
    return out


def _load(path: PathLike) -> dict[Any, Any]:
    with Path(path).open("rb") as file:
        tree = read_pickle(file, str(path))
    if not isinstance(tree, dict) or not tree:
        raise ValueError(f"{path}: no trace of FedScale: a dict of devices is wanted")
    return tree
