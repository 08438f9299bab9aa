"""Curves of runs over rounds, bytes, seconds, virtual time or epsilon."""
from __future__ import annotations

import os
from typing import Any

import numpy as np
from matplotlib import lines, ticker
from matplotlib import pyplot as plt

from .files import USAGE, Failure
from .style import CURVES, DASHES, GREY, byte_text, headline, number, set_time_axis, split_label, unit_scale
from .types import Array, Axes, Drawn, Figure, Part

TENTHS = [f"p{k}0" for k in range(1, 10)]
SUFFIXES = ["weighted", *TENTHS, "worst10"]  # of columns over devices
X_LABELS = {"round": "round", "virtual": "virtual time", "bytes": "sent and received by all devices",
            "seconds": "seconds", "epsilon": "epsilon"}


def measured(run: Part) -> list[str]:
    """The columns of eval that are metrics; in the order of the file, what is told of their spread left out."""
    known = {"round", "split", "scope", "n", "loss"}
    return [name for name in run["eval"] if name not in known and name.rpartition("_")[2] not in SUFFIXES]


def first_metric(runs: list[Part], wanted: str | None = None) -> str | None:
    """The metric that is asked for, else the one that the first run calls its first, if all have it; None: only the loss."""
    shared = [name for name in measured(runs[0]) if all(name in run["eval"] for run in runs)]
    if wanted and wanted != "loss" and wanted not in shared:
        raise Failure(USAGE, f"metric={wanted}: no column that all runs have; known: {', '.join(['loss', *shared])}")
    if wanted:
        return None if wanted == "loss" else wanted
    old = [name for name in ("entity_f1", "accuracy", "macro_f1", "perplexity") if name in shared]  # without the attribute
    first = runs[0]["metric"] if runs[0]["metric"] in shared else None
    return first or next(iter(old + shared), None)


def group_runs(runs: list[Part]) -> list[tuple[str, list[Part]]]:
    """[(label, runs)]: the seeds of one label are one curve; runs of one name are told apart by their folder."""
    names = [run["name"] for run in runs if not run["seed"]]
    groups: dict[str, list[Part]] = {}
    for run in runs:
        label = run["name"]
        if not run["seed"] and names.count(label) > 1:
            label = f"{label} ({os.path.basename(run['folder'])})"
            while label in groups:
                label += "'"
        groups.setdefault(label, []).append(run)
    return list(groups.items())


def name_groups(groups: list[tuple[str, list[Part]]]) -> tuple[str | None, list[str]]:
    """The legend's title and its entries: keys that all labels share are said once, equal numbers of seeds not at all."""
    keys = [tuple(key for key, _ in split_label(label)) for label, _ in groups]
    shared = len(groups) > 1 and keys[0] and all(other == keys[0] for other in keys)
    names = [", ".join(value for _, value in split_label(label)) if shared else label for label, _ in groups]
    counts = [len(members) for _, members in groups]
    if len(set(counts)) > 1:
        names = [f"{name} ({n} {'seed' if n == 1 else 'seeds'})" for name, n in zip(names, counts)]
    return ", ".join(keys[0]) if shared else None, names


def spent(run: Part, rounds: Array, x: str) -> Array:
    """What the run had used up when each of the rounds was over: rounds, bytes, seconds or epsilon; 0 before the first."""
    if x == "round":
        return rounds.astype(float)
    table, columns = {"bytes": ("rounds", ("bytes_down", "bytes_up")), "virtual": ("rounds", ("sim_s",)),
                      "seconds": ("rounds", ("wall_s",)), "epsilon": ("privacy", ("epsilon",))}[x]
    if any(len(run[table].get(name, ())) == 0 for name in columns):
        why = "the run is not private" if x == "epsilon" else f"its table {table} lacks {' or '.join(columns)}"
        raise Failure(USAGE, f"x={x}: {run['path']}: {why}")
    values = sum(run[table][name].astype(float) for name in columns)
    if x == "virtual" and not values.any():
        raise Failure(USAGE, f"x=virtual: {run['path']}: no virtual time has passed; give the experiment a section clock")
    if x == "bytes":
        values = np.cumsum(values)
    at = np.searchsorted(run[table]["round"], rounds, side="right")
    return np.concatenate([[0.0], values])[at]


def over_seeds(runs: list[Part], table: str, column: str, x: str = "round") -> tuple[Array, Array]:
    """(x, [seeds][rounds]) on the rounds that all runs have; x: the mean over the runs."""
    rounds = runs[0][table]["round"]
    for run in runs[1:]:
        rounds = np.intersect1d(rounds, run[table]["round"])
    rows = [run[table][column][np.searchsorted(run[table]["round"], rounds)].astype(float) for run in runs]
    return np.mean([spent(run, rounds, x) for run in runs], axis=0), np.stack(rows)


def draw_curve(axes: Axes, runs: list[Part], table: str, column: str, scale: float, x: str, **look: Any) -> None:
    """The mean over the seeds, with the range between the worst and the best of them as a band."""
    if column not in runs[0][table]:
        return
    at, values = over_seeds(runs, table, column, x)
    values = scale * values
    axes.plot(at, values.mean(axis=0), **look)
    if len(runs) > 1:
        axes.fill_between(at, values.min(axis=0), values.max(axis=0), color=look["color"], alpha=0.18,
                          linewidth=0)


def devices_band(axes: Axes, run: Part, metric: str, scale: float, color: str, x: str) -> Any:
    """Where the middle 80 % of the devices lie, when the run was tested on the devices; the band, or None."""
    rows = run["devices"]
    if f"{metric}_p10" not in rows or f"{metric}_p90" not in rows:
        return None
    return axes.fill_between(spent(run, rows["round"], x), scale * rows[f"{metric}_p10"], scale * rows[f"{metric}_p90"],
                             color=color, alpha=0.15, linewidth=0, label="the middle 80 %\nof the devices")


def score_label(runs: list[Part], what: str, unit: str = "") -> str:
    splits = {run["split_names"][run["split"]] for run in runs if run["split"] is not None}
    over = " over devices" if all(run["scope"] == 1 for run in runs) else ""
    return " ".join((" or ".join(sorted(splits)) + f" {what}{over}{unit}").split())


def last_words(run: Part, metric: str | None) -> str:
    """Round, metric, loss and what privacy it cost, in words."""
    words = []
    if run["eval"]:
        words.append(f"round {number(run['eval']['round'][-1])}:")
        if metric:
            value = run["eval"][metric][-1]
            shown = f"{100 * value:.1f} %" if unit_scale([run], metric) > 1 else number(value, 4)
            words.append(f"{metric.replace('_', ' ')} {shown},")
        words.append(f"loss {run['eval']['loss'][-1]:.3f}")
    else:
        words.append(f"round {number(run['rounds']['round'][-1])}: "
                     f"training loss {run['rounds']['train_loss'][-1]:.3f}")
    if run["epsilon"] is not None:
        words[-1] += f", epsilon {run['epsilon']:.3g}"
    if run["state"] and run["state"] != "done":
        words.append(f"({run['state']})")
    return " ".join(words)


def finish_axes(axes: Axes, label: str, x: str = "round") -> None:
    axes.set_xlabel(X_LABELS[x])
    axes.set_ylabel(label)
    axes.margins(x=0.02)
    if x == "virtual":
        set_time_axis(axes, max((np.max(line.get_xdata()) for line in axes.get_lines() if len(line.get_xdata())), default=1.0))
        return
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5 if x == "bytes" else 6, integer=x == "round"))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(byte_text) if x == "bytes" else
                                   ticker.StrMethodFormatter("{x:,.0f}") if x == "round" else ticker.ScalarFormatter())


def log_if_wide(axes: Axes) -> None:
    """A diverged start would press the rest of the curve flat."""
    values = np.concatenate([line.get_ydata() for line in axes.get_lines()] or [np.zeros(0)])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 50 * np.median(values):
        axes.set_yscale("log")


def draw_group(loss_axes: Axes, metric_axes: Axes | None, members: list[Part], metric: str | None, look: dict[str, Any],
               with_training: bool, x: str) -> None:
    """The curves of one experiment in both panels; what was never evaluated shows its training loss in any case."""
    if len(members[0]["eval"].get("round", ())) <= 30:
        look = {**look, "marker": "o", "markersize": 3.5}
    if metric:
        draw_curve(metric_axes, members, "eval", metric, unit_scale(members, metric), x, **look)
    if all(run["eval"] for run in members):
        draw_curve(loss_axes, members, "eval", "loss", 1.0, x, **{**look, "label": score_label(members, "loss")})
    if with_training or not all(run["eval"] for run in members):
        draw_curve(loss_axes, members, "rounds", "train_loss", 1.0, x, color=look["color"], linestyle=look["linestyle"],
                   linewidth=1.0, alpha=0.55, label="training loss of\nthe round's devices")


def headline_of_runs(figure: Figure, runs: list[Part], groups: list[tuple[str, list[Part]]], metric: str | None) -> None:
    if len(runs) == 1:
        headline(figure, groups[0][0], last_words(runs[0], metric))
        return
    counts = {len(members) for _, members in groups}
    each = f", {counts.pop()} seeds each" if len(counts) == 1 and len(runs) > len(groups) else ""
    below = "the lines are means over seeds, the bands reach from the lowest to the highest seed"
    headline(figure, f"{len(groups)} experiments{each}" if len(groups) > 1 else groups[0][0],
             below if len(runs) > len(groups) else "")


def draw_runs(runs: list[Part], x: str = "round", metric: str | None = None) -> Drawn:
    groups, metric = group_runs(runs), first_metric(runs, metric)
    title, names = name_groups(groups)
    many = len(groups) > 1
    with_training = not many or len(runs) == len(groups)  # bands of several noisy curves hide each other
    aside = 1.9 if not many else min(4.5, max(1.9, 0.5 + 0.075 * max(map(len, [*names, title or ""]))))
    figure, panels = plt.subplots(1, 2 if metric else 1, figsize=((9.6 if metric else 5.6) + aside, 4.2), squeeze=False)
    loss_axes, metric_axes = panels[0][-1], panels[0][0] if metric else None
    marks, band = [], None
    for i, (name, (_, members)) in enumerate(zip(names, groups)):
        look: dict[str, Any] = {"color": CURVES[i % len(CURVES)], "label": name,
                                "linestyle": DASHES[i // len(CURVES) % len(DASHES)]}
        marks.append(lines.Line2D([], [], **look))
        draw_group(loss_axes, metric_axes, members, metric, look, with_training, x)
    finish_axes(loss_axes, "loss", x)
    log_if_wide(loss_axes)
    if metric:
        scale = unit_scale(runs, metric)
        finish_axes(metric_axes, score_label(runs, metric.replace("_", " "), " (%)" if scale > 1 else ""), x)
        if len(runs) == 1:
            band = devices_band(metric_axes, runs[0], metric, scale, CURVES[0], x)
    legends_beside(loss_axes, marks if many else [], title, [band] if band else [])
    headline_of_runs(figure, runs, groups, metric)
    return figure, metric or "loss"


def legends_beside(axes: Axes, marks: list[Any], title: str | None, bands: list[Any]) -> None:
    """To the right of the last panel: which colour is which run; below it what is thick (tested) and thin (training), in grey
    when there are several colours; and bands. A single kind of loss stands at the axis instead."""
    handles, labels = axes.get_legend_handles_labels()
    chosen: dict[str, Any] = {}
    for handle, label in zip(handles, labels):
        chosen.setdefault(label, handle)
    if len(chosen) == 1:
        axes.set_ylabel(next(iter(chosen)).replace("\n", " "))
        chosen = {}
    if marks:
        chosen = {label: lines.Line2D([], [], color=GREY, linewidth=handle.get_linewidth())
                  for label, handle in chosen.items()}
    place = {"alignment": "left", "borderaxespad": 0, "labelspacing": 0.7}
    kinds = [*chosen.values(), *bands]
    if kinds:
        below = axes.legend(kinds, [*chosen, *(band.get_label() for band in bands)], bbox_to_anchor=(1.03, 0.0 if marks else 1.0),
                            loc="lower left" if marks else "upper left", **place)
        if marks:
            axes.add_artist(below).set_clip_on(False)  # else the layout makes no room for it
    if marks:
        axes.legend(handles=marks, title=title, loc="upper left", bbox_to_anchor=(1.03, 1.0), **place)
