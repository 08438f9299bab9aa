"""How a metric is spread over the devices."""
from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt

from .curves import TENTHS, first_metric, group_runs
from .files import USAGE, Failure
from .style import CURVES, headline, number, unit_scale
from .types import Array, Drawn, Part


def spread_edges(rows: Part, metric: str, share: bool, higher: bool) -> Array:
    """Edges of ten tenths of the devices, from the lowest to the highest value. The two ends are only sketched: the file has the
    deciles and the mean of the worst tenth."""
    inner = [float(rows[f"{metric}_{tenth}"][-1]) for tenth in TENTHS]
    worst = float(rows[f"{metric}_worst10"][-1])
    far = 2 * worst - (inner[0] if higher else inner[-1])  # an even spread around the mean of the worst tenth
    low, high = (far, 2 * inner[-1] - inner[-2]) if higher else (2 * inner[0] - inner[1], far)
    if share:
        low, high = max(low, 0.0), min(high, 1.0)
    return np.array([min(low, inner[0]), *inner, max(high, inner[-1])])


def tenths_in_bins(edges: Array, first: int, last: int, bins: Array) -> Array:
    """Per cent of the devices in each bin, when tenths [first, last) of them are spread evenly between their edges."""
    share = np.zeros(len(bins) - 1)
    for low, high in zip(edges[first:last], edges[first + 1:last + 1]):
        if high > low:
            share += 10.0 * np.diff(np.clip((bins - low) / (high - low), 0.0, 1.0))
        else:
            share[min(len(share) - 1, max(0, np.searchsorted(bins, low, side="right") - 1))] += 10.0
    return share


def draw_devices(runs: list[Part], metric: str | None = None) -> Drawn:
    """Histograms over the devices at the last evaluation, one below the other, with a common axis."""
    metric = first_metric(runs, metric) or ""
    for run in runs:
        missing = [t for t in [*TENTHS, "worst10"] if f"{metric}_{t}" not in run["devices"]]
        if missing or not metric or not np.isfinite(run["devices"][f"{metric}_p50"][-1]):
            raise Failure(USAGE, f"show=devices: {run['path']}: has no deciles of {metric or 'a metric'} over devices; run it "
                          "with eval.devices=true")
    scale, groups = unit_scale(runs, metric), [(label, run) for label, members in group_runs(runs) for run in members]
    higher = runs[0]["better"].get(metric, "higher") == "higher"
    edges = [scale * spread_edges(run["devices"], metric, scale > 1, higher) for _, run in groups]
    low, high = min(e[0] for e in edges), max(e[-1] for e in edges)
    bins = np.linspace(low, high if high > low else low + 1.0, 21)
    figure, panels = plt.subplots(len(groups), 1, figsize=(7.2 + 1.9, 1.4 + 2.3 * len(groups)), squeeze=False, sharex=True,
                                  sharey=True)
    for axes, edge, (label, run) in zip(panels[:, 0], edges, groups):
        whole, ends = tenths_in_bins(edge, 1, 9, bins), tenths_in_bins(edge, 0, 1, bins) + tenths_in_bins(edge, 9, 10, bins)
        at, width = bins[:-1], np.diff(bins)
        axes.bar(at, whole, width, align="edge", color=CURVES[0], label="the middle 80 %\nof the devices", edgecolor="white")
        axes.bar(at, ends, width, bottom=whole, align="edge", color=CURVES[4], edgecolor="white", alpha=0.55,
                 label="the outer tenths\n(their ends are\nnot in the file)")
        mean = scale * float(run["devices"][metric][-1])
        axes.axvline(mean, color="#222222", linewidth=1.2, linestyle="--", label="mean")
        axes.margins(y=0.08)
        axes.set_ylabel("devices (%)")
        if len(groups) > 1:
            axes.set_title(f"{label}, round {number(run['devices']['round'][-1])}", fontsize=10)
    panels[-1, 0].set_xlabel(metric.replace("_", " ") + (" (%)" if scale > 1 else ""))
    panels[0, 0].legend(loc="upper left", bbox_to_anchor=(1.03, 1.0), borderaxespad=0, labelspacing=0.7)
    rows = groups[0][1]["devices"]
    headline(figure, f"{metric.replace('_', ' ')} over {number(rows['n'][-1])} devices" if "n" in rows else metric,
             f"round {number(rows['round'][-1])}, from the deciles in the file; between two of them devices are spread evenly")
    return figure, "devices"
