"""Who was at work when."""
from __future__ import annotations

import numpy as np
from matplotlib import colors, lines
from matplotlib import pyplot as plt

from .files import USAGE, Failure, open_file, read_table, text
from .style import evenly, headline, number, set_time_axis
from .types import Array, Drawn, Part

LOST = {"dropped": "#E69F00", "late": "#D55E00", "unavailable": "#CC79A7", "nonfinite": "#333333"}  # by what became of it
TIMED = ("round", "device", "start_s", "end_s", "staleness", "status")
MAX_BARS = 30  # devices of the picture, one below the other
BARS_EACH = 14  # of a device on average: longer runs are shown up to there


def read_times(path: str) -> tuple[Part, list[str], Array]:
    """The columns of devices/ that tell of time, and the words of their status; round times beside them."""
    with open_file(path) as file:
        table = read_table(file, "devices")
        if any(name not in table for name in TIMED):
            raise Failure(USAGE, f"show=times: {path}: its table devices tells no times; give the experiment a section clock, "
                          "and output.devices=true if the run is long")
        words = text(file["devices/status"].attrs["status_names"]).split(",")
        return table, words, file["rounds/sim_s"][:]


def chosen_rows(table: Part) -> tuple[Array, Array, float]:
    """Rows of some devices, evenly spaced by id, up to a time by which they have enough of them; the devices, that time."""
    ids = np.unique(table["device"])
    ids = ids[evenly(len(ids), MAX_BARS)]
    rows = np.flatnonzero(np.isin(table["device"], ids) & (table["end_s"] > 0))
    until = np.sort(table["end_s"][rows])[min(len(rows), BARS_EACH * len(ids)) - 1] if len(rows) else 0.0
    return rows[table["start_s"][rows] <= until], ids, float(until)


def draw_times(run: Part) -> Drawn:
    """A bar for each participation of some devices: how many versions old it was, or why it is lost; grey lines are steps."""
    table, words, steps = read_times(run["path"])
    rows, ids, until = chosen_rows(table)
    if not until:
        raise Failure(USAGE, f"show=times: {run['path']}: no virtual time has passed; give the experiment a section clock")
    status = np.array([words[k] if k < len(words) else "unknown" for k in table["status"][rows]])
    age = table["staleness"][rows]
    oldest = max(1, int(age.max(initial=0)))
    shade = colors.LinearSegmentedColormap.from_list("age", ["#9ECAE1", "#08306B"])
    figure, axes = plt.subplots(figsize=(10.6, 1.5 + 0.19 * max(len(ids), 6)))
    for i, row in enumerate(rows):
        start, end, low = table["start_s"][row], table["end_s"][row], np.searchsorted(ids, table["device"][row]) - 0.38
        color = LOST.get(status[i], shade(np.log1p(age[i]) / np.log1p(oldest)))
        if end > start:
            axes.broken_barh([(start, end - start)], (low, 0.76), facecolors=color, edgecolors="white", linewidth=0.4)
        else:
            axes.plot([start], [low + 0.38], "x", color=color, markersize=4)
    shown = steps[steps <= until]
    for at in shown if len(shown) <= 200 else ():
        axes.axvline(at, color="#BBBBBB", linewidth=0.5, zorder=0)
    axes.set_xlim(0, until)
    set_time_axis(axes, until)
    axes.set_ylim(len(ids) - 0.4, -0.6)
    axes.set_yticks(range(len(ids)), [str(device) for device in ids], fontsize=7)
    axes.grid(False)
    total = len(np.unique(table["device"]))
    axes.set_ylabel("device" if total == len(ids) else f"device ({len(ids)} of {number(total)}, evenly spaced)")
    marks = [lines.Line2D([], [], color=shade(value), linewidth=6, label=f"staleness {round(np.expm1(value * np.log1p(oldest)))}")
             for value in ((0.0, 0.5, 1.0) if oldest > 1 else (0.0, 1.0) if age.max(initial=0) else (0.0,))]
    found = [(word, color) for word, color in LOST.items() if (status == word).any()]
    marks += [lines.Line2D([], [], color=color, linewidth=6, label=word) for word, color in found]
    if 0 < len(shown) <= 200:
        marks.append(lines.Line2D([], [], color="#BBBBBB", linewidth=1, label="step"))
    axes.legend(handles=marks, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, labelspacing=0.7)
    headline(figure, f"{run['name']}: who was at work when",
             f"{number(len(shown))} of {number(len(steps))} steps; a bar is a download, local training and an upload")
    return figure, "times"
