"""Comparisons: means with their intervals."""
from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt

from .style import CURVES, GREY, headline, number, split_label
from .types import Drawn, Part


def draw_comparison(part: Part) -> Drawn:
    """A line a label: each seed a point, the mean and its 95 % interval."""
    rows, labels = part["rows"], part["labels"]
    scale = 100.0 if part["fraction"] else 1.0
    pairs = [split_label(label) for label in labels]
    shared = len(labels) > 1 and pairs[0] and all([k for k, _ in p] == [k for k, _ in pairs[0]] for p in pairs)
    names = [", ".join(value for _, value in p) for p in pairs] if shared else labels
    figure, axes = plt.subplots(figsize=(min(13, 6.5 + 0.07 * max(map(len, names))), 1.6 + 0.42 * len(labels)))
    at = np.arange(len(labels))[::-1]
    for i, label in enumerate(labels):
        color = CURVES[0] if label != part["baseline"] else CURVES[1]
        seeds = scale * np.array([score for owner, score in zip(part["owners"], part["runs"]["score"]) if owner == label])
        axes.plot(seeds, np.full(len(seeds), at[i]), "o", color=color, alpha=0.35, markersize=5, markeredgewidth=0)
        if np.isfinite(rows["low"][i]):
            axes.plot(scale * np.array([rows["low"][i], rows["high"][i]]), [at[i], at[i]], color=color, linewidth=2)
        axes.plot([scale * rows["mean"][i]], [at[i]], "D", color=color, markersize=6)
        p = rows["p_value"][i]
        words = "baseline" if label == part["baseline"] else f"p = {p:.2g}" if np.isfinite(p) else ""
        axes.annotate(words, (1.0, at[i]), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
                      va="center", fontsize=9, color=GREY)
    axes.set_yticks(at, names)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    better = f", {part['better']} is better" if part["better"] else ""
    axes.set_xlabel(part["metric"].replace("_", " ") + (" (%)" if scale > 1 else "") + better)
    if shared:
        axes.set_ylabel(", ".join(key for key, _ in pairs[0]))
    few = int(rows["n_seeds"].max()) < 2
    headline(figure, f"{len(labels)} experiments, {number(len(part['owners']))} runs",
             "one seed each: no interval" if few else "points: seeds; diamonds: means with 95 % intervals; p: paired test "
             "against the baseline")
    return figure, "summary"
